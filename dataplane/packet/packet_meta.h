// What the parser tells about one packet: everything later stages need, so that none of them reads
// headers again (TCP options excepted: SYNs and timestamps are read through `tcp_options`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/base/limits.h"
#include "dataplane/base/types.h"
#include "dataplane/packet/flow_key.h"
#include "dataplane/packet/tcp_options.h"

namespace coretrack {

// What a packet turned out to be. Every received packet has exactly one kind.
enum class PacketKind : uint8_t {
  kTcp,         // a TCP segment with a key; `tcp` is filled
  kDatagram,    // UDP, ICMP echo, SCTP, any other protocol by addresses: a key, no TCP
  kIcmpError,   // quotes a segment; key and direction are those of the *quoted* packet, as its
                // sender sent it
  kFragment,    // an IP fragment other than an atomic one; key holds addresses and protocol, ports
                // are 0; the rest: fragment.h
  kNotIp,       // ARP, LLDP, and every EtherType that is not IP: passes untouched
  kMalformed,   // lengths or versions that contradict the packet; see `malformed`
  kBadSegment,  // a TCP segment with a key whose header or options are malformed (TCP.md 26); see
                // `malformed`
  kWhole,  // the fragment that completes its datagram, as the whole datagram: `whole_kind` says
           // of which kind that is; ip_bytes and `fragments` are those of all its fragments
};

// Why a packet is malformed. The words appear in metrics and in replay --events.
enum class Malformed : uint8_t {
  kNone,
  kTruncatedEthernet,
  kTooManyVlanTags,
  kTruncatedIpv4,
  kBadIpv4Version,
  kBadIpv4HeaderLength,
  kBadIpv4TotalLength,
  kBadIpv4Checksum,
  kTruncatedIpv6,
  kBadIpv6Version,
  kBadIpv6PayloadLength,
  kIpv6ChainTooLong,
  kTruncatedTcp,
  kBadTcpDataOffset,
  kBadTcpOption,
  kBadTcpChecksum,
  kTruncatedUdp,
  kBadUdpLength,
  kTruncatedIcmp,
  kTruncatedSctp,
  kFragmentLength,  // no data, or not the last and no multiple of 8 bytes (RFC 791 3.2, RFC 8200 4.5)
  kFragmentEnd,     // goes beyond 65,535 bytes, the "ping of death"
  kFragmentOverlap,  // contradicts an earlier fragment of its datagram (RFC 5722)
  kFragmentTiny,     // a TCP header in more than one fragment (RFC 1858, RFC 3128)
  kCount,
};
std::string_view Name(Malformed reason);  // "tcp_data_offset", "ipv4_total_length", ...

// TCP flags as they stand in the header's 14th byte (RFC 9293 3.1).
namespace tcp_flag {
inline constexpr uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10,
                         kUrg = 0x20, kEce = 0x40, kCwr = 0x80;
}

// The fixed part of a TCP header in host byte order, and where its options are.
struct TcpHeader {
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint32_t payload_bytes = 0;  // by the IP length, not by the frame's
  uint16_t window = 0;         // unscaled, as in the header
  uint8_t flags = 0;
  uint8_t option_bytes = 0;          // 0 to 40
  const uint8_t* options = nullptr;  // option_bytes bytes inside the packet
};

// Two cache lines. The first is all that a TCP segment over IPv4 fills and anybody reads of it; the second
// holds the rest of an IPv6 key.
struct alignas(kCacheLine) PacketMeta {
  TcpHeader tcp;
  // IP-layer bytes as the IP header states them, so 0 (IPv6: 40) where segmentation offload left the
  // length out; payload_bytes goes by the frame there.
  uint32_t ip_bytes = 0;
  PacketKind kind = PacketKind::kNotIp;
  Malformed malformed = Malformed::kNone;
  Direction direction = Direction::kForward;
  PacketKind whole_kind = PacketKind::kNotIp;
  uint8_t vlan_tags = 0;
  // ICMP echo request: true, its sender opens the flow. Meaningless elsewhere.
  bool icmp_request = false;
  uint16_t fragments = 1;
  SynOptions syn;  // known only of a SYN that took a short way
  FlowKey key;
};
static_assert(offsetof(PacketMeta, key) + offsetof(FlowKey, address) + sizeof(uint64_t) ==
              kCacheLine);

// vlan_tags, icmp_request and `fragments` of an untagged packet, as one word; `syn` is its other half.
static_assert(offsetof(PacketMeta, icmp_request) == offsetof(PacketMeta, vlan_tags) + 1 &&
              offsetof(PacketMeta, fragments) == offsetof(PacketMeta, vlan_tags) + 2 &&
              offsetof(PacketMeta, syn) == offsetof(PacketMeta, vlan_tags) + 4);
inline constexpr uint32_t kOneFragment = 1u << 16;

}  // namespace coretrack
