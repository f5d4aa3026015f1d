// TCP.md, sequences about opening: 1 2 9 10 11 12 28 29 36 38.
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

TEST(Sequence00, OptionsAndTimersOfAnOrdinaryOpening) {
  RunTrace(R"(
    C>S SYN seq=100 mss=1460 sackok ts=10,0 ws=7          = SYN_SENT LISTEN timeout 60s
    +20ms
    S>C SYN,ACK seq=300 mss=1400 ws=15 sackok ts=77,10    = SYN_SENT SYN_RCVD timeout 60s
    +5ms
    C>S ACK ts=11,77                                      = ESTABLISHED ESTABLISHED timeout 5d
    C>S PSH,ACK len=100 ts=12,77                          = ESTABLISHED ESTABLISHED
    S>C ACK ts=78,12
    +1h
    S>C ACK len=50 ts=99,12                               timeout 5d
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.mss, 1460);
              EXPECT_EQ(flow.responder.mss, 1400);
              EXPECT_EQ(flow.originator.window_scale, 7);
              EXPECT_EQ(flow.responder.window_scale, 14) << "a shift above 14 counts as 14";
              EXPECT_EQ(flow.originator.timestamps, true);
              EXPECT_EQ(flow.responder.sack, true);
              EXPECT_EQ(flow.responder.handshake_rtt_us, 20'000u);
              EXPECT_EQ(flow.originator.handshake_rtt_us, 5'000u);
              EXPECT_TRUE(flow.assured);
              EXPECT_FALSE(flow.midstream);
              EXPECT_FALSE(flow.originator_guessed);
              EXPECT_EQ(flow.history, "ShADad");
            }});
}

TEST(Sequence00, AbsentOptionsAreNull) {
  RunTrace("C>S SYN seq=100 = SYN_SENT LISTEN",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.mss, std::nullopt);
              EXPECT_EQ(flow.originator.window_scale, std::nullopt);
              EXPECT_EQ(flow.originator.timestamps, false) << "its SYN was seen without them";
              EXPECT_EQ(flow.responder.timestamps, std::nullopt) << "its SYN was not seen";
              EXPECT_EQ(flow.originator.handshake_rtt_us, std::nullopt);
            }});
}

TEST(Sequence01, AStaleSynAckIsInvalid) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN timeout 60s
    S>C SYN,ACK seq=900 ack=50   ! syn_ack_ack = SYN_SENT LISTEN
    +1s
    C>S SYN seq=100              = SYN_SENT LISTEN timeout 59s   # a repeated SYN refreshes nothing
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD timeout 60s
    C>S ACK                      = ESTABLISHED ESTABLISHED
  )");
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN,ACK seq=900 ack=102  ! syn_ack_ack = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=100  ! syn_ack_ack = SYN_SENT LISTEN
  )");
}

TEST(Sequence01, TheResetThatAStaleSynAckProvokes) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN,ACK seq=900 ack=50   ! syn_ack_ack
    C>S RST seq=50               = SYN_SENT LISTEN timeout 60s
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S ACK                      = ESTABLISHED ESTABLISHED timeout 5d
  )");
}

TEST(Sequence02, AnOldChallengeAckInSynSent) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C ACK seq=9000 ack=5000    = SYN_SENT LISTEN timeout 60s
    C>S RST seq=5000             = SYN_SENT LISTEN timeout 60s
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S ACK                      = ESTABLISHED ESTABLISHED timeout 5d
  )");
}

TEST(Sequence02, TheClientAbortsItsOwnSyn) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    C>S RST seq=101              = CLOSED CLOSED timeout 10s
    +10s                         = none end reset
  )");
}

TEST(Sequence09, AHandshakeWithoutItsThirdAckStaysHalfOpen) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN timeout 60s
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD timeout 60s
    +1s
    C>S SYN seq=100              = SYN_SENT SYN_RCVD timeout 59s
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD timeout 59s
    +2s
    C>S SYN seq=100              = SYN_SENT SYN_RCVD timeout 57s
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD timeout 57s
    +57s                         = none end timeout
  )",
           {.tunables = {},
            .inspect = [](const FlowRecord& flow, const Harness&) { EXPECT_FALSE(flow.assured); }});
}

// A late copy of a SYN+ACK looks as if its sender had not got the third ACK. That it takes data says that it has.
TEST(Sequence09, WhoAcknowledgesDataHasGotTheThirdAck) {
  RunTrace(R"(
    C>S SYN seq=100                     = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101         = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=301             = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=301 len=50      = ESTABLISHED ESTABLISHED
    S>C SYN,ACK seq=300 ack=101         = ESTABLISHED SYN_RCVD
    S>C ACK seq=301 ack=101             = ESTABLISHED SYN_RCVD     # a challenge ACK says the same before and after
    S>C ACK seq=301 ack=151             = ESTABLISHED ESTABLISHED
  )");
}

TEST(Sequence10, ASynWithAnotherIsnStartsItsDirectionOver) {
  RunTrace(R"(
    C>S SYN seq=100 mss=1460 ws=7 sackok = SYN_SENT LISTEN
    C>S SYN seq=70000 mss=536            = SYN_SENT LISTEN timeout 60s
    S>C SYN,ACK seq=300 ack=5            ! syn_ack_ack
    S>C SYN,ACK seq=300 ack=70001        = SYN_SENT SYN_RCVD
    C>S ACK                              = ESTABLISHED ESTABLISHED
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.mss, 536);
              EXPECT_EQ(flow.originator.window_scale, std::nullopt);
              EXPECT_EQ(flow.originator.sack, false);
            }});
}

TEST(Sequence10, ASynWithAnotherIsnAfterTheAnswer) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S SYN seq=70000            = SYN_SENT SYN_RCVD      # S has not moved
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    S>C SYN,ACK seq=800 ack=5    ! syn_ack_ack
    S>C SYN,ACK seq=800 ack=70001 = SYN_SENT SYN_RCVD
    C>S ACK ack=301              ! ack_low
    C>S ACK                      = ESTABLISHED ESTABLISHED
  )");
}

// The box does not know which of two SYNs is an old duplicate, or forged: what answers and goes on tells.
TEST(Sequence10, AnotherSynIsPowerless) {
  RunTrace(R"(
    C>S SYN seq=100 mss=1460 ws=7
    C>S SYN seq=4000 mss=536 stray = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101 ws=7 = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=301      = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=301 len=100
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.mss, 1460);
              EXPECT_EQ(flow.originator.window_scale, 7);
            }});
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S SYN seq=4000 stray       = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=301      = ESTABLISHED ESTABLISHED timeout 5d
    S>C SYN,ACK seq=9 ack=4001 stray = ESTABLISHED ESTABLISHED
    S>C ACK seq=301 ack=101 len=10
  )");
  RunTrace(R"(
    C>S SYN seq=100
    C>S SYN seq=70000
    S>C RST,ACK rawseq=0 ack=101 stray = SYN_SENT LISTEN     # the first is refused, perhaps late
    S>C SYN,ACK seq=300 ack=70001 = SYN_SENT SYN_RCVD
    C>S ACK seq=70001 ack=301    = ESTABLISHED ESTABLISHED
  )");
  RunTrace(R"(
    C>S SYN seq=100
    C>S SYN seq=70000 stray
    S>C RST,ACK rawseq=0 ack=70001 stray = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=301      = ESTABLISHED ESTABLISHED
  )");
  RunTrace(R"(
    C>S SYN seq=100
    C>S SYN seq=70000            # and S is not seen
    C>S ACK seq=70001 ack=301    = ESTABLISHED ESTABLISHED
    C>S ACK seq=70001 ack=301 len=10
  )");
}

// RFC 9293 3.5, figure 8, where the box sees what happens at C, at S, and with S's challenge ACK.
TEST(Sequence35, RecoveryFromAnOldDuplicateSyn) {
  RunTrace(R"(
    C>S SYN seq=100 mss=1400     = SYN_SENT LISTEN
    C>S SYN seq=90 mss=900 stray = SYN_SENT LISTEN        # the old duplicate
    S>C SYN,ACK seq=300 ack=91   = SYN_SENT SYN_RCVD
    C>S RST seq=91               = SYN_SENT LISTEN
    S>C SYN,ACK seq=400 ack=101  = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=401      = ESTABLISHED ESTABLISHED
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.mss, 1400);
            }});
  RunTrace(R"(
    C>S SYN seq=90               = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=91   = SYN_SENT SYN_RCVD
    C>S SYN seq=100              = SYN_SENT SYN_RCVD
    C>S RST seq=91               = SYN_SENT LISTEN
    S>C SYN,ACK seq=400 ack=101  = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=401      = ESTABLISHED ESTABLISHED
  )");
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S SYN seq=4000             = SYN_SENT SYN_RCVD
    S>C ACK seq=301 ack=101      = SYN_SENT SYN_RCVD      # its challenge
    C>S RST seq=101              = SYN_SENT LISTEN
    C>S SYN seq=4000             = SYN_SENT LISTEN
    S>C SYN,ACK seq=900 ack=4001 = SYN_SENT SYN_RCVD
    C>S ACK seq=4001 ack=901     = ESTABLISHED ESTABLISHED
  )");
}

TEST(Sequence10, ASynAckWithAnotherIsnStartsItsDirectionOver) {
  RunTrace(R"(
    C>S SYN seq=100 ws=7                = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101 ws=7    = SYN_SENT SYN_RCVD
    S>C SYN,ACK seq=90000 ack=101 mss=9 = SYN_SENT SYN_RCVD
    C>S ACK ack=301                     ! ack_low
    C>S ACK ack=90001                   = ESTABLISHED ESTABLISHED
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.responder.mss, 9);
              EXPECT_EQ(flow.responder.window_scale, std::nullopt);
            }});
}

TEST(Sequence11, DataInTheSynAndDataBeforeTheThirdAck) {
  RunTrace(R"(
    C>S SYN seq=100 len=50 mss=1460 ws=2 = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=151 ws=2     = SYN_SENT SYN_RCVD
    S>C ACK len=200                      = SYN_SENT SYN_RCVD
    S>C ACK len=200                      = SYN_SENT SYN_RCVD
    C>S ACK                              = ESTABLISHED ESTABLISHED
    C>S ACK win=65535                    # 262140 with the scale
    S>C ACK seq=+200000                  # so this is inside
    S>C ACK seq=+300000                  ! overrun
  )");
}

// The window of the third ACK, scaled, may be less than the SYN's. What goes by the SYN's is under way.
TEST(Sequence11, ServerDataInTheWindowOfTheSyn) {
  RunTrace(R"(
    C>S SYN seq=100 win=1000 ws=5        = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101 ws=5     = SYN_SENT SYN_RCVD
    S>C ACK len=996                      # to 1297
    C>S ACK seq=101 ack=301 win=31       = ESTABLISHED ESTABLISHED     # 992, up to 1293
    S>C ACK seq=1297 len=4               # up to 1301
  )");
}

// The box misses S's SYN, or sees it late.
TEST(Sequence12, SimultaneousOpenWithOneSynMissed) {
  RunTrace(R"(
    C>S SYN seq=100 mss=1400     = SYN_SENT LISTEN
    C>S SYN,ACK seq=100 ack=301 stray = SYN_RCVD SYN_SENT
    S>C SYN,ACK seq=300 ack=101 mss=1300 = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=301 len=10
    S>C ACK seq=301 ack=111
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.responder.mss, 1300);
            }});
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    C>S SYN,ACK seq=100 ack=301 stray = SYN_RCVD SYN_SENT
    S>C SYN seq=300              = SYN_RCVD SYN_SENT
    S>C SYN,ACK seq=300 ack=101  = ESTABLISHED ESTABLISHED
  )");
}

TEST(Sequence12, SimultaneousOpen) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN seq=300              = SYN_SENT SYN_SENT
    C>S SYN,ACK seq=100 ack=301  = SYN_RCVD SYN_SENT
    S>C SYN,ACK seq=300 ack=101  = ESTABLISHED ESTABLISHED timeout 5d originator C
    C>S ACK len=10
    S>C ACK
  )");
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN seq=300              = SYN_SENT SYN_SENT
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S SYN,ACK seq=100 ack=301  = ESTABLISHED ESTABLISHED timeout 5d
  )");
}

TEST(Sequence12, SplitHandshakes) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN      # four packets
    S>C SYN seq=300              = SYN_SENT SYN_SENT
    C>S SYN,ACK seq=100 ack=301  = SYN_RCVD SYN_SENT
    S>C ACK                      = ESTABLISHED ESTABLISHED timeout 5d
    C>S ACK len=10
    S>C ACK len=10
  )");
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN      # five packets
    S>C ACK seq=7 ack=101 stray  = SYN_SENT LISTEN
    S>C SYN seq=300              = SYN_SENT SYN_SENT
    C>S SYN,ACK seq=100 ack=301  = SYN_RCVD SYN_SENT
    S>C ACK                      = ESTABLISHED ESTABLISHED timeout 5d
    C>S ACK len=10
  )");
}

TEST(Sequence28, TheSynAckComesFirst) {
  RunTrace(R"(
    S>C SYN,ACK seq=300 ack=101 ws=3  = SYN_SENT SYN_RCVD originator C timeout 60s
    C>S SYN seq=100 mss=1460 ws=7     = SYN_SENT SYN_RCVD originator C timeout 60s
    C>S ACK                           = ESTABLISHED ESTABLISHED timeout 5d
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.mss, 1460);
              EXPECT_EQ(flow.originator.window_scale, 7);
              EXPECT_EQ(flow.responder.window_scale, 3);
              EXPECT_FALSE(flow.midstream);
              EXPECT_EQ(flow.originator.packets, 2u);
              EXPECT_EQ(flow.responder.packets, 1u);
            }});
  RunTrace(R"(
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD originator C
    C>S ACK seq=101              = ESTABLISHED ESTABLISHED timeout 5d     # its SYN is never seen
  )");
}

TEST(Sequence28, TheSynAckIsOvertakenByItsAnswer) {
  RunTrace(R"(
    C>S SYN seq=100 ws=7              = SYN_SENT LISTEN
    C>S ACK seq=101 ack=301           = ESTABLISHED ESTABLISHED timeout 300s
    S>C SYN,ACK seq=300 ack=101 ws=3 mss=1400  = ESTABLISHED ESTABLISHED timeout 5d
    S>C ACK win=1000                  # 8000 with the scale
    C>S ACK len=1000
    C>S ACK len=6900
    C>S ACK seq=+57533                # the SYN+ACK's own window was 65535
    C>S ACK seq=+59999                ! overrun
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.responder.window_scale, 3);
              EXPECT_EQ(flow.responder.mss, 1400);
            }});
}

TEST(Sequence29, OneFlowForAnyNumberOfRetransmissions) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    C>S SYN seq=100
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    S>C SYN,ACK seq=300 ack=101
    S>C SYN,ACK seq=300 ack=101
    C>S SYN seq=100              = SYN_SENT SYN_RCVD
    C>S ACK                      = ESTABLISHED ESTABLISHED
    S>C SYN,ACK seq=300 ack=101  = ESTABLISHED SYN_RCVD
    C>S FIN,ACK seq=101          = FIN_WAIT_1 ESTABLISHED
    C>S FIN,ACK seq=101          = FIN_WAIT_1 ESTABLISHED
    C>S FIN,ACK seq=101          = FIN_WAIT_1 ESTABLISHED
    S>C ACK                      = FIN_WAIT_2 CLOSE_WAIT
    S>C FIN,ACK seq=301          = FIN_WAIT_2 LAST_ACK
    S>C FIN,ACK seq=301          = FIN_WAIT_2 LAST_ACK
    C>S ACK                      = TIME_WAIT CLOSED
  )",
           {.tunables = {}, .inspect = [](const FlowRecord&, const Harness& harness) {
              EXPECT_EQ(harness.counters().flows_created.Read(), 1u);
            }});
}

TEST(Sequence36, SynDataThatWasNotTaken) {
  RunTrace(R"(
    C>S SYN seq=100 len=500      = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S ACK seq=101              = ESTABLISHED ESTABLISHED
    C>S FIN,ACK seq=101 len=20   = FIN_WAIT_1 ESTABLISHED   # below what the SYN carried
    S>C ACK ack=122              = FIN_WAIT_2 CLOSE_WAIT
  )");
  RunTrace(R"(
    C>S SYN seq=100 len=500      = SYN_SENT LISTEN          # half of it is taken
    S>C SYN,ACK seq=300 ack=351  = SYN_SENT SYN_RCVD
    C>S ACK seq=351              = ESTABLISHED ESTABLISHED
    C>S RST seq=351              = CLOSED CLOSED
  )");
}

TEST(Sequence38, ChallengeAcksAndStrayResetsAreNotInvalid) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C ACK seq=9000 ack=5000    = SYN_SENT LISTEN
    S>C RST,ACK rawseq=0 ack=101 = CLOSED CLOSED timeout 10s
    S>C RST,ACK rawseq=0 ack=101 = CLOSED CLOSED
    C>S RST seq=5000             = CLOSED CLOSED
    +1s
    C>S RST seq=101              timeout 9s
  )");
}

TEST(Sequence12, ASynAckMustAcknowledgeTheOtherSyn) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S SYN,ACK seq=100 ack=300  ! syn_ack_ack
    C>S SYN,ACK seq=100 ack=302  ! syn_ack_ack
    C>S SYN,ACK seq=90 ack=301   ! sequence_low        # nor may its own number change
    C>S SYN,ACK seq=900 ack=301  ! sequence_high
    C>S ACK seq=101              = ESTABLISHED ESTABLISHED
  )");
}

TEST(Sequence35, AResetFromSynRcvdAgainstAnUnacceptableAck) {
  RunTrace(R"(
    C>S SYN seq=100              = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101  = SYN_SENT SYN_RCVD
    C>S ACK seq=100 ack=301      = ESTABLISHED SYN_RCVD
    C>S ACK seq=101 ack=500
    S>C RST seq=500
    C>S ACK seq=101 ack=301      = ESTABLISHED ESTABLISHED
  )");
}

TEST(Sequence38, ASynWithAFinOpensNothing) {
  RunTrace("C>S SYN,FIN seq=100 len=10 ! flags = none");
}

// Where the ends of a simultaneous open are, by what they send again and by what they send early.
TEST(Sequence12, SimultaneousOpenOutOfTheOrdinary) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN seq=300                          = SYN_SENT SYN_SENT
    C>S SYN,ACK seq=100 ack=301              = SYN_RCVD SYN_SENT
    S>C SYN,ACK seq=300 ack=101              = ESTABLISHED ESTABLISHED
    S>C SYN,ACK seq=300 ack=101              = ESTABLISHED SYN_RCVD
    C>S ACK                                  = ESTABLISHED ESTABLISHED
  )");
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN seq=300
    C>S ACK seq=101 ack=301                  = SYN_RCVD SYN_SENT     # as if it were a SYN+ACK
    S>C ACK seq=301 ack=101                  = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=301 len=10
  )");
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN seq=300
    C>S SYN,ACK seq=100 ack=301              = SYN_RCVD SYN_SENT
    C>S FIN,ACK seq=101 ack=301              = FIN_WAIT_1 SYN_SENT
    S>C SYN,ACK seq=300 ack=101              = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=301 ack=102                  = FIN_WAIT_2 CLOSE_WAIT
  )");
  RunTrace(R"(
    C>S SYN seq=100 len=10
    S>C SYN seq=300 len=20
    C>S SYN,ACK seq=100 ack=321              # without its data
    S>C SYN,ACK seq=300 ack=111              = ESTABLISHED ESTABLISHED
  )");
}

TEST(Sequence35, AResetBehindAnEarlyFin) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    S>C FIN,ACK seq=301 ack=101              = SYN_SENT FIN_WAIT_1
    S>C RST seq=302                          = CLOSED CLOSED
  )");
}

}  // namespace
}  // namespace coretrack::testing
