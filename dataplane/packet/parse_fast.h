// ParseFast: the packets that nearly all are, with the fewest branches.
//
// What for  Ethernet with at most one 802.1Q tag, IPv4 without options or fragmentation or IPv6
//           without extension headers, TCP without SYN, with no options or the usual timestamps,
//           everything sound. Such a packet
//           gives the same PacketMeta as the general path, any other one gives false and the
//           general path decides (and names what is wrong).
// Cost      bench: Pipeline/established; instructions a packet: README.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/packet/canonical.h"
#include "dataplane/packet/layers.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_header.h"

namespace coretrack {

// What a fast packet's TCP header says. `total_bytes`: of IP header and what is behind it.
inline void FillFast(const uint8_t* segment, uint32_t tcp_bytes, uint32_t payload_bytes,
                     uint32_t total_bytes, const ParseOptions& options, bool tagged,
                     PacketMeta* meta) {
  ReadTcpFixed(segment, &meta->tcp);
  meta->tcp.payload_bytes = payload_bytes;
  meta->tcp.option_bytes = static_cast<uint8_t>(tcp_bytes - kTcpMinBytes);
  meta->tcp.options = segment + kTcpMinBytes;
  meta->key.zone = options.zone;
  meta->ip_bytes = total_bytes;
  meta->kind = PacketKind::kTcp;
  meta->vlan_tags = static_cast<uint8_t>(tagged);
}

// ParseFast() from the IPv6 header on, which lies at data + ip_offset.
inline bool ParseFastIpv6(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                          uint32_t ip_offset, uint32_t vlan, const ParseOptions& options,
                          PacketMeta* meta) {
  if (bytes < ip_offset + kIpv6Bytes + kTcpMinBytes) [[unlikely]]
    return false;
  const uint8_t* ip = data + ip_offset;
  const uint8_t* segment = ip + kIpv6Bytes;
  const uint32_t stated_bytes = LoadBe16(ip + 4);
  const uint32_t tcp_bytes = TcpHeaderBytes(segment);
  const uint32_t lengths =
      (stated_bytes - tcp_bytes) | (wire_bytes - ip_offset - kIpv6Bytes - stated_bytes) |
      (bytes - ip_offset - kIpv6Bytes - tcp_bytes) | (tcp_bytes - kTcpMinBytes);
  const uint32_t odd = (ip[0] >> 4 ^ 6u) | (ip[6] ^ uint32_t{ip_protocol::kTcp}) |
                       (TcpFlags(segment) & tcp_flag::kSyn) | lengths >> 31;
  if (odd != 0) [[unlikely]]
    return false;
  if (!HasUsualOptions(segment + kTcpMinBytes, tcp_bytes - kTcpMinBytes)) return false;
  FillFast(segment, tcp_bytes, stated_bytes - tcp_bytes, kIpv6Bytes + stated_bytes, options,
           ip_offset != kEthernetBytes, meta);
  meta->key.context = ip_protocol::kTcp | vlan << 8;
  meta->key.ipv6 = true;
  SetIpv6Endpoints(ip + 8, LoadRaw<uint32_t>(segment), meta);
  return true;
}

// REQUIRES: bytes <= wire_bytes; *meta is fresh (PacketMeta{}). Leaves it so when it gives false.
inline bool ParseFast(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                      const ParseOptions& options, PacketMeta* meta) {
  constexpr uint32_t kMinBytes = kEthernetBytes + kIpv4MinBytes + kTcpMinBytes;
  if (bytes < kMinBytes) [[unlikely]]
    return false;
  if (options.link != LinkLayer::kEthernet || options.verify_checksums) [[unlikely]]
    return false;
  uint32_t ip_offset = kEthernetBytes;
  uint32_t vlan = 0;
  auto type = LoadRaw<uint16_t>(data + 12);
  if (type == Swap16(ether_type::kVlan)) {
    if (bytes < kMinBytes + kVlanTagBytes) return false;
    vlan = LoadBe16(data + 14) & 0xfff;
    type = LoadRaw<uint16_t>(data + 16);
    ip_offset += kVlanTagBytes;
  }
  if (type != Swap16(ether_type::kIpv4)) {
    return type == Swap16(ether_type::kIpv6) &&
           ParseFastIpv6(data, bytes, wire_bytes, ip_offset, vlan, options, meta);
  }

  // All conditions at once: one branch that is nearly always right. Lengths as signed differences,
  // of which none may be negative (a claim of 2 GiB takes the general path).
  const uint8_t* ip = data + ip_offset;
  const uint8_t* segment = ip + kIpv4MinBytes;
  const uint32_t total_bytes = LoadBe16(ip + 2);
  const uint32_t tcp_bytes = TcpHeaderBytes(segment);
  const uint32_t header_bytes = kIpv4MinBytes + tcp_bytes;
  const uint32_t lengths = (total_bytes - header_bytes) | (wire_bytes - ip_offset - total_bytes) |
                           (bytes - ip_offset - header_bytes) | (tcp_bytes - kTcpMinBytes);
  // Version and header length; "more fragments" and offset.
  constexpr uint64_t kHeaderMask = 0xff | uint64_t{Swap16(0x3fff)} << 48;
  const uint64_t header = LoadRaw<uint64_t>(ip) & kHeaderMask;
  const uint64_t odd = (header ^ 0x45) | (ip[9] ^ uint64_t{ip_protocol::kTcp}) |
                       (TcpFlags(segment) & tcp_flag::kSyn) | lengths >> 31;
  if (odd != 0) [[unlikely]]
    return false;
  const uint32_t option_bytes = tcp_bytes - kTcpMinBytes;
  if (!HasUsualOptions(segment + kTcpMinBytes, option_bytes)) return false;

  FillFast(segment, tcp_bytes, total_bytes - header_bytes, total_bytes, options,
           ip_offset != kEthernetBytes, meta);
  SetIpv4Endpoints(ip + 12, LoadRaw<uint32_t>(segment), ip_protocol::kTcp | vlan << 8, meta);
  return true;
}

// *meta = PacketMeta{}, which GCC would put together on the stack and copy.
inline void ResetMeta(PacketMeta* meta) {
  static_assert(std::is_trivially_copyable_v<PacketMeta>);
  std::memset(static_cast<void*>(meta), 0, sizeof(*meta));
  meta->kind = PacketKind::kNotIp;
}

// Parse() with the common packets' part in the caller's loop.
inline void ParseInline(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                        const ParseOptions& options, PacketMeta* meta) {
  wire_bytes = std::max(wire_bytes, bytes);
  ResetMeta(meta);
  if (ParseFast(data, bytes, wire_bytes, options, meta)) [[likely]]
    return;
  ParseGeneral({data, bytes, wire_bytes}, options, meta);
}

}  // namespace coretrack
