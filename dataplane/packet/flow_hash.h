// The keyed hash of a flow: SipHash-1-3 over the canonical key (Aumasson and Bernstein, "SipHash: a
// fast short-input PRF").
//
// Why      An attacker who knows the hash fills one bucket; CRC32C and Toeplitz collide offline in
//          milliseconds whatever their seed (shared/HOSTILE.md). SipHash-1-3 with a secret drawn at
//          start costs within 2 ns of CRC end to end.
// Limits   63 bits: the lowest is always set, so that a tag made of the low bits says that something is there.
// Threads  Pure.
// Cost     bench: FlowTable/lookup; HashOf is inline so that the hashes of a burst overlap in the core.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/limits.h"
#include "dataplane/base/types.h"
#include "dataplane/packet/flow_key.h"
#include "dataplane/packet/siphash.h"

namespace coretrack {

// 128 secret bits, drawn once at start (control) or given (replay, tests: determinism).
struct HashSecret {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

// SipHash-1-3 of whole 64-bit words and `rest_bytes` (less than 8) of `rest` behind them, as the reference
// implementation gives for the same bytes in little-endian order.
uint64_t SipHash13(const HashSecret& secret, std::span<const uint64_t> words, uint64_t rest = 0,
                   uint32_t rest_bytes = 0);

// Hashes address[0] (IPv4) or address[0..3] (IPv6), transport, and the kPlaceBytes of place: these cost no
// round of their own, for SipHash takes what is behind the last whole word together with the length.
inline constexpr size_t kPlaceBytes = 2;
inline constexpr uint64_t kHashBit = 1;  // is set
inline FlowHash HashOf(const HashSecret& secret, const FlowKey& key) {
  const auto& a = key.address;
  if (!key.ipv6) [[likely]] {
    return {kHashBit | siphash::Hash13<uint64_t, 2>(secret.k0, secret.k1, {a[0], key.transport},
                                                    key.place, kPlaceBytes)};
  }
  return {kHashBit | siphash::Hash13<uint64_t, 5>(secret.k0, secret.k1,
                                                  {a[0], a[1], a[2], a[3], key.transport},
                                                  key.place, kPlaceBytes)};
}

// The keys of a burst as the hash reads them: one array a word, so that a vector register is filled
// by one load.
struct alignas(kCacheLine) KeyWords {
  std::array<std::array<uint64_t, kMaxBurst>, 4> address;  // [1] to [3]: of IPv6 keys
  std::array<uint64_t, kMaxBurst> transport;
  std::array<uint64_t, kMaxBurst> place;
  uint64_t ipv6 = 0;  // bit i: of key i

  void Clear() { ipv6 = 0; }
  // REQUIRES: once for each `i` since Clear(), unless the IP version stays.
  void Set(uint32_t i, const FlowKey& key) {
    address[0][i] = key.address[0];
    transport[i] = key.transport;
    place[i] = key.place;
    if (!key.ipv6) return;
    for (size_t word = 1; word < address.size(); ++word) address[word][i] = key.address[word];
    ipv6 |= uint64_t{1} << i;
  }
  void Move(uint32_t from, uint32_t to) {
    place[to] = place[from];
    transport[to] = transport[from];
    address[0][to] = address[0][from];
    const uint64_t is_ipv6 = ipv6 >> from & 1;
    ipv6 = (ipv6 & ~(uint64_t{1} << to)) | is_ipv6 << to;
    if (is_ipv6 == 0) return;
    for (size_t word = 1; word < address.size(); ++word) address[word][to] = address[word][from];
  }
  void Get(uint32_t i, FlowKey* key) const {
    key->place = place[i];
    key->transport = transport[i];
    key->address[0] = address[0][i];
    if ((ipv6 >> i & 1) == 0) return;
    for (size_t word = 1; word < address.size(); ++word) key->address[word] = address[word][i];
  }
};

// hashes[i] = HashOf() of the key that `words` has at i, for i in [first, last): several keys at once in
// vector registers: eight with AVX-512 and with AVX2, else four.
// REQUIRES: first is a multiple of 8; room for kMaxBurst hashes, of which up to 7 from `last` on become
// undefined.
void HashBurst(const HashSecret& secret, const KeyWords& words, uint32_t first, uint32_t last,
               FlowHash* hashes);

}  // namespace coretrack
