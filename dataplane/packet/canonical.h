// Puts addresses and ports of a packet into canonical order: FlowKey and Direction.
//
// Order     Endpoints compare by (address, port) as the little-endian words they load as: any total
// order will do, and this
//           one needs no byte swaps. Equal endpoints (a land attack) are kForward.
// Cost      No branch.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/flow_key.h"
#include "dataplane/packet/packet_meta.h"

namespace coretrack {

// `addresses`: source and destination as in the header. `ports`: source port | destination port <<
// 16, each as loaded. `context`: FlowKey's.
inline void SetIpv4Endpoints(const uint8_t* addresses, uint32_t ports, uint32_t context,
                             PacketMeta* meta) {
  // As words with endpoint 0 in the low half: of the two orders, the greater has the smaller
  // endpoint first.
  const auto there = LoadRaw<uint64_t>(addresses);
  const uint64_t back = std::rotl(there, 32);
  const uint32_t ports_back = std::rotl(ports, 16);
  bool reversed = back > there;
  if (back == there) [[unlikely]]
    reversed = ports_back > ports;
  const auto reverse = static_cast<unsigned>(reversed);
  meta->key.address[0] = std::max(there, back);
  meta->key.transport = std::rotl(ports, static_cast<int>(16 * reverse)) | uint64_t{context} << 32;
  meta->direction = static_cast<Direction>(reverse);
}

inline void SetIpv6Endpoints(const uint8_t* addresses, uint32_t ports, uint32_t context,
                             PacketMeta* meta) {
  const auto s0 = LoadRaw<uint64_t>(addresses), s1 = LoadRaw<uint64_t>(addresses + 8);
  const auto d0 = LoadRaw<uint64_t>(addresses + 16), d1 = LoadRaw<uint64_t>(addresses + 24);
  // Which of two directions a packet goes is anyone's guess: no branch on it.
  const uint32_t source_port = ports & 0xffff, destination_port = ports >> 16;
  const auto below = [](auto a, auto b) { return static_cast<unsigned>(a < b); };
  const auto equal = [](auto a, auto b) { return static_cast<unsigned>(a == b); };
  const unsigned reverse =
      below(d0, s0) |
      (equal(d0, s0) & (below(d1, s1) | (equal(d1, s1) & below(destination_port, source_port))));
  const uint64_t swap = -uint64_t{reverse};
  const uint64_t high = (s0 ^ d0) & swap, low = (s1 ^ d1) & swap;
  meta->key.address = {s0 ^ high, s1 ^ low, d0 ^ high, d1 ^ low};
  meta->key.transport = std::rotl(ports, static_cast<int>(16 * reverse)) | uint64_t{context} << 32;
  meta->direction = static_cast<Direction>(reverse);
}

}  // namespace coretrack
