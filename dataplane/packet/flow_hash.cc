#include "dataplane/packet/flow_hash.h"

#include <cstring>

namespace coretrack {
namespace {

// As many hashes at once as one register of the CPU that this is built for holds.
#if defined(__AVX512F__)
constexpr uint32_t kInOne = 8;
#elif defined(__AVX2__)
constexpr uint32_t kInOne = 4;
#else
constexpr uint32_t kInOne = 2;
#endif
using One = uint64_t __attribute__((vector_size(kInOne * sizeof(uint64_t))));

// (Register by register: what is copied otherwise goes by way of memory.)
void Load(const uint64_t* words, One* to) { std::memcpy(to, words, sizeof(*to)); }
void Store(One from, FlowHash* hashes) {
  static_assert(sizeof(FlowHash) == sizeof(uint64_t));
  std::memcpy(static_cast<void*>(hashes), &from, sizeof(from));
}
// All bits of those that have one of `bits`.
One Spread(One x, uint64_t bits) { return reinterpret_cast<One>((x & bits) != 0); }

#if defined(__AVX512F__)
using Vector = One;
#else
// Two registers of hashes, an instruction of one after an instruction of the other: a hash is one long chain, in which each waits for the
// one before.
struct Two {
  One a, b;

  friend Two operator+(Two x, Two y) { return {x.a + y.a, x.b + y.b}; }
  friend Two operator^(Two x, Two y) { return {x.a ^ y.a, x.b ^ y.b}; }
  friend Two operator|(Two x, Two y) { return {x.a | y.a, x.b | y.b}; }
  friend Two operator&(Two x, Two y) { return {x.a & y.a, x.b & y.b}; }
  friend Two operator+(Two x, uint64_t y) { return {x.a + y, x.b + y}; }
  friend Two operator^(Two x, uint64_t y) { return {x.a ^ y, x.b ^ y}; }
  friend Two operator&(Two x, uint64_t y) { return {x.a & y, x.b & y}; }
  friend Two operator|(Two x, uint64_t y) { return {x.a | y, x.b | y}; }
  friend Two operator<<(Two x, int by) { return {x.a << by, x.b << by}; }
  Two& operator+=(Two y) { return *this = *this + y; }
  Two& operator^=(Two y) { return *this = *this ^ y; }
  Two& operator^=(uint64_t y) { return *this = *this ^ y; }
  friend void Load(const uint64_t* words, Two* to) {
    Load(words, &to->a);
    Load(words + kInOne, &to->b);
  }
  friend void Store(Two from, FlowHash* hashes) {
    Store(from.a, hashes);
    Store(from.b, hashes + kInOne);
  }
  friend Two Spread(Two x, uint64_t bits) { return {Spread(x.a, bits), Spread(x.b, bits)}; }
  template <size_t kBy>
  friend Two Rotate(Two x) {
    return {siphash::Rotate<kBy>(x.a), siphash::Rotate<kBy>(x.b)};
  }
};
using Vector = Two;
#endif
constexpr uint32_t kAtOnce = sizeof(Vector) / sizeof(uint64_t);
// (HashBurst() may write up to 7 behind the last.)
static_assert(kMaxBurst % kAtOnce == 0 && 8 % kAtOnce == 0);

Vector LoadLanes(const uint64_t* words) {
  Vector lanes;
  Load(words, &lanes);
  return lanes;
}

// HashOf() of keys of both versions: `is_ipv6` has all bits of those that are. An IPv4 key's state stays as it is while the
// other words of addresses are taken in.
Vector HashBoth(Vector k0, Vector k1, const KeyWords& words, uint32_t i, Vector is_ipv6) {
  siphash::State<Vector> state(k0, k1);
  state.Absorb(LoadLanes(&words.address[0][i]));
  const siphash::State<Vector> short_state = state;
  for (size_t word = 1; word < words.address.size(); ++word)
    state.Absorb(LoadLanes(&words.address[word][i]));
  const auto keep = [is_ipv6](Vector* to, Vector from) { *to = from ^ ((*to ^ from) & is_ipv6); };
  keep(&state.v0, short_state.v0);
  keep(&state.v1, short_state.v1);
  keep(&state.v2, short_state.v2);
  keep(&state.v3, short_state.v3);
  state.Absorb(LoadLanes(&words.transport[i]));
  constexpr uint64_t kShort = 2 * 8 + kPlaceBytes, kLong = 5 * 8 + kPlaceBytes;
  const Vector bytes = (is_ipv6 & (kShort ^ kLong)) ^ kShort;
  return state.Finish(bytes, LoadLanes(&words.place[i]));
}

}  // namespace

uint64_t SipHash13(const HashSecret& secret, std::span<const uint64_t> words, uint64_t rest,
                   uint32_t rest_bytes) {
  siphash::State<uint64_t> state(secret.k0, secret.k1);
  for (const uint64_t word : words) state.Absorb(word);
  return state.Finish(words.size() * 8 + rest_bytes, rest);
}

void HashBurst(const HashSecret& secret, const KeyWords& words, uint32_t first, uint32_t last,
               FlowHash* hashes) {
  const Vector k0 = Vector{} + secret.k0, k1 = Vector{} + secret.k1;
  if (first == last) return;
  static_assert(kMaxBurst <= 64);
  const uint64_t keys = ~uint64_t{0} >> (64 - (last - first));
  const uint64_t ipv6_keys = words.ipv6 >> first & keys;
  const bool any_ipv4 = ipv6_keys != keys, any_ipv6 = ipv6_keys != 0;
  for (uint32_t i = first; i < last; i += kAtOnce) {
    const auto address = [&](size_t word) { return LoadLanes(&words.address[word][i]); };
    const Vector transport = LoadLanes(&words.transport[i]), place = LoadLanes(&words.place[i]);
    Vector hash;
    if (!any_ipv6) [[likely]] {
      hash = siphash::Hash13<Vector, 2>(k0, k1, {address(0), transport}, place, kPlaceBytes);
    } else if (!any_ipv4) {
      hash = siphash::Hash13<Vector, 5>(
          k0, k1, {address(0), address(1), address(2), address(3), transport}, place, kPlaceBytes);
    } else {
      hash = HashBoth(k0, k1, words, i, Spread(place, FlowKey::kIpv6Place));
    }
    Store(hash | kHashBit, hashes + i);
  }
}

}  // namespace coretrack
