// ICMP and ICMPv6: echoes are flows, errors belong to the flow they quote.
#include <gtest/gtest.h>

#include "tests/packet/parse_helpers.h"

namespace coretrack {
namespace {

using namespace coretrack::testing;

constexpr char kA[] = "10.0.0.1", kB[] = "10.0.0.2", kRouter[] = "192.0.2.9";
constexpr char kA6[] = "2001:db8::1", kB6[] = "2001:db8::2", kRouter6[] = "2001:db8:9::9";
constexpr ParseOptions kRaw{.link = LinkLayer::kRawIp};

// An error of `type` from a router to `to`, quoting `bytes` bytes of `packet` (a raw IP packet).
Bytes Error4(uint8_t type, Bytes packet, size_t bytes = SIZE_MAX) {
  packet.resize(std::min(packet.size(), bytes));
  return PacketBuilder().Ipv4(kRouter, kA).Icmp(type, 1, 0).Payload(packet).Build();
}
Bytes Error6(uint8_t type, Bytes packet, size_t bytes = SIZE_MAX) {
  packet.resize(std::min(packet.size(), bytes));
  return PacketBuilder().Ipv6(kRouter6, kA6).Icmpv6(type, 0, 0).Payload(packet).Build();
}

void ExpectQuotes(const Bytes& error, const Bytes& quoted) {
  const PacketMeta meta = ParseBytes(error, kRaw), original = ParseBytes(quoted, kRaw);
  EXPECT_EQ(meta.kind, PacketKind::kIcmpError);
  EXPECT_EQ(meta.key, original.key);
  EXPECT_EQ(meta.direction, original.direction);
  EXPECT_EQ(meta.ip_bytes, error.size());
}

void ExpectByAddresses(const Bytes& packet, uint8_t protocol) {
  const PacketMeta meta = ParseBytes(packet, kRaw);
  EXPECT_EQ(meta.kind, PacketKind::kDatagram);
  EXPECT_EQ(meta.key.protocol(), protocol);
  EXPECT_EQ(meta.key.ports, 0u);
}

TEST(Icmp, EchoGoesByIdentifier) {
  const PacketMeta request =
      ParseBytes(PacketBuilder().Ipv4(kA, kB).Icmp(8, 0, 0x12340001).Payload(9).Build(), kRaw);
  EXPECT_EQ(request.kind, PacketKind::kDatagram);
  EXPECT_TRUE(request.icmp_request);
  EXPECT_EQ(SourcePort(request), 0x1234);
  EXPECT_EQ(DestinationPort(request), 0x1234);
  const PacketMeta reply =
      ParseBytes(PacketBuilder().Ipv4(kB, kA).Icmp(0, 0, 0x12340002).Build(), kRaw);
  EXPECT_FALSE(reply.icmp_request);
  EXPECT_EQ(reply.key, request.key);
  const PacketMeta other =
      ParseBytes(PacketBuilder().Ipv4(kB, kA).Icmp(0, 0, 0x12350002).Build(), kRaw);
  EXPECT_NE(other.key, request.key);
  const PacketMeta v6 =
      ParseBytes(PacketBuilder().Ipv6(kA6, kB6).Icmpv6(128, 0, 0x12340001).Build(), kRaw);
  EXPECT_TRUE(v6.icmp_request);
  EXPECT_EQ(SourcePort(v6), 0x1234);
  EXPECT_EQ(ParseBytes(PacketBuilder().Ipv6(kB6, kA6).Icmpv6(129, 0, 0x12340001).Build(), kRaw).key,
            v6.key);
}

TEST(Icmp, TimestampGoesByIdentifier) {
  const auto parse = [](uint8_t type) {
    return ParseBytes(PacketBuilder().Ipv4(kA, kB).Icmp(type, 0, 0x77770001).Payload(12).Build(),
                      kRaw);
  };
  EXPECT_TRUE(parse(13).icmp_request);
  EXPECT_FALSE(parse(14).icmp_request);
  EXPECT_EQ(SourcePort(parse(14)), 0x7777);
}

TEST(Icmp, OtherTypesGoByAddresses) {
  for (const uint8_t type : {9, 10, 17, 42}) {
    ExpectByAddresses(PacketBuilder().Ipv4(kA, kB).Icmp(type, 0, 0x55550000).Build(), 1);
  }
  for (const uint8_t type : {0, 5, 130, 133, 135, 136, 143}) {
    ExpectByAddresses(PacketBuilder().Ipv6(kA6, kB6).Icmpv6(type, 0, 0x5555).Payload(16).Build(),
                      58);
  }
}

TEST(Icmp, ErrorsOfEveryTypeQuote) {
  const Bytes segment = PacketBuilder().Ipv4(kB, kA).Tcp().Payload(500).Build();
  for (const uint8_t type : {3, 4, 5, 11, 12}) ExpectQuotes(Error4(type, segment, 28), segment);
  const Bytes segment6 = PacketBuilder().Ipv6(kB6, kA6).Tcp().Payload(500).Build();
  for (const uint8_t type : {1, 2, 3, 4}) ExpectQuotes(Error6(type, segment6, 48), segment6);
}

TEST(Icmp, QuotesOfEveryProtocol) {
  for (const Bytes& packet :
       {PacketBuilder().Ipv4(kA, kB).Tcp().Build(),
        PacketBuilder().Ipv4(kA, kB).Udp(53, 5353).Payload(4).Build(),
        PacketBuilder().Ipv4(kA, kB).Sctp(7, 8).Build(),
        PacketBuilder().Ipv4(kA, kB).Icmp(8, 0, 0x00070001).Build(),
        PacketBuilder().Ipv4(kA, kB).Icmp(9, 0, 0x00070001).Build(),
        PacketBuilder().Ipv4(kA, kB, {.protocol = 47}).Payload(20).Build(),
        PacketBuilder().Ipv4(kA, kB, {.options = Bytes(8, 1)}).Udp(53, 5353).Build(),
        PacketBuilder().Ipv4(kA, kB, {.protocol = 17, .fragment_field = 9}).Payload(20).Build()}) {
    ExpectQuotes(Error4(3, packet), packet);
  }
  for (const Bytes& packet :
       {PacketBuilder().Ipv6(kA6, kB6).Udp(53, 5353).Payload(4).Build(),
        PacketBuilder().Ipv6(kA6, kB6).Icmpv6(128, 0, 0x00070001).Build(),
        PacketBuilder()
            .Ipv6(kA6, kB6)
            .Extension(ip_protocol::kDestinationOptions, 16)
            .Ipv6Fragment(0, false)
            .Tcp()
            .Build(),
        PacketBuilder().Ipv6(kA6, kB6).Ipv6Fragment(9, true, 17).Payload(8).Build()}) {
    ExpectQuotes(Error6(1, packet), packet);
  }
}

TEST(Icmp, AQuotedFirstFragmentShowsItsPorts) {
  const Bytes whole = PacketBuilder().Ipv4(kA, kB).Udp(53, 5353).Build();
  const Bytes first =
      PacketBuilder().Ipv4(kA, kB, {.fragment_field = 0x2000}).Udp(53, 5353).Build();
  EXPECT_EQ(ParseBytes(Error4(11, first), kRaw).key, ParseBytes(whole, kRaw).key);
  const Bytes whole6 = PacketBuilder().Ipv6(kA6, kB6).Udp(53, 5353).Build();
  const Bytes first6 = PacketBuilder().Ipv6(kA6, kB6).Ipv6Fragment(0, true).Udp(53, 5353).Build();
  EXPECT_EQ(ParseBytes(Error6(3, first6), kRaw).key, ParseBytes(whole6, kRaw).key);
}

TEST(Icmp, TheQuoteBelongsToTheErrorsVlan) {
  const Bytes segment = PacketBuilder().Ipv4(kB, kA).Tcp().Build();
  const PacketMeta meta = ParseBytes(
      PacketBuilder().Ethernet().Vlan(31).Ipv4(kRouter, kA).Icmp(3, 1, 0).Payload(segment).Build(),
      {.zone = 2});
  EXPECT_EQ(meta.kind, PacketKind::kIcmpError);
  EXPECT_EQ(meta.key.outer_vlan(), 31);
  EXPECT_EQ(meta.key.zone, 2);
}

TEST(Icmp, AnUnreadableQuoteIsADatagram) {
  const Bytes segment = PacketBuilder().Ipv4(kB, kA).Tcp().Build();
  for (size_t bytes = 0; bytes < 24; ++bytes) ExpectByAddresses(Error4(3, segment, bytes), 1);
  ExpectQuotes(Error4(3, segment, 24), segment);
  // An echo needs its identifier, which ends at the sixth byte.
  const Bytes echo = PacketBuilder().Ipv4(kA, kB).Icmp(8, 0, 0x00070001).Build();
  for (size_t bytes = 20; bytes < 26; ++bytes) ExpectByAddresses(Error4(3, echo, bytes), 1);
  ExpectQuotes(Error4(3, echo, 26), echo);
  Bytes other_version = segment;
  other_version[0] = 0x65;
  ExpectByAddresses(Error4(3, other_version), 1);
  const Bytes segment6 = PacketBuilder().Ipv6(kB6, kA6).Tcp().Build();
  for (size_t bytes = 0; bytes < 44; ++bytes) ExpectByAddresses(Error6(1, segment6, bytes), 58);
  ExpectQuotes(Error6(1, segment6, 44), segment6);
}

}  // namespace
}  // namespace coretrack
