// The keyed hash of a flow: SipHash-1-3 over the canonical key (Aumasson and Bernstein, "SipHash: a
// fast short-input PRF").
//
// Why      An attacker who knows the hash fills one bucket; CRC32C and Toeplitz collide offline in
//          milliseconds whatever their seed (shared/HOSTILE.md). SipHash-1-3 with a secret drawn at
//          start costs within 2 ns of CRC end to end.
// Threads  Pure.
// Cost     bench: FlowTable/lookup; HashOf is inline so that the hashes of a burst overlap in the core.
#pragma once

#include <cstdint>

#include "dataplane/base/types.h"
#include "dataplane/packet/flow_key.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/siphash.h"

namespace coretrack {

// 128 secret bits, drawn once at start (control) or given (replay, tests: determinism).
struct HashSecret {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

// SipHash-1-3 of whole 64-bit words, as the reference implementation gives for the same bytes in
// little-endian order.
uint64_t SipHash13(const HashSecret& secret, const uint64_t* words, uint32_t count);

// The words of a key behind its addresses.
inline uint64_t TransportWord(const FlowKey& key) {
  return key.ports | static_cast<uint64_t>(key.context) << 32;
}
inline uint64_t PlaceWord(const FlowKey& key) {
  return key.zone | static_cast<uint64_t>(key.ipv6) << 8;
}

// Hashes address[0] (IPv4) or address[0..3] (IPv6), then ports | context << 32, then zone | ipv6
// << 8.
inline FlowHash HashOf(const HashSecret& secret, const FlowKey& key) {
  const auto& a = key.address;
  const uint64_t transport = TransportWord(key), place = PlaceWord(key);
  if (!key.ipv6) [[likely]] {
    return {siphash::Hash13<uint64_t, 3>(secret.k0, secret.k1, {a[0], transport, place})};
  }
  return {siphash::Hash13<uint64_t, 6>(secret.k0, secret.k1,
                                       {a[0], a[1], a[2], a[3], transport, place})};
}

// metas[i].hash = HashOf(secret, metas[i].key) for a burst: several IPv4 keys at once in vector
// registers (eight with AVX-512).
void HashBurst(const HashSecret& secret, PacketMeta* metas, uint32_t count);

}  // namespace coretrack
