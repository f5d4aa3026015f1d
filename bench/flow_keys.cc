#include "bench/flow_keys.h"

#include <random>
#include <utility>

namespace coretrack::bench {

PackedKey FlowNumber(uint64_t i) {
  // splitmix64: a bijection, so addresses differ.
  uint64_t x = (i + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  x ^= x >> 31;
  return {x, static_cast<uint32_t>(x * 0x2545f491 >> 24) << 16 | 0x5000, MakeContext(6, 0, 0)};
}

std::span<const PackedKey> LookupOrder(uint32_t count) {
  static Arena arena;
  static std::span<PackedKey> keys;
  if (keys.size() == count) return keys;
  arena = Arena();
  arena = MakeArena(count * sizeof(PackedKey));
  keys = {arena.Carve<PackedKey>(count), count};
  std::mt19937_64 random(20260101);
  for (uint32_t i = 0; i < count; ++i) {  // Fisher and Yates, inside out
    const auto j = static_cast<uint32_t>((random() >> 32) * (uint64_t{i} + 1) >> 32);
    keys[i] = keys[j];
    keys[j] = FlowNumber(i);
  }
  return keys;
}

}  // namespace coretrack::bench
