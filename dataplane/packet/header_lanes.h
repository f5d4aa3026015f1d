// Ethernet and IP of sixteen frames in lanes. Included by parse_lanes.cc only, as option_lanes.h is.
//
// How      A row of each frame ends behind TCP's timestamps, so that what lies there has one place whatever is before it; transposed, a field
//          of all frames is one register.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/lanes.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/parse_lanes.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_options.h"

#ifdef CORETRACK_LANES

namespace coretrack::header_lanes {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

constexpr uint32_t kRowBytes = kRowNumbers * sizeof(uint32_t);

// What lies before the transport's header.
struct Format {
  bool ipv6 = false;
  bool tagged = false;
  constexpr uint32_t tag_bytes() const { return tagged ? kVlanTagBytes : 0; }
  constexpr uint32_t link_bytes() const { return kEthernetBytes + tag_bytes(); }
  constexpr uint32_t ip_bytes() const { return ipv6 ? kIpv6Bytes : kIpv4MinBytes; }
  constexpr uint32_t header_bytes() const { return link_bytes() + ip_bytes(); }
};

// Where the TCP header lies in a row, whatever is before it: a row ends behind the timestamps. UDP's lies there, too.
constexpr uint32_t kTcpRow = (kRowBytes - kTimestampsBytes - kTcpMinBytes) / 4;
constexpr uint32_t kPorts = kTcpRow, kSeq = kTcpRow + 1, kAck = kTcpRow + 2, kFixed = kTcpRow + 3,
                   kOptions = kTcpRow + 5, kTsValue = kTcpRow + 6, kTsEcho = kTcpRow + 7;
constexpr uint32_t kUdpLength = kTcpRow + 1;

// What Ethernet and IP say of sixteen packets.
struct Headers {
  Test known;  // whose IP is common
  Mask ipv6, tagged;
  Lanes link_bytes, ip_bytes;  // of headers
  Lanes vlan;                  // the tag's, or 0
  Lanes protocol;
  Lanes total_bytes;  // of the IP packet, as its header states them
  Test reverse;
  // The key's addresses, in its order, as 32-bit halves of the words of FlowKey::address.
  Lanes address[8];
};

// A row of each frame, from kBegins or begins[i] on, as lanes; behind the frame's end, anything. (What is common has all its headers, and
// of a row nothing else is read.)
template <uint32_t kBegins>
[[gnu::always_inline]] inline void LoadRows(const FrameLanes& frames, Lanes bytes, Matrix* m) {
  LoadTransposedOf<kBegins>(frames.data, bytes - Least(bytes, All(kBegins)), m);
}
[[gnu::always_inline]] inline void LoadRows(const FrameLanes& frames, Lanes bytes, Lanes begins,
                                            Matrix* m) {
  alignas(kCacheLine) const uint8_t* rows[kLanes];
  StoreWords(LoadWords(frames.data) + WidenFirst(begins), rows);
  StoreWords(LoadWords(frames.data + kLanes / 2) + WidenLast(begins), rows + kLanes / 2);
  LoadTransposedOf(rows, bytes - Least(bytes, begins), m);
}
// Where a row begins, so that it ends behind the timestamps.
constexpr uint32_t RowBegins(const Format& format) {
  return format.header_bytes() + kTcpMinBytes + kTimestampsBytes - kRowBytes;
}

// What lies before such a row of IPv6: the frames' bytes 10 to 25, four numbers each; zeros for those that are shorter.
[[gnu::always_inline]] inline Quarter LoadBeginnings(const FrameLanes& frames, Lanes bytes) {
  constexpr uint32_t kBegins = kEthernetBytes - sizeof(uint32_t);
  static constexpr uint8_t kZeros[16] = {};
  const Mask there = AtMost(All(kBegins + sizeof(kZeros)), bytes);
  if (there == kEach) [[likely]]
    return LoadQuarter<kBegins>(frames.data);
  const uint8_t* rows[kLanes];
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    rows[i] = (there >> i & 1) != 0 ? frames.data[i] + kBegins : kZeros;
  return LoadQuarter(rows);
}

// Header words of a row that must be `wanted` where `mask` is set.
inline Lanes Differs(Lanes value, uint32_t mask, uint32_t wanted) {
  return (value & mask) ^ wanted;
}

constexpr uint32_t InHighHalf(uint16_t be) { return uint32_t{Swap16(be)} << 16; }

// Of a number that ends with an EtherType: is it that?
inline Test HasType(Lanes number, uint16_t type) {
  return Equal(number & 0xffff0000, All(InHighHalf(type)));
}
// The tag's, in the low half of such a number.
inline Lanes VlanOf(Lanes number) { return SwapBytes(number) >> 16 & 0xfff; }

// What IP says; the EtherType is not looked at.
[[gnu::always_inline]] inline Headers ReadIpv4(const Matrix& m) {
  // Of the row: twelve bytes of Ethernet, and IP.
  constexpr uint32_t kIpRow = 3;
  static_assert(kIpRow + kIpv4MinBytes / 4 == kTcpRow);
  const Lanes source = m.row[kIpRow + 3], destination = m.row[kIpRow + 4], ports = m.row[kPorts];
  // As SetIpv4Endpoints() has it.
  const Test reverse =
      Below(destination, source) | (Equal(destination, source) & Below(ports, SwapHalves(ports)));
  const Lanes odd =
      Differs(m.row[kIpRow], 0xff, 0x45) |
      Differs(m.row[kIpRow + 1], InHighHalf(0x3fff), 0);  // "more fragments" and offset
  Headers ip;
  ip.known = Equal(odd, All(0));
  ip.ip_bytes = All(kIpv4MinBytes);
  ip.protocol = m.row[kIpRow + 2] >> 8 & 0xff;
  ip.total_bytes = SwapBytes(m.row[kIpRow]) & 0xffff;
  ip.reverse = reverse;
  ip.address[0] = Select(reverse, destination, source);
  ip.address[1] = Select(reverse, source, destination);
  return ip;
}

// The same. `version`, `length_and_next`: the first two numbers of the header.
[[gnu::always_inline]] inline Headers ReadIpv6(const Matrix& m, Lanes version,
                                               Lanes length_and_next) {
  const Lanes* source = &m.row[0];
  const Lanes* destination = &m.row[4];
  const Lanes ports = m.row[kPorts];
  // As SetIpv6Endpoints() has it: by words of 64 bits, the low half of each first in the packet.
  Test reverse = Below(ports >> 16, ports & 0xffff);
  for (const uint32_t half : {2, 3, 0, 1}) {
    reverse =
        Below(destination[half], source[half]) | (Equal(destination[half], source[half]) & reverse);
  }
  Headers ip;
  ip.known = Equal(version & 0xf0, All(0x60));
  ip.ip_bytes = All(kIpv6Bytes);
  ip.protocol = length_and_next >> 16 & 0xff;
  ip.total_bytes = (SwapBytes(length_and_next) >> 16) + kIpv6Bytes;
  ip.reverse = reverse;
  for (uint32_t half = 0; half < 4; ++half) {
    ip.address[half] = Select(reverse, destination[half], source[half]);
    ip.address[4 + half] = Select(reverse, source[half], destination[half]);
  }
  return ip;
}

}  // namespace coretrack::header_lanes

#endif
