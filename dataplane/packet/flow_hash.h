// The keyed hash of a flow: SipHash-1-3 over the canonical key (Aumasson and Bernstein, "SipHash: a
// fast short-input PRF").
//
// Why       An attacker who knows the hash fills one bucket; CRC32C and Toeplitz collide offline in
//           milliseconds whatever their seed (shared/HOSTILE.md). SipHash-1-3 with a secret drawn
//           at start costs within 2 ns of CRC end to end.
// Threads   Pure.
// Cost      bench: Hash/*; HashOf is inline so that the hashes of a burst overlap in the core.
#pragma once

#include <cstdint>

#include "dataplane/base/types.h"
#include "dataplane/packet/flow_key.h"
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

// Hashes address[0] (IPv4) or address[0..3] (IPv6), then ports | context << 32, then zone | ipv6
// << 8.
inline FlowHash HashOf(const HashSecret& secret, const FlowKey& key) {
  const uint64_t transport = key.ports | static_cast<uint64_t>(key.context) << 32;
  const uint64_t place = key.zone | static_cast<uint64_t>(key.ipv6) << 8;
  if (!key.ipv6) [[likely]] {
    return {siphash::Hash13<3>(secret.k0, secret.k1, {key.address[0], transport, place})};
  }
  return {siphash::Hash13<6>(
      secret.k0, secret.k1,
      {key.address[0], key.address[1], key.address[2], key.address[3], transport, place})};
}

}  // namespace coretrack
