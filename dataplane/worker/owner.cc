#include "dataplane/worker/owner.h"

#include <cassert>

namespace coretrack {
namespace {

// Toeplitz: bit `b` of the input (0 is the first on the wire) adds the key's bits from b on.
uint16_t HashOfWord(uint16_t pattern, uint16_t word) {
  uint16_t hash = 0;
  for (int b = 0; b < 16; ++b) {
    if ((word >> (15 - b) & 1) != 0) hash ^= std::rotl(pattern, b);
  }
  return hash;
}

// SplitMix64 (Steele, Lea, Flood): spreads a seed.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace

uint16_t RssPattern(uint64_t random) {
  for (int i = 0; i < 64; ++i) {
    random = Mix(random);
    const auto pattern = static_cast<uint16_t>(random);
    const int ones = std::popcount(pattern);
    if (ones % 2 == 1 && ones >= 5 && ones <= 11) return pattern;
  }
  return 0x6d5a;  // the published key's own first word: 9 ones. Chance below 2^-60.
}

OwnerMap::OwnerMap(uint16_t pattern, uint32_t workers, uint32_t entries)
    : mask_(entries - 1), pattern_(pattern) {
  assert(std::has_single_bit(entries) && entries <= kMaxEntries);
  assert(workers >= 1 && workers <= kMaxWorkers);
  for (uint32_t byte = 0; byte < 256; ++byte) {
    first_[byte] = HashOfWord(pattern, static_cast<uint16_t>(byte << 8));
    second_[byte] = HashOfWord(pattern, static_cast<uint16_t>(byte));
  }
  for (uint32_t i = 0; i < kMaxEntries; ++i) {
    worker_[i] = static_cast<uint8_t>((i & mask_) % workers);
  }
}

}  // namespace coretrack
