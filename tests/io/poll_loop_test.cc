#include "dataplane/worker/poll_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/io/poll_harness.h"
#include "tests/packet/fragmenter.h"

namespace coretrack {
namespace {

using testing::Bytes;
using testing::PacketBuilder;
using testing::PollHarness;
using testing::TestPool;

std::string Address(uint32_t n) {
  return "10.1." + std::to_string(n >> 8 & 0xff) + "." + std::to_string(n & 0xff);
}

// Segments of flow `n`: from its client (port a) or from its server (port b).
Bytes Client(uint32_t n, uint8_t flags, uint32_t seq, uint32_t ack = 0) {
  return PacketBuilder()
      .Ethernet()
      .Ipv4(Address(n), "192.0.2.1")
      .Tcp({.source_port = static_cast<uint16_t>(10'000 + n),
            .destination_port = 80,
            .seq = seq,
            .ack = ack,
            .flags = flags})
      .Build();
}
Bytes Server(uint32_t n, uint8_t flags, uint32_t seq, uint32_t ack) {
  return PacketBuilder()
      .Ethernet()
      .Ipv4("192.0.2.1", Address(n))
      .Tcp({.source_port = 80,
            .destination_port = static_cast<uint16_t>(10'000 + n),
            .seq = seq,
            .ack = ack,
            .flags = flags})
      .Build();
}
Bytes Udp(uint32_t n) {
  return PacketBuilder()
      .Ethernet()
      .Ipv4(Address(n), "192.0.2.53")
      .Udp(static_cast<uint16_t>(20'000 + n), 53)
      .Payload(n % 100)
      .Build();
}

PacketMeta MetaOf(const Bytes& frame) {
  PacketMeta meta;
  const auto bytes = static_cast<uint32_t>(frame.size());
  Parse(frame.data(), bytes, bytes, {}, &meta);
  return meta;
}

// Every test ends with all packets back in their pool.
class PollLoopTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(TestPool::Missing(), 0u); }
  void TearDown() override { EXPECT_EQ(TestPool::Missing(), 0u) << "mbufs leaked"; }
};

TEST_F(PollLoopTest, EveryPacketComesOutUnchangedAndInOrder) {
  PollHarness h({});
  uint64_t packets = 0, bytes = 0;
  for (uint32_t round = 0; round < 200; ++round) {
    std::vector<Bytes> to_b, to_a;
    for (uint32_t i = 0; i < round % 70; ++i) {
      to_b.push_back(Udp(round * 70 + i));
      ASSERT_TRUE(h.a.Inject(to_b.back()));
      to_a.push_back(Client(i, tcp_flag::kSyn, round));
      ASSERT_TRUE(h.b.Inject(to_a.back()));
      packets += 2;
      bytes += to_b.back().size() + to_a.back().size();
    }
    h.Poll();
    h.Poll();
    ASSERT_EQ(h.b.Collect(), to_b);
    ASSERT_EQ(h.a.Collect(), to_a);
  }
  EXPECT_EQ(h.Sum(&WorkerCounters::received), packets);
  EXPECT_EQ(h.Sum(&WorkerCounters::received_bytes), bytes);
  EXPECT_EQ(h.Sum(&WorkerCounters::forwarded), packets);
  EXPECT_EQ(h.Sum(&WorkerCounters::forwarded_bytes), bytes);
  EXPECT_EQ(h.DroppedAll(), 0u);
  EXPECT_EQ(h.InFlight(), 0u);
  EXPECT_EQ(h.Sum(&WorkerCounters::polls), 400u);
}

// While a port has more than a poll takes, the last burst stays on its way until the next poll.
TEST_F(PollLoopTest, TheLastBurstOfAFullPollIsFinishedByTheNext) {
  constexpr uint32_t kPoll = PollLoop::kBurstsPerQueue * kMaxBurst;
  for (const bool drain : {false, true}) {
    PollHarness h({});
    std::vector<Bytes> frames;
    for (uint32_t i = 0; i < kPoll + 10; ++i) {
      frames.push_back(Udp(i));
      ASSERT_TRUE(h.a.Inject(frames.back()));
    }
    h.Poll();
    EXPECT_EQ(h.Sum(&WorkerCounters::received), kPoll);
    EXPECT_EQ(h.Sum(&WorkerCounters::forwarded), kPoll - kMaxBurst);
    EXPECT_EQ(h.InFlight(), kMaxBurst);
    h.Poll(0, 10, !drain);
    if (drain) frames.resize(kPoll);
    EXPECT_EQ(h.Sum(&WorkerCounters::forwarded), frames.size());
    EXPECT_EQ(h.InFlight(), 0u);
    EXPECT_EQ(h.b.Collect(), frames);
    h.Settle();
    h.b.Collect();
  }
}

TEST_F(PollLoopTest, WhatIsNotTrackedPassesToo) {
  PollHarness h({});
  const std::vector<Bytes> frames = {
      PacketBuilder().Ethernet(0x0806).Payload(46).Build(),  // ARP
      PacketBuilder().Ethernet(0x88cc).Payload(46).Build(),  // LLDP
      Bytes{1, 2, 3},                                        // no Ethernet
      PacketBuilder()
          .Ethernet()
          .Ipv4("1.2.3.4", "5.6.7.8", {.fragment_field = 0x2000})
          .Udp(1, 2)
          .Payload(8)
          .Build(),
      PacketBuilder().Ethernet().Vlan(5).Vlan(6).Ipv6("2001:db8::1", "2001:db8::2").Tcp().Build(),
  };
  for (const Bytes& frame : frames) h.a.Inject(frame);
  h.Poll();
  EXPECT_EQ(h.b.Collect(), frames);
  EXPECT_EQ(h.Sum(&WorkerCounters::forwarded), frames.size());
}

TEST_F(PollLoopTest, OneQueueTwoWorkersKeepEachFlowOnItsOwner) {
  constexpr uint32_t kFlows = 200;
  PollHarness h({.workers = 2, .queues = 1});
  uint64_t expected[2] = {};
  const auto exchange = [&](auto frame_of, bool from_client) {
    for (uint32_t n = 0; n < kFlows; ++n) {
      ASSERT_TRUE((from_client ? h.a : h.b).Inject(frame_of(n)));
    }
    h.Settle();
    ASSERT_EQ(h.InFlight(), 0u);
    ASSERT_EQ((from_client ? h.b : h.a).Drain(), kFlows);
  };
  for (uint32_t n = 0; n < kFlows; ++n) {
    ++expected[h.wiring.owners.OwnerOf(MetaOf(Client(n, tcp_flag::kSyn, 1)).key)];
  }
  exchange([](uint32_t n) { return Client(n, tcp_flag::kSyn, 100); }, true);
  exchange([](uint32_t n) { return Server(n, tcp_flag::kSyn | tcp_flag::kAck, 500, 101); }, false);
  exchange([](uint32_t n) { return Client(n, tcp_flag::kAck, 101, 501); }, true);
  exchange([](uint32_t n) { return Server(n, tcp_flag::kAck, 501, 101); }, false);

  ASSERT_GT(expected[1], 50u);
  for (uint32_t w = 0; w < 2; ++w) {
    EXPECT_EQ(h.counters(w).flows.Read(), expected[w]) << w;
    EXPECT_EQ(h.counters(w).flows_created.Read(), expected[w]) << w;
    EXPECT_EQ(h.counters(w).tracked.Read(), 4 * expected[w]) << w;
  }
  // Worker 1 has neither rx nor tx queue: its packets come to it and go back by the rings.
  EXPECT_EQ(h.counters(0).received.Read(), 4 * kFlows);
  EXPECT_EQ(h.counters(0).forwarded.Read(), 4 * kFlows);
  EXPECT_EQ(h.counters(0).handed_over.Read(), 4 * expected[1]);
  EXPECT_EQ(h.counters(1).taken_over.Read(), 4 * expected[1]);
  EXPECT_EQ(h.counters(1).handed_over.Read(), 4 * expected[1]);
  EXPECT_EQ(h.counters(0).taken_over.Read(), 4 * expected[1]);
  EXPECT_EQ(h.DroppedAll(), 0u);
}

// Of a burst of established flows' data, every other packet goes to another worker: those that stay move up, and each is
// tracked as what it is.
void GiveAwayHalf(uint32_t queues) {
  constexpr uint32_t kFlows = 100, kRounds = 6;
  PollHarness h({.workers = 2, .queues = queues});
  const auto send = [&h](const Bytes& frame) { ASSERT_TRUE(h.a.Inject(frame)); };
  const auto drain = [queues](testing::RingLink& link) {
    uint32_t packets = 0;
    for (uint32_t queue = 0; queue < queues; ++queue) packets += link.Drain(queue);
    return packets;
  };
  const auto settle = [&] {
    h.Settle();
    drain(h.b);
  };
  for (uint32_t n = 0; n < kFlows; ++n) send(Client(n, tcp_flag::kSyn, 100));
  settle();
  for (uint32_t n = 0; n < kFlows; ++n) {
    ASSERT_TRUE(h.b.Inject(Server(n, tcp_flag::kSyn | tcp_flag::kAck, 500, 101)));
  }
  h.Settle();
  drain(h.a);
  std::mt19937 random(1);
  std::vector<uint32_t> order(kFlows);
  for (uint32_t n = 0; n < kFlows; ++n) order[n] = n;
  for (uint32_t round = 0; round < kRounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const uint32_t n : order) {
      // Of a length of its own, so that no other flow's will do.
      Bytes frame = PacketBuilder()
                        .Ethernet()
                        .Ipv4(Address(n), "192.0.2.1")
                        .Tcp({.source_port = static_cast<uint16_t>(10'000 + n),
                              .destination_port = 80,
                              .seq = 101 + round * (n + 1),
                              .ack = 501})
                        .Payload(n + 1)
                        .Build();
      send(frame);
    }
    for (const uint32_t n : order) {
      ASSERT_TRUE(h.b.Inject(Server(n, tcp_flag::kAck, 501, 101 + round * (n + 1))));
    }
    h.Settle();
    // Of those that another worker tracked, and gave back, some are for either port.
    ASSERT_EQ(drain(h.b), kFlows);
    ASSERT_EQ(drain(h.a), kFlows);
  }
  uint32_t flows = 0;
  for (uint32_t w = 0; w < 2; ++w) {
    const FlowTable& table = h.pipeline(w).table(false);
    for (uint32_t slot = 0; slot < table.slots(); ++slot) {
      const FlowIndex index{table.first_index() + slot};
      if (table.LooksEmpty(index)) continue;
      const FlowRecord flow = h.pipeline(w).RecordOf(index, {});
      const uint32_t n = flow.originator.port - 10'000u;
      ++flows;
      EXPECT_EQ(flow.originator.packets, 1 + kRounds) << n;
      EXPECT_EQ(flow.originator.bytes, 40 + kRounds * (40 + n + 1)) << n;
      EXPECT_EQ(flow.responder.packets, 1 + kRounds) << n;
      EXPECT_EQ(flow.originator.out_of_window, 0u) << n;
    }
    for (const Counter& invalid : h.counters(w).invalid) EXPECT_EQ(invalid.Read(), 0u);
  }
  EXPECT_EQ(flows, kFlows);
}
TEST_F(PollLoopTest, WhatStaysOfABurstIsTrackedAsWhatItIs) { GiveAwayHalf(1); }
TEST_F(PollLoopTest, AndWhoTakesItSendsItWhereItGoes) { GiveAwayHalf(2); }

// Fragments meet where their addresses belong; the datagram counts where its ports belong.
TEST_F(PollLoopTest, FragmentsCountOnTheFlowOfTheirDatagramWhereverItIs) {
  constexpr uint32_t kFlows = 100;
  PollHarness h({.workers = 2, .queues = 1});
  const auto frame = [](uint32_t n) {
    return PacketBuilder()
        .Ethernet()
        .Ipv4(Address(n), "192.0.2.53")
        .Udp(static_cast<uint16_t>(20'000 + 7 * n), 53)
        .Payload(1000)
        .Build();
  };
  uint32_t elsewhere = 0;
  uint64_t flows_of[2] = {};
  for (uint32_t n = 0; n < kFlows; ++n) {
    FlowKey key = MetaOf(frame(n)).key;
    const uint32_t owner = h.wiring.owners.OwnerOf(key);
    ++flows_of[owner];
    key.ports = 0;
    if (h.wiring.owners.OwnerOf(key) != owner) ++elsewhere;
    h.a.Inject(frame(n));
    auto fragments = testing::Fragments(frame(n), 256, n);
    std::swap(fragments[0], fragments[2]);
    for (const Bytes& fragment : fragments) ASSERT_TRUE(h.a.Inject(fragment));
    h.Settle();
    ASSERT_EQ(h.InFlight(), 0u);
  }
  ASSERT_GT(elsewhere, 20u);
  EXPECT_EQ(h.b.Drain(), 5 * kFlows);
  for (uint32_t w = 0; w < 2; ++w) {
    EXPECT_EQ(h.counters(w).flows.Read(), flows_of[w]) << w;
    EXPECT_EQ(h.counters(w).tracked.Read(), 5 * flows_of[w]) << w;
    EXPECT_EQ(h.counters(w).fragments_waiting.Read(), 0u) << w;
  }
  EXPECT_EQ(h.Sum(&WorkerCounters::fragmented_datagrams), kFlows);
  EXPECT_EQ(h.DroppedAll(), 0u);
}

TEST_F(PollLoopTest, OverlappingFragmentsAreDroppedAndCounted) {
  PollHarness h({});
  const Bytes frame = Udp(90);
  h.a.Inject(testing::FragmentOf(frame, 0, 64, true, 1));
  h.a.Inject(testing::FragmentOf(frame, 56, 98, false, 1));
  h.Settle();
  EXPECT_EQ(h.b.Drain(), 1u);
  EXPECT_EQ(h.Dropped(Drop::kFragment), 1u);
  EXPECT_EQ(h.InFlight(), 0u);
}

TEST_F(PollLoopTest, InFlightIsExactlyWhatLiesInTheRings) {
  PollHarness h({.workers = 2, .queues = 1});
  for (uint32_t n = 0; n < 50; ++n) h.a.Inject(Client(n, tcp_flag::kSyn, 1));
  EXPECT_EQ(h.InFlight(), 0u);  // in the device, not received yet
  h.Poll(0);
  const uint64_t given = h.counters(0).handed_over.Read();
  ASSERT_GT(given, 0u);
  EXPECT_EQ(h.InFlight(), given);
  h.Poll(1);
  EXPECT_EQ(h.InFlight(), given);  // tracked, on the way back to the worker that has the tx queue
  h.Poll(0);
  EXPECT_EQ(h.InFlight(), 0u);
  EXPECT_EQ(h.b.Drain(), 50u);
}

TEST_F(PollLoopTest, PacketsThatRssPlacedRightAreNotHandedOverAndWrongOnesAllAre) {
  for (const bool right : {true, false}) {
    PollHarness h({.workers = 2, .queues = 2});
    for (uint32_t n = 0; n < 60; ++n) {
      const Bytes frame = Client(n, tcp_flag::kSyn, 1);
      const uint32_t owner = h.wiring.owners.OwnerOf(MetaOf(frame).key);
      h.a.Inject(frame, right ? owner : 1 - owner);
    }
    h.Settle();
    EXPECT_EQ(h.Sum(&WorkerCounters::handed_over), right ? 0u : 60u);
    EXPECT_EQ(h.Sum(&WorkerCounters::forwarded), 60u);
    for (uint32_t w = 0; w < 2; ++w) {
      EXPECT_EQ(h.b.Drain(w), h.counters(w).flows.Read());  // sent by its owner
    }
  }
}

TEST_F(PollLoopTest, AFullOutputIsCounted) {
  PollHarness h({.ring_packets = 64});  // room for 63
  uint64_t bytes = 0;
  for (uint32_t round = 0; round < 4; ++round) {
    for (uint32_t n = 0; n < 50; ++n) {
      ASSERT_TRUE(h.a.Inject(Udp(round * 50 + n)));
      if (round * 50 + n < 63) bytes += Udp(round * 50 + n).size();
    }
    h.Poll();
  }
  EXPECT_EQ(h.Sum(&WorkerCounters::received), 200u);
  EXPECT_EQ(h.Sum(&WorkerCounters::forwarded), 63u);
  EXPECT_EQ(h.Sum(&WorkerCounters::forwarded_bytes), bytes);
  EXPECT_EQ(h.Dropped(Drop::kTxFull), 137u);
  EXPECT_EQ(h.InFlight(), 0u);
  EXPECT_EQ(h.b.Drain(), 63u);
  h.a.Inject(Udp(1));
  h.Poll();
  EXPECT_EQ(h.b.Drain(), 1u);  // forwarding resumes
}

TEST_F(PollLoopTest, AFullRingToTheOwnerIsCounted) {
  PollHarness h({.workers = 2, .queues = 1, .handover_packets = 32});  // room for 31
  uint64_t foreign = 0;
  for (uint32_t n = 0; n < 300; ++n) {
    const Bytes frame = Client(n, tcp_flag::kSyn, 1);
    foreign += h.wiring.owners.OwnerOf(MetaOf(frame).key);
    ASSERT_TRUE(h.a.Inject(frame));
  }
  ASSERT_GT(foreign, 31u);
  for (int i = 0; i < 10; ++i) h.Poll(0);  // worker 1 stands still
  EXPECT_EQ(h.Dropped(Drop::kHandoverFull), foreign - 31);
  EXPECT_EQ(h.InFlight(), 31u);
  h.Settle();
  EXPECT_EQ(h.InFlight(), 0u);
  EXPECT_EQ(h.b.Drain(), 300 - foreign + 31);
}

TEST_F(PollLoopTest, PacketsLeftInRingsAreFreedWithThem) {
  PollHarness h({.workers = 2, .queues = 1});
  for (uint32_t n = 0; n < 100; ++n) h.a.Inject(Client(n, tcp_flag::kSyn, 1));
  h.Poll(0);
  EXPECT_GT(h.InFlight(), 0u);
}

TEST_F(PollLoopTest, AMonitorPortTracksAndSendsNothing) {
  PollHarness h({.role = PortRole::kMonitor});
  for (uint32_t n = 0; n < 40; ++n) h.a.Inject(Client(n, tcp_flag::kSyn, 1));
  for (uint32_t n = 0; n < 40; ++n) {
    h.a.Inject(Server(n, tcp_flag::kSyn | tcp_flag::kAck, 9, 2));
  }
  h.Settle();
  EXPECT_EQ(h.Dropped(Drop::kMonitor), 80u);
  EXPECT_EQ(h.Sum(&WorkerCounters::flows), 40u);
  EXPECT_EQ(h.Sum(&WorkerCounters::forwarded), 0u);
  EXPECT_EQ(h.InFlight(), 0u);
  EXPECT_EQ(h.a.Drain() + h.b.Drain(), 0u);
}

TEST_F(PollLoopTest, APortThatIsDownIsNotSentTo) {
  PollHarness h({});
  h.wiring.port_down[h.port_id(1)] = true;
  for (uint32_t n = 0; n < 10; ++n) h.a.Inject(Udp(n));
  h.Poll();
  EXPECT_EQ(h.Dropped(Drop::kPortDown), 10u);
  h.wiring.port_down[h.port_id(1)] = false;
  h.a.Inject(Udp(1));
  h.Poll();
  EXPECT_EQ(h.b.Drain(), 1u);
}

TEST_F(PollLoopTest, InvalidAndMalformedPacketsAreDroppedWhenAsked) {
  Tunables tunables;
  tunables.drop_invalid = true;
  PollHarness h({.tunables = tunables});
  Bytes malformed = Udp(1);
  testing::Set16(&malformed, 14 + 2, 2000);  // longer than the frame
  h.a.Inject(malformed);
  h.a.Inject(Client(1, tcp_flag::kSyn | tcp_flag::kFin, 1));
  h.a.Inject(Udp(2));
  h.Poll();
  EXPECT_EQ(h.Dropped(Drop::kMalformed), 1u);
  EXPECT_EQ(h.Dropped(Drop::kInvalid), 1u);
  EXPECT_EQ(h.b.Drain(), 1u);
}

TEST_F(PollLoopTest, HeadersAcrossSegmentsAreRead) {
  for (const bool sends_segments : {true, false}) {
    PollHarness h({});
    h.wiring.ports[h.port_id(1)].sends_segments = sends_segments;
    const Bytes frame =
        PacketBuilder()
            .Ethernet()
            .Ipv4("10.0.0.1", "10.0.0.2")
            .Tcp({.seq = 7, .flags = tcp_flag::kSyn, .options = testing::MssOption(1460)})
            .Payload(900)
            .Build();
    ASSERT_TRUE(h.a.InjectInSegments(frame, {20, 1, 30, 300}));
    h.Poll();
    EXPECT_EQ(h.b.Collect(), std::vector<Bytes>{frame});
    EXPECT_EQ(h.b.segments(), std::vector<uint32_t>{sends_segments ? 5u : 1u});
    EXPECT_EQ(h.Sum(&WorkerCounters::flows), 1u);
    EXPECT_EQ(h.counters(0).malformed[static_cast<size_t>(Malformed::kTruncatedTcp)].Read(), 0u);
  }
}

TEST_F(PollLoopTest, FlowsExpireWithoutPackets) {
  PollHarness h({});
  for (uint32_t n = 0; n < 100; ++n) h.a.Inject(Udp(n));
  h.Settle();
  EXPECT_EQ(h.b.Drain(), 100u);
  EXPECT_EQ(h.Sum(&WorkerCounters::flows), 100u);
  for (int i = 0; i < 299; ++i) h.Poll(0, 100'000);
  EXPECT_EQ(h.Sum(&WorkerCounters::flows), 100u);  // 29.9 s
  for (int i = 0; i < 10; ++i) h.Poll(0, 100'000);
  EXPECT_EQ(h.Sum(&WorkerCounters::flows), 0u);
}

TEST_F(PollLoopTest, AStoppedProcessLosesNoFlow) {
  PollHarness h({});
  for (uint32_t n = 0; n < 100; ++n) h.a.Inject(Udp(n));
  h.Settle();
  h.b.Drain();
  h.Poll(0, 600'000'000);
  EXPECT_EQ(h.counters(0).clock_jumps.Read(), 1u);
  h.Settle();
  EXPECT_EQ(h.Sum(&WorkerCounters::flows), 100u);
  EXPECT_NEAR(static_cast<double>(h.counters(0).now_unix_us.Read()),
              static_cast<double>(PollHarness::kStartUs) + 1e6, 1000);
}

TEST_F(PollLoopTest, CommandsAreTakenAFewAPoll) {
  PollHarness h({});
  Command tune;
  tune.kind = Command::Kind::kTune;
  for (uint32_t i = 1; i <= PollLoop::kCommandsPerPoll + 1; ++i) {
    tune.tunables.tcp_timeout_ms[0] = i * 1000;
    ASSERT_TRUE(h.mailbox(0).Push(tune));
  }
  h.Poll();
  EXPECT_EQ(h.pipeline(0).tunables().tcp_timeout_ms[0], PollLoop::kCommandsPerPoll * 1000);
  h.Poll();
  EXPECT_EQ(h.pipeline(0).tunables().tcp_timeout_ms[0], (PollLoop::kCommandsPerPoll + 1) * 1000);
}

TEST_F(PollLoopTest, AnIdleWorkerMaySleepAndABusyOneMayNot) {
  PollHarness h({});
  for (uint32_t i = 0; i < Idle::kSpinPolls; ++i) EXPECT_EQ(h.Poll(0), 0u);
  EXPECT_GT(h.Poll(0), 0u);
  h.a.Inject(Udp(1));
  EXPECT_EQ(h.Poll(0), 0u);
  EXPECT_EQ(h.counters(0).busy_polls.Read(), 1u);
  h.b.Drain();
}

TEST_F(PollLoopTest, DrainingReceivesNothing) {
  PollHarness h({});
  h.a.Inject(Udp(1));
  h.Poll(0, 10, /*receive=*/false);
  EXPECT_EQ(h.Sum(&WorkerCounters::received), 0u);
}

// A frame of any kind, also broken ones.
Bytes AnyFrame(std::mt19937_64* random) {
  const auto n = static_cast<uint32_t>((*random)() % 500);
  switch ((*random)() % 8) {
    case 0: {
      Bytes rubbish((*random)() % 200 + 1);
      for (uint8_t& byte : rubbish) byte = static_cast<uint8_t>((*random)());
      return rubbish;
    }
    case 1: {
      Bytes cut = Client(n, tcp_flag::kAck, 5, 5);
      cut.resize((*random)() % cut.size() + 1);
      return cut;
    }
    case 2:
      return PacketBuilder().Ethernet().Ipv4(Address(n), "192.0.2.1").Icmp(8, 0, n << 16).Build();
    case 3:
      return PacketBuilder()
          .Ethernet()
          .Ipv6("2001:db8::1", "2001:db8::2")
          .Udp(n & 0xffff, 53)
          .Payload(8)
          .Build();
    case 4:
      return Udp(n);
    default:
      return Client(n, static_cast<uint8_t>((*random)()), static_cast<uint32_t>((*random)()));
  }
}

TEST_F(PollLoopTest, TheIdentityHoldsAtEveryStepOfARandomRun) {
  for (const uint32_t queues : {1u, 2u, 3u}) {
    Tunables tunables;
    tunables.drop_invalid = true;
    PollHarness h({.workers = 3,
                   .queues = queues,
                   .ring_packets = 128,
                   .handover_packets = 32,
                   .tunables = tunables});
    std::mt19937_64 random(queues);
    uint64_t injected = 0, collected = 0;
    for (int step = 0; step < 20'000; ++step) {
      auto& link = random() % 2 == 0 ? h.a : h.b;
      switch (random() % 8) {
        case 0:
          for (uint32_t i = random() % 200; i > 0; --i) {
            injected += link.Inject(AnyFrame(&random), random() % queues);
          }
          break;
        case 1:  // rarely enough that outputs fill up
          if (random() % 4 != 0) break;
          collected += link.Drain(random() % queues);
          break;
        default:
          h.Poll(random() % 3, random() % 20'000);
          break;
      }
      const uint64_t in_rings =
          h.Sum(&WorkerCounters::handed_over) - h.Sum(&WorkerCounters::taken_over);
      ASSERT_EQ(h.InFlight(), in_rings) << step;
    }
    for (int i = 0; i < 50; ++i) {
      h.Poll();
      for (uint32_t q = 0; q < queues; ++q) collected += h.a.Drain(q) + h.b.Drain(q);
    }
    EXPECT_EQ(h.InFlight(), 0u);
    EXPECT_EQ(h.Sum(&WorkerCounters::received), injected);
    EXPECT_EQ(h.Sum(&WorkerCounters::forwarded), collected);
    EXPECT_EQ(injected, collected + h.DroppedAll());
    EXPECT_GT(h.Dropped(Drop::kTxFull), 0u);
    EXPECT_GT(h.Dropped(Drop::kHandoverFull), 0u);
    EXPECT_GT(h.Dropped(Drop::kInvalid), 0u);
    EXPECT_GT(h.Dropped(Drop::kMalformed), 0u);
  }
}

}  // namespace
}  // namespace coretrack
