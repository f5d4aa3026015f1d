// TCP.md 10, 18, 27, 28, 38: two incarnations on the same ports, until what follows shows which of them
// counts.
#include <algorithm>

#include "tests/packet/packet_builder.h"
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

std::string TimeWait(std::string_view rest) {
  return R"(
    C>S SYN seq=100 mss=1000
    S>C SYN,ACK seq=300 ack=101 mss=1000
    C>S ACK
    C>S FIN,ACK seq=101 ack=301
    S>C FIN,ACK seq=301 ack=102
    C>S ACK seq=102 ack=302                  = TIME_WAIT CLOSED
    +1s
  )" + std::string(rest);
}

// An attempt to open that comes to nothing is undone, whoever forged it, and with what.
TEST(Sequence10, AnOpeningInTheMiddleOfAnother) {
  const std::string opening = R"(
    C>S SYN seq=100 ws=7
    S>C SYN,ACK seq=300 ack=101 ws=7
    C>S SYN seq=900000 ws=2 stray            = SYN_SENT SYN_RCVD
  )";
  const std::string genuine = R"(
    C>S ACK seq=101 ack=301                  = ESTABLISHED ESTABLISHED timeout 5d
    C>S ACK seq=101 ack=301 len=10
    S>C ACK seq=301 ack=111
  )";
  const TraceOptions scale_of_the_first{.tunables = {},
                                        .inspect = [](const FlowRecord& flow, const Harness&) {
                                          EXPECT_EQ(flow.originator.window_scale, 7);
                                        }};
  RunTrace(opening + genuine, scale_of_the_first);
  RunTrace(opening + "S>C SYN,ACK seq=77777 ack=900001 stray = SYN_SENT SYN_RCVD\n" + genuine,
           scale_of_the_first);
  RunTrace(opening + "S>C RST,ACK seq=0 ack=900001 stray\n" + genuine, scale_of_the_first);
  RunTrace(opening + "C>S ACK seq=900001 ack=5000000 stray ! sequence_high\n" + genuine,
           scale_of_the_first);
}

// What a SYN beside the flow carries is not of this flow's history, and hides nothing that comes later.
TEST(Sequence10, DataInAForgedSynIsNotTheFlows) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK seq=101 ack=301
    C>S SYN seq=900000 len=50 stray          = ESTABLISHED ESTABLISHED
    S>C ACK seq=301 ack=101 len=10
    C>S ACK seq=101 ack=311 len=10           = ESTABLISHED ESTABLISHED
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.history, "ShAdD");
            }});
}

TEST(Sequence10, ForgedPairsBeforeTheAnswer) {
  RunTrace(R"(
    C>S SYN seq=100
    C>S SYN seq=1000000000 stray
    C>S ACK seq=1000000001 ack=77777         = ESTABLISHED ESTABLISHED
    C>S SYN seq=2000000000 stray
    C>S ACK seq=2000000001 ack=77777 stray
    S>C SYN,ACK seq=300 ack=101 stray        = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=301                  = ESTABLISHED ESTABLISHED timeout 5d
    S>C ACK seq=301 ack=101 len=10
  )");
}

// In a simultaneous open too, and one that only seems to be.
TEST(Sequence12, AnotherSynOfOneSide) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN seq=300                          = SYN_SENT SYN_SENT
    S>C SYN seq=1000000000 stray             = SYN_SENT SYN_SENT
    C>S SYN,ACK seq=100 ack=301              = SYN_RCVD SYN_SENT
    C>S SYN seq=2000000000 stray
    S>C SYN,ACK seq=300 ack=101              = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=301 len=10
    S>C ACK seq=301 ack=111
  )");
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN seq=1000000000 stray             = SYN_SENT SYN_SENT     # forged, or of an earlier one
    S>C SYN,ACK seq=300 ack=101              = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=301                  = ESTABLISHED ESTABLISHED timeout 5d
  )");
}

TEST(HandshakeRtt, IsNotFromOneSynToTheAnswerOfAnother) {
  RunTrace(R"(
    C>S SYN seq=90
    S>C SYN,ACK seq=300 ack=91
    +10s
    C>S SYN seq=100 stray
    C>S RST seq=91                           = SYN_SENT LISTEN
    S>C SYN,ACK seq=400 ack=101              = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=401                  = ESTABLISHED ESTABLISHED
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.responder.handshake_rtt_us,
                        1u);  // that of the first, which came at once
            }});
}

TEST(Sequence10, TheAnswerToTheSecondSynWasMissed) {
  for (const char* second : {"900000", "4294000000"}) {
    const uint32_t isn = static_cast<uint32_t>(std::stoul(second));
    const auto at = [isn](uint32_t n) { return std::to_string(isn + n); };
    RunTrace("C>S SYN seq=100\nS>C SYN,ACK seq=300 ack=101\nC>S SYN seq=" + at(0) +
             "\nC>S ACK seq=" + at(1) + " ack=301 len=10 = ESTABLISHED ESTABLISHED timeout 300s" +
             "\nS>C ACK seq=301 ack=" + at(11) + " len=5 = ESTABLISHED ESTABLISHED timeout 5d" +
             "\nC>S ACK seq=" + at(11) + " ack=306");
  }
}

// RFC 9293 figure 8, and everything twice.
TEST(Sequence10, WhatAnswersTheFirstSynIsRefusedTwice) {
  RunTrace(R"(
    C>S SYN seq=100
    C>S SYN seq=900000 stray
    S>C SYN,ACK seq=300 ack=101              = SYN_SENT SYN_RCVD
    S>C SYN,ACK seq=300 ack=101
    C>S RST seq=101                          = SYN_SENT LISTEN
    C>S RST seq=101                          = SYN_SENT LISTEN
    S>C SYN,ACK seq=4000 ack=900001          = SYN_SENT SYN_RCVD
    C>S ACK seq=900001 ack=4001              = ESTABLISHED ESTABLISHED
  )");
}

// The next connection within 2 MSL, whatever of its opening is seen: with its own options, its own counts and its
// own beginning.
TEST(Sequence38, TheNextConnectionWithoutItsSynAck) {
  const TraceOptions options{.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
                               EXPECT_FALSE(flow.midstream);
                               EXPECT_EQ(flow.originator.mss, 1400);
                               EXPECT_EQ(flow.responder.mss, std::nullopt);
                               EXPECT_EQ(flow.originator.packets, 4u);
                               EXPECT_EQ(flow.responder.packets, 1u);
                               EXPECT_EQ(flow.history, "SADd");
                             }};
  RunTrace(TimeWait(R"(
    C>S SYN seq=500000 mss=1400              = TIME_WAIT CLOSED
    C>S ACK seq=500001 ack=900001            = TIME_WAIT CLOSED
    C>S ACK seq=500001 ack=900001 len=10     = TIME_WAIT CLOSED
    S>C ACK seq=900001 ack=500011 len=5      = ESTABLISHED ESTABLISHED new flow end closed
    C>S ACK seq=500011 ack=900006            timeout 5d
  )"),
           options);
}

TEST(Sequence28, TheNextConnectionWithItsSynAckFirst) {
  const TraceOptions options{.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
                               EXPECT_FALSE(flow.midstream);
                               EXPECT_EQ(flow.originator.mss, 1400);
                               EXPECT_EQ(flow.responder.mss, 1300);
                               EXPECT_EQ(flow.originator.packets, 2u);
                               EXPECT_EQ(flow.responder.packets, 1u);
                             }};
  RunTrace(TimeWait(R"(
    S>C SYN,ACK seq=900000 ack=500001 mss=1300 ! syn_ack_ack
    C>S SYN seq=500000 mss=1400              = SYN_SENT SYN_RCVD new flow end closed
    C>S ACK seq=500001 ack=900001            = ESTABLISHED ESTABLISHED
  )"),
           options);
  RunTrace(TimeWait(R"(
    S>C SYN,ACK seq=900000 ack=500001 mss=1300 ! syn_ack_ack
    C>S ACK seq=500001 ack=900001            = ESTABLISHED ESTABLISHED new flow end closed
    C>S SYN seq=500000 mss=1400              # late
    C>S ACK seq=500001 ack=900001 len=10
    S>C ACK seq=900001 ack=500011
  )"));
}

// Of one side alone, and of what does not belong to it, nothing comes.
TEST(Sequence38, WhatDoesNotConfirmTheNextConnection) {
  RunTrace(TimeWait(R"(
    C>S SYN seq=500000                       = TIME_WAIT CLOSED
    S>C SYN,ACK seq=900000 ack=400001        ! syn_ack_ack
    S>C ACK seq=302 ack=102                  = TIME_WAIT CLOSED
    S>C ACK seq=900001 ack=400001 len=10     = TIME_WAIT CLOSED
    C>S ACK seq=7000000 ack=1                ! sequence_high
    S>C RST,ACK seq=4000000 ack=500001       = TIME_WAIT CLOSED      # refused
    S>C SYN,ACK seq=900000 ack=500001        ! syn_ack_ack
  )"));
}

TEST(Sequence03, BothHaveForgottenAndTheSynAckWasMissed) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK
    S>C ACK                                  = ESTABLISHED ESTABLISHED
    C>S SYN seq=5000000 mss=900 stray        = ESTABLISHED ESTABLISHED
    C>S ACK seq=5000001 ack=9000001 len=10 stray = ESTABLISHED ESTABLISHED
    S>C ACK seq=9000001 ack=4000000          ! sequence_high
    S>C ACK seq=9000001 ack=5000011          = ESTABLISHED ESTABLISHED new flow end reset
  )");
}

// A forged SYN does not put out the one that is answered next.
TEST(Sequence38, AnotherSynBetweenTheNextSynAndItsAnswer) {
  const std::string established = R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK
    S>C ACK                                  = ESTABLISHED ESTABLISHED
  )";
  for (const std::string& old : {established, TimeWait("")}) {
    const std::string how = old == established ? "reset" : "closed";
    RunTrace(old + R"(
      C>S SYN seq=900000000 mss=1400 stray
      C>S SYN seq=907000000 mss=500 stray
      S>C SYN,ACK seq=50000000 ack=900000001 = SYN_SENT SYN_RCVD new flow end )" +
                 how + R"(
      C>S ACK seq=900000001 ack=50000001     = ESTABLISHED ESTABLISHED
    )",
             {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
                EXPECT_EQ(flow.originator.mss, 1400);
              }});
  }
}

// Reset while a SYN stands beside it: what comes of that SYN is a new flow, also if it is the same again.
TEST(Sequence34, ASynAgainAfterTheChallengeAndTheReset) {
  RunTrace(TimeWait(R"(
    C>S SYN seq=100000                       = TIME_WAIT CLOSED
    S>C ACK seq=302 ack=102
    C>S RST seq=102                          = CLOSED CLOSED
    C>S SYN seq=100000                       = SYN_SENT LISTEN new flow end reset
    S>C RST,ACK seq=0 ack=100001             = CLOSED CLOSED
  )"));
}

TEST(Sequence17, LateCopiesOfTheOpeningAreOldDuplicates) {
  RunTrace(TimeWait(R"(
    C>S SYN seq=100 stray                    ! time_wait_syn
    S>C SYN,ACK seq=300 ack=101 stray        ! syn_ack_ack
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.time_wait_duplicates, 2u);
            }});
}

// One direction is all that is seen: who goes on from the new SYN has shown which counts.
TEST(Sequence27, OneWayAndAnIsnBelowTheOldOne) {
  RunTrace(R"(
    C>S SYN seq=4000000
    C>S ACK seq=4000001 ack=301
    C>S FIN,ACK seq=4000001 ack=301
    C>S ACK seq=4000002 ack=302              = FIN_WAIT_1 ESTABLISHED
    +30s
    C>S SYN seq=100                          = FIN_WAIT_1 ESTABLISHED
    C>S ACK seq=4000002 ack=302              # of the old one: nothing
    C>S ACK seq=101 ack=9001                 = ESTABLISHED ESTABLISHED new flow end closed
    C>S ACK seq=101 ack=9001 len=10
  )");
  RunTrace(R"(
    S>C SYN,ACK seq=4000000 ack=5000001
    S>C ACK seq=4000001 ack=5000001 len=10
    S>C FIN,ACK seq=4000011 ack=5000011      = ESTABLISHED FIN_WAIT_1
    S>C SYN,ACK seq=4000000 ack=5000001      # a late copy
    S>C SYN,ACK seq=300 ack=101 stray        = ESTABLISHED FIN_WAIT_1
    S>C ACK seq=301 ack=101 len=10           = SYN_SENT SYN_RCVD new flow end closed
    S>C ACK seq=311 ack=111                  = ESTABLISHED ESTABLISHED
  )");
  RunTrace(R"(
    S>C SYN,ACK seq=4000000 ack=5000001
    S>C ACK seq=4000001 ack=5000001 len=10
    S>C RST,ACK seq=4000011 ack=5000011      = CLOSED CLOSED
    S>C SYN,ACK seq=300 ack=101 stray        = CLOSED CLOSED
    S>C ACK seq=301 ack=111 len=10           = ESTABLISHED ESTABLISHED new flow end reset
  )");
  RunTrace(R"(
    C>S SYN seq=100
    C>S ACK seq=101 ack=301
    C>S ACK seq=101 ack=301 len=10           # its peer's RST is not seen
    C>S SYN seq=900000 stray                 = ESTABLISHED ESTABLISHED
    C>S ACK seq=900001 ack=9001              = ESTABLISHED ESTABLISHED new flow end reset
  )");
}

// The side table is small and forgets: what was kept is gone then, and the flow is as if it had never been.
TEST(Rival, Forgotten) {
  Pipeline::Options options = Harness::SmallOptions();
  options.capacity_ipv4 = 2048;
  options.half_open_quota = 4096;
  Harness harness(options);
  harness.check_each_frame = false;
  const auto send = [&harness](uint16_t port, bool from_client, uint8_t flags, uint32_t seq,
                               uint32_t ack) {
    TcpFields tcp;
    tcp.source_port = from_client ? port : 80;
    tcp.destination_port = from_client ? 80 : port;
    tcp.seq = seq;
    tcp.ack = ack;
    tcp.flags = flags;
    PacketBuilder builder;
    builder.Ethernet().Ipv4(from_client ? "10.0.0.1" : "10.0.0.2",
                            from_client ? "10.0.0.2" : "10.0.0.1");
    harness.Send(builder.Tcp(tcp).Build());
  };
  using namespace tcp_flag;
  constexpr uint16_t kFlows = 1000;  // four for each slot of the table
  for (uint16_t port = 1; port <= kFlows; ++port) {
    send(port, true, kSyn, 100, 0);
    send(port, false, kSyn | kAck, 300, 101);
    send(port, true, kAck, 101, 301);
  }
  for (uint16_t port = 1; port <= kFlows; ++port) send(port, true, kSyn, 9'000'000, 0);
  harness.invalids.clear();
  // Some are answered as they were kept, most were forgotten; a RST ends each of these all the same.
  for (uint16_t port = 1; port <= kFlows; ++port) {
    send(port, false, kSyn | kAck, 7000, 9'000'001);
    send(port, false, kRst | kAck, 301, 101);
  }
  EXPECT_EQ(harness.ended(End::kReset), SideTable<Rival>::kSlots);
  const std::vector<FlowRecord> live = harness.Live();
  const auto reset = std::count_if(live.begin(), live.end(), [](const FlowRecord& flow) {
    return flow.originator.state == tcp::State::kClosed;
  });
  EXPECT_EQ(reset, kFlows - SideTable<Rival>::kSlots);
  harness.CheckIdentities();
}

}  // namespace
}  // namespace coretrack::testing
