// Puts addresses and ports of a packet into canonical order: FlowKey and Direction.
//
// Order     Endpoints compare by (address, port) as the little-endian words they load as: any total
// order will do, and this
//           one needs no byte swaps. Equal endpoints (a land attack) are kForward.
// Cost      No branch for IPv4.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <tuple>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/flow_key.h"
#include "dataplane/packet/packet_meta.h"

namespace coretrack {

// `addresses`: source and destination as in the header. `ports`: source port | destination port <<
// 16, each as loaded. `context`: FlowKey's. Expects address[2..3] to be zero.
inline void SetIpv4Endpoints(const uint8_t* addresses, uint32_t ports, uint32_t context,
                             PacketMeta* meta) {
  // As words with endpoint 0 in the low half: of the two orders, the greater has the smaller
  // endpoint first.
  const auto there = LoadRaw<uint64_t>(addresses);
  const uint64_t back = std::rotl(there, 32);
  const uint32_t ports_back = std::rotl(ports, 16);
  const unsigned reverse = static_cast<unsigned>(back > there) |
                           (static_cast<unsigned>(back == there) & (ports_back > ports));
  meta->key.address[0] = std::max(there, back);
  meta->key.transport = std::rotl(ports, static_cast<int>(16 * reverse)) | uint64_t{context} << 32;
  meta->direction = static_cast<Direction>(reverse);
}

inline void SetIpv6Endpoints(const uint8_t* addresses, uint32_t ports, PacketMeta* meta) {
  const auto s0 = LoadRaw<uint64_t>(addresses), s1 = LoadRaw<uint64_t>(addresses + 8);
  const auto d0 = LoadRaw<uint64_t>(addresses + 16), d1 = LoadRaw<uint64_t>(addresses + 24);
  const bool reverse = std::tuple(d0, d1, ports >> 16) < std::tuple(s0, s1, ports & 0xffff);
  meta->key.address = reverse ? std::array{d0, d1, s0, s1} : std::array{s0, s1, d0, d1};
  meta->key.ports = std::rotl(ports, reverse ? 16 : 0);
  meta->direction = reverse ? Direction::kReverse : Direction::kForward;
}

}  // namespace coretrack
