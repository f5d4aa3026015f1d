// The keyed hash of a flow: its canonical key, encrypted with AES-128; of two blocks' worth (IPv6), what a secret universal hash leaves.
//
//     X  =  (address[0], transport) + place * s4                                     128 bits
//       [ + (address[0] + s0) * (address[1] + s1) + (address[2] + s2) * (address[3] + s3)       of IPv6 ]
//     hash  =  the first half of AES(key, X)
//
// Why      An attacker who knows the hash fills one bucket; CRC32C and Toeplitz collide offline in
//          milliseconds whatever their seed (shared/HOSTILE.md). This is a pseudorandom function: sums and products are without
//          carries (polynomials over GF(2)), so two keys meet in one X with a probability of 2^-64 at most over the secrets, and of
//          what does not meet a block cipher tells nothing. (Wegman and Carter, "New hash functions and their use in authentication
//          and set equality"; the products: Lemire and Kaser, "Faster 64-bit universal hashing using carry-less multiplications".)
//          AES has all its ten rounds. SipHash-1-3, which was here before: README.md, "Measured choices".
// Limits   So up to some 2^32 keys, as of every function of 64 bits; behind that it is worse than one that is random: two IPv6 keys that
//          meet in one X tell of secrets, and so of others that do. To see one an attacker needs whole hashes, of which nothing is told.
//          63 bits: the lowest is always set, so that a tag made of the low bits says that something is there.
// Threads  Pure.
// Cost     bench: FlowTable/lookup; without AES instructions: aes.h
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/limits.h"
#include "dataplane/base/types.h"
#include "dataplane/packet/aes.h"
#include "dataplane/packet/flow_key.h"

namespace coretrack {

// 128 secret bits, drawn once at start (control) or given (replay, tests: determinism).
struct HashSecret {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

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

inline constexpr uint64_t kHashBit = 1;  // is set

class FlowHasher {
 public:
  explicit FlowHasher(const HashSecret& secret);

  FlowHash Of(const FlowKey& key) const;

  // hashes[i] = Of() the key that `words` has at i, for i in [first, last); several keys at once.
  // REQUIRES: first is a multiple of 8; room for kMaxBurst hashes, of which up to 7 from `last` on become
  // undefined.
  void OfBurst(const KeyWords& words, uint32_t first, uint32_t last, FlowHash* hashes) const;

 private:
  // (All drawn from the secret: AES of 1, 2 and so on.)
  aes::Schedule schedule_;
  std::array<uint64_t, 4> address_secrets_;
  uint64_t place_secret_;
};

}  // namespace coretrack
