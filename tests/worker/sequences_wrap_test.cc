// TCP.md, sequence 24: numbers that wrap between one that is compared and the other.
//
// In the variants of trace.cc C's numbers wrap at 104 or at 128, S's at 304: what is compared in these
// traces stands on both sides of that. Each would end otherwise, were the comparison not modulo 2^32.
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

std::string Established(std::string_view rest) {
  return R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK                      = ESTABLISHED ESTABLISHED timeout 5d
  )" + std::string(rest);
}

TEST(Sequence24, ASackBlockBehindAVeryOldAck) {
  RunTrace(Established(R"(
    C>S ACK seq=60001 len=100
    S>C ACK ack=60101
    C>S ACK seq=66015 len=100              # to 66115
    S>C ACK ack=115                        # 66000 behind: plausible still
    S>C ACK ack=114                        ! ack_low
    S>C ACK ack=101                        ! ack_low
    S>C ACK ack=101 sack=66015,66115       # fresh, its SACK says
    S>C ACK ack=101 sack=102,110           ! ack_low      # a SACK as old as the ACK
    S>C ACK ack=66115
  )"));
}

TEST(Sequence24, ASenderThatStaysBeyondItsWindow) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101 win=20
    C>S ACK                                = ESTABLISHED ESTABLISHED
    S>C ACK win=20                         # up to 121
    C>S ACK seq=101 len=10
    C>S ACK seq=125 len=10                 ! overrun
    C>S ACK seq=135 len=1                  ! overrun      # its next number, but not inside
    S>C ACK ack=111 win=20
  )");
}

TEST(Sequence24, ServerDataBeforeTheThirdAck) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    S>C ACK len=100                        = SYN_SENT SYN_RCVD
    C>S ACK seq=101 ack=301                = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 ack=401
  )");
}

// A keep-alive, of one number below the wrap, is old for a receiver that expects the one after it.
TEST(Sequence24, TheAckInAnOldSegmentIsNotTaken) {
  RunTrace(Established(R"(
    S>C ACK len=3                          # to 304
    C>S ACK ack=304
    C>S FIN,ACK                            = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=303 ack=102                = FIN_WAIT_1 CLOSE_WAIT
    S>C ACK seq=304 ack=102                = FIN_WAIT_2 CLOSE_WAIT
  )"));
}

TEST(Sequence24, PartsThatAreRetransmitted) {
  RunTrace(Established(R"(
    C>S ACK len=100                        # to 201
    C>S ACK seq=101 len=2                  # a part of it again, from before the wrap
    C>S ACK seq=180 len=10                 # and one from behind it
    S>C ACK ack=201
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.originator.retransmits, 2u);
            }});
}

TEST(Sequence24, AHoleBeforeAFinIsFilledFromBelow) {
  RunTrace(Established(R"(
    S>C ACK len=10                         # to 311
    C>S ACK ack=311
    C>S FIN,ACK seq=101 ack=311            = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK seq=361 ack=101            = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=301 len=60 ack=101         = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=362 ack=102                = CLOSING CLOSING          # from behind its FIN
    C>S ACK seq=102 ack=362                = TIME_WAIT TIME_WAIT
  )"));
}

TEST(Sequence24, TheAckOfAFinOvertakesThePeersOlderFin) {
  RunTrace(Established(R"(
    C>S FIN,ACK len=2 ack=301              = FIN_WAIT_1 ESTABLISHED   # to 104
    S>C ACK seq=302 ack=104                = FIN_WAIT_2 CLOSE_WAIT
    S>C FIN,ACK seq=301 ack=101            = FIN_WAIT_2 CLOSING
    C>S ACK ack=302                        = TIME_WAIT TIME_WAIT
  )"));
}

// Once the data shows, the ACK that came before it allows nothing any more.
TEST(Sequence24, AnAckOfDataThatShowsLater) {
  RunTrace(Established(R"(
    S>C ACK ack=111                        = ESTABLISHED ESTABLISHED
    C>S ACK seq=101 len=100                # to 201
    S>C ACK ack=201
    C>S RST seq=111                        ! rst_sequence
    C>S RST seq=201                        = CLOSED CLOSED
  )"));
}

TEST(Sequence24, SynDataThatOnlyTheFirstCopyCarries) {
  RunTrace(R"(
    C>S SYN seq=100 len=40                 = SYN_SENT LISTEN
    C>S SYN seq=100                        = SYN_SENT LISTEN
    S>C SYN,ACK seq=300 ack=141            = SYN_SENT SYN_RCVD
    C>S ACK seq=141                        = ESTABLISHED ESTABLISHED
  )");
}

// ISNs that are the last number of all: 103 of C and 303 of S.
TEST(Sequence24, SimultaneousOpenAtTheWrap) {
  RunTrace(R"(
    C>S SYN seq=103                        = SYN_SENT LISTEN
    S>C SYN seq=303                        = SYN_SENT SYN_SENT
    C>S SYN,ACK seq=103 ack=304            = SYN_RCVD SYN_SENT
    S>C SYN,ACK seq=303 ack=104            = ESTABLISHED ESTABLISHED timeout 5d
  )");
}

TEST(Sequence24, TheSynAckIsOvertakenByItsAnswerAndData) {
  RunTrace(R"(
    C>S SYN seq=100                        = SYN_SENT LISTEN
    C>S ACK seq=101 ack=301 len=100        = ESTABLISHED ESTABLISHED timeout 300s
    S>C SYN,ACK seq=300 ack=101 mss=1400   = ESTABLISHED ESTABLISHED timeout 5d
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.responder.mss, 1400);
            }});
}

// An ACK of a part moves TS.Recent as one of everything does.
TEST(Sequence24, AnEchoInAnAckOfAPart) {
  RunTrace(R"(
    C>S SYN seq=100 ts=1000,0
    S>C SYN,ACK seq=300 ack=101 ts=90000,1000
    C>S ACK ts=1001,90000                  = ESTABLISHED ESTABLISHED
    C>S ACK len=100 ts=1010,90000          # to 201
    S>C ACK ack=102 win=0 ts=90001,1010
    C>S ACK seq=102 len=99 ts=1005,90001   ! paws
    C>S ACK seq=102 len=99 ts=1020,90001
  )");
}

TEST(Sequence24, TimestampsThatWrapInTimeWait) {
  const std::string closed = R"(
    C>S SYN seq=100 ts=4294967200,0
    S>C SYN,ACK seq=300 ack=101 ts=5000,4294967200
    C>S ACK ts=4294967201,5000
    C>S FIN,ACK ts=4294967202,5000
    S>C FIN,ACK ts=5002,4294967202
    C>S ACK ts=4294967203,5002             = TIME_WAIT CLOSED timeout 120s
    +1s
  )";
  RunTrace(closed + R"(
    C>S SYN seq=50 ts=4294967190,0         ! time_wait_syn
    C>S SYN seq=50 ts=20,0                 = TIME_WAIT CLOSED timeout 119s   # after the wrap
    S>C SYN,ACK seq=8000 ack=51 ts=1,20    end closed new flow = SYN_SENT SYN_RCVD
  )");
  RunTrace(R"(
    C>S SYN seq=100 ts=10,0
    S>C SYN,ACK seq=300 ack=101 ts=5000,10
    C>S FIN,ACK seq=101 ts=12,5000
    S>C FIN,ACK ts=5002,12
    C>S ACK ts=13,5002                     = TIME_WAIT CLOSED timeout 120s
    C>S SYN seq=50 ts=4294967290,0         ! time_wait_syn       # before the wrap
  )");
}

}  // namespace
}  // namespace coretrack::testing
