// Counters, deadlines, commands, records: what a flow's life leaves behind.
#include "dataplane/worker/pipeline.h"

#include <sys/resource.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

constexpr uint64_t kSecondUs = 1'000'000;

// The segment of connection `n` from its client, or from its server.
Bytes Segment(uint32_t n, bool from_client, TcpFields tcp, size_t payload = 0) {
  const std::string client = "10." + std::to_string(n >> 16 & 0xff) + "." +
                             std::to_string(n >> 8 & 0xff) + "." + std::to_string(n & 0xff);
  tcp.source_port = from_client ? 40000 : 80;
  tcp.destination_port = from_client ? 80 : 40000;
  PacketBuilder builder;
  builder.Ethernet();
  builder.Ipv4(from_client ? client : "192.168.0.1", from_client ? "192.168.0.1" : client);
  return builder.Tcp(tcp).Payload(payload).Build();
}
Bytes Syn(uint32_t n) { return Segment(n, true, {.seq = 100, .flags = tcp_flag::kSyn}); }
void Establish(Harness* harness, uint32_t n) {
  using namespace tcp_flag;
  harness->Send(Syn(n));
  harness->Send(Segment(n, false, {.seq = 300, .ack = 101, .flags = kSyn | kAck}));
  harness->Send(Segment(n, true, {.seq = 101, .ack = 301, .flags = kAck}));
}

// Both have closed, the client first: it waits in TIME_WAIT.
void Close(Harness* harness, uint32_t n) {
  using namespace tcp_flag;
  Establish(harness, n);
  harness->Send(Segment(n, true, {.seq = 101, .ack = 301, .flags = kFin | kAck}));
  harness->Send(Segment(n, false, {.seq = 301, .ack = 102, .flags = kFin | kAck}));
  harness->Send(Segment(n, true, {.seq = 102, .ack = 302, .flags = kAck}));
}

TEST(Pipeline, EveryPacketHasOneOutcome) {
  Harness harness;  // checks the identity after every frame
  Establish(&harness, 1);
  harness.Send(Segment(1, true, {.seq = 5, .flags = tcp_flag::kRst}));  // invalid, known
  harness.Send(Segment(2, true, {.seq = 5, .flags = tcp_flag::kRst}));  // unknown reset
  harness.Send(Segment(2, true, {.seq = 5, .flags = 0}));               // unknown invalid
  harness.Send(PacketBuilder().Ethernet(0x0806).Payload(46).Build());   // not IP
  harness.Send(PacketBuilder().Ethernet().Payload(3).Build());          // type 0
  harness.Send(Bytes(9));                                               // no header
  harness.Send(PacketBuilder().Ethernet().Ipv4("10.0.0.1", "10.0.0.2", {.protocol = 6}).Build());
  EXPECT_EQ(harness.counters().tracked.Read(), 4u);
  EXPECT_EQ(harness.untracked(Untracked::kUnknownReset), 1u);
  EXPECT_EQ(harness.untracked(Untracked::kUnknownInvalid), 1u);
  EXPECT_EQ(harness.untracked(Untracked::kNotIp), 2u);
  EXPECT_EQ(harness.untracked(Untracked::kMalformed), 2u);
  EXPECT_EQ(harness.invalid(tcp::Invalid::kRstSequence), 1u);
  EXPECT_EQ(harness.invalid(tcp::Invalid::kFlags), 1u);
  EXPECT_EQ(harness.sent(), 10u);
}

TEST(Pipeline, AFlowEndsAtItsDeadlineToTheMillisecond) {
  Harness harness;
  harness.Send(Syn(1));
  harness.Advance(59'999'000);
  EXPECT_EQ(harness.Only().timeout_ms, 1u);
  EXPECT_TRUE(harness.ends.empty());
  harness.Advance(1000);
  EXPECT_TRUE(harness.Live().empty());
  ASSERT_EQ(harness.ends.size(), 1u);
  EXPECT_EQ(harness.ends[0].end, End::kTimeout);
  EXPECT_EQ(harness.ended(End::kTimeout), 1u);
}

// A far deadline's flow may hold its slot a little longer.
TEST(Pipeline, AFlowWithALongTimeoutEndsWithinTheSlack) {
  for (const bool shortcuts : {true, false}) {
    for (const bool exact : {true, false}) {
      Pipeline::Options options = Harness::SmallOptions();
      options.shortcuts = shortcuts;
      options.exact_ends = exact;
      Harness harness(options);
      Close(&harness, 1);
      EXPECT_EQ(harness.Only().timeout_ms, 120'000u);
      harness.Advance(119'999'000);
      ASSERT_TRUE(harness.ends.empty());
      uint32_t late_ms = 0;
      for (harness.Advance(1000); harness.ends.empty() && late_ms < FlowTimers::kSlackMs; ++late_ms)
        harness.Advance(1000);
      EXPECT_LT(late_ms, exact ? 1 : FlowTimers::kSlackMs);
      if (!exact) {
        EXPECT_GT(late_ms, 0u) << "there was nothing to see";
      }
      ASSERT_EQ(harness.ends.size(), 1u);
      EXPECT_EQ(harness.ends[0].end, End::kClosed);
      EXPECT_EQ(harness.ends[0].last_us, Harness::kStartUs);
      EXPECT_EQ(harness.ends[0].timeout_ms, 0u);
      EXPECT_TRUE(harness.Live().empty());
    }
  }
}

TEST(Pipeline, WithinTheSlackAFlowIsAbsentToLookUps) {
  Harness harness;
  Close(&harness, 1);
  const FlowId first = harness.Only().id;
  harness.Advance(119'999'000);
  harness.Send(Syn(1));  // old data still: its sequence number is below
  EXPECT_TRUE(harness.Only().id == first);
  EXPECT_EQ(harness.invalids.size(), 1u);
  harness.Advance(1000);
  ASSERT_TRUE(harness.Only().id == first) << "its slot is taken, or there is nothing to see";
  harness.Send(Syn(1));
  EXPECT_FALSE(harness.Only().id == first);
  ASSERT_EQ(harness.ends.size(), 1u);
  EXPECT_EQ(harness.ends[0].end, End::kClosed);
  // The wheel has forgotten the first one: the second lives its own 60 s.
  harness.Advance(59'999'000);
  EXPECT_EQ(harness.Live().size(), 1u);
  harness.Advance(1000);
  EXPECT_TRUE(harness.Live().empty());
}

// The same segment of connections 0 to 63, in one burst: in lanes, if nobody listens.
void SendTogether(Harness* harness, bool from_client, const TcpFields& tcp) {
  std::vector<Harness::Frame> frames;
  for (uint32_t n = 0; n < kMaxBurst; ++n)
    frames.push_back({.bytes = Segment(n, from_client, tcp)});
  harness->SendBurst(frames);
}
// Connections 0 to 63; their clients have sent a FIN.
void OpenAndHalfClose(Harness* harness) {
  using namespace tcp_flag;
  SendTogether(harness, true, {.seq = 100, .flags = kSyn});
  SendTogether(harness, false, {.seq = 300, .ack = 101, .flags = kSyn | kAck});
  SendTogether(harness, true, {.seq = 101, .ack = 301, .flags = kAck});
  SendTogether(harness, true, {.seq = 101, .ack = 301, .flags = kFin | kAck});
}
class TogetherWithoutListener : public Harness {
 public:
  explicit TogetherWithoutListener(const Pipeline::Options& options) : Harness(options) {
    check_each_frame = false;
    pipeline().set_listener(nullptr);
  }
  uint64_t flows() const { return counters().flows.Read(); }
};
// A burst's flows were heard of last just now.
void ExpectEndsAfter120Seconds(TogetherWithoutListener* harness, bool exact) {
  harness->Advance(119'999'000);
  EXPECT_EQ(harness->flows(), kMaxBurst);
  harness->Advance(1000);
  EXPECT_EQ(harness->flows(), exact ? 0 : kMaxBurst);
  harness->Advance((FlowTimers::kSlackMs - 1) * 1000);
  EXPECT_EQ(harness->flows(), 0u);
}

TEST(Pipeline, FlowsThatCloseTogetherEndWithinTheSlack) {
  using namespace tcp_flag;
  for (const bool exact : {true, false}) {
    Pipeline::Options options = Harness::SmallOptions();
    options.exact_ends = exact;
    TogetherWithoutListener harness(options);
    OpenAndHalfClose(&harness);
    SendTogether(&harness, false, {.seq = 301, .ack = 102, .flags = kFin | kAck});
    SendTogether(&harness, true, {.seq = 102, .ack = 302, .flags = kAck});
    ExpectEndsAfter120Seconds(&harness, exact);
    EXPECT_EQ(harness.ended(End::kClosed), kMaxBurst);
    harness.CheckIdentities();
  }
}

TEST(Pipeline, FlowsThatOpenTogetherEndWithinTheSlack) {
  for (const bool exact : {true, false}) {
    Pipeline::Options options = Harness::SmallOptions();
    options.exact_ends = exact;
    options.tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kSynSent)] = 120'000;
    TogetherWithoutListener harness(options);
    SendTogether(&harness, true, {.seq = 100, .flags = tcp_flag::kSyn});
    ExpectEndsAfter120Seconds(&harness, exact);
  }
}

// Half of a burst's steps lead to TIME_WAIT, 120 s, the other half to LAST_ACK, 30 s.
TEST(Pipeline, StepsTogetherEndEachAtItsOwnTimeout) {
  using namespace tcp_flag;
  TogetherWithoutListener harness(Harness::SmallOptions());
  OpenAndHalfClose(&harness);
  std::vector<Harness::Frame> fins, mixed;
  const TcpFields fin{.seq = 301, .ack = 102, .flags = kFin | kAck};
  for (uint32_t n = 0; n < kMaxBurst / 2; ++n) {
    fins.push_back({.bytes = Segment(n, false, fin)});
    mixed.push_back({.bytes = Segment(n, true, {.seq = 102, .ack = 302, .flags = kAck})});
    mixed.push_back({.bytes = Segment(kMaxBurst / 2 + n, false, fin)});
  }
  harness.SendBurst(fins);
  harness.SendBurst(mixed);
  harness.Advance(29'999'000);
  EXPECT_EQ(harness.flows(), kMaxBurst);
  harness.Advance(1000);
  EXPECT_EQ(harness.flows(), kMaxBurst / 2);
  EXPECT_EQ(harness.ended(End::kTimeout), kMaxBurst / 2);
  harness.Advance(89'999'000);
  EXPECT_EQ(harness.flows(), kMaxBurst / 2);
  harness.Advance(FlowTimers::kSlackMs * 1000);
  EXPECT_EQ(harness.flows(), 0u);
}

// Where slots run short there is no slack.
TEST(Pipeline, NearlyFullTablesEndFlowsAtTheirDeadlines) {
  Pipeline::Options options = Harness::SmallOptions();
  options.tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kSynSent)] = 120'000;
  Harness harness(options);
  constexpr uint32_t kCapacity = 256, kFree = kCapacity / 16;
  for (uint32_t n = 0; n < kCapacity; ++n) harness.Send(Syn(n));
  harness.Advance(119'999'000);
  EXPECT_EQ(harness.Live().size(), kCapacity);
  harness.Advance(1000);
  EXPECT_LE(harness.Live().size(), kCapacity - kFree);
  EXPECT_GE(harness.Live().size(), kCapacity - kFree - FlowTimers::kGroupFlows);
  harness.Advance(FlowTimers::kSlackMs * 1000);
  EXPECT_TRUE(harness.Live().empty());
}

// What gives way, or is deleted, when it is over has ended as it would have anyway.
TEST(Pipeline, WithinTheSlackAFlowIsNeitherEvictedNorDeleted) {
  Pipeline::Options options = Harness::SmallOptions();
  options.tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kSynSent)] = 120'000;
  options.half_open_quota = 16;  // half of it for IPv4
  Harness harness(options);
  for (uint32_t n = 0; n < 8; ++n) harness.Send(Syn(n));
  harness.Advance(120'000'000);
  ASSERT_EQ(harness.Live().size(), 8u);
  const FlowId last = harness.Live().back().id;
  harness.pipeline().Apply({.kind = Command::Kind::kDelete, .flow = last, .tunables = {}},
                           harness.now());
  EXPECT_EQ(harness.ended(End::kTimeout), 1u);
  for (uint32_t n = 8; n < 24; ++n) harness.Send(Syn(n));
  EXPECT_EQ(harness.ended(End::kDeleted), 0u);
  EXPECT_GT(harness.ended(End::kTimeout), 1u);
  EXPECT_LE(harness.ended(End::kTimeout), 8u);
  EXPECT_GT(harness.ended(End::kEvicted), 0u) << "of those that live";
  harness.CheckIdentities();
}

// Past its deadline a flow is absent, even where the wheel has not come round.
TEST(Pipeline, AnOverdueFlowIsAbsentToLookUps) {
  Pipeline::Options options = Harness::SmallOptions();
  options.tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kSynSent)] = 0;
  Harness harness(options);
  harness.Send(Syn(1));
  const FlowId first = harness.Live().at(0).id;
  harness.Send(Syn(1));  // at its deadline, nothing was expired
  EXPECT_EQ(harness.ends.size(), 1u);
  EXPECT_FALSE(harness.Only().id == first);
}

TEST(Pipeline, AnAnswerToAnOverdueQuestionOpensAFlow) {
  Pipeline::Options options = Harness::SmallOptions();
  options.tunables.datagram_timeout_ms[static_cast<int>(DatagramClass::kUdp)] = 0;
  Harness harness(options);
  const auto datagram = [](const char* from, const char* to, uint16_t sport, uint16_t dport) {
    return PacketBuilder().Ethernet().Ipv4(from, to).Udp(sport, dport).Payload(30).Build();
  };
  harness.Send(datagram("10.0.0.1", "10.0.0.2", 5000, 53));
  EXPECT_EQ(harness.Only().originator.port, 5000);
  harness.Send(datagram("10.0.0.2", "10.0.0.1", 53, 5000));  // at its deadline, nothing was expired
  ASSERT_EQ(harness.ends.size(), 1u);
  EXPECT_EQ(harness.ends[0].end, End::kTimeout);
  EXPECT_EQ(harness.Only().originator.port, 53);
  EXPECT_FALSE(harness.Only().assured);
}

// Of both IP versions and in all ways, one after the other: each is counted as what it was.
TEST(Pipeline, WhatEndsTogetherIsCountedApart) {
  Harness harness;
  harness.pipeline().set_listener(nullptr);
  using namespace tcp_flag;
  const auto ipv6_syn = [](uint32_t n) {
    PacketBuilder builder;
    builder.Ethernet();
    builder.Ipv6("2001:db8::" + std::to_string(n), "2001:db8::1:1");
    return builder.Tcp({.source_port = 40000, .destination_port = 80, .seq = 1, .flags = kSyn})
        .Build();
  };
  uint32_t opened = 0, closed = 0, reset = 0;
  for (uint32_t n = 1; n <= 60; ++n) {
    if (n % 5 == 0) {
      Close(&harness, n);
      ++closed;
    } else if (n % 5 == 1) {
      Establish(&harness, n);
      harness.Send(Segment(n, true, {.seq = 101, .ack = 301, .flags = kRst | kAck}));
      ++reset;
    } else {
      harness.Send(n % 5 == 3 ? ipv6_syn(n) : Syn(n));
      ++opened;
    }
  }
  EXPECT_EQ(harness.counters().flows_ipv6.Read(), 12u);
  harness.Advance(300 * kSecondUs);
  EXPECT_EQ(harness.ended(End::kTimeout), opened);
  EXPECT_EQ(harness.ended(End::kClosed), closed);
  EXPECT_EQ(harness.ended(End::kReset), reset);
  EXPECT_EQ(harness.counters().flows.Read(), 0u);
  EXPECT_EQ(harness.counters().flows_ipv6.Read(), 0u);
  for (const Counter& flows : harness.counters().flows_by_state) EXPECT_EQ(flows.Read(), 0u);
}

TEST(Pipeline, ManyFlowsEndEachAtItsTime) {
  Harness harness;
  for (uint32_t n = 0; n < 200; ++n) {
    harness.Send(Syn(n));
    harness.Advance(100'000);
  }
  // The first is 20 s old now.
  harness.Advance(40 * kSecondUs - 1000);
  EXPECT_TRUE(harness.ends.empty());
  for (uint32_t n = 0; n < 200; ++n) {
    harness.Advance(n == 0 ? 1000 : 100'000);
    ASSERT_EQ(harness.ends.size(), n + 1);
  }
  harness.CheckIdentities();
}

// A few slots, one connection after the other, while the clock stands still.
TEST(Pipeline, IdsDifferWithinAMicrosecondAndHandshakesTakeOne) {
  Harness harness;
  std::set<std::pair<FlowIndex, uint32_t>> ids;
  std::set<FlowIndex> slots;
  constexpr uint32_t kConnections = 600;
  for (uint32_t n = 0; n < kConnections; ++n) {
    Establish(&harness, 1);
    const FlowRecord flow = harness.Only();
    ids.insert({flow.id.index, flow.id.generation});
    slots.insert(flow.id.index);
    EXPECT_EQ(flow.responder.handshake_rtt_us, 1u) << n;
    harness.pipeline().Apply({.kind = Command::Kind::kDelete, .flow = flow.id, .tunables = {}},
                             harness.now());
  }
  EXPECT_EQ(ids.size(), kConnections);
  EXPECT_LT(slots.size(), kConnections / 4);
}

TEST(Pipeline, DeleteEndsTheFlowThatIsMeantAndNoOther) {
  Harness harness;
  harness.Send(Syn(1));
  const FlowId id = harness.Only().id;
  FlowId stale = id;
  stale.generation += 1;
  FlowId nowhere = id;
  nowhere.index = FlowIndex{1u << 29};
  for (const FlowId wrong : {stale, nowhere}) {
    harness.pipeline().Apply({.kind = Command::Kind::kDelete, .flow = wrong, .tunables = {}},
                             harness.now());
    EXPECT_EQ(harness.Live().size(), 1u);
  }
  harness.pipeline().Apply({.kind = Command::Kind::kDelete, .flow = id, .tunables = {}},
                           harness.now());
  EXPECT_TRUE(harness.Live().empty());
  EXPECT_EQ(harness.ended(End::kDeleted), 1u);
  ASSERT_EQ(harness.ends.size(), 1u);
  EXPECT_EQ(harness.ends[0].end, End::kDeleted);
  // Again: it is gone, and another one in its slot is not meant.
  harness.Send(Syn(1));
  harness.pipeline().Apply({.kind = Command::Kind::kDelete, .flow = id, .tunables = {}},
                           harness.now());
  EXPECT_EQ(harness.Live().size(), 1u);
  EXPECT_FALSE(harness.Only().id == id);
  harness.CheckIdentities();
}

TEST(Pipeline, ATimeoutIsALiveParameter) {
  Harness harness;
  Establish(&harness, 1);
  harness.Send(Segment(1, true, {.seq = 101, .ack = 301}, 10));
  Tunables tunables = harness.pipeline().tunables();
  tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kEstablished)] = 7000;
  harness.pipeline().Apply({.kind = Command::Kind::kTune, .flow = {}, .tunables = tunables},
                           harness.now());
  EXPECT_EQ(harness.Only().timeout_ms, 432'000'000u) << "it holds from the next packet on";
  harness.Send(Segment(1, true, {.seq = 111, .ack = 301}, 10));  // on the established path
  EXPECT_EQ(harness.Only().timeout_ms, 7000u);
  harness.Advance(6'999'000);
  EXPECT_EQ(harness.Live().size(), 1u);
  harness.Advance(1000);
  EXPECT_TRUE(harness.Live().empty()) << "the wheel heard of it";
}

TEST(Pipeline, RetransmittingWithoutAnswerHasItsOwnTimeout) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK
    C>S ACK len=500            timeout 5d
    C>S ACK seq=101 len=500    timeout 5d
    C>S ACK seq=101 len=500    timeout 5d
    C>S ACK seq=101 len=500    timeout 300s
    +10s
    C>S ACK seq=101 len=500    timeout 300s
    S>C ACK                    timeout 5d
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.retransmits, 4u);
              EXPECT_EQ(flow.history, "ShADTa");
            }});
}

TEST(Pipeline, DeltasSpillWithoutLoss) {
  Harness harness;
  harness.check_each_frame = false;
  Establish(&harness, 1);
  uint64_t packets[2] = {2, 1}, bytes[2] = {80, 40};
  uint32_t seq[2] = {101, 301};
  uint32_t random = 12345;
  for (int i = 0; i < 60'000; ++i) {
    random = random * 1664525 + 1013904223;
    const unsigned side = random >> 31;
    const uint32_t payload = random >> 16 & 0x3ff;
    harness.Send(Segment(1, side == 0, {.seq = seq[side], .ack = seq[1 - side]}, payload));
    seq[side] += payload;
    ++packets[side];
    bytes[side] += 40 + payload;
    if (i % 997 == 0) {
      const FlowRecord flow = harness.Only();
      ASSERT_EQ(flow.originator.packets, packets[0]);
      ASSERT_EQ(flow.responder.packets, packets[1]);
      ASSERT_EQ(flow.originator.bytes, bytes[0]);
      ASSERT_EQ(flow.responder.bytes, bytes[1]);
    }
  }
  const FlowRecord flow = harness.Only();
  EXPECT_EQ(flow.originator.bytes, bytes[0]);
  EXPECT_EQ(flow.responder.bytes, bytes[1]);
  EXPECT_TRUE(harness.invalids.empty());
  harness.CheckIdentities();
}

// A burst that is processed again and again: millions of packets.
TEST(Pipeline, MillionsOfPacketsAreCountedExactly) {
  const Bytes frame =
      PacketBuilder().Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Udp(5000, 53).Payload(1200).Build();
  auto created = Pipeline::Create(Harness::SmallOptions(), {});
  ASSERT_TRUE(created.ok());
  auto burst = std::make_unique<Burst>();
  burst->count = kMaxBurst;
  for (uint32_t i = 0; i < kMaxBurst; ++i) {
    burst->data[i] = frame.data();
    burst->bytes[i] = burst->wire_bytes[i] = static_cast<uint32_t>(frame.size());
    burst->zone[i] = 0;
    burst->checksum_known_good[i] = false;
  }
  constexpr uint64_t kBursts = 40'000;
  for (uint64_t i = 0; i < kBursts; ++i) (*created)->Process(burst.get(), {});
  EXPECT_EQ((*created)->counters().tracked.Read(), kBursts * kMaxBurst);
  const FlowRecord flow =
      (*created)->RecordOf((*created)->table(false).IndexOf(*burst->candidate[1]), {});
  EXPECT_EQ(flow.originator.packets, kBursts * kMaxBurst);
  EXPECT_EQ(flow.originator.bytes, kBursts * kMaxBurst * (frame.size() - 14));
}

// The deadline is all that is stored of a flow's last packet.
TEST(Pipeline, TheLastPacketStaysWhereItWasWhenTimeoutsChange) {
  for (const uint32_t changed_ms : {3'600'000u, 10u * 24 * 3'600'000}) {
    Harness harness;
    Establish(&harness, 1);
    harness.Advance(1'000'000);
    harness.Send(Segment(1, true, {.seq = 101, .ack = 301}, 10));
    const uint64_t last_us = harness.now().unix_us;
    harness.Advance(2'000'000);
    Command command{.kind = Command::Kind::kTune, .flow = {}, .tunables = {}};
    command.tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kEstablished)] = changed_ms;
    command.tunables.timeouts_changed_us = harness.now().unix_us;
    harness.pipeline().Apply(command, harness.now());
    harness.Advance(2'000'000);
    EXPECT_EQ(harness.Only().last_us, last_us);
    harness.Send(Segment(1, true, {.seq = 111, .ack = 301}, 10));
    EXPECT_EQ(harness.Only().last_us, harness.now().unix_us);
    EXPECT_EQ(harness.Only().timeout_ms, changed_ms);
    harness.Advance(2'000'000);
    EXPECT_EQ(harness.Only().last_us, harness.now().unix_us - 2'000'000);
  }
}

TEST(Pipeline, RecordsTellTimesAndIds) {
  Harness harness;
  Establish(&harness, 1);
  harness.Advance(3'500'000);
  harness.Send(Segment(1, true, {.seq = 101, .ack = 301}, 10));
  harness.Advance(2'000'000);
  const FlowRecord flow = harness.Only();
  EXPECT_EQ(flow.start_us, Harness::kStartUs);
  EXPECT_EQ(flow.last_us, Harness::kStartUs + 3'500'000);
  EXPECT_EQ(flow.timeout_ms, 432'000'000u - 2000);
  EXPECT_EQ(flow.originator.port, 40000);
  EXPECT_EQ(flow.responder.port, 80);
  EXPECT_EQ(flow.originator.address[0], 10);
  EXPECT_EQ(flow.responder.address[0], 192);
  EXPECT_EQ(flow.protocol, 6);
  const auto parsed = ParseFlowId(ToString(flow.id));
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(*parsed == flow.id);
  EXPECT_EQ(ToString(flow.id).size(), 16u);
  EXPECT_FALSE(ParseFlowId("nonsense"));
  EXPECT_FALSE(ParseFlowId("00000000000000001"));
  EXPECT_FALSE(ParseFlowId("000000000000000g"));
}

TEST(Pipeline, ARetransmissionMakesTheRttUnknown) {
  RunTrace(R"(
    C>S SYN seq=100
    +3s
    C>S SYN seq=100
    +10ms
    S>C SYN,ACK seq=300 ack=101
    +10ms
    C>S ACK
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.responder.handshake_rtt_us, std::nullopt);
              EXPECT_EQ(flow.originator.handshake_rtt_us, std::nullopt);
            }});
}

TEST(Pipeline, TheListenerHearsChangesAndNoMore) {
  Harness harness;
  Establish(&harness, 1);
  EXPECT_EQ(harness.changes.size(), 3u);
  for (uint32_t i = 0; i < 10; ++i)
    harness.Send(Segment(1, true, {.seq = 101 + 10 * i, .ack = 301}, 10));
  EXPECT_EQ(harness.changes.size(), 3u) << "never for an established packet";
  harness.Send(Segment(1, true, {.seq = 201, .ack = 301, .flags = tcp_flag::kRst}));
  ASSERT_EQ(harness.changes.size(), 4u);
  EXPECT_EQ(harness.changes.back().originator.state, tcp::State::kClosed);
}

// How often the kernel had to be asked for a page while 4,096 flows opened in a table of a million.
long PageFaultsOfOpening(bool populate) {
  Pipeline::Options options;
  options.capacity_ipv4 = options.half_open_quota = 1 << 20;
  Harness harness(options);
  harness.pipeline().set_listener(nullptr);
  EXPECT_TRUE(!populate || harness.pipeline().Populate().ok());
  Burst burst;
  long faults = 0;
  for (uint32_t n = 0; n < 1 << 12;) {
    std::vector<Harness::Frame> frames;
    for (uint32_t i = 0; i < kMaxBurst; ++i) frames.push_back({.bytes = Syn(n++)});
    const Harness::Blocks blocks = Harness::Fill(frames, &burst);
    rusage before{}, after{};
    getrusage(RUSAGE_THREAD, &before);
    harness.pipeline().Process(&burst, harness.now());
    getrusage(RUSAGE_THREAD, &after);
    faults += after.ru_minflt - before.ru_minflt;
  }
  EXPECT_EQ(harness.counters().flows_created.Read(), 1u << 12);
  return faults;
}

TEST(Pipeline, FlowsFindTheirPagesThere) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "what the sanitizer remembers of it faults, too";
#endif
  PageFaultsOfOpening(true);  // the first time that the code and the stack are touched
  EXPECT_LE(PageFaultsOfOpening(true), 8);
  EXPECT_GE(PageFaultsOfOpening(false), 32);  // of 80 of 2 MiB, or of a hundred thousand small ones
}

TEST(Pipeline, CapacitiesAreChecked) {
  Pipeline::Options options = Harness::SmallOptions();
  options.capacity_ipv6 = 0;
  EXPECT_FALSE(Pipeline::Create(options, {}).ok());
  options.capacity_ipv6 = 1u << 31;
  const auto created = Pipeline::Create(options, {});
  ASSERT_FALSE(created.ok());
  EXPECT_NE(std::string(created.status().message()).find("flow slots"), std::string::npos);
}

// Packets of one IP version are looked up by loops of their own.
TEST(PipelineBurst, OfBothVersionsAndOfEach) {
  const auto segment = [](bool ipv6, uint16_t port, uint8_t flags) {
    PacketBuilder builder;
    builder.Ethernet();
    if (ipv6) {
      builder.Ipv6("2001:db8::1", "2001:db8::2");
    } else {
      builder.Ipv4("10.0.0.1", "10.0.0.2");
    }
    return Harness::Frame{
        .bytes =
            builder.Tcp({.source_port = port, .destination_port = 80, .seq = 100, .flags = flags})
                .Build()};
  };
  Harness harness;
  const std::vector<std::vector<bool>> bursts = {
      {false, true, false, false, true}, {false, false, false}, {true, true, true}, {true, false}};
  for (const auto& versions : bursts) {
    // Flows that are made, and flows that are found.
    for (int round = 0; round < 2; ++round) {
      std::vector<Harness::Frame> frames;
      uint16_t port = 1000;
      for (const bool ipv6 : versions) frames.push_back(segment(ipv6, ++port, tcp_flag::kSyn));
      harness.SendBurst(frames);
      // Not merely found in the end: a candidate that is not its packet's flow costs no more than time.
      for (uint32_t i = 0; round == 1 && i < harness.burst().count; ++i)
        EXPECT_NE(harness.burst().candidate[i], nullptr) << "packet " << i;
    }
  }
  uint64_t ipv4 = 0, ipv6 = 0;
  for (const FlowRecord& flow : harness.Live()) {
    ++(flow.ipv6 ? ipv6 : ipv4);
    EXPECT_GE(flow.originator.packets, 2u);
    EXPECT_EQ(flow.originator.packets % 2, 0u) << "found by each second burst";
  }
  EXPECT_EQ(ipv4, 4u);  // ports 1001 to 1004
  EXPECT_EQ(ipv6, 4u);  // ports 1001 to 1003 and 1005
}

}  // namespace
}  // namespace coretrack::testing
