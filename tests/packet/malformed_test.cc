// Packets that contradict themselves: every reason, and where the line to sound ones runs.
#include <gtest/gtest.h>

#include <set>

#include "tests/packet/parse_helpers.h"

namespace coretrack {
namespace {

using namespace coretrack::testing;

constexpr char kA[] = "10.0.0.1", kB[] = "10.0.0.2";
constexpr char kA6[] = "2001:db8::1", kB6[] = "2001:db8::2";
// Where headers begin in an untagged frame.
constexpr size_t kIp = kEthernetBytes, kTcp4 = kIp + kIpv4MinBytes, kTcp6 = kIp + kIpv6Bytes;

PacketBuilder Eth() { return std::move(PacketBuilder().Ethernet()); }
Bytes Tcp4(const TcpFields& fields = {}) { return Eth().Ipv4(kA, kB).Tcp(fields).Build(); }
Bytes Tcp6(const TcpFields& fields = {}) { return Eth().Ipv6(kA6, kB6).Tcp(fields).Build(); }

Bytes With8(Bytes packet, size_t at, unsigned value) {
  Set8(&packet, at, value);
  return packet;
}
Bytes With16(Bytes packet, size_t at, unsigned value) {
  Set16(&packet, at, value);
  return packet;
}
Bytes First(Bytes packet, size_t bytes) {
  packet.resize(bytes);
  return packet;
}
// An IPv6 packet with `count` extension headers before TCP.
Bytes Chain(int count) {
  PacketBuilder builder = Eth().Ipv6(kA6, kB6);
  for (int i = 0; i < count; ++i) builder.Extension(ip_protocol::kDestinationOptions);
  return builder.Tcp().Build();
}
Bytes Fragment4(uint16_t fragment_field, uint32_t bytes) {
  return Eth()
      .Ipv4(kA, kB, {.protocol = 17, .fragment_field = fragment_field})
      .Payload(bytes)
      .Build();
}
Bytes Payload4(uint8_t protocol, size_t bytes) {
  return Eth().Ipv4(kA, kB, {.protocol = protocol}).Payload(bytes).Build();
}
Bytes Syn(const Bytes& options) { return Tcp4({.flags = tcp_flag::kSyn, .options = options}); }

struct Case {
  Malformed reason;
  PacketKind kind;
  Bytes packet;
  ParseOptions options = {};
};

std::vector<Case> Cases() {
  using enum Malformed;
  constexpr auto kMalformed = PacketKind::kMalformed, kBad = PacketKind::kBadSegment;
  const ParseOptions raw{.link = LinkLayer::kRawIp}, verify{.verify_checksums = true};
  return {
      {kTruncatedEthernet, kMalformed, {}},
      {kTruncatedEthernet, kMalformed, First(Tcp4(), 13)},
      {kTruncatedEthernet, kMalformed, First(Eth().Vlan(1).Ipv4(kA, kB).Build(), 17)},
      {kTruncatedEthernet, kMalformed, First(Eth().Mpls(1, true).Ipv4(kA, kB).Build(), 17)},
      {kTruncatedEthernet, kMalformed, First(Eth().Mpls(1, true).Ipv4(kA, kB).Build(), 18)},
      {kTooManyVlanTags, kMalformed, Eth().Vlan(1).Vlan(2).Vlan(3).Ipv4(kA, kB).Tcp().Build()},
      {kTooManyVlanTags, kMalformed, Eth().Vlan(0).Vlan(0).Vlan(0).Ipv4(kA, kB).Tcp().Build()},
      {kTruncatedIpv4, kMalformed, {}, raw},
      {kTruncatedIpv4, kMalformed, First(Tcp4(), kIp + 19)},
      {kTruncatedIpv4, kMalformed,
       First(Eth().Ipv4(kA, kB, {.options = Bytes(8, 1)}).Build(), kIp + 27)},
      {kBadIpv4Version, kMalformed, With8(Tcp4(), kIp, 0x55)},
      {kBadIpv4Version, kMalformed, With8(Tcp4(), kIp, 0x65)},
      {kBadIpv4Version, kMalformed, Bytes(40, 0x05), raw},
      {kBadIpv4HeaderLength, kMalformed, With8(Tcp4(), kIp, 0x44)},
      {kBadIpv4HeaderLength, kMalformed, With8(Tcp4(), kIp, 0x40)},
      {kBadIpv4TotalLength, kMalformed, With16(Tcp4(), kIp + 2, 19)},
      {kBadIpv4TotalLength, kMalformed, With16(Tcp4(), kIp + 2, 41)},
      {kBadIpv4TotalLength, kMalformed, With16(Tcp4(), kIp + 2, 0xffff)},
      {kBadIpv4Checksum, kMalformed, With16(Tcp4(), kIp + 10, 0x1234), verify},
      {kTruncatedIpv6, kMalformed, First(Tcp6(), kIp + 39)},
      {kTruncatedIpv6, kMalformed, Eth().Ipv6(kA6, kB6, 60).Payload(7).Build()},
      {kTruncatedIpv6, kMalformed, Eth().Ipv6(kA6, kB6, 44).Payload(7).Build()},
      {kTruncatedIpv6, kMalformed,
       Eth().Ipv6(kA6, kB6, 0).Payload(Bytes{6, 1, 0, 0, 0, 0, 0, 0}).Build()},
      {kTruncatedIpv6, kMalformed,
       Eth().Ipv6(kA6, kB6, 51).Payload(Bytes{6, 1, 0, 0, 0, 0, 0, 0}).Build()},
      {kBadIpv6Version, kMalformed, With8(Tcp6(), kIp, 0x40)},
      {kBadIpv6PayloadLength, kMalformed, With16(Tcp6(), kIp + 4, 21)},
      {kIpv6ChainTooLong, kMalformed, Chain(kMaxIpv6Extensions + 1)},
      {kTruncatedTcp, kMalformed, Payload4(6, 0)},
      {kTruncatedTcp, kMalformed, Payload4(6, 3)},
      {kTruncatedTcp, kBad, Payload4(6, 4)},
      {kTruncatedTcp, kBad, Payload4(6, 19)},
      {kTruncatedTcp, kBad, With16(Tcp4(), kIp + 2, 39)},
      {kTruncatedTcp, kBad, With16(Tcp6(), kIp + 4, 19)},
      {kBadTcpDataOffset, kBad, With8(Tcp4(), kTcp4 + 12, 0x40)},
      {kBadTcpDataOffset, kBad, With8(Tcp4(), kTcp4 + 12, 0x00)},
      {kBadTcpDataOffset, kBad, With8(Tcp4(), kTcp4 + 12, 0x60)},
      {kBadTcpDataOffset, kBad, With8(Tcp6(), kTcp6 + 12, 0xf0)},
      {kBadTcpOption, kBad, Syn({2, 0, 0, 0})},
      {kBadTcpOption, kBad, Syn({99, 1, 0, 0})},
      {kBadTcpOption, kBad, Syn({1, 1, 99, 3})},
      {kBadTcpOption, kBad, Syn({1, 1, 1, 99})},
      {kBadTcpOption, kBad, Syn({2, 3, 5, 0})},
      {kBadTcpOption, kBad, Tcp4({.options = {99, 0, 0, 0}})},
      {kBadTcpOption, kBad, Tcp6({.options = {1, 1, 8, 11, 0, 0, 0, 0, 0, 0, 0, 0}})},
      {kBadTcpChecksum, kBad, With16(Tcp4(), kTcp4 + 16, 0x1234), verify},
      {kBadTcpChecksum, kBad, With16(Tcp6(), kTcp6 + 16, 0x1234), verify},
      {kTruncatedUdp, kMalformed, Payload4(17, 7)},
      {kTruncatedUdp, kMalformed, Payload4(17, 0)},
      {kBadUdpLength, kMalformed, With16(Eth().Ipv4(kA, kB).Udp(1, 2).Build(), kTcp4 + 4, 7)},
      {kBadUdpLength, kMalformed, With16(Eth().Ipv4(kA, kB).Udp(1, 2).Build(), kTcp4 + 4, 9)},
      {kTruncatedIcmp, kMalformed, Payload4(1, 3)},
      {kTruncatedIcmp, kMalformed, Payload4(1, 0)},
      {kTruncatedIcmp, kMalformed,
       Eth().Ipv4(kA, kB, {.protocol = 1}).Payload(Bytes{8, 0, 0, 0, 0, 1, 0}).Build()},
      {kTruncatedIcmp, kMalformed,
       Eth().Ipv4(kA, kB, {.protocol = 1}).Payload(Bytes{3, 0, 0, 0, 0, 1, 0}).Build()},
      {kTruncatedIcmp, kMalformed, Eth().Ipv6(kA6, kB6, 58).Payload(Bytes{128, 0, 0, 0}).Build()},
      {kTruncatedSctp, kMalformed, Payload4(132, 11)},
      {kFragmentLength, kMalformed, Fragment4(0x2000, 15)},
      {kFragmentLength, kMalformed, Fragment4(0x2001, 0)},
      {kFragmentLength, kMalformed, Fragment4(0x0001, 0)},
      {kFragmentLength, kMalformed,
       Eth().Ipv6(kA6, kB6).Ipv6Fragment(2, true, 17).Payload(9).Build()},
      {kFragmentLength, kMalformed, Eth().Ipv6(kA6, kB6).Ipv6Fragment(2, false, 17).Build()},
      {kFragmentEnd, kMalformed, Fragment4(0x1fff, 8)},
      {kFragmentEnd, kMalformed,
       Eth().Ipv6(kA6, kB6).Ipv6Fragment(0x1fff, false, 17).Payload(8).Build()},
  };
}

TEST(Malformed, EveryReasonIsFound) {
  std::set<Malformed> seen;
  int row = 0;
  for (const Case& c : Cases()) {
    const PacketMeta meta = ParseBytes(c.packet, c.options);
    EXPECT_EQ(Name(meta.malformed), Name(c.reason)) << "row " << row;
    EXPECT_EQ(meta.kind, c.kind) << "row " << row;
    seen.insert(c.reason);
    ++row;
  }
  // What only a datagram's other fragments can tell: tests/worker/fragments_test.cc.
  seen.insert({Malformed::kFragmentOverlap, Malformed::kFragmentTiny});
  EXPECT_EQ(seen.size(), static_cast<size_t>(Malformed::kCount) - 1) << "a reason without a case";
}

TEST(Malformed, NamesDiffer) {
  std::set<std::string_view> names;
  for (int i = 0; i < static_cast<int>(Malformed::kCount); ++i) {
    names.insert(Name(static_cast<Malformed>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Malformed::kCount));
  EXPECT_EQ(Name(Malformed::kBadTcpDataOffset), "tcp_data_offset");
  EXPECT_EQ(Name(Malformed::kBadIpv4TotalLength), "ipv4_total_length");
  EXPECT_EQ(Name(static_cast<Malformed>(255)), "unknown");
}

TEST(Malformed, BadSegmentsNameTheirFlow) {
  const FlowKey key = ParseBytes(Tcp4()).key;
  for (const Bytes& packet : {With8(Tcp4(), kTcp4 + 12, 0x40), With8(Tcp4(), kTcp4 + 12, 0xf0),
                              Syn({2, 0, 0, 0}), With16(Tcp4(), kIp + 2, 25)}) {
    EXPECT_EQ(ParseBytes(packet).kind, PacketKind::kBadSegment);
    EXPECT_EQ(ParseBytes(packet).key, key);
  }
}

TEST(Malformed, TheLongestChainIsSound) {
  EXPECT_EQ(ParseBytes(Chain(kMaxIpv6Extensions)).kind, PacketKind::kTcp);
}

TEST(Malformed, UnknownOptionsAndPaddingAreSound) {
  for (const uint8_t flags : {tcp_flag::kSyn, tcp_flag::kAck}) {
    for (const Bytes& options :
         {Bytes{99, 4, 1, 2}, Bytes{99, 2, 0, 0}, Bytes{0, 99, 1, 0}, Bytes{254, 12, 0, 0}}) {
      Bytes padded = options;
      padded.resize(12);
      EXPECT_EQ(ParseBytes(Tcp4({.flags = flags, .options = padded})).kind, PacketKind::kTcp);
    }
  }
}

// A capture that is cut short: what can be read decides, and lengths still speak of the wire.
TEST(Malformed, CutCaptures) {
  const Bytes packet =
      Eth().Ipv4(kA, kB).Tcp({.flags = tcp_flag::kSyn, .options = MssOption(1460)}).Build();
  const auto wire_bytes = static_cast<uint32_t>(packet.size());
  const auto cut = [&](size_t bytes) { return ParseBytes(First(packet, bytes), {}, wire_bytes); };
  EXPECT_EQ(cut(13).malformed, Malformed::kTruncatedEthernet);
  EXPECT_EQ(cut(kTcp4 - 1).malformed, Malformed::kTruncatedIpv4);
  EXPECT_EQ(cut(kTcp4 + 3).kind, PacketKind::kMalformed);
  EXPECT_EQ(cut(kTcp4 + 4).kind, PacketKind::kBadSegment);
  EXPECT_EQ(cut(kTcp4 + 4).malformed, Malformed::kTruncatedTcp);
  EXPECT_EQ(cut(kTcp4 + 23).malformed, Malformed::kTruncatedTcp);
  EXPECT_EQ(cut(kTcp4 + 24).kind, PacketKind::kTcp);
}

}  // namespace
}  // namespace coretrack
