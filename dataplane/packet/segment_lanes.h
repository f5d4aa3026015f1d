// SegmentLanes: what the common segments of a burst say, field by field: an array a field, an entry a packet, so
// that sixteen packets are one load (base/lanes.h).
//
// Common  Ethernet with at most one 802.1Q tag, IPv4 without options or fragmentation or IPv6 without extension headers, TCP with no
//         options, the usual timestamps or SACK blocks, or a SYN with the options that SYNs have, or UDP, everything sound. Nothing is said
//         here of any other packet.
// UDP     has zeros for all that only TCP says, as its flow's line has: what is plain of either is the same arithmetic.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/lanes.h"
#include "dataplane/base/limits.h"

namespace coretrack {

struct alignas(kCacheLine) SegmentLanes {
  using Field = std::array<uint32_t, kMaxBurst>;
  Field seq, ack, payload_bytes;  // TcpHeader's
  Field flags_window;             // option bytes << 24 | flags << 16 | window
  Field ip_bytes;
  Field ts_value, ts_echo;  // where `stamped`; the value also of a SYN, 0 where it has none
  Field syn;                // SynOptions (tcp_options.h) of a SYN
  // Of packet i: bit i % kLanes of [i / kLanes]. (Not words of 64: a store of a few bits is loaded as such.)
  using Bits = std::array<Mask, kMaxBurst / kLanes>;
  Bits common;   // is common, and has no PacketMeta yet
  Bits plain;    // is common, and UDP or has ACK and neither SYN, FIN nor RST, and a window
  Bits udp;      // is UDP
  Bits tagged;   // has a tag
  Bits reverse;  // goes in Direction::kReverse
  Bits stamped;  // has the usual timestamps
  // ParseLanes()'s own: the sixteen before, perhaps of the burst before, were of several formats (IP versions, tags), so the next may be.
  // Not cleared.
  bool many_formats = false;

  static bool Has(const Bits& bits, uint32_t i) {
    return (bits[i / kLanes] >> i % kLanes & 1) != 0;
  }

  void Clear() { common = plain = {}; }
  // What is at `to` now, common or not.  REQUIRES: to < from.
  void Move(uint32_t from, uint32_t to) {
    for (Bits* bits : {&common, &plain, &udp, &tagged, &reverse, &stamped}) {
      const uint32_t others = (*bits)[to / kLanes] & ~(1u << to % kLanes);
      (*bits)[to / kLanes] = static_cast<Mask>(others | uint32_t{Has(*bits, from)} << to % kLanes);
    }
    if (!Has(common, from)) return;
    for (Field* field :
         {&seq, &ack, &payload_bytes, &flags_window, &ip_bytes, &ts_value, &ts_echo, &syn})
      (*field)[to] = (*field)[from];
  }
  // `packets`: bits of the kLanes from `first` on. Answers those that were common.
  uint32_t Remove(uint32_t first, uint32_t packets) {
    const uint32_t removed = common[first / kLanes] & packets;
    common[first / kLanes] ^= static_cast<Mask>(removed);
    plain[first / kLanes] &= common[first / kLanes];
    return removed;
  }
};

}  // namespace coretrack
