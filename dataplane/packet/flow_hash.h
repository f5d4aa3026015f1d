// The keyed hash of a flow: SipHash-1-3 over the canonical key (Aumasson and Bernstein, "SipHash: a
// fast short-input PRF").
//
// Why       An attacker who knows the hash fills one bucket; CRC32C and Toeplitz collide offline in
// milliseconds whatever
//           their seed (shared/HOSTILE.md). SipHash-1-3 with a secret drawn at start costs within 2
//           ns of CRC end to end.
// Threads   Pure.
#pragma once

#include <cstdint>

#include "dataplane/base/types.h"
#include "dataplane/packet/flow_key.h"

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
FlowHash HashOf(const HashSecret& secret, const FlowKey& key);

}  // namespace coretrack
