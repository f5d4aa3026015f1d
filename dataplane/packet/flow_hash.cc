#include "dataplane/packet/flow_hash.h"

#include <cstring>

namespace coretrack {
namespace {

using aes::Words;
using aes::Words1;

constexpr uint32_t kInOne = sizeof(Words) / sizeof(uint64_t);
constexpr uint32_t kAtOnce = 8;  // keys
static_assert(kMaxBurst % kAtOnce == 0 && kAtOnce % kInOne == 0);

Words Load(const uint64_t* words) {
  Words loaded;
  std::memcpy(&loaded, words, sizeof(loaded));
  return loaded;
}

// Which keys are IPv6: none, all, or those whose place says so.
enum class Ipv6 { kNone, kAll, kSome };

// What is encrypted of the keys from i on, of as many as one register has words: of each two the first one's, and the second one's.
struct Secrets {
  Words place;
  std::array<Words, 4> address;
};
template <Ipv6 kIpv6>
void BlocksOf(const KeyWords& words, uint32_t i, const Secrets& secrets, Words* first,
              Words* second) {
  const Words address = Load(&words.address[0][i]), transport = Load(&words.transport[i]);
  const Words place = Load(&words.place[i]);
  *first = aes::FirstWords(address, transport) ^ aes::Product<0x00>(place, secrets.place);
  *second = aes::LastWords(address, transport) ^ aes::Product<0x11>(place, secrets.place);
  if constexpr (kIpv6 == Ipv6::kNone) return;
  std::array<Words, 4> sums;
  for (size_t word = 0; word < sums.size(); ++word)
    sums[word] = Load(&words.address[word][i]) ^ secrets.address[word];
  Words of_first = aes::Product<0x00>(sums[0], sums[1]) ^ aes::Product<0x00>(sums[2], sums[3]);
  Words of_second = aes::Product<0x11>(sums[0], sums[1]) ^ aes::Product<0x11>(sums[2], sums[3]);
  if constexpr (kIpv6 == Ipv6::kSome) {
    const Words is_ipv6 = reinterpret_cast<Words>((place & FlowKey::kIpv6Place) != 0);
    of_first &= aes::FirstWords(is_ipv6, is_ipv6);
    of_second &= aes::LastWords(is_ipv6, is_ipv6);
  }
  *first ^= of_first;
  *second ^= of_second;
}

}  // namespace

FlowHasher::FlowHasher(const HashSecret& secret) {
  const aes::Schedule draw = aes::Expand(Words1{secret.k0, secret.k1});
  const auto drawn = [&draw](uint64_t number) { return aes::Encrypt(draw, Words1{number, 0}); };
  schedule_ = aes::Expand(drawn(1));
  const Words1 a = drawn(2), b = drawn(3);
  address_secrets_ = {a[0], a[1], b[0], b[1]};
  place_secret_ = drawn(4)[0];
}

FlowHash FlowHasher::Of(const FlowKey& key) const {
  const auto product = [](uint64_t x, uint64_t y) {
    return aes::Product<0x00>(Words1{x, 0}, Words1{y, 0});
  };
  const auto& a = key.address;
  const auto& s = address_secrets_;
  Words1 block = Words1{a[0], key.transport} ^ product(key.place, place_secret_);
  if (key.ipv6) block ^= product(a[0] ^ s[0], a[1] ^ s[1]) ^ product(a[2] ^ s[2], a[3] ^ s[3]);
  return {kHashBit | aes::Encrypt(schedule_, block)[0]};
}

void FlowHasher::OfBurst(const KeyWords& words, uint32_t first, uint32_t last,
                         FlowHash* hashes) const {
  if (first == last) return;
  static_assert(kMaxBurst <= 64);
  const uint64_t keys = ~uint64_t{0} >> (64 - (last - first));
  const uint64_t ipv6_keys = words.ipv6 >> first & keys;
  Secrets secrets{.place = Words{} + place_secret_, .address = {}};
  for (size_t word = 0; word < secrets.address.size(); ++word)
    secrets.address[word] = Words{} + address_secrets_[word];
  for (uint32_t i = first; i < last; i += kAtOnce) {
    std::array<Words, kAtOnce / kInOne * 2> states;
    const auto fill = [&]<Ipv6 kIpv6>() {
#pragma GCC unroll 4
      for (uint32_t r = 0; r < states.size(); r += 2)
        BlocksOf<kIpv6>(words, i + r / 2 * kInOne, secrets, &states[r], &states[r + 1]);
    };
    if (ipv6_keys == 0) [[likely]] {
      fill.operator()<Ipv6::kNone>();
    } else if (ipv6_keys == keys) {
      fill.operator()<Ipv6::kAll>();
    } else {
      fill.operator()<Ipv6::kSome>();
    }
    aes::Encrypt(schedule_, &states);
    for (uint32_t r = 0; r < states.size(); r += 2) {
      const Words hash = aes::FirstWords(states[r], states[r + 1]) | kHashBit;
      static_assert(sizeof(FlowHash) == sizeof(uint64_t));
      std::memcpy(static_cast<void*>(&hashes[i + r / 2 * kInOne]), &hash, sizeof(hash));
    }
  }
}

}  // namespace coretrack
