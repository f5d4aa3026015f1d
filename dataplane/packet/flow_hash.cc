#include "dataplane/packet/flow_hash.h"

namespace coretrack {
namespace {

// As many hashes at once as one register of the CPU that this is built for holds.
#if defined(__AVX512F__)
constexpr uint32_t kLanes = 8;
#elif defined(__AVX2__)
constexpr uint32_t kLanes = 4;
#else
constexpr uint32_t kLanes = 2;
#endif
using Vector = uint64_t __attribute__((vector_size(kLanes * sizeof(uint64_t))));

// Hashes all as IPv4, then the others again by themselves.
void HashLanes(const HashSecret& secret, PacketMeta* metas) {
  Vector address, transport, place;
  bool any_ipv6 = false;
  for (uint32_t i = 0; i < kLanes; ++i) {
    const FlowKey& key = metas[i].key;
    address[i] = key.address[0];
    transport[i] = TransportWord(key);
    place[i] = PlaceWord(key);
    any_ipv6 |= key.ipv6;
  }
  const Vector zero{};
  const Vector hash =
      siphash::Hash13<Vector, 3>(zero + secret.k0, zero + secret.k1, {address, transport, place});
  for (uint32_t i = 0; i < kLanes; ++i) metas[i].hash.value = hash[i];
  if (!any_ipv6) [[likely]]
    return;
  for (uint32_t i = 0; i < kLanes; ++i) {
    if (metas[i].key.ipv6) metas[i].hash = HashOf(secret, metas[i].key);
  }
}

}  // namespace

uint64_t SipHash13(const HashSecret& secret, const uint64_t* words, uint32_t count) {
  siphash::State<uint64_t> state(secret.k0, secret.k1);
  for (uint32_t i = 0; i < count; ++i) state.Absorb(words[i]);
  return state.Finish(uint64_t{count} * 8);
}

void HashBurst(const HashSecret& secret, PacketMeta* metas, uint32_t count) {
  uint32_t i = 0;
  for (; i + kLanes <= count; i += kLanes) HashLanes(secret, metas + i);
  for (; i < count; ++i) metas[i].hash = HashOf(secret, metas[i].key);
}

}  // namespace coretrack
