// ParseFast: the packets that nearly all are, with the fewest instructions.
//
// What for  Ethernet with at most one 802.1Q tag, IPv4 without options or fragmentation or IPv6
//           without extension headers, TCP without SYN, with no options or the usual timestamps,
//           everything sound. Such a packet gives the same PacketMeta as the general path, any other
//           one is left to it (which names what is wrong).
// Why so    Neighbouring fields are read and stored as one word, and nothing is cleared first. Lengths
//           are compared by the signs of their differences: also a claim of 2 GiB has the wrong one.
// Cost      bench: Pipeline/established
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/canonical.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_header.h"

namespace coretrack {

// Who took the packet.
enum class FastPath : uint8_t { kNone, kIpv4, kIpv6 };

namespace parse_fast {

// Bytes 12 to 15 of a TCP header in host order: data offset, flags, window.
struct OffsetToWindow {
  explicit OffsetToWindow(const uint8_t* segment) : word(LoadBe32(segment + 12)) {}
  uint32_t word;
  uint32_t header_bytes() const { return word >> 26 & 0x3c; }
  bool syn() const { return (word >> 16 & tcp_flag::kSyn) != 0; }
};

template <typename T>
inline void StoreRaw(T value, void* at) {
  std::memcpy(at, &value, sizeof(value));
}

// All of a fast packet's meta but its key and direction.
inline void Fill(const uint8_t* segment, OffsetToWindow fixed, uint32_t option_bytes,
                 uint32_t payload_bytes, uint32_t ip_bytes, uint64_t vlan_tags, PacketMeta* meta) {
  static_assert(offsetof(TcpHeader, seq) == 0 && offsetof(TcpHeader, ack) == 4 &&
                offsetof(TcpHeader, window) == 12 && offsetof(TcpHeader, flags) == 14 &&
                offsetof(TcpHeader, option_bytes) == 15);
  StoreRaw(std::rotl(__builtin_bswap64(LoadRaw<uint64_t>(segment + 4)), 32), &meta->tcp.seq);
  meta->tcp.payload_bytes = payload_bytes;
  StoreRaw((fixed.word & 0x00ffffff) | option_bytes << 24, &meta->tcp.window);
  meta->tcp.options = segment + kTcpMinBytes;
  meta->ip_bytes = ip_bytes;
  meta->kind = PacketKind::kTcp;
  meta->malformed = Malformed::kNone;
  meta->whole_kind = PacketKind::kNotIp;
  static_assert(offsetof(PacketMeta, icmp_request) == offsetof(PacketMeta, vlan_tags) + 1 &&
                offsetof(PacketMeta, fragments) == offsetof(PacketMeta, vlan_tags) + 2);
  constexpr uint32_t kOneFragment = 1u << 16;
  StoreRaw(static_cast<uint32_t>(vlan_tags | kOneFragment), &meta->vlan_tags);
}

// `bytes` and `wire_bytes` are those from `ip` on. `context`: the key's.
inline bool Ipv4(const uint8_t* ip, uint32_t bytes, uint32_t wire_bytes, uint8_t zone,
                 uint32_t context, uint32_t vlan_tags, PacketMeta* meta) {
  // Version and header length; "more fragments" and offset; protocol.
  constexpr uint64_t kFragmentAndProtocol = uint64_t{Swap16(0x3fff)} << 32 | uint64_t{0xff} << 56;
  const uint64_t odd =
      ((LoadRaw<uint64_t>(ip + 2) & kFragmentAndProtocol) ^ uint64_t{ip_protocol::kTcp} << 56) |
      (ip[0] ^ 0x45);
  const uint8_t* segment = ip + kIpv4MinBytes;
  const OffsetToWindow fixed(segment);
  const uint32_t total_bytes = LoadBe16(ip + 2);
  const uint32_t header_bytes = kIpv4MinBytes + fixed.header_bytes();
  const uint32_t option_bytes = fixed.header_bytes() - kTcpMinBytes;
  const uint32_t lengths =
      (total_bytes - header_bytes) | (wire_bytes - total_bytes) | (bytes - header_bytes);
  if (odd != 0 || fixed.syn() || lengths >> 31 != 0) [[unlikely]]
    return false;
  if (!HasUsualOptions(segment + kTcpMinBytes, option_bytes)) return false;
  Fill(segment, fixed, option_bytes, total_bytes - header_bytes, total_bytes, vlan_tags, meta);
  meta->key.SetPlace(zone, false);
  meta->key.address[1] = meta->key.address[2] = meta->key.address[3] = 0;
  SetIpv4Endpoints(ip + 12, LoadRaw<uint32_t>(segment), context, meta);
  return true;
}

inline bool Ipv6(const uint8_t* ip, uint32_t bytes, uint32_t wire_bytes, uint8_t zone,
                 uint32_t context, uint32_t vlan_tags, PacketMeta* meta) {
  if (bytes < kIpv6Bytes + kTcpMinBytes) [[unlikely]]
    return false;
  const uint8_t* segment = ip + kIpv6Bytes;
  const OffsetToWindow fixed(segment);
  const uint32_t stated_bytes = LoadBe16(ip + 4);
  const uint32_t option_bytes = fixed.header_bytes() - kTcpMinBytes;
  const uint32_t lengths = (stated_bytes - fixed.header_bytes()) |
                           (wire_bytes - kIpv6Bytes - stated_bytes) |
                           (bytes - kIpv6Bytes - fixed.header_bytes());
  const uint32_t odd = (ip[0] >> 4 ^ 6u) | (ip[6] ^ uint32_t{ip_protocol::kTcp});
  if (odd != 0 || fixed.syn() || lengths >> 31 != 0) [[unlikely]]
    return false;
  if (!HasUsualOptions(segment + kTcpMinBytes, option_bytes)) return false;
  Fill(segment, fixed, option_bytes, stated_bytes - fixed.header_bytes(), kIpv6Bytes + stated_bytes,
       vlan_tags, meta);
  meta->key.SetPlace(zone, true);
  SetIpv6Endpoints(ip + 8, LoadRaw<uint32_t>(segment), context, meta);
  return true;
}

}  // namespace parse_fast

// kNone: *meta is as it was.
// REQUIRES: a frame of Ethernet whose checksums need no look.
inline FastPath ParseFast(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes, uint8_t zone,
                          PacketMeta* meta) {
  constexpr uint32_t kMinBytes = kEthernetBytes + kIpv4MinBytes + kTcpMinBytes;
  if (bytes < kMinBytes) [[unlikely]]
    return FastPath::kNone;
  uint32_t context = ip_protocol::kTcp;
  uint32_t vlan_tags = 0;
  auto type = LoadRaw<uint16_t>(data + 12);
  if (type == Swap16(ether_type::kVlan)) {
    if (bytes < kMinBytes + kVlanTagBytes) return FastPath::kNone;
    context |= (LoadBe16(data + 14) & 0xfffu) << 8;
    vlan_tags = 1;
    data += kVlanTagBytes;
    bytes -= kVlanTagBytes;
    wire_bytes -= kVlanTagBytes;
    type = LoadRaw<uint16_t>(data + 12);
  }
  const uint8_t* ip = data + kEthernetBytes;
  bytes -= kEthernetBytes;
  wire_bytes -= kEthernetBytes;
  if (type == Swap16(ether_type::kIpv4)) [[likely]] {
    return parse_fast::Ipv4(ip, bytes, wire_bytes, zone, context, vlan_tags, meta)
               ? FastPath::kIpv4
               : FastPath::kNone;
  }
  if (type != Swap16(ether_type::kIpv6)) return FastPath::kNone;
  return parse_fast::Ipv6(ip, bytes, wire_bytes, zone, context, vlan_tags, meta) ? FastPath::kIpv6
                                                                                : FastPath::kNone;
}

}  // namespace coretrack
