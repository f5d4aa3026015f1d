// Parse: headers -> PacketMeta.
//
// What for  The first stage of the packet path. Ethernet with up to two VLAN tags (802.1Q, 802.1ad,
//           0x9100), IPv4 with options, IPv6 with at most kMaxIpv6Extensions extension headers,
//           TCP, UDP, ICMP and ICMPv6, SCTP; any other protocol by its addresses.
// Threads   Pure: touches its arguments only.
// Limits    Reads at most the first `bytes` of the packet and never past them, whatever lengths the
//           headers claim.
// Errors    Everything has an answer: PacketMeta::kind, and ::malformed with the reason.
// Cost      bench: Pipeline/established
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/packet/packet_meta.h"

namespace coretrack {

inline constexpr int kMaxIpv6Extensions = 8;
inline constexpr int kMaxMplsLabels = 8;

// What the outermost bytes are.
enum class LinkLayer : uint8_t { kEthernet, kRawIp };

struct ParseOptions {
  LinkLayer link = LinkLayer::kEthernet;
  // Verify IPv4 header and TCP checksums in software. Off where the NIC vouched for them, and for
  // captures of hosts that offload checksums.
  bool verify_checksums = false;
  uint8_t zone = 0;
};

// `data` is the start of the link layer; `bytes` of it can be read and `wire_bytes` were on the
// wire (more than `bytes` when a capture was cut short: lengths are checked against the wire, reads
// against what is there).
void Parse(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes, const ParseOptions& options,
           PacketMeta* meta);

}  // namespace coretrack
