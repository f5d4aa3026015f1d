// OwnerMap: which worker owns a flow. The software twin of the NIC's symmetric RSS.
//
// What for  Both directions of a flow belong to one worker whatever the NIC did. A packet that RSS
//           placed by the same rule is where it belongs already; any other one is handed over.
// Rule      The Toeplitz hash over addresses and ports with a key that repeats 16 bits depends only
//           on the XOR of all 16-bit words of its input, so it is the same for both directions, for
//           IPv4 and IPv6, and costs two look-ups. The low bits choose an entry of the redirection
//           table, which names the worker.
//           TCP, UDP, SCTP  addresses and ports, as the NIC hashes them
//           ICMP echo       addresses: the key holds the identifier twice and it cancels out
//           ICMP errors     as the packet that they quote
//           fragments       addresses alone (all of them, the first too), as NICs hash them: the
//                           fragments of a datagram meet on one worker. It follows them, and hands
//                           the last one over to the flow's owner, with a note (whole_note.h)
//           others          addresses
//           VLANs and zone do not take part. Packets without a key stay where they arrived.
// Threads   Constant once made.
// Limits    Not secret: whoever chooses addresses and ports with equal XOR sums loads one worker.
//           That is the price of a hash that a NIC can compute symmetrically.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/base/limits.h"
#include "dataplane/packet/flow_key.h"

namespace coretrack {

// The 16 bits that the RSS key repeats, drawn from `random`. Their number of ones is odd, so that
// the hash is a bijection of the XOR sum (a circulant matrix over GF(2) of order 2^n is invertible
// if and only if its rows have odd weight), and lies between 5 and 11, so that every bit of the
// index depends on several bits of the input.
uint16_t RssPattern(uint64_t random);

class OwnerMap {
 public:
  static constexpr uint32_t kMaxEntries = 512;

  OwnerMap() : OwnerMap(0x6d5a, 1, 1) {}
  // REQUIRES: entries is a power of two up to kMaxEntries; 1 <= workers <= kMaxWorkers.
  OwnerMap(uint16_t pattern, uint32_t workers, uint32_t entries);

  // The low 32 bits that a NIC with key `pattern`, `pattern`, ... computes.
  uint32_t ToeplitzOf(const FlowKey& key) const {
    uint64_t sum = key.address[0];
    if (key.ipv6) sum ^= key.address[1] ^ key.address[2] ^ key.address[3];
    sum ^= sum >> 32;
    sum ^= key.ports;
    sum ^= sum >> 16;
    // Words lie in network byte order and were loaded as they lie.
    return (first_[sum & 0xff] ^ second_[sum >> 8 & 0xff]) * 0x10001u;
  }
  uint32_t OwnerOf(const FlowKey& key) const { return worker_[ToeplitzOf(key) & mask_]; }

  uint16_t pattern() const { return pattern_; }
  uint32_t entries() const { return mask_ + 1; }
  // What the NIC's redirection table says at `entry`, taken modulo entries().
  uint32_t WorkerOfEntry(uint32_t entry) const { return worker_[entry & mask_]; }

 private:
  static_assert(std::endian::native == std::endian::little, "a word's first byte is its low one");
  static_assert(kMaxWorkers <= 256, "a worker's number is a byte");

  std::array<uint16_t, 256> first_;   // by the word's first byte in the packet
  std::array<uint16_t, 256> second_;  // by its second
  std::array<uint8_t, kMaxEntries> worker_;
  uint32_t mask_;
  uint16_t pattern_;
};

}  // namespace coretrack
