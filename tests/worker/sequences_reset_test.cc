// TCP.md, sequences about resets: 3 5 6 7 8 34 35.
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

std::string Established(std::string_view rest) {
  return R"(
    C>S SYN seq=100 win=10000 mss=1460
    S>C SYN,ACK seq=300 ack=101 win=10000 mss=1460
    C>S ACK win=10000            = ESTABLISHED ESTABLISHED timeout 5d
  )" + std::string(rest);
}

TEST(Sequence03, TheClientRebootedAndOpensAnew) {
  RunTrace(Established(R"(
    +1s
    C>S SYN seq=70000 mss=536 ws=3 stray     = ESTABLISHED ESTABLISHED timeout 431999s
    S>C ACK                                  = ESTABLISHED ESTABLISHED timeout 5d
    C>S RST seq=101                          = CLOSED CLOSED timeout 10s
    +1s
    C>S SYN seq=70000 mss=536 ws=3           end reset new flow = SYN_SENT LISTEN timeout 60s
    S>C SYN,ACK seq=800 ack=70001 mss=1000   = SYN_SENT SYN_RCVD
    C>S ACK                                  = ESTABLISHED ESTABLISHED timeout 5d
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.mss, 536);
              EXPECT_EQ(flow.originator.window_scale, 3);
              EXPECT_EQ(flow.responder.mss, 1000);
              EXPECT_EQ(flow.responder.window_scale, std::nullopt);
              EXPECT_EQ(flow.originator.packets, 2u);
            }});
}

// Nobody is left who would challenge the SYN.
TEST(Sequence03, BothRebooted) {
  RunTrace(Established(R"(
    +1s
    C>S SYN seq=70000 mss=536 stray          = ESTABLISHED ESTABLISHED timeout 431999s
    S>C SYN,ACK seq=8000 ack=70000 stray     = ESTABLISHED ESTABLISHED    # answers another SYN
    S>C SYN,ACK seq=8000 ack=70001           end reset new flow = SYN_SENT SYN_RCVD timeout 60s
    C>S ACK seq=70001                        = ESTABLISHED ESTABLISHED timeout 5d originator C
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.mss, 536);
              EXPECT_EQ(flow.originator.packets, 2u);
            }});
  RunTrace(Established(R"(
    C>S SYN seq=70000 stray                  = ESTABLISHED ESTABLISHED
    S>C RST,ACK rawseq=0 ack=70002           ! rst_sequence
    S>C RST,ACK rawseq=0 ack=70001 stray     = ESTABLISHED ESTABLISHED    # two blind segments look the same
    C>S ACK len=10                           = ESTABLISHED ESTABLISHED
    S>C ACK len=10                           = ESTABLISHED ESTABLISHED
  )"));
}

TEST(Sequence03, LateCopiesOfTheHandshakeOpenNothing) {
  RunTrace(Established(R"(
    C>S ACK len=1000
    S>C ACK len=10
    C>S SYN seq=100 stray                    = ESTABLISHED ESTABLISHED
    S>C SYN,ACK seq=300 ack=101 stray        = ESTABLISHED ESTABLISHED
  )"));
}

TEST(Sequence05, AResetMustBeExact) {
  RunTrace(Established(R"(
    C>S ACK len=100                          # unacknowledged: 101 and 201 are both exact
    +1s
    C>S RST seq=100                          ! rst_sequence    # left of the window
    C>S RST seq=50000                        ! rst_sequence    # beyond it
    C>S RST seq=102                          ! rst_sequence    # inside
    C>S RST seq=202                          ! rst_sequence
    C>S RST,ACK seq=5000                     ! rst_sequence
    S>C RST seq=302                          ! rst_sequence
    S>C RST,ACK seq=300                      ! rst_sequence = ESTABLISHED ESTABLISHED
    C>S RST seq=201                          = CLOSED CLOSED timeout 10s
    +10s                                     = none end reset
  )"));
  RunTrace(Established("S>C RST seq=301 = CLOSED CLOSED timeout 10s"));
  RunTrace(Established("S>C RST,ACK seq=301 = CLOSED CLOSED timeout 10s"));
}

TEST(Sequence05, BehindDataThatTheBoxMissed) {
  RunTrace(Established(R"(
    S>C ACK ack=1101
    C>S RST seq=1102                         ! rst_sequence
    C>S RST seq=1101                         = CLOSED CLOSED timeout 10s
  )"));
}

TEST(Sequence06, AResetThatDoesNotCountItsFin) {
  RunTrace(Established(R"(
    C>S FIN,ACK                              = FIN_WAIT_1 ESTABLISHED
    S>C ACK                                  = FIN_WAIT_2 CLOSE_WAIT
    C>S RST seq=101                          = CLOSED CLOSED timeout 10s
  )"));
}

// The window is as it was offered, to the byte.
TEST(Sequence06, AnInexactResetAtTheEdgeOfTheWindow) {
  const std::string closing = R"(
    C>S SYN seq=100 win=1100
    S>C SYN,ACK seq=300 ack=101 win=1100
    C>S ACK win=1100                         = ESTABLISHED ESTABLISHED
    S>C ACK len=100 win=1100
    C>S FIN,ACK win=1100                     = FIN_WAIT_1 ESTABLISHED
    S>C ACK win=1100                         = FIN_WAIT_2 CLOSE_WAIT
  )";
  RunTrace(closing + R"(
    S>C RST seq=1501                         ! rst_sequence
    S>C RST seq=1500                         = CLOSED CLOSED
  )");
}

TEST(Sequence06, AnInexactResetWhileClosing) {
  RunTrace(Established(R"(
    C>S FIN,ACK                              = FIN_WAIT_1 ESTABLISHED
    C>S RST seq=90000                        ! rst_sequence
    S>C RST seq=90000                        ! rst_sequence
    S>C RST seq=310                          = CLOSED CLOSED timeout 10s
  )"));
  RunTrace(Established(R"(
    C>S FIN,ACK
    S>C ACK                                  = FIN_WAIT_2 CLOSE_WAIT
    C>S RST seq=1000                         = CLOSED CLOSED timeout 10s
  )"));
}

TEST(Sequence07, ResetsWithZeroes) {
  RunTrace(Established(R"(
    C>S RST,ACK seq=-1 rawack=0              ! rst_sequence
    S>C RST,ACK seq=-1 rawack=0              ! rst_sequence
    C>S RST,ACK rawseq=0 rawack=0            ! rst_sequence = ESTABLISHED ESTABLISHED
  )"));
  RunTrace(R"(
    C>S SYN seq=100                          = SYN_SENT LISTEN
    S>C RST,ACK rawseq=0 ack=100             ! syn_ack_ack
    S>C RST,ACK rawseq=0 ack=102             ! syn_ack_ack
    S>C RST rawseq=0                         ! syn_ack_ack
    S>C RST,ACK rawseq=0 ack=101             = CLOSED CLOSED timeout 10s
  )");
  RunTrace(R"(
    C>S SYN seq=100 len=40                   = SYN_SENT LISTEN     # Fast Open refused
    S>C RST,ACK rawseq=0 ack=141             = CLOSED CLOSED
  )");
}

TEST(Sequence07, AResetAnswersTheSynAck) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101              = SYN_SENT SYN_RCVD
    C>S RST seq=90                           ! rst_sequence
    C>S RST seq=101                          = CLOSED CLOSED timeout 10s
  )");
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101              = SYN_SENT SYN_RCVD
    S>C RST seq=300                          ! rst_sequence
    S>C RST seq=301                          = CLOSED CLOSED timeout 10s
  )");
}

TEST(Sequence08, AResetAtTheEdgeOfAHole) {
  RunTrace(Established(R"(
    C>S ACK seq=101 len=100
    S>C ACK ack=201
    C>S ACK seq=301 len=100                  # 201 to 300 are missing
    S>C ACK ack=201
    C>S RST seq=250                          ! rst_sequence
    C>S RST seq=201                          = CLOSED CLOSED timeout 10s
  )"));
}

TEST(Sequence34, ThePortsAreUsedAgainAfterAReset) {
  RunTrace(Established(R"(
    S>C RST seq=301                          = CLOSED CLOSED
    C>S SYN seq=150                          end reset new flow = SYN_SENT LISTEN
    S>C RST,ACK rawseq=0 ack=151             = CLOSED CLOSED
    S>C SYN seq=9                            end reset new flow originator S = LISTEN SYN_SENT
  )"));
}

TEST(Sequence35, WhoSendsAResetIsClosed) {
  RunTrace(Established(R"(
    C>S FIN,ACK
    S>C FIN,ACK                              = FIN_WAIT_1 LAST_ACK
    C>S ACK                                  = TIME_WAIT CLOSED timeout 120s
    +1s
    S>C RST seq=302                          = TIME_WAIT CLOSED timeout 119s
    C>S RST seq=102                          = CLOSED CLOSED
  )"));
  RunTrace(Established(R"(
    C>S FIN,ACK
    S>C FIN,ACK seq=301 ack=101              = FIN_WAIT_1 FIN_WAIT_1
    C>S ACK                                  = CLOSING CLOSING
    S>C ACK                                  = TIME_WAIT TIME_WAIT timeout 120s
    +1s
    S>C RST seq=302                          = TIME_WAIT CLOSED timeout 119s
  )"));
}

TEST(Sequence35, AResetFromSynSentAgainstAWrongAck) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=900 ack=50               ! syn_ack_ack
    C>S RST seq=50                           = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=101              = SYN_SENT SYN_RCVD
    C>S ACK                                  = ESTABLISHED ESTABLISHED
  )");
}

}  // namespace
}  // namespace coretrack::testing
