// Sound packets of every kind: what the parser says of them.
#include "dataplane/packet/parse.h"

#include <gtest/gtest.h>

#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/parse_fast.h"
#include "tests/packet/parse_helpers.h"

namespace coretrack {
namespace {

using namespace coretrack::testing;

constexpr char kA[] = "10.0.0.1", kB[] = "10.0.0.2";
constexpr char kA6[] = "2001:db8::1", kB6[] = "2001:db8::2";

PacketBuilder Eth() { return std::move(PacketBuilder().Ethernet()); }

TEST(Parse, TcpOverIpv4) {
  const PacketMeta meta = ParseBytes(Eth()
                                         .Ipv4(kA, kB)
                                         .Tcp({.source_port = 40000,
                                               .destination_port = 80,
                                               .seq = 0x01020304,
                                               .ack = 0xa0b0c0d0,
                                               .flags = tcp_flag::kAck | tcp_flag::kPsh,
                                               .window = 501})
                                         .Payload(33)
                                         .Build());
  EXPECT_EQ(meta.kind, PacketKind::kTcp);
  EXPECT_EQ(meta.malformed, Malformed::kNone);
  EXPECT_EQ(meta.ip_bytes, 73u);
  EXPECT_EQ(meta.vlan_tags, 0);
  EXPECT_EQ(meta.tcp.seq, 0x01020304u);
  EXPECT_EQ(meta.tcp.ack, 0xa0b0c0d0u);
  EXPECT_EQ(meta.tcp.window, 501);
  EXPECT_EQ(meta.tcp.flags, tcp_flag::kAck | tcp_flag::kPsh);
  EXPECT_EQ(meta.tcp.payload_bytes, 33u);
  EXPECT_EQ(meta.tcp.option_bytes, 0);
  EXPECT_EQ(meta.key.protocol(), ip_protocol::kTcp);
  EXPECT_FALSE(meta.key.ipv6);
  EXPECT_EQ(SourcePort(meta), 40000);
  EXPECT_EQ(DestinationPort(meta), 80);
  EXPECT_EQ(SourceAddress(meta), kA);
}

TEST(Parse, KeyLayoutOfIpv4) {
  FlowKey expected;
  expected.address = {0x0200000a'0100000a, 0, 0, 0};  // 10.0.0.1 in the low half, network order
  expected.ports = 0x5000'409c;                       // 40000, 80
  expected.context = MakeContext(6, 7, 0);
  expected.zone = 3;
  const Bytes packet = Eth().Vlan(7).Ipv4(kA, kB).Tcp().Build();
  EXPECT_EQ(ParseBytes(packet, {.zone = 3}).key, expected);
}

TEST(Parse, TcpOptionsAreWhereTheyAre) {
  const Bytes options = Join({MssOption(1460), SackPermittedOption(), WindowScaleOption(7)});
  const Bytes packet =
      Eth().Ipv4(kA, kB).Tcp({.flags = tcp_flag::kSyn, .options = options}).Payload(5).Build();
  PacketMeta meta;
  Parse(packet.data(), packet.size(), packet.size(), {}, &meta);
  ASSERT_EQ(meta.kind, PacketKind::kTcp);
  ASSERT_EQ(meta.tcp.option_bytes, 12);
  EXPECT_EQ(Bytes(meta.tcp.options, meta.tcp.options + 12), options);
  EXPECT_EQ(meta.tcp.payload_bytes, 5u);
}

TEST(Parse, Ipv4OptionsAreSkipped) {
  const Bytes packet =
      Eth().Ipv4(kA, kB, {.options = Bytes(40, 1)}).Tcp({.seq = 9}).Payload(1).Build();
  const PacketMeta meta = ParseBytes(packet);
  EXPECT_EQ(meta.kind, PacketKind::kTcp);
  EXPECT_EQ(meta.tcp.seq, 9u);
  EXPECT_EQ(meta.tcp.payload_bytes, 1u);
  EXPECT_EQ(meta.ip_bytes, 81u);
}

TEST(Parse, EthernetPaddingIsNoPayload) {
  const PacketMeta meta = ParseBytes(Eth().Ipv4(kA, kB).Tcp().Trailer(6).Build());
  EXPECT_EQ(meta.kind, PacketKind::kTcp);
  EXPECT_EQ(meta.tcp.payload_bytes, 0u);
  EXPECT_EQ(meta.ip_bytes, 40u);
  const PacketMeta v6 = ParseBytes(Eth().Ipv6(kA6, kB6).Tcp().Trailer(6).Build());
  EXPECT_EQ(v6.tcp.payload_bytes, 0u);
  EXPECT_EQ(v6.ip_bytes, 60u);
}

TEST(Parse, TotalLengthZeroBoundsThePayloadByTheFrame) {
  Bytes packet = Eth().Ipv4(kA, kB).Tcp().Payload(3000).Build();
  Set16(&packet, 16, 0);
  const PacketMeta meta = ParseBytes(packet);
  EXPECT_EQ(meta.kind, PacketKind::kTcp);
  EXPECT_EQ(meta.ip_bytes, 0u);
  EXPECT_EQ(meta.tcp.payload_bytes, 3000u);

  Bytes v6 = Eth().Ipv6(kA6, kB6).Tcp().Payload(3000).Build();
  Set16(&v6, 18, 0);
  EXPECT_EQ(ParseBytes(v6).ip_bytes, 40u);
  EXPECT_EQ(ParseBytes(v6).tcp.payload_bytes, 3000u);
}

TEST(Parse, ShortCaptureCountsTheWire) {
  Bytes packet = Eth().Ipv4(kA, kB).Tcp().Payload(1000).Build();
  const auto wire_bytes = static_cast<uint32_t>(packet.size());
  packet.resize(54);
  EXPECT_EQ(ParseBytes(packet, {}, wire_bytes).kind, PacketKind::kTcp);
  EXPECT_EQ(ParseBytes(packet, {}, wire_bytes).tcp.payload_bytes, 1000u);
  EXPECT_EQ(ParseBytes(packet, {}, wire_bytes).ip_bytes, 1040u);
  // The same bytes as a whole frame contradict their length.
  EXPECT_EQ(ParseBytes(packet).malformed, Malformed::kBadIpv4TotalLength);
}

TEST(Parse, Ipv6) {
  const PacketMeta meta =
      ParseBytes(Eth().Ipv6(kA6, kB6).Tcp({.seq = 77, .options = Bytes(4, 1)}).Payload(8).Build());
  EXPECT_EQ(meta.kind, PacketKind::kTcp);
  EXPECT_TRUE(meta.key.ipv6);
  EXPECT_EQ(meta.ip_bytes, 72u);
  EXPECT_EQ(meta.tcp.seq, 77u);
  EXPECT_EQ(meta.tcp.payload_bytes, 8u);
  EXPECT_EQ(SourceAddress(meta), kA6);
  EXPECT_EQ(SourcePort(meta), 40000);
}

TEST(Parse, Ipv6ExtensionsOfEveryKind) {
  const PacketMeta meta = ParseBytes(Eth()
                                         .Ipv6(kA6, kB6)
                                         .Extension(ip_protocol::kHopByHop, 16)
                                         .Extension(ip_protocol::kDestinationOptions)
                                         .Extension(ip_protocol::kRouting, 24)
                                         .Ipv6Fragment(0, false)
                                         .Extension(ip_protocol::kAuthentication, 20)
                                         .Extension(ip_protocol::kMobility, 8)
                                         .Extension(ip_protocol::kDestinationOptions, 2048)
                                         .Extension(ip_protocol::kDestinationOptions)
                                         .Tcp({.seq = 5})
                                         .Payload(2)
                                         .Build());
  EXPECT_EQ(meta.kind, PacketKind::kTcp);
  EXPECT_EQ(meta.tcp.seq, 5u);
  EXPECT_EQ(meta.tcp.payload_bytes, 2u);
}

TEST(Parse, Ipv6WithoutTransport) {
  const PacketMeta none = ParseBytes(Eth().Ipv6(kA6, kB6, 59).Payload(4).Build());
  EXPECT_EQ(none.kind, PacketKind::kDatagram);
  EXPECT_EQ(none.key.protocol(), 59);
  EXPECT_EQ(none.key.ports, 0u);
  const PacketMeta esp = ParseBytes(Eth().Ipv6(kA6, kB6, 50).Payload(40).Build());
  EXPECT_EQ(esp.kind, PacketKind::kDatagram);
  EXPECT_EQ(esp.key.protocol(), 50);
}

TEST(Parse, Ipv4Fragments) {
  const Bytes first = Eth().Ipv4(kA, kB, {.fragment_field = 0x2000}).Tcp().Payload(4).Build();
  const Bytes last = Eth().Ipv4(kA, kB, {.protocol = 6, .fragment_field = 5}).Payload(9).Build();
  const Bytes back = Eth().Ipv4(kB, kA, {.protocol = 6, .fragment_field = 5}).Payload(9).Build();
  for (const Bytes& packet : {first, last, back}) {
    EXPECT_EQ(ParseBytes(packet).kind, PacketKind::kFragment);
    EXPECT_EQ(ParseBytes(packet).key, ParseBytes(first).key);
    EXPECT_EQ(ParseBytes(packet).key.ports, 0u);
    EXPECT_EQ(ParseBytes(packet).key.protocol(), 6);
  }
  EXPECT_NE(ParseBytes(back).direction, ParseBytes(last).direction);
  EXPECT_EQ(ParseBytes(Eth().Ipv4(kA, kB, {.fragment_field = 0x4000}).Tcp().Build()).kind,
            PacketKind::kTcp);  // "don't fragment" is no fragment
}

TEST(Parse, Ipv6Fragments) {
  const Bytes first = Eth().Ipv6(kA6, kB6).Ipv6Fragment(0, true).Tcp().Payload(4).Build();
  const Bytes last = Eth().Ipv6(kA6, kB6).Ipv6Fragment(3, false, 6).Payload(9).Build();
  for (const Bytes& packet : {first, last}) {
    EXPECT_EQ(ParseBytes(packet).kind, PacketKind::kFragment);
    EXPECT_EQ(ParseBytes(packet).key, ParseBytes(first).key);
    EXPECT_EQ(ParseBytes(packet).key.ports, 0u);
    EXPECT_EQ(ParseBytes(packet).key.protocol(), 6);
  }
}

TEST(Parse, Ipv6AtomicFragmentIsAWholePacket) {
  const PacketMeta whole = ParseBytes(Eth().Ipv6(kA6, kB6).Tcp().Build());
  const PacketMeta atomic = ParseBytes(Eth().Ipv6(kA6, kB6).Ipv6Fragment(0, false).Tcp().Build());
  EXPECT_EQ(atomic.kind, PacketKind::kTcp);
  EXPECT_EQ(atomic.key, whole.key);
}

TEST(Parse, VlansArePartOfTheKey) {
  const auto key = [](const PacketBuilder& link) {
    return ParseBytes(PacketBuilder(link).Ipv4(kA, kB).Tcp().Build()).key;
  };
  const FlowKey plain = key(Eth()), one = key(Eth().Vlan(42)), two = key(Eth().Vlan(10).Vlan(20));
  EXPECT_EQ(one.outer_vlan(), 42);
  EXPECT_EQ(one.inner_vlan(), 0);
  EXPECT_EQ(two.outer_vlan(), 10);
  EXPECT_EQ(two.inner_vlan(), 20);
  EXPECT_NE(plain, one);
  EXPECT_NE(one, two);
  EXPECT_NE(two, key(Eth().Vlan(20).Vlan(10)));
  // Priority and drop bits are no part of it, nor is the tag's type.
  EXPECT_EQ(key(Eth().Vlan(0xf000 | 42)), one);
  EXPECT_EQ(key(Eth().Vlan(10, 0x88a8).Vlan(20, 0x8100)), two);
  EXPECT_EQ(key(Eth().Vlan(10, 0x9100).Vlan(20, 0x9100)), two);
}

TEST(Parse, PriorityTagsNameNoVlan) {
  const FlowKey plain = ParseBytes(Eth().Ipv4(kA, kB).Tcp().Build()).key;
  const PacketMeta one = ParseBytes(Eth().Vlan(0xe000).Ipv4(kA, kB).Tcp().Build());
  EXPECT_EQ(one.key, plain);
  EXPECT_EQ(one.vlan_tags, 1);
  const PacketMeta two = ParseBytes(Eth().Vlan(0).Vlan(7).Ipv4(kA, kB).Tcp().Build());
  EXPECT_EQ(two.key, ParseBytes(Eth().Vlan(7).Ipv4(kA, kB).Tcp().Build()).key);
  EXPECT_EQ(two.vlan_tags, 2);
}

TEST(Parse, MplsLabelsAreSkipped) {
  const FlowKey plain = ParseBytes(Eth().Vlan(5).Ipv4(kA, kB).Tcp().Build()).key;
  const PacketMeta one = ParseBytes(Eth().Vlan(5).Mpls(29, true).Ipv4(kA, kB).Tcp().Build());
  EXPECT_EQ(one.kind, PacketKind::kTcp);
  EXPECT_EQ(one.key, plain);
  EXPECT_EQ(one.ip_bytes, 40u);
  PacketBuilder eight = Eth();
  for (int i = 1; i <= kMaxMplsLabels; ++i) eight.Mpls(100, i == kMaxMplsLabels);
  EXPECT_EQ(ParseBytes(eight.Ipv6(kA6, kB6).Tcp().Build()).kind, PacketKind::kTcp);
  PacketBuilder nine = Eth();
  for (int i = 0; i <= kMaxMplsLabels; ++i) nine.Mpls(100, i == kMaxMplsLabels);
  EXPECT_EQ(ParseBytes(nine.Ipv4(kA, kB).Tcp().Build()).kind, PacketKind::kNotIp);
}

TEST(Parse, MplsThatOnlyLooksLikeIpIsNotMalformed) {
  // A pseudowire whose inner MAC address begins with nibble 4.
  EXPECT_EQ(ParseBytes(Eth().Mpls(29, true).Payload(Bytes(60, 0x41)).Build()).kind,
            PacketKind::kNotIp);
  EXPECT_EQ(ParseBytes(Eth().Mpls(29, true).Payload(Bytes(60, 0x00)).Build()).kind,
            PacketKind::kNotIp);
}

TEST(Parse, WhatIsNotIpPasses) {
  for (const uint16_t type : {0x0806, 0x88cc, 0x8863, 0x8864, 0x0026, 0x05ff, 0x88e5}) {
    const PacketMeta meta = ParseBytes(Eth().Payload(46).Ethernet(type).Build());
    const PacketMeta typed = ParseBytes(PacketBuilder().Ethernet(type).Payload(46).Build());
    EXPECT_EQ(meta.kind, PacketKind::kNotIp);
    EXPECT_EQ(typed.kind, PacketKind::kNotIp) << type;
    EXPECT_EQ(typed.malformed, Malformed::kNone);
    EXPECT_EQ(typed.key, FlowKey{});
  }
}

// A meta is used again and again: nothing of the packet before may be left in it.
TEST(Parse, NothingOfThePacketBeforeIsLeft) {
  const Bytes arp = PacketBuilder().Ethernet(0x0806).Payload(46).Build();
  const Bytes tcp = Eth().Ipv4(kA, kB).Tcp().Build();
  for (const Bytes& packet : {arp, tcp}) {
    PacketMeta used, fresh;
    std::memset(static_cast<void*>(&used), 0xa5, sizeof(used));
    const auto bytes = static_cast<uint32_t>(packet.size());
    Parse(packet.data(), bytes, bytes, {}, &used);
    Parse(packet.data(), bytes, bytes, {}, &fresh);
    EXPECT_TRUE(SameMeta(used, fresh));
  }
  PacketMeta used;
  std::memset(static_cast<void*>(&used), 0xa5, sizeof(used));
  Parse(arp.data(), static_cast<uint32_t>(arp.size()), 60, {}, &used);
  EXPECT_TRUE(SameMeta(used, PacketMeta{}));
}

TEST(Parse, RawIp) {
  const ParseOptions raw{.link = LinkLayer::kRawIp};
  EXPECT_EQ(ParseBytes(PacketBuilder().Ipv4(kA, kB).Tcp().Build(), raw).key,
            ParseBytes(Eth().Ipv4(kA, kB).Tcp().Build()).key);
  EXPECT_EQ(ParseBytes(PacketBuilder().Ipv6(kA6, kB6).Tcp().Build(), raw).key,
            ParseBytes(Eth().Ipv6(kA6, kB6).Tcp().Build()).key);
}

TEST(Parse, UdpAndSctpHavePorts) {
  const PacketMeta udp = ParseBytes(Eth().Ipv4(kA, kB).Udp(5353, 53).Payload(20).Build());
  EXPECT_EQ(udp.kind, PacketKind::kDatagram);
  EXPECT_EQ(udp.ip_bytes, 48u);
  EXPECT_EQ(SourcePort(udp), 5353);
  EXPECT_EQ(DestinationPort(udp), 53);
  const PacketMeta sctp = ParseBytes(Eth().Ipv6(kA6, kB6).Sctp(36412, 36413).Payload(20).Build());
  EXPECT_EQ(sctp.kind, PacketKind::kDatagram);
  EXPECT_EQ(SourcePort(sctp), 36412);
  EXPECT_EQ(DestinationPort(sctp), 36413);
}

TEST(Parse, OtherProtocolsGoByAddresses) {
  const PacketMeta gre = ParseBytes(Eth().Ipv4(kA, kB, {.protocol = 47}).Payload(20).Build());
  EXPECT_EQ(gre.kind, PacketKind::kDatagram);
  EXPECT_EQ(gre.key.protocol(), 47);
  EXPECT_EQ(gre.key.ports, 0u);
  // ICMP of the other family is a protocol like any other.
  EXPECT_EQ(ParseBytes(Eth().Ipv4(kA, kB, {.protocol = 58}).Build()).kind, PacketKind::kDatagram);
  EXPECT_EQ(ParseBytes(Eth().Ipv6(kA6, kB6, 1).Build()).kind, PacketKind::kDatagram);
}

TEST(Parse, BothDirectionsAreOneFlow) {
  const FlowHasher hasher({1, 2});
  const auto check = [&](const Bytes& there, const Bytes& back) {
    const PacketMeta x = ParseBytes(there), y = ParseBytes(back);
    EXPECT_EQ(x.key, y.key);
    EXPECT_EQ(hasher.Of(x.key), hasher.Of(y.key));
    EXPECT_EQ(x.direction, Opposite(y.direction));
  };
  const std::vector<std::pair<std::string, std::string>> v4 = {
      {"10.0.0.1", "10.0.0.2"}, {"1.255.255.255", "2.0.0.0"}, {"10.0.0.1", "10.0.0.1"}};
  const std::vector<std::pair<std::string, std::string>> v6 = {
      {"2001:db8::1", "2001:db8::2"}, {"1::2", "2::1"}, {"::1", "::1"}};
  const std::vector<std::pair<uint16_t, uint16_t>> ports = {{80, 81}, {256, 1}, {65535, 80}};
  for (const auto& [s, d] : ports) {
    const TcpFields there{.source_port = s, .destination_port = d};
    const TcpFields back{.source_port = d, .destination_port = s};
    for (const auto& [a, b] : v4) {
      check(Eth().Ipv4(a, b).Tcp(there).Build(), Eth().Ipv4(b, a).Tcp(back).Build());
      check(Eth().Vlan(9).Vlan(8).Ipv4(a, b).Udp(s, d).Build(),
            Eth().Vlan(9).Vlan(8).Ipv4(b, a).Udp(d, s).Build());
    }
    for (const auto& [a, b] : v6) {
      check(Eth().Ipv6(a, b).Tcp(there).Build(), Eth().Ipv6(b, a).Tcp(back).Build());
    }
  }
  check(Eth().Ipv4(kA, kB).Icmp(8, 0, 0x12340001).Build(),
        Eth().Ipv4(kB, kA).Icmp(0, 0, 0x12340001).Build());
}

TEST(Parse, EqualEndpointsAreForward) {
  const TcpFields land{.source_port = 80, .destination_port = 80};
  EXPECT_EQ(ParseBytes(Eth().Ipv4(kA, kA).Tcp(land).Build()).direction, Direction::kForward);
  EXPECT_EQ(ParseBytes(Eth().Ipv6(kA6, kA6).Tcp(land).Build()).direction, Direction::kForward);
}

TEST(Parse, ChecksumsOnlyWhenAsked) {
  const ParseOptions verify{.verify_checksums = true};
  // An odd length, so that the last byte counts alone.
  const Bytes v4 = Eth().Ipv4(kA, kB, {.options = Bytes(4, 1)}).Tcp().Payload(33).Build();
  const Bytes v6 = Eth().Ipv6(kA6, kB6).Ipv6Fragment(0, false).Tcp().Payload(33).Build();
  EXPECT_EQ(ParseBytes(v4, verify).kind, PacketKind::kTcp);
  EXPECT_EQ(ParseBytes(v6, verify).kind, PacketKind::kTcp);
  for (Bytes bad : {v4, v6}) {
    bad.back() ^= 1;
    EXPECT_EQ(ParseBytes(bad).kind, PacketKind::kTcp);
    EXPECT_EQ(ParseBytes(bad, verify).kind, PacketKind::kBadSegment);
    EXPECT_EQ(ParseBytes(bad, verify).malformed, Malformed::kBadTcpChecksum);
    // Cut short, it cannot be known.
    const auto wire_bytes = static_cast<uint32_t>(bad.size());
    bad.pop_back();
    EXPECT_EQ(ParseBytes(bad, verify, wire_bytes).kind, PacketKind::kTcp);
  }
  Bytes bad_header = v4;
  Set8(&bad_header, 22, 63);  // TTL
  EXPECT_EQ(ParseBytes(bad_header).kind, PacketKind::kTcp);
  EXPECT_EQ(ParseBytes(bad_header, verify).malformed, Malformed::kBadIpv4Checksum);
}

TEST(Parse, ARoutedDestinationIsNotTheChecksumsOne) {
  PacketBuilder builder = Eth().Ipv6(kA6, kB6).Extension(ip_protocol::kRouting, 24).Tcp();
  Bytes packet = builder.Build();
  Set8(&packet, builder.Offset(2) + 3, 1);      // segments left
  Set8(&packet, builder.Offset(3) + 16, 0x5a);  // so this checksum may be right
  EXPECT_EQ(ParseBytes(packet, {.verify_checksums = true}).kind, PacketKind::kTcp);
}

// Which packets the fast path takes; ParseBytes compares what it says with the general path.
TEST(Parse, TheFastPathTakesTheCommonPackets) {
  const auto taken_by = [](const auto& parse, const Bytes& packet, const ParseOptions& options) {
    PacketMeta meta;
    const auto bytes = static_cast<uint32_t>(packet.size());
    const bool fast = parse(packet.data(), bytes, bytes, options.zone, &meta);
    const PacketKind kind = ParseBytes(packet, options).kind;
    EXPECT_TRUE(kind == PacketKind::kTcp || kind == PacketKind::kDatagram);
    if (!fast) {
      EXPECT_TRUE(SameMeta(meta, PacketMeta{}));
    }
    return fast;
  };
  const auto taken = [&](const Bytes& packet, const ParseOptions& options = {}) {
    return taken_by(ParseFast, packet, options);
  };
  const auto syn_taken = [&](const Bytes& packet, const ParseOptions& options = {}) {
    return taken_by(ParseFastSyn, packet, options);
  };
  const TcpFields bare{.flags = tcp_flag::kFin | tcp_flag::kAck};
  const TcpFields stamped{.options = TimestampsOption(7, 8)};
  for (const TcpFields& tcp : {bare, stamped}) {
    for (const size_t payload : {0, 1, 1400}) {
      EXPECT_TRUE(taken(Eth().Ipv4(kB, kA).Tcp(tcp).Payload(payload).Trailer(4).Build()));
      EXPECT_TRUE(taken(Eth().Vlan(0x6123).Ipv4(kB, kA).Tcp(tcp).Payload(payload).Build()));
      EXPECT_TRUE(taken(Eth().Vlan(0).Ipv4(kB, kA).Tcp(tcp).Payload(payload).Build(), {.zone = 7}));
      EXPECT_TRUE(taken(Eth().Ipv6(kB6, kA6).Tcp(tcp).Payload(payload).Trailer(4).Build()));
      EXPECT_TRUE(taken(Eth().Vlan(0x6123).Ipv6(kB6, kA6).Tcp(tcp).Payload(payload).Build()));
    }
  }
  EXPECT_FALSE(taken(Eth().Ipv4(kA, kB).Tcp({.flags = tcp_flag::kSyn}).Build()));
  EXPECT_FALSE(taken(Eth().Ipv4(kA, kB).Tcp({.options = Bytes(12, 1)}).Build()));
  EXPECT_FALSE(taken(Eth().Ipv4(kA, kB, {.options = Bytes(4, 1)}).Tcp(bare).Build()));
  EXPECT_FALSE(taken(Eth().Vlan(1).Vlan(2).Ipv4(kA, kB).Tcp(bare).Build()));
  EXPECT_FALSE(taken(Eth().Ipv6(kA6, kB6).Tcp({.flags = tcp_flag::kSyn}).Build()));
  EXPECT_FALSE(taken(Eth().Ipv6(kA6, kB6).Tcp({.options = Bytes(12, 1)}).Build()));
  EXPECT_FALSE(
      taken(Eth().Ipv6(kA6, kB6).Extension(ip_protocol::kDestinationOptions, 8).Tcp(bare).Build()));

  const TcpFields syn{.flags = tcp_flag::kSyn};
  const TcpFields syn_ack{.flags = tcp_flag::kSyn | tcp_flag::kAck,
                          .options = Join({MssOption(1460), SackPermittedOption(),
                                           TimestampsOption(7, 8), WindowScaleOption(7)})};
  for (const TcpFields& tcp : {syn, syn_ack}) {
    EXPECT_TRUE(syn_taken(Eth().Ipv4(kA, kB).Tcp(tcp).Trailer(4).Build(), {.zone = 7}));
    EXPECT_TRUE(syn_taken(Eth().Vlan(0x6123).Ipv4(kA, kB).Tcp(tcp).Payload(9).Build()));
    EXPECT_TRUE(syn_taken(Eth().Ipv6(kA6, kB6).Tcp(tcp).Build()));
    EXPECT_FALSE(syn_taken(Eth().Ipv4(kA, kB, {.options = Bytes(4, 1)}).Tcp(tcp).Build()));
  }
  EXPECT_FALSE(syn_taken(Eth().Ipv4(kA, kB).Tcp(bare).Build()));

  const auto udp_taken = [&](const Bytes& packet, const ParseOptions& options = {}) {
    return taken_by(ParseFastUdp, packet, options);
  };
  for (const size_t payload : {0, 1, 1400}) {
    EXPECT_TRUE(udp_taken(Eth().Ipv4(kA, kB).Udp(1, 2).Payload(payload).Build(), {.zone = 7}));
    EXPECT_TRUE(udp_taken(Eth().Vlan(0x6123).Ipv4(kA, kB).Udp(1, 2).Payload(payload).Build()));
    EXPECT_TRUE(udp_taken(Eth().Ipv6(kA6, kB6).Udp(2, 1).Payload(payload).Trailer(4).Build()));
    EXPECT_TRUE(udp_taken(Eth().Vlan(5).Ipv6(kA6, kB6).Udp(2, 1).Payload(payload).Build()));
  }
  EXPECT_FALSE(udp_taken(Eth().Ipv4(kA, kB, {.options = Bytes(4, 1)}).Udp(1, 2).Build()));
  EXPECT_FALSE(udp_taken(Eth().Vlan(1).Vlan(2).Ipv4(kA, kB).Udp(1, 2).Build()));
  EXPECT_FALSE(udp_taken(Eth().Ipv4(kA, kB).Tcp(bare).Build()));
  EXPECT_FALSE(taken(Eth().Ipv4(kA, kB).Udp(1, 2).Payload(20).Build()));
}

// ParseBytes() has asked already whether lanes take what is theirs; this is what no packet of the others has.
TEST(Parse, LanesLookAtTheWindowAndTheWire) {
  if (!kHasLanes) GTEST_SKIP() << "no lanes in this build";
  for (const bool ipv6 : {false, true}) {
    const auto begin = [ipv6] {
      PacketBuilder builder = Eth();
      ipv6 ? builder.Ipv6(kA6, kB6) : builder.Ipv4(kA, kB);
      return builder;
    };
    const auto segment = [&](uint16_t window) {
      return begin().Tcp({.window = window}).Payload(20).Trailer(4).Build();
    };
    EXPECT_EQ(ParseBytes(segment(0)).tcp.window, 0);
    for (const Bytes& packet : {segment(1), begin().Udp(1, 2).Payload(20).Trailer(4).Build()}) {
      const auto bytes = static_cast<uint32_t>(packet.size());
      const auto common = [&](uint32_t wire_bytes) {
        return ParsedTogether({packet.data(), bytes, wire_bytes}, 3, ParsedTogether::Others::kSame,
                              {})
            .common();
      };
      EXPECT_TRUE(common(bytes));
      EXPECT_TRUE(common(bytes + 1));
      EXPECT_FALSE(common(bytes - 1)) << "more of it is there than was on the wire";
    }
  }
}

// SACK blocks of any number and length, right or wrong, before or behind something else.
TEST(Parse, SegmentsWithSack) {
  for (const bool stamped : {false, true}) {
    for (uint8_t length = 0; length <= 38; ++length) {
      for (uint32_t bytes = 4; bytes <= 40; bytes += 4) {
        Bytes sack = {1, 1, 5, length};
        sack.resize(bytes, 1);
        const Bytes options = Join({stamped ? TimestampsOption(7, 8) : Bytes(), sack});
        if (options.size() > 40) continue;
        const PacketMeta meta =
            ParseBytes(Eth().Ipv4(kA, kB).Tcp({.options = options}).Payload(9).Build());
        const bool sound = length >= 10 && (length - 2) % 8 == 0 && length + 2u <= bytes;
        EXPECT_EQ(meta.kind, sound ? PacketKind::kTcp : PacketKind::kBadSegment)
            << int{length} << " in " << bytes;
      }
    }
  }
}

// Whether sixteen frames are of one format is guessed from the sixteen before.
TEST(Parse, LanesRememberWhetherThereWereManyFormats) {
  if (!kHasLanes) GTEST_SKIP() << "no lanes in this build";
  for (const Bytes& packet : {Eth().Ipv4(kA, kB).Tcp().Build(), Eth().Ipv6(kA6, kB6).Tcp().Build(),
                              Eth().Vlan(7).Ipv4(kA, kB).Udp(1, 2).Build()}) {
    const auto bytes = static_cast<uint32_t>(packet.size());
    for (const bool before : {false, true}) {
      using Others = ParsedTogether::Others;
      const auto many = [&](Others others) {
        const ParsedTogether parsed({packet.data(), bytes, bytes}, 0, others, {}, before);
        EXPECT_TRUE(parsed.common());
        return parsed.many_formats();
      };
      EXPECT_FALSE(many(Others::kSame));
      EXPECT_TRUE(many(Others::kAnything));
    }
  }
}

TEST(Parse, ASynsOptionsAreWalked) {
  const auto syn = [](const Bytes& options) {
    return Eth().Ipv4(kA, kB).Tcp({.flags = tcp_flag::kSyn, .options = options}).Build();
  };
  PacketMeta meta;
  for (const Bytes& options : {Bytes{2, 3, 1, 0}, Bytes{1, 1, 1, 3}, Bytes{3, 4, 1, 0}}) {
    const Bytes packet = syn(options);
    const auto bytes = static_cast<uint32_t>(packet.size());
    EXPECT_FALSE(ParseFastSyn(packet.data(), bytes, bytes, 0, &meta));
    EXPECT_EQ(ParseBytes(packet).malformed, Malformed::kBadTcpOption);
  }
}

}  // namespace
}  // namespace coretrack
