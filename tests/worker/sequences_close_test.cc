// TCP.md, sequences about closing: 4 13 14 15 19 20 37 39.
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

// Followed by what a test is about.
std::string Established(std::string_view rest) {
  return R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK                      = ESTABLISHED ESTABLISHED
  )" + std::string(rest);
}

TEST(Sequence00, AnOrdinaryClose) {
  RunTrace(Established(R"(
    C>S FIN,ACK        = FIN_WAIT_1 ESTABLISHED timeout 15m
    S>C ACK            = FIN_WAIT_2 CLOSE_WAIT timeout 15m
    S>C FIN,ACK        = FIN_WAIT_2 LAST_ACK timeout 30s
    C>S ACK            = TIME_WAIT CLOSED timeout 120s
    +119.999s          = TIME_WAIT CLOSED
    +1ms               = none end closed
  )"));
  RunTrace(Established(R"(
    S>C FIN,ACK        = ESTABLISHED FIN_WAIT_1
    C>S FIN,ACK        = LAST_ACK FIN_WAIT_1 timeout 30s    # FIN and the ACK of the FIN in one
    S>C ACK            = CLOSED TIME_WAIT timeout 120s      # directly from FIN_WAIT_1
  )"));
}

TEST(Sequence04, AnAckInLastAckThatDoesNotAcknowledgeTheFin) {
  RunTrace(Established(R"(
    C>S FIN,ACK
    S>C ACK            = FIN_WAIT_2 CLOSE_WAIT
    S>C FIN,ACK        = FIN_WAIT_2 LAST_ACK timeout 30s
    C>S SYN seq=9000 stray   = FIN_WAIT_2 LAST_ACK          # ignored
    S>C ACK            = FIN_WAIT_2 LAST_ACK                # the challenge
    C>S ACK ack=301    = FIN_WAIT_2 LAST_ACK                # below the FIN
    C>S ACK ack=302    = TIME_WAIT CLOSED
  )"));
}

TEST(Sequence13, SimultaneousClose) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=101 ack=301   = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=301 ack=101   = FIN_WAIT_1 FIN_WAIT_1 timeout 30s
    C>S ACK                       = CLOSING CLOSING timeout 30s
    S>C ACK                       = TIME_WAIT TIME_WAIT timeout 120s
    +120s                         = none end closed
  )"));
}

TEST(Sequence13, SimultaneousCloseWithARetransmittedFinThatAcknowledges) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=101 ack=301   = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=301 ack=101   = FIN_WAIT_1 FIN_WAIT_1
    C>S FIN,ACK seq=101 ack=302   = CLOSING CLOSING
    S>C FIN,ACK seq=301 ack=102   = TIME_WAIT TIME_WAIT timeout 120s
  )"));
}

TEST(Sequence13, SimultaneousCloseWithAFinBehindAHole) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=101 ack=301      = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=351 ack=101      = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=301 len=50 ack=101   = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=352 ack=102          = CLOSING CLOSING          # from behind its FIN
    C>S ACK seq=102 ack=352          = TIME_WAIT TIME_WAIT
  )"));
}

// C has not got S's FIN, for what was before it is lost.
TEST(Sequence13, AFinBehindAHoleThatIsNotFilled) {
  RunTrace(Established(R"(
    S>C FIN,ACK seq=351 ack=101      = ESTABLISHED ESTABLISHED
    C>S FIN,ACK seq=101 ack=301      = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=352 ack=102          = FIN_WAIT_2 CLOSING
    S>C ACK seq=301 len=50 ack=102
    C>S ACK seq=102 ack=352          = TIME_WAIT TIME_WAIT
  )"));
}

TEST(Sequence39, ARetransmittedFinThatAcknowledgesMovesClosingToTimeWait) {
  RunTrace(Established(R"(
    S>C FIN,ACK seq=301 ack=101   = ESTABLISHED FIN_WAIT_1
    C>S FIN,ACK seq=101 ack=301   = FIN_WAIT_1 FIN_WAIT_1
    C>S ACK seq=102 ack=302       = CLOSING CLOSING
    S>C FIN,ACK seq=301 ack=102   = TIME_WAIT TIME_WAIT
  )"));
}

TEST(Sequence14, TheAckOfAFinOvertakesThePeersOlderFin) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=101 ack=301   = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=302 ack=102       = FIN_WAIT_2 CLOSE_WAIT
    S>C FIN,ACK seq=301 ack=101   = FIN_WAIT_2 CLOSING         # sent before it had C's
    C>S ACK ack=302               = TIME_WAIT TIME_WAIT timeout 120s
  )"));
}

TEST(Sequence15, AFinWithDataMovesWhenTheAckCoversIt) {
  RunTrace(Established(R"(
    C>S FIN,ACK len=50            = FIN_WAIT_1 ESTABLISHED
    S>C ACK ack=120               = FIN_WAIT_1 ESTABLISHED
    S>C ACK ack=151               = FIN_WAIT_1 ESTABLISHED
    S>C ACK ack=152               = FIN_WAIT_2 CLOSE_WAIT
  )"));
}

TEST(Sequence15, AFinBehindAHoleMovesWhenTheAckCoversIt) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=201 len=50    = ESTABLISHED ESTABLISHED timeout 5d
    S>C ACK ack=101               = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 len=100       = ESTABLISHED ESTABLISHED
    S>C ACK ack=251               = ESTABLISHED ESTABLISHED
    S>C ACK ack=252               = FIN_WAIT_2 CLOSE_WAIT timeout 15m
    S>C FIN,ACK seq=301 ack=252   = FIN_WAIT_2 LAST_ACK
    C>S ACK seq=252 ack=302       = TIME_WAIT CLOSED
  )"));
}

TEST(Sequence37, TheBoxMissedPackets) {
  RunTrace(Established(R"(
    S>C ACK ack=1101              = ESTABLISHED ESTABLISHED timeout 5d   # of data it did not see
    C>S ACK seq=1101 len=100      = ESTABLISHED ESTABLISHED
    S>C ACK ack=1201
  )"));
  RunTrace(Established(R"(
    C>S FIN,ACK seq=1101          = ESTABLISHED ESTABLISHED     # the hole's data went another way
    S>C ACK ack=1102              = FIN_WAIT_2 CLOSE_WAIT
    S>C FIN,ACK ack=1102          = FIN_WAIT_2 LAST_ACK
    C>S ACK seq=1102 ack=302      = TIME_WAIT CLOSED
  )"));
}

TEST(Sequence37, AGapWiderThanTheWindow) {
  RunTrace(R"(
    C>S SYN seq=100 win=2000
    S>C SYN,ACK seq=300 ack=101 win=2000
    C>S ACK win=2000              = ESTABLISHED ESTABLISHED
    C>S ACK seq=90101 len=100     ! sequence_high
    S>C ACK ack=90201             = ESTABLISHED ESTABLISHED   # its answer confirms it
    C>S ACK seq=90201 len=100
    S>C ACK ack=90301
    C>S FIN,ACK seq=90301         = FIN_WAIT_1 ESTABLISHED
    S>C ACK ack=90302             = FIN_WAIT_2 CLOSE_WAIT
  )");
}

TEST(Sequence19, AHalfClosedConnectionLivesOn) {
  RunTrace(Established(R"(
    C>S FIN,ACK
    S>C ACK                       = FIN_WAIT_2 CLOSE_WAIT timeout 15m
    +14m
    S>C ACK len=1000              = FIN_WAIT_2 CLOSE_WAIT timeout 15m
    C>S ACK                       = FIN_WAIT_2 CLOSE_WAIT
    +14m
    S>C ACK len=1000              timeout 15m
    +899.999s                     = FIN_WAIT_2 CLOSE_WAIT
    +1ms                          = none end timeout
  )"));
}

TEST(Sequence20, ForgedFinsAndSynsMoveNothing) {
  RunTrace(R"(
    C>S SYN seq=100 win=1000
    S>C SYN,ACK seq=300 ack=101 win=1000
    C>S ACK win=1000              = ESTABLISHED ESTABLISHED
    +1s
    C>S FIN,ACK seq=50000         ! sequence_high = ESTABLISHED ESTABLISHED
    S>C FIN,ACK seq=80000         ! sequence_high
    C>S FIN,ACK seq=1800          ! overrun
    C>S FIN,ACK seq=101 ack=99999 ! ack_high
    C>S FIN,ACK seq=-5000         ! sequence_low
    C>S SYN seq=50000 stray       = ESTABLISHED ESTABLISHED timeout 431999s
    S>C SYN seq=50000 stray       = ESTABLISHED ESTABLISHED timeout 431999s
    S>C SYN,ACK seq=5 ack=9 stray = ESTABLISHED ESTABLISHED timeout 431999s
    C>S ACK                       = ESTABLISHED ESTABLISHED timeout 5d
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness& harness) {
              EXPECT_GE(harness.counters().challenged_syns.Read(), 2u);
              EXPECT_EQ(flow.originator.out_of_window, 4u);
              EXPECT_EQ(flow.responder.out_of_window, 1u);
            }});
}

TEST(Sequence20, AForgedFinInsideTheWindowMovesNothingUntilAcknowledged) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=5101 stray    = ESTABLISHED ESTABLISHED    # forged
    C>S ACK len=100               = ESTABLISHED ESTABLISHED
    S>C ACK ack=201               = ESTABLISHED ESTABLISHED
    C>S ACK len=4900              = ESTABLISHED ESTABLISHED
    S>C ACK ack=5101              = ESTABLISHED ESTABLISHED
    C>S ACK len=100               = ESTABLISHED ESTABLISHED    # goes past it: that FIN was none
    S>C ACK ack=5201              = ESTABLISHED ESTABLISHED
    C>S FIN,ACK                   = FIN_WAIT_1 ESTABLISHED
    S>C ACK                       = FIN_WAIT_2 CLOSE_WAIT
  )"));
}

// Its number stands for a byte that has been acknowledged, or has been sent.
TEST(Sequence20, AForgedFinInThePlaceOfDataMovesNothing) {
  RunTrace(Established(R"(
    C>S ACK len=100
    S>C ACK ack=201
    C>S FIN,ACK seq=200           = ESTABLISHED ESTABLISHED    # the last byte's
    C>S FIN,ACK seq=151 len=49    = ESTABLISHED ESTABLISHED
    C>S ACK len=100               = ESTABLISHED ESTABLISHED
    S>C ACK ack=301               = ESTABLISHED ESTABLISHED
  )"));
  RunTrace(Established(R"(
    C>S ACK len=100
    C>S FIN,ACK seq=150           = ESTABLISHED ESTABLISHED    # in what is under way
    C>S ACK seq=201 len=100       = ESTABLISHED ESTABLISHED
    S>C ACK ack=301               = ESTABLISHED ESTABLISHED
    C>S FIN,ACK seq=301           = FIN_WAIT_1 ESTABLISHED
  )"));
}

TEST(Sequence20, AnAckOfWhatWasNeverSentDoesNotHideTheFin) {
  RunTrace(Established(R"(
    S>C ACK ack=601 stray         = ESTABLISHED ESTABLISHED
    C>S FIN,ACK seq=101           = FIN_WAIT_1 ESTABLISHED
    S>C ACK ack=102               = FIN_WAIT_2 CLOSE_WAIT
  )"));
}

// RFC 9293 3.10.7.4, first: a segment below what is expected is dropped, with the ACK in it.
TEST(Sequence21, TheAckInAnOldSegmentIsNotTaken) {
  RunTrace(Established(R"(
    S>C ACK len=50
    C>S ACK ack=351
    C>S FIN,ACK                   = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=350 ack=102       = FIN_WAIT_1 CLOSE_WAIT      # a keep-alive
    S>C ACK seq=351 ack=102       = FIN_WAIT_2 CLOSE_WAIT
  )"));
}

TEST(Sequence20, DataInThePlaceOfAForgedFin) {
  RunTrace(Established(R"(
    C>S FIN,ACK seq=200 stray     = ESTABLISHED ESTABLISHED    # forged: 201 when it counts
    C>S ACK len=50
    C>S ACK len=50                # to 201 exactly
    S>C ACK ack=201               = ESTABLISHED ESTABLISHED
    C>S RST seq=201               = CLOSED CLOSED
  )"));
  RunTrace(Established(R"(
    C>S FIN,ACK seq=300 stray     = ESTABLISHED ESTABLISHED
    C>S RST seq=300               = CLOSED CLOSED              # the FIN does not count yet
  )"));
}

TEST(Sequence20, ASegmentBeyondTheWindowDoesNotHideTheFin) {
  const std::string established = R"(
    C>S SYN seq=100 win=1000
    S>C SYN,ACK seq=300 ack=101 win=1000
    C>S ACK win=1000              = ESTABLISHED ESTABLISHED
  )";
  RunTrace(established + R"(
    C>S FIN,ACK win=1000          = FIN_WAIT_1 ESTABLISHED
    C>S ACK seq=1500 len=10       ! overrun
    S>C ACK ack=102 win=1000      = FIN_WAIT_2 CLOSE_WAIT
  )");
  RunTrace(established + R"(
    C>S FIN,ACK seq=201 win=1000  = ESTABLISHED ESTABLISHED
    C>S ACK seq=1500 len=10       ! overrun
    S>C ACK ack=202 win=1000      = FIN_WAIT_2 CLOSE_WAIT
  )");
}

TEST(Sequence20, DataBeyondAFinIsInvalid) {
  RunTrace(Established(R"(
    C>S FIN,ACK                   = FIN_WAIT_1 ESTABLISHED
    C>S ACK seq=102 len=10        ! after_fin
    S>C ACK ack=102               = FIN_WAIT_2 CLOSE_WAIT
    C>S FIN,ACK seq=110           ! after_fin
  )"));
}

// What an endpoint sends again says where it is: what it was believed to have got, it has not.
TEST(Retransmission, TakesBackWhatWasProvisional) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK                      = ESTABLISHED ESTABLISHED timeout 5d      # lost behind the box
    S>C SYN,ACK seq=300 ack=101  = ESTABLISHED SYN_RCVD timeout 60s
    +20s
    S>C SYN,ACK seq=300 ack=101  = ESTABLISHED SYN_RCVD timeout 40s
    C>S ACK                      = ESTABLISHED ESTABLISHED timeout 5d
    S>C SYN,ACK seq=300 ack=101  = ESTABLISHED SYN_RCVD timeout 60s
    S>C ACK len=10               = ESTABLISHED ESTABLISHED timeout 5d      # it had crossed that
    S>C SYN,ACK seq=300 ack=101 stray = ESTABLISHED ESTABLISHED            # a late copy
    C>S FIN,ACK                  = FIN_WAIT_1 ESTABLISHED
    S>C ACK                      = FIN_WAIT_2 CLOSE_WAIT                   # lost behind the box
    C>S FIN,ACK seq=101 stray    = FIN_WAIT_1 CLOSE_WAIT
    S>C ACK                      = FIN_WAIT_2 CLOSE_WAIT
    C>S ACK                      = FIN_WAIT_2 CLOSE_WAIT
    S>C FIN,ACK                  = FIN_WAIT_2 LAST_ACK
    C>S ACK                      = TIME_WAIT CLOSED
    S>C FIN,ACK seq=311 stray    = TIME_WAIT LAST_ACK timeout 120s
    S>C FIN,ACK seq=311 stray    = TIME_WAIT LAST_ACK timeout 120s
    C>S ACK                      = TIME_WAIT CLOSED
  )");
}

TEST(Retransmission, OfAFinThatCrossed) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK
    C>S FIN,ACK seq=101 ack=301
    S>C FIN,ACK seq=301 ack=101              = FIN_WAIT_1 FIN_WAIT_1
    S>C ACK seq=302 ack=102                  = CLOSING CLOSING
    C>S FIN,ACK seq=101 ack=301              = FIN_WAIT_1 CLOSING    # has seen neither
    S>C FIN,ACK seq=301 ack=102              = CLOSING CLOSING
    C>S ACK seq=102 ack=302                  = TIME_WAIT TIME_WAIT
  )");
}

TEST(Retransmission, AnAckOfAnEndThatWasBelievedClosed) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK
    C>S FIN,ACK seq=101 ack=301
    S>C FIN,ACK seq=301 ack=102
    C>S ACK seq=102 ack=302                  = TIME_WAIT CLOSED
    S>C ACK seq=302 ack=102                  = TIME_WAIT CLOSED
    S>C FIN,ACK seq=301 ack=102              = TIME_WAIT LAST_ACK
  )");
}

}  // namespace
}  // namespace coretrack::testing
