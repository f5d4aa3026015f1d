// ParseFast: the packets that nearly all are, with the fewest instructions.
//
// What for  Ethernet with at most one 802.1Q tag, IPv4 without options or fragmentation or IPv6
//           without extension headers, TCP without SYN, with no options or the usual ones,
//           everything sound. Such a packet gives the same PacketMeta as the general path, any other
//           one is left to it (which names what is wrong). ParseFastSyn() is the same for SYNs, with any
//           options, ParseFastUdp() for UDP: functions of their own, so that the loop over what is common has none of it.
// Why so    Neighbouring fields are read and stored as one word, and nothing is cleared first.
// Cost      bench: Pipeline/established
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/canonical.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/segment_lanes.h"
#include "dataplane/packet/tcp_header.h"
#include "dataplane/packet/tcp_options.h"

namespace coretrack {

namespace parse_fast {

// Bytes 12 to 15 of a TCP header in host order: data offset, flags, window.
struct OffsetToWindow {
  explicit OffsetToWindow(const uint8_t* segment) : word(LoadBe32(segment + 12)) {}
  uint32_t word;
  uint32_t header_bytes() const { return word >> 26 & 0x3c; }
  bool syn() const { return (word >> 16 & tcp_flag::kSyn) != 0; }
};

// Of differences of lengths, or-ed: is one of them below zero? Also a claim of 2 GiB is.
inline bool AnyNegative(uint32_t differences) { return differences >> 31 != 0; }

template <typename T>
inline void StoreRaw(T value, void* at) {
  std::memcpy(at, &value, sizeof(value));
}

// All of a fast packet's meta but its key and direction.
inline void Fill(const uint8_t* segment, OffsetToWindow fixed, uint32_t option_bytes,
                 uint32_t payload_bytes, uint32_t ip_bytes, uint32_t vlan_tags, SynOptions syn,
                 PacketMeta* meta) {
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
  StoreRaw(uint64_t{syn.word} << 32 | vlan_tags | kOneFragment, &meta->vlan_tags);
}

// The same of a datagram.
inline void FillUdp(uint32_t ip_bytes, uint32_t vlan_tags, PacketMeta* meta) {
  meta->tcp = {};
  meta->ip_bytes = ip_bytes;
  meta->kind = PacketKind::kDatagram;
  meta->malformed = Malformed::kNone;
  meta->whole_kind = PacketKind::kNotIp;
  StoreRaw(uint64_t{vlan_tags | kOneFragment}, &meta->vlan_tags);
}

// Which: segments with SYN, whose options are walked, those without, or UDP.
enum class Wanted : uint8_t { kPlain, kSyn, kUdp };
constexpr uint8_t ProtocolOf(Wanted wanted) {
  return wanted == Wanted::kUdp ? ip_protocol::kUdp : ip_protocol::kTcp;
}
constexpr uint32_t HeaderBytes(Wanted wanted) {
  return wanted == Wanted::kUdp ? kUdpBytes : kTcpMinBytes;
}

// Are its options sound, as far as this way knows? Of a SYN, what they say.  REQUIRES: all of the header is readable.
template <Wanted kWanted>
inline bool HasSoundOptions(const uint8_t* segment, uint32_t option_bytes, SynOptions* syn) {
  if constexpr (kWanted == Wanted::kPlain)
    return HasUsualOptions(segment + kTcpMinBytes, option_bytes);
  // The data offset may be too small for a header.
  return option_bytes <= kTcpMaxOptionBytes &&
         ReadSynOptions(segment + kTcpMinBytes, option_bytes, syn);
}

// What IP carries, at `segment`; its packet is `total_bytes` long as its header of `ip_bytes` states it. All but the meta's key and direction.
// REQUIRES: bytes <= wire_bytes, from the IP header on; ip_bytes + HeaderBytes() <= bytes.
template <Wanted kWanted>
[[gnu::always_inline]] inline bool Transport(const uint8_t* segment, uint32_t ip_bytes,
                                             uint32_t total_bytes, uint32_t bytes,
                                             uint32_t wire_bytes, uint32_t vlan_tags,
                                             PacketMeta* meta) {
  if constexpr (kWanted == Wanted::kUdp) {
    const uint32_t udp_bytes = LoadBe16(segment + 4);
    if (AnyNegative((total_bytes - ip_bytes - udp_bytes) | (udp_bytes - kUdpBytes) |
                    (wire_bytes - total_bytes)))
      return false;
    FillUdp(total_bytes, vlan_tags, meta);
    return true;
  }
  const OffsetToWindow fixed(segment);
  const uint32_t header_bytes = ip_bytes + fixed.header_bytes();
  const uint32_t option_bytes = fixed.header_bytes() - kTcpMinBytes;
  const uint32_t payload_bytes = total_bytes - header_bytes;
  if (fixed.syn() != (kWanted == Wanted::kSyn) ||
      AnyNegative(payload_bytes | (wire_bytes - total_bytes) | (bytes - header_bytes))) [[unlikely]]
    return false;
  SynOptions syn;
  if (!HasSoundOptions<kWanted>(segment, option_bytes, &syn)) return false;
  Fill(segment, fixed, option_bytes, payload_bytes, total_bytes, vlan_tags, syn, meta);
  return true;
}

// What a frame has, from `ip` on. `context`: the key's.
// REQUIRES: kIpv4MinBytes + HeaderBytes() <= bytes <= wire_bytes.
template <Wanted kWanted>
[[gnu::always_inline]] inline bool Ipv4(const uint8_t* ip, uint32_t bytes, uint32_t wire_bytes,
                                        uint8_t zone, uint32_t context, uint32_t vlan_tags,
                                        PacketMeta* meta) {
  // "More fragments" and offset, (not: time to live,) protocol.
  constexpr uint32_t kFragmentAndProtocol = Swap16(0x3fff) | 0xff000000;
  if (ip[0] != 0x45 || (LoadRaw<uint32_t>(ip + 6) & kFragmentAndProtocol) !=
                           uint32_t{ProtocolOf(kWanted)} << 24) [[unlikely]]
    return false;
  const uint8_t* segment = ip + kIpv4MinBytes;
  if (!Transport<kWanted>(segment, kIpv4MinBytes, LoadBe16(ip + 2), bytes, wire_bytes, vlan_tags,
                          meta)) [[unlikely]]
    return false;
  meta->key.SetPlace(zone, false);
  SetIpv4Endpoints(ip + 12, LoadRaw<uint32_t>(segment), context, meta);
  return true;
}

// REQUIRES: as above.
template <Wanted kWanted>
inline bool Ipv6(const uint8_t* ip, uint32_t bytes, uint32_t wire_bytes, uint8_t zone,
                 uint32_t context, uint32_t vlan_tags, PacketMeta* meta) {
  if (bytes < kIpv6Bytes + HeaderBytes(kWanted) || ip[0] >> 4 != 6 || ip[6] != ProtocolOf(kWanted))
      [[unlikely]]
    return false;
  const uint8_t* segment = ip + kIpv6Bytes;
  // A length of 0 is not for here: it may be anything.
  const uint32_t stated_bytes = LoadBe16(ip + 4);
  if (!Transport<kWanted>(segment, kIpv6Bytes, kIpv6Bytes + stated_bytes, bytes, wire_bytes,
                          vlan_tags, meta)) [[unlikely]]
    return false;
  meta->key.SetPlace(zone, true);
  SetIpv6Endpoints(ip + 8, LoadRaw<uint32_t>(segment), context, meta);
  return true;
}

// Frames that are not plain IPv4. Out of line, so that what they need takes no registers from what is plain.
template <Wanted kWanted>
[[gnu::noinline]] bool PlainIpv6(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                                 uint8_t zone, PacketMeta* meta) {
  return Ipv6<kWanted>(data + kEthernetBytes, bytes - kEthernetBytes, wire_bytes - kEthernetBytes,
                       zone, ProtocolOf(kWanted), 0, meta);
}

template <Wanted kWanted>
[[gnu::noinline]] bool Tagged(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                              uint8_t zone, PacketMeta* meta) {
  constexpr uint32_t kMinBytes = kEthernetBytes + kIpv4MinBytes + HeaderBytes(kWanted);
  if (bytes < kMinBytes + kVlanTagBytes) return false;
  const uint32_t context = MakeContext(ProtocolOf(kWanted), LoadBe16(data + 14), 0);
  const auto type = LoadRaw<uint16_t>(data + 12 + kVlanTagBytes);
  constexpr uint32_t kLinkBytes = kEthernetBytes + kVlanTagBytes;
  const uint8_t* ip = data + kLinkBytes;
  bytes -= kLinkBytes;
  wire_bytes -= kLinkBytes;
  if (type == Swap16(ether_type::kIpv4))
    return Ipv4<kWanted>(ip, bytes, wire_bytes, zone, context, 1, meta);
  if (type == Swap16(ether_type::kIpv6))
    return Ipv6<kWanted>(ip, bytes, wire_bytes, zone, context, 1, meta);
  return false;
}

template <Wanted kWanted>
inline bool Parse(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes, uint8_t zone,
                  PacketMeta* meta) {
  constexpr uint32_t kMinBytes = kEthernetBytes + kIpv4MinBytes + HeaderBytes(kWanted);
  if (bytes < kMinBytes || wire_bytes < bytes) [[unlikely]]
    return false;
  const auto type = LoadRaw<uint16_t>(data + 12);
  if (type != Swap16(ether_type::kIpv4)) [[unlikely]] {
    if (type == Swap16(ether_type::kIpv6))
      return PlainIpv6<kWanted>(data, bytes, wire_bytes, zone, meta);
    return type == Swap16(ether_type::kVlan) &&
           Tagged<kWanted>(data, bytes, wire_bytes, zone, meta);
  }
  return Ipv4<kWanted>(data + kEthernetBytes, bytes - kEthernetBytes, wire_bytes - kEthernetBytes,
                       zone, ProtocolOf(kWanted), 0, meta);
}

}  // namespace parse_fast

// The meta of a common packet of a burst (segment_lanes.h), whose frame is at `data`: as the functions below would
// have it.
inline void FillMeta(const SegmentLanes& segments, const KeyWords& words, uint32_t i,
                     const uint8_t* data, PacketMeta* meta) {
  using parse_fast::StoreRaw;
  const unsigned ipv6 = words.ipv6 >> i & 1;
  const unsigned tagged = SegmentLanes::Has(segments.tagged, i);
  words.Get(i, &meta->key);
  meta->direction =
      static_cast<Direction>(static_cast<uint8_t>(SegmentLanes::Has(segments.reverse, i)));
  if (SegmentLanes::Has(segments.udp, i))
    return parse_fast::FillUdp(segments.ip_bytes[i], tagged, meta);
  meta->tcp.seq = segments.seq[i];
  meta->tcp.ack = segments.ack[i];
  meta->tcp.payload_bytes = segments.payload_bytes[i];
  StoreRaw(segments.flags_window[i], &meta->tcp.window);
  meta->tcp.options = data + kEthernetBytes + tagged * kVlanTagBytes + kIpv4MinBytes +
                      ipv6 * (kIpv6Bytes - kIpv4MinBytes) + kTcpMinBytes;
  meta->ip_bytes = segments.ip_bytes[i];
  meta->kind = PacketKind::kTcp;
  meta->malformed = Malformed::kNone;
  meta->whole_kind = PacketKind::kNotIp;
  const bool is_syn = (meta->tcp.flags & tcp_flag::kSyn) != 0;
  StoreRaw(uint64_t{is_syn ? segments.syn[i] : 0} << 32 | tagged | kOneFragment, &meta->vlan_tags);
}

// False: *meta is as it was.
// REQUIRES of all: a frame of Ethernet whose checksums need no look.
inline bool ParseFast(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes, uint8_t zone,
                      PacketMeta* meta) {
  return parse_fast::Parse<parse_fast::Wanted::kPlain>(data, bytes, wire_bytes, zone, meta);
}
inline bool ParseFastSyn(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes, uint8_t zone,
                         PacketMeta* meta) {
  return parse_fast::Parse<parse_fast::Wanted::kSyn>(data, bytes, wire_bytes, zone, meta);
}
inline bool ParseFastUdp(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes, uint8_t zone,
                         PacketMeta* meta) {
  return parse_fast::Parse<parse_fast::Wanted::kUdp>(data, bytes, wire_bytes, zone, meta);
}

}  // namespace coretrack
