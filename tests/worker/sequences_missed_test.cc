// TCP.md, what the box did not see or must not believe: 2 3 5 10 19 23 28 32 37 38, in cases that other
// suites of segments have found.
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

std::string Established(std::string_view rest) {
  return R"(
    C>S SYN seq=100 win=10000
    S>C SYN,ACK seq=300 ack=101 win=10000
    C>S ACK win=10000
    S>C ACK win=10000            = ESTABLISHED ESTABLISHED timeout 5d
  )" + std::string(rest);
}

TEST(Sequence37, TheThirdAckAndTheFirstRequestWereMissed) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C SYN,ACK seq=300 ack=101 win=10000    = SYN_SENT SYN_RCVD
    S>C ACK seq=301 ack=201 len=50           = SYN_SENT ESTABLISHED   # of data: it has got the third ACK
    C>S ACK seq=201 ack=351                  = ESTABLISHED ESTABLISHED timeout 5d
    C>S ACK seq=201 ack=351 len=10
    S>C ACK seq=351 ack=211
  )");
}

// Exact in its own number, it is the third ACK: only the data that it acknowledges was missed.
TEST(Sequence37, TheThirdAckOfDataThatWasMissed) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C SYN,ACK seq=300 ack=101 win=10000
    C>S ACK seq=101 ack=90000                ! ack_high = SYN_SENT SYN_RCVD
    C>S ACK seq=151 ack=401                  = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=401                  = ESTABLISHED SYN_RCVD
    C>S FIN,ACK seq=101 ack=401              = FIN_WAIT_1 SYN_RCVD
    S>C FIN,ACK seq=401 ack=102              = FIN_WAIT_1 LAST_ACK
    C>S ACK seq=102 ack=402                  = TIME_WAIT CLOSED
  )");
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C SYN,ACK seq=300 ack=101 win=10000
    C>S ACK seq=101 ack=322                  = ESTABLISHED SYN_RCVD    # has overtaken S's data
    S>C ACK seq=301 ack=101 len=21           = ESTABLISHED ESTABLISHED
  )");
}

TEST(Sequence37, AnAbortBehindDataThatWasMissed) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C SYN,ACK seq=300 ack=101 win=10000
    C>S ACK seq=101 ack=401                  = ESTABLISHED SYN_RCVD
    S>C RST,ACK seq=401 ack=101              = CLOSED CLOSED timeout 10s
  )");
}

TEST(Sequence37, AnExchangeThatWasMissed) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C SYN,ACK seq=300 ack=101 win=10000
    C>S ACK seq=201 ack=401                  = SYN_SENT SYN_RCVD       # of a response, behind a request
    S>C ACK seq=401 ack=201 len=100          = ESTABLISHED ESTABLISHED timeout 5d
  )");
}

TEST(Sequence37, AFinWithAnAckOfDataThatWasMissed) {
  RunTrace(Established(R"(
    S>C FIN,ACK seq=301 ack=601              = ESTABLISHED FIN_WAIT_1
    C>S ACK seq=601 ack=302                  = CLOSE_WAIT FIN_WAIT_2
  )"));
}

// The last ACK has overtaken the FIN that it acknowledges.
TEST(Sequence14, AFinBehindItsAck) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=101 ack=301              = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=301 ack=102                  = FIN_WAIT_2 CLOSE_WAIT
    C>S ACK seq=102 ack=302                  = FIN_WAIT_2 CLOSE_WAIT
    S>C FIN,ACK seq=301 ack=102              = TIME_WAIT CLOSED timeout 120s
  )"));
}

// It has overtaken the FIN of the other side, which it acknowledges: that side closed first.
TEST(Sequence14, AFinBehindTheFinThatAcknowledgesIt) {
  RunTrace(Established(R"(
    S>C FIN,ACK seq=301 ack=202              = ESTABLISHED FIN_WAIT_1
    C>S FIN,ACK seq=101 ack=301 len=100      = FIN_WAIT_2 LAST_ACK
    C>S ACK seq=202 ack=302                  = TIME_WAIT CLOSED
  )"));
  RunTrace(Established(R"(
    S>C FIN,ACK seq=301 ack=101              = ESTABLISHED FIN_WAIT_1
    S>C ACK seq=302 ack=102                  = ESTABLISHED FIN_WAIT_1   # of a FIN that crossed
    C>S FIN,ACK seq=101 ack=301              = FIN_WAIT_2 CLOSING
    C>S ACK seq=102 ack=302                  = TIME_WAIT TIME_WAIT
  )"));
}

TEST(Sequence37, AFinThatIsTheFirstToAcknowledgeTheSyn) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C SYN,ACK seq=300 ack=101 win=10000
    C>S FIN,ACK seq=131 ack=401              = SYN_SENT SYN_RCVD
    S>C ACK seq=401 ack=132                  = FIN_WAIT_2 CLOSE_WAIT
    S>C FIN,ACK seq=401 ack=132              = FIN_WAIT_2 LAST_ACK
    C>S ACK seq=132 ack=402                  = TIME_WAIT CLOSED
  )");
}

// Data behind a hole makes no FIN behind it count: whoever guesses a number inside the window could end a
// connection with two segments.
TEST(Sequence15, AFinBehindDataBehindAHole) {
  RunTrace(Established(R"(
    C>S ACK seq=3001 ack=301 len=1
    C>S FIN,ACK seq=3002 ack=301             = ESTABLISHED ESTABLISHED
    S>C ACK seq=301 ack=101                  = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=301 len=4000         = ESTABLISHED ESTABLISHED   # so it was none
    S>C ACK seq=301 ack=4101                 = ESTABLISHED ESTABLISHED
  )"));
  RunTrace(Established(R"(
    C>S ACK seq=201 ack=301 len=100
    C>S FIN,ACK seq=301 ack=301              = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=301 len=100          = ESTABLISHED ESTABLISHED
    S>C ACK seq=301 ack=302                  = FIN_WAIT_2 CLOSE_WAIT
  )"));
}

// Beyond the window, and taken all the same: the receiver had offered more.
TEST(Sequence22, AFinBeyondTheWindowCountsOnceItIsAcknowledged) {
  const std::string beyond = Established(R"(
    S>C ACK len=10000
    S>C ACK len=1000
    S>C FIN,ACK seq=11301 ack=101            ! overrun
  )");
  RunTrace(beyond + "C>S ACK seq=101 ack=11302 = CLOSE_WAIT FIN_WAIT_2");
  RunTrace(beyond + "C>S ACK seq=101 ack=11301 = ESTABLISHED ESTABLISHED");
  RunTrace(beyond + R"(
    C>S ACK seq=101 ack=11301 win=20000
    S>C ACK seq=11301 ack=101 len=100        # so it was none
    C>S ACK seq=101 ack=11302 win=20000      = ESTABLISHED ESTABLISHED
  )");
}

// Who guesses a number inside the window must not learn to reset by it: behind a hole no RST is exact but at
// the hole's left edge (RFC 5961 3).
TEST(Sequence05, AResetBehindDataBehindAHole) {
  const std::string hole = Established(R"(
    S>C ACK len=100                          # 301 to 401
    S>C ACK seq=5000 ack=101 len=100
    S>C RST seq=5100                         ! rst_sequence = ESTABLISHED ESTABLISHED
    S>C RST seq=5000                         ! rst_sequence = ESTABLISHED ESTABLISHED
  )");
  RunTrace(hole + "S>C RST seq=401\nC>S ACK seq=101 ack=401 = CLOSED CLOSED");
  RunTrace(hole + "C>S ACK seq=101 ack=401\nS>C RST seq=401 = CLOSED CLOSED");
  RunTrace(hole + R"(
    S>C ACK seq=401 ack=101 len=2000
    S>C RST seq=5100                         ! rst_sequence = ESTABLISHED ESTABLISHED
    S>C ACK seq=2401 ack=101 len=2599        # filled
    S>C RST seq=5100                         = CLOSED CLOSED
  )");
  RunTrace(hole + R"(
    C>S ACK seq=101 ack=5000                 # filled, out of sight
    S>C RST seq=5100                         = CLOSED CLOSED
  )");
  // What the other side does, or what lies far off, is another matter.
  RunTrace(Established(R"(
    C>S ACK seq=5000 ack=301 len=10
    S>C ACK seq=6000 ack=101 len=10
    S>C RST seq=6010                         ! rst_sequence = ESTABLISHED ESTABLISHED
    C>S RST seq=5010                         ! rst_sequence = ESTABLISHED ESTABLISHED
    S>C ACK seq=900000 ack=101 len=10        ! sequence_high
    S>C RST seq=6010                         ! rst_sequence = ESTABLISHED ESTABLISHED
    C>S RST seq=101                          = CLOSED CLOSED
  )"));
  // Nothing is missing when all has passed, in whatever order.
  RunTrace(Established(R"(
    S>C ACK seq=501 ack=101 len=100
    S>C ACK seq=401 ack=101 len=100
    S>C ACK seq=301 ack=101 len=100
    S>C RST seq=401                          ! rst_sequence = ESTABLISHED ESTABLISHED
    S>C RST seq=601                          = CLOSED CLOSED
  )"));
  RunTrace(Established(R"(
    S>C ACK seq=301 ack=101 len=100
    S>C ACK seq=501 ack=101 len=100
    S>C ACK seq=701 ack=101 len=100
    C>S ACK seq=101 ack=401 sack=501,601
    S>C ACK seq=401 ack=101 len=100
    S>C ACK seq=601 ack=101 len=100
    S>C RST,ACK seq=801 ack=101              = CLOSED CLOSED
  )"));
  // Whoever sends more of it than is remembered gains nothing.
  std::string many = Established("");
  for (int i = 1; i <= 12; ++i)
    many += "    S>C ACK seq=" + std::to_string(300 + 500 * i) + " ack=101 len=10\n";
  RunTrace(many + R"(
    S>C ACK seq=301 ack=101 len=5990
    C>S ACK seq=101 ack=6291
    S>C RST seq=6310                         ! rst_sequence = ESTABLISHED ESTABLISHED
    S>C RST seq=6291                         = CLOSED CLOSED
  )");
  // Beyond the window it is a hole too.
  RunTrace(Established(R"(
    S>C ACK seq=10700 ack=101 len=100        ! overrun
    S>C RST seq=10800                        ! rst_sequence = ESTABLISHED ESTABLISHED
    S>C RST seq=301                          = CLOSED CLOSED
  )"));
}

// The last ACK comes behind the SYN of the next connection.
TEST(Sequence38, ALateAckDoesNotVoidTheNextSyn) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=101 ack=301              = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=301 ack=102              = FIN_WAIT_1 LAST_ACK
    C>S SYN seq=500000 stray                 = FIN_WAIT_1 LAST_ACK
    C>S ACK seq=102 ack=302                  = TIME_WAIT CLOSED
    S>C SYN,ACK seq=900000 ack=500001        = SYN_SENT SYN_RCVD new flow end closed
    C>S ACK seq=500001 ack=900001            = ESTABLISHED ESTABLISHED
  )"));
}

// Ports used again within 2 MSL, and the box misses or sees late what opens the next connection.
TEST(Sequence38, TheNextConnectionAndAnOpeningThatWasMissed) {
  const std::string time_wait = Established(R"(
    C>S FIN,ACK seq=101 ack=301              = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=301 ack=102              = FIN_WAIT_1 LAST_ACK
    C>S ACK seq=102 ack=302                  = TIME_WAIT CLOSED
    +30s
  )");
  RunTrace(time_wait + R"(
    C>S SYN seq=500000                       = TIME_WAIT CLOSED
    S>C ACK seq=900001 ack=500001 len=10     = SYN_SENT SYN_RCVD new flow end closed   # without its SYN+ACK
    C>S ACK seq=500001 ack=900011            = ESTABLISHED ESTABLISHED
  )");
  RunTrace(time_wait + R"(
    S>C SYN,ACK seq=900000 ack=500001        ! syn_ack_ack
    C>S SYN seq=500000                       = SYN_SENT SYN_RCVD new flow end closed   # behind its answer
    C>S ACK seq=500001 ack=900001 len=10     = ESTABLISHED ESTABLISHED
    S>C ACK seq=900001 ack=500011
  )");
  RunTrace(time_wait + R"(
    C>S ACK seq=1234560 ack=777 len=1        ! sequence_high
    S>C ACK seq=5555555 ack=1234561          ! sequence_high = TIME_WAIT CLOSED     # not where that said
    C>S ACK seq=110 ack=302                  ! after_fin
    S>C ACK seq=302 ack=90000                ! ack_high = TIME_WAIT CLOSED
  )");
}

// One direction is all the box sees, and the ports are used again.
TEST(Sequence27, OneWayAndTheSamePortsAgain) {
  RunTrace(R"(
    C>S SYN seq=100
    C>S ACK seq=101 ack=301
    C>S ACK seq=101 ack=301 len=100
    C>S FIN,ACK seq=201 ack=601              = FIN_WAIT_1 ESTABLISHED timeout 300s
    C>S ACK seq=202 ack=602
    +30s
    C>S SYN seq=700000                       = SYN_SENT LISTEN new flow end closed
    C>S ACK seq=700001 ack=900001            = ESTABLISHED ESTABLISHED
    C>S FIN,ACK seq=700001 ack=900001        = FIN_WAIT_1 ESTABLISHED
  )");
  RunTrace(R"(
    S>C SYN,ACK seq=300 ack=101
    S>C ACK seq=301 ack=101 len=100
    S>C FIN,ACK seq=401 ack=201
    S>C ACK seq=402 ack=202
    S>C SYN,ACK seq=300 ack=101              # a late copy
    +30s
    S>C SYN,ACK seq=900000 ack=700001        = SYN_SENT SYN_RCVD new flow end closed
    S>C ACK seq=900001 ack=700001 len=100
  )");
}

TEST(Sequence34, AResetAndTheSynThatWasMissed) {
  RunTrace(Established(R"(
    S>C RST seq=301                          = CLOSED CLOSED
    S>C SYN,ACK seq=300 ack=101              = CLOSED CLOSED           # a late copy
    S>C SYN,ACK seq=900000 ack=700001        = SYN_SENT SYN_RCVD new flow end reset
    C>S ACK seq=700001 ack=900001            = ESTABLISHED ESTABLISHED
  )"));
}

// RFC 5961 5: what its receiver would drop for its ACK is no reason to believe a RST behind it.
TEST(Sequence05, AForgedOverrunDoesNotMakeAResetExact) {
  RunTrace(Established(R"(
    S>C ACK seq=14301 ack=2000000000 len=10  ! overrun
    S>C RST seq=14311                        ! rst_sequence = ESTABLISHED ESTABLISHED
  )"));
}

TEST(Sequence17, DataBeyondTheFinWithAnyAck) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=101 ack=301              = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=301 ack=102              = FIN_WAIT_1 LAST_ACK
    C>S ACK seq=102 ack=302                  = TIME_WAIT CLOSED
    C>S ACK seq=102 ack=500000 len=10        ! ack_high = TIME_WAIT CLOSED
    S>C ACK seq=302 ack=500000 len=10        ! ack_high = TIME_WAIT CLOSED
  )"));
}

TEST(Sequence37, TheSynAckWasMissed) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C ACK seq=301 ack=101 len=100          = SYN_SENT SYN_RCVD
    S>C ACK seq=401 ack=101 len=100          = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=501                  = ESTABLISHED ESTABLISHED
    C>S FIN,ACK seq=101 ack=501              = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=501 ack=102              = FIN_WAIT_1 LAST_ACK
    C>S ACK seq=102 ack=502                  = TIME_WAIT CLOSED
  )");
}

// TCP.md 28: the options of a SYN+ACK count however late it comes.
TEST(Sequence28, DataOvertakesTheSynAck) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000 ws=2
    S>C ACK seq=301 ack=101 len=10           = SYN_SENT SYN_RCVD
    S>C SYN,ACK seq=300 ack=101 mss=1300 ws=3 = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=311                  = ESTABLISHED ESTABLISHED
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.responder.mss, 1300);
              EXPECT_EQ(flow.responder.window_scale, 3);
            }});
}

// What an old connection says before the SYN+ACK is not taken for this one's.
TEST(Sequence02, OldDataAndAFinBeforeTheHandshake) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C ACK seq=90000 ack=101 len=10         = SYN_SENT SYN_RCVD
    S>C FIN,ACK seq=90010 ack=101            = SYN_SENT FIN_WAIT_1
    S>C SYN,ACK seq=300 ack=101              = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=301                  = ESTABLISHED ESTABLISHED
  )");
}

// S has acknowledged up to 601, so nothing is missing before the FIN there.
TEST(Sequence37, AFinWhereItsPeerHasAcknowledged) {
  RunTrace(Established(R"(
    S>C ACK seq=301 ack=601                  = ESTABLISHED ESTABLISHED
    C>S FIN,ACK seq=601 ack=301              = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=301 ack=602                  = FIN_WAIT_2 CLOSE_WAIT
  )"));
}

// RFC 5961: two forged segments, neither exact in any number.
TEST(Sequence05, AForgedAckDoesNotMakeAResetExact) {
  RunTrace(Established(R"(
    S>C ACK seq=801 ack=1101 stray
    C>S RST seq=1101                         ! rst_sequence = ESTABLISHED ESTABLISHED
  )"));
}

// Its challenge ACK says that S has not forgotten: the SYN is void, however it is answered later.
TEST(Sequence03, AForgedSynIsForgottenWhenTheConnectionGoesOn) {
  RunTrace(Established(R"(
    C>S SYN seq=70000 stray
    S>C ACK                                  = ESTABLISHED ESTABLISHED
    +60s
    S>C RST,ACK rawseq=0 ack=70001           ! rst_sequence = ESTABLISHED ESTABLISHED
    S>C SYN,ACK seq=5 ack=70001 stray        = ESTABLISHED ESTABLISHED
    C>S ACK len=10                           = ESTABLISHED ESTABLISHED timeout 5d
    S>C ACK len=10                           = ESTABLISHED ESTABLISHED
  )"));
  RunTrace(Established(R"(
    C>S SYN seq=70000 stray
    C>S ACK len=10                           = ESTABLISHED ESTABLISHED
    S>C SYN,ACK seq=5 ack=70001 stray        = ESTABLISHED ESTABLISHED
  )"));
}

// Linux: TCP_PAWS_WINDOW.
TEST(Sequence23, OneTickOlderIsLetPass) {
  RunTrace(R"(
    C>S SYN seq=100 ts=1000,0
    S>C SYN,ACK seq=300 ack=101 ts=90000,1000
    C>S ACK ts=1001,90000
    C>S ACK len=100 ts=1005,90000
    S>C ACK ts=90001,1005
    C>S ACK len=100 ts=1004,90000            = ESTABLISHED ESTABLISHED
    C>S ACK len=100 ts=1003,90000            ! paws
  )");
}

TEST(Sequence38, AStrayResetOfAnEndThatIsDone) {
  RunTrace(Established(R"(
    C>S FIN,ACK
    S>C FIN,ACK
    C>S ACK                                  = TIME_WAIT CLOSED
    S>C RST seq=301                          = TIME_WAIT CLOSED timeout 120s
    S>C RST seq=90000                        ! rst_sequence
  )"));
}

// Simultaneous close, as it seemed; but S acknowledges behind its FIN that it has not got the other.
TEST(Sequence13, ClosingIsTakenBack) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=101 ack=301              = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=301 ack=101              = FIN_WAIT_1 FIN_WAIT_1
    C>S ACK seq=102 ack=302                  = CLOSING CLOSING
    S>C ACK seq=302 ack=101                  = CLOSING FIN_WAIT_2
    S>C ACK seq=302 ack=102                  = TIME_WAIT TIME_WAIT
  )"));
}

// A sender that fills the window, sends its FIN behind it, and acknowledges.
TEST(Sequence22, AnAckAtItsOwnNextNumberIsNeverBeyondTheWindow) {
  RunTrace(Established(R"(
    S>C ACK win=100
    C>S ACK len=10000
    C>S FIN,ACK                              = FIN_WAIT_1 ESTABLISHED
    C>S ACK                                  = FIN_WAIT_1 ESTABLISHED
  )"));
}

// The window in a SYN+ACK that follows an ACK counts, as does that of a SYN behind a smaller one.
TEST(Sequence12, ASynAckAfterTheAckOffersAWindow) {
  RunTrace(R"(
    C>S SYN seq=100 win=10000
    S>C SYN seq=300 win=10000
    C>S SYN,ACK seq=100 ack=301 win=10000
    S>C ACK seq=301 ack=101 win=0
    S>C SYN,ACK seq=300 ack=101 win=20000
    C>S ACK seq=101 ack=301 len=1000         = ESTABLISHED ESTABLISHED
    C>S FIN,ACK seq=1101 ack=301             = FIN_WAIT_1 ESTABLISHED
  )");
}

TEST(Sequence11, TheWindowOfTheSynStillCounts) {
  RunTrace(R"(
    C>S SYN seq=100 win=1000 ws=7
    S>C SYN,ACK seq=300 ack=101 win=10000 ws=7
    C>S ACK win=7                            = ESTABLISHED ESTABLISHED    # 896
    S>C ACK len=920
    S>C ACK len=10
  )");
}

TEST(Retransmission, OneByteAndAFinCountToo) {
  RunTrace(Established(R"(
    C>S ACK len=1
    C>S ACK seq=101 len=1
    C>S ACK seq=101 len=1
    C>S ACK seq=101 len=1                    = ESTABLISHED ESTABLISHED timeout 300s
    S>C ACK                                  = ESTABLISHED ESTABLISHED timeout 5d
    C>S ACK seq=101 len=1                    = ESTABLISHED ESTABLISHED timeout 5d     # a keep-alive
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.retransmits, 3u);
            }});
  RunTrace(Established(R"(
    C>S FIN,ACK                              = FIN_WAIT_1 ESTABLISHED timeout 900s
    C>S FIN,ACK seq=101
    C>S FIN,ACK seq=101
    C>S FIN,ACK seq=101                      = FIN_WAIT_1 ESTABLISHED timeout 300s
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.retransmits, 3u);
            }});
  // Where waiting is shorter, it stays so.
  Tunables tunables;
  tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kHalfClosed)] = 100'000;
  RunTrace(Established(R"(
    C>S FIN,ACK
    C>S FIN,ACK seq=101
    C>S FIN,ACK seq=101
    C>S FIN,ACK seq=101                      = FIN_WAIT_1 ESTABLISHED timeout 100s
  )"),
           {.tunables = tunables, .inspect = {}});
}

// What a look at one-line mutants of the tracker found untested.
TEST(Sequence21, AnAckFarBehindNeedsASackBlock) {
  RunTrace(R"(
    C>S SYN seq=100 win=65000
    S>C SYN,ACK seq=300 ack=101 win=65000
    C>S ACK win=65000
    S>C ACK len=50000
    C>S ACK win=65000
    S>C ACK len=50000                              = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=301 win=65000              ! ack_low
    C>S ACK seq=101 ack=301 win=65000 sack=90301,100301
    C>S ACK seq=101 ack=301 win=65000 sack=301,401 ! ack_low
  )");
}

TEST(Sequence20, AFinAtANumberThatWasData) {
  RunTrace(Established(R"(
    C>S ACK len=100
    C>S FIN,ACK seq=150 stray                = ESTABLISHED ESTABLISHED   # before what it has sent
    C>S ACK seq=201 len=10                   = ESTABLISHED ESTABLISHED
    S>C ACK ack=211
    C>S FIN,ACK seq=210 stray                = ESTABLISHED ESTABLISHED   # of an acknowledged byte
    C>S ACK seq=211 len=10                   = ESTABLISHED ESTABLISHED
  )"));
}

TEST(Sequence18, ASynAtTheNextNumberIsNotAboveIt) {
  RunTrace(Established(R"(
    C>S FIN,ACK
    S>C FIN,ACK
    C>S ACK                                  = TIME_WAIT CLOSED
    C>S SYN seq=102 stray                    ! time_wait_syn
    C>S SYN seq=103 stray                    = TIME_WAIT CLOSED
    S>C SYN,ACK seq=9000 ack=104             end closed new flow = SYN_SENT SYN_RCVD
  )"));
}

TEST(History, AWindowOfZeroOnAConnectionThatHasLongBeenPlain) {
  RunTrace(Established(R"(
    C>S ACK len=10
    S>C ACK len=10
    C>S ACK
    S>C ACK
    C>S ACK win=0
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.history, "ShAaDdW");
            }});
}

TEST(Provisional, UntilItsAnswerIsSeen) {
  const auto says = [](bool client, bool server) {
    return TraceOptions{.tunables = {}, .inspect = [=](const FlowRecord& flow, const Harness&) {
                          EXPECT_EQ(flow.originator.provisional, client);
                          EXPECT_EQ(flow.responder.provisional, server);
                        }};
  };
  RunTrace("C>S SYN seq=100", says(false, true));
  RunTrace("C>S SYN seq=100\nS>C SYN,ACK seq=300 ack=101", says(false, false));
  RunTrace("C>S SYN seq=100\nS>C SYN,ACK seq=300 ack=101\nC>S ACK", says(false, true));
  RunTrace("C>S SYN seq=100\nS>C SYN,ACK seq=300 ack=101\nC>S ACK\nC>S ACK len=9\nC>S ACK len=9",
           says(false, true));
  RunTrace(Established(""), says(false, false));
  RunTrace(Established("C>S FIN,ACK"), says(false, false));
  RunTrace(Established("C>S FIN,ACK\nS>C ACK"), says(true, false));
  RunTrace(Established("C>S FIN,ACK\nS>C ACK\nS>C FIN,ACK\nC>S ACK"), says(false, true));
  RunTrace("C>S ACK seq=500 ack=900 len=10", says(false, true));
}

TEST(History, FlagsThatNoTcpSends) {
  RunTrace(Established("C>S SYN,FIN ! flags\nS>C SYN,RST,ACK ! flags\nC>S FIN,RST ! flags"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.history, "ShAaQqI");
            }});
}

TEST(History, WhatWasMissedAndWhatWasSpoiled) {
  const auto says = [](std::string_view history) {
    return TraceOptions{.tunables = {}, .inspect = [=](const FlowRecord& flow, const Harness&) {
                          EXPECT_EQ(flow.history, history);
                        }};
  };
  // A hole is a gap once it is acknowledged and not filled; so is what was acknowledged and never seen.
  const std::string hole = Established("C>S ACK len=10\nC>S ACK seq=121 ack=301 len=10\n");
  RunTrace(hole + "S>C ACK seq=301 ack=111", says("ShAaD"));
  RunTrace(hole + "S>C ACK seq=301 ack=131", says("ShAaDG"));
  RunTrace(hole + "C>S ACK seq=111 ack=301 len=10\nS>C ACK seq=301 ack=131", says("ShAaDT"));
  RunTrace(Established("S>C ACK len=10\nC>S ACK seq=101 ack=400"), says("ShAadg"));
  TraceOptions spoiled = says("ShAaC");
  spoiled.tunables.verify_checksums = true;
  RunTrace(Established("C>S ACK len=10 badsum ! tcp_checksum"), spoiled);
}

}  // namespace
}  // namespace coretrack::testing
