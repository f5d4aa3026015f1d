// TCP.md, sequences about what belongs to a flow: 30 31 32 33 39.
//
// Of 31 the atomic fragments; the others: fragments_test.cc.
#include "dataplane/packet/protocols.h"
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

constexpr uint64_t kSecondUs = 1'000'000;

TEST(Sequence30, VlansArePartOfTheKey) {
  RunTrace(R"(
    C>S SYN seq=100 vlan=10               = SYN_SENT LISTEN
    C>S SYN seq=100 vlan=20               = SYN_SENT LISTEN
    C>S SYN seq=100 vlan=10,20            = SYN_SENT LISTEN
    C>S SYN seq=100                       = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101 vlan=20   = SYN_SENT SYN_RCVD
    S>C SYN,ACK seq=300 ack=101 vlan=10,20 = SYN_SENT SYN_RCVD
    C>S ACK vlan=10,20                    = ESTABLISHED ESTABLISHED
    C>S RST seq=101 vlan=20               = CLOSED CLOSED
    C>S SYN seq=100 vlan=10               = SYN_SENT LISTEN
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness& harness) {
              EXPECT_EQ(harness.counters().flows_created.Read(), 4u);
              EXPECT_EQ(flow.vlan_count, 1);
              EXPECT_EQ(flow.vlan[0], 10);
            }});
}

TEST(Sequence30, ZonesArePartOfTheKey) {
  Harness harness;
  const Bytes syn = PacketBuilder()
                        .Ethernet()
                        .Ipv4("10.0.0.1", "10.0.0.2")
                        .Tcp({.seq = 100, .flags = tcp_flag::kSyn})
                        .Build();
  for (uint8_t zone = 0; zone < kMaxZones; ++zone) harness.Send({.bytes = syn, .zone = zone});
  harness.Send({.bytes = syn, .zone = 3});
  ASSERT_EQ(harness.Live().size(), kMaxZones);
  std::array<bool, kMaxZones> seen{};
  for (const FlowRecord& flow : harness.Live()) seen[flow.zone] = true;
  for (const bool zone : seen) EXPECT_TRUE(zone);
}

PacketBuilder Ipv6Segment(uint16_t offset_8_bytes, bool more) {
  PacketBuilder builder;
  builder.Ethernet().Ipv6("2001:db8::1", "2001:db8::2");
  builder.Ipv6Fragment(offset_8_bytes, more).Tcp({.seq = 100, .flags = tcp_flag::kSyn});
  return builder;
}

// The other fragments: fragments_test.cc.
TEST(Sequence31, AnAtomicFragmentIsAWholePacket) {
  Harness harness;
  harness.Send(Ipv6Segment(0, false).Build());
  EXPECT_EQ(harness.Only().originator.state, tcp::State::kSynSent);
  EXPECT_EQ(harness.untracked(Untracked::kFragment), 0u);
}

// What C's router sends about `quoted`.
Bytes Unreachable(const PacketBuilder& quoted, size_t quoted_bytes) {
  Bytes quote = quoted.Build();
  quote.resize(std::min(quote.size(), quoted_bytes));
  return PacketBuilder()
      .Ethernet()
      .Ipv4("192.0.2.1", "10.0.0.1")
      .Icmp(3, 1, 0)
      .Payload(quote)
      .Build();
}

TEST(Sequence32, IcmpErrorsAreRelatedAndMoveNothing) {
  Harness harness;
  PacketBuilder syn;
  syn.Ipv4("10.0.0.1", "10.0.0.2").Tcp({.seq = 100, .flags = tcp_flag::kSyn});
  harness.Send({.bytes = syn.Build(), .link = LinkLayer::kRawIp});
  harness.Advance(kSecondUs);
  const FlowRecord before = harness.Only();
  harness.Send(Unreachable(syn, 28));  // the 8 bytes that RFC 792 promises
  harness.Send(Unreachable(syn, 1000));
  const FlowRecord after = harness.Only();
  EXPECT_EQ(harness.counters().related_icmp.Read(), 2u);
  EXPECT_EQ(after.related_icmp, 2u);
  EXPECT_EQ(after.start_us, before.start_us);
  EXPECT_EQ(after.originator.state, before.originator.state);
  EXPECT_EQ(after.responder.state, before.responder.state);
  EXPECT_EQ(after.timeout_ms, before.timeout_ms);
  EXPECT_EQ(after.originator.packets, 1u);
  EXPECT_EQ(after.responder.packets, 0u);

  PacketBuilder other;
  other.Ipv4("10.0.0.1", "10.0.0.99").Tcp({.seq = 100, .flags = tcp_flag::kSyn});
  harness.Send(Unreachable(other, 28));
  EXPECT_EQ(harness.untracked(Untracked::kUnrelatedIcmp), 1u);
  EXPECT_EQ(harness.counters().related_icmp.Read(), 2u);
  EXPECT_EQ(harness.Live().size(), 1u) << "an error opens nothing";
}

TEST(Sequence32, Icmpv6ErrorsToo) {
  Harness harness;
  PacketBuilder udp;
  udp.Ipv6("2001:db8::1", "2001:db8::2").Udp(5000, 53).Payload(20);
  harness.Send({.bytes = udp.Build(), .link = LinkLayer::kRawIp});
  harness.Send(PacketBuilder()
                   .Ethernet()
                   .Ipv6("2001:db8::ff", "2001:db8::1")
                   .Icmpv6(1, 4, 0)
                   .Payload(udp.Build())
                   .Build());
  EXPECT_EQ(harness.counters().related_icmp.Read(), 1u);
  EXPECT_EQ(harness.Only().originator.packets, 1u);
}

struct DatagramCase {
  const char* name;
  Bytes request;
  Bytes reply;
  uint8_t protocol;
  uint32_t asked_ms;     // timeout until it is answered
  uint32_t answered_ms;  // and from then on
};
DatagramCase MakeCase(const char* name, uint8_t protocol, uint32_t asked_ms, uint32_t answered_ms) {
  const auto build = [protocol](bool reply) {
    PacketBuilder builder;
    builder.Ethernet().Ipv4(reply ? "10.0.0.2" : "10.0.0.1", reply ? "10.0.0.1" : "10.0.0.2",
                            {.protocol = protocol});
    switch (protocol) {
      case ip_protocol::kUdp:
        return builder.Udp(reply ? 53 : 5000, reply ? 5000 : 53).Payload(30).Build();
      case ip_protocol::kIcmp:
        return builder.Icmp(reply ? 0 : 8, 0, 77u << 16 | 1).Payload(56).Build();
      case ip_protocol::kSctp:
        return builder.Sctp(reply ? 9 : 6000, reply ? 6000 : 9).Payload(40).Build();
      default:
        return builder.Payload(60).Build();
    }
  };
  return {name, build(false), build(true), protocol, asked_ms, answered_ms};
}

TEST(Sequence33, OtherProtocolsAreFlowsWithTheirOwnTimeouts) {
  for (const DatagramCase& c : {MakeCase("UDP", ip_protocol::kUdp, 30'000, 120'000),
                                MakeCase("ICMP echo", ip_protocol::kIcmp, 30'000, 30'000),
                                MakeCase("SCTP", ip_protocol::kSctp, 210'000, 210'000),
                                MakeCase("GRE", 47, 600'000, 600'000)}) {
    SCOPED_TRACE(c.name);
    Pipeline::Options options = Harness::SmallOptions();
    options.exact_ends = true;
    Harness harness(options);
    harness.Send(c.request);
    FlowRecord flow = harness.Only();
    EXPECT_EQ(flow.protocol, c.protocol);
    EXPECT_EQ(flow.originator.address[3], 1);
    EXPECT_EQ(flow.originator.state, std::nullopt);
    EXPECT_EQ(flow.originator.handshake_rtt_us, std::nullopt);
    EXPECT_EQ(flow.timeout_ms, c.asked_ms);
    EXPECT_FALSE(flow.assured);
    harness.Advance(kSecondUs);
    harness.Send(c.request);  // unanswered still
    EXPECT_EQ(harness.Only().timeout_ms, c.asked_ms);
    harness.Send(c.reply);
    flow = harness.Only();
    EXPECT_TRUE(flow.assured);
    EXPECT_EQ(flow.timeout_ms, c.answered_ms);
    EXPECT_EQ(flow.originator.packets, 2u);
    EXPECT_EQ(flow.responder.packets, 1u);
    EXPECT_EQ(flow.originator.bytes, 2 * (c.request.size() - 14));
    EXPECT_EQ(harness.changes.size(), 2u) << "opened, answered";
    EXPECT_EQ(flow.history, "Dd");

    harness.Advance(c.answered_ms * 1000ull - 1000);
    EXPECT_EQ(harness.Live().size(), 1u);
    harness.Advance(1000);
    EXPECT_TRUE(harness.Live().empty());
    ASSERT_EQ(harness.ends.size(), 1u);
    EXPECT_EQ(harness.ends[0].end, End::kTimeout);
  }
}

TEST(Sequence39, IpTotalLengthZeroMeansTheFramesOwn) {
  Harness harness;
  PacketBuilder builder;
  builder.Ethernet()
      .Ipv4("10.0.0.1", "10.0.0.2")
      .Tcp({.seq = 1000, .ack = 1, .flags = tcp_flag::kAck})
      .Payload(3000);
  Bytes large = builder.Build();
  Set16(&large, builder.Offset(1) + 2, 0);
  harness.Send(large);
  EXPECT_EQ(harness.counters().tracked.Read(), 1u);
  // A FIN right behind it is in order, so its length was understood.
  harness.Send(PacketBuilder()
                   .Ethernet()
                   .Ipv4("10.0.0.1", "10.0.0.2")
                   .Tcp({.seq = 4000, .ack = 1, .flags = tcp_flag::kAck | tcp_flag::kFin})
                   .Build());
  EXPECT_EQ(harness.Only().originator.state, tcp::State::kFinWait1);
  EXPECT_TRUE(harness.invalids.empty());
}

}  // namespace
}  // namespace coretrack::testing
