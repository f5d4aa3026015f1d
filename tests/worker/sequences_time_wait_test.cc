// TCP.md, sequences about TIME_WAIT: 16 17 18 38.
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

// C closes first: TIME_WAIT CLOSED, C's next number is 102, S's 302.
std::string TimeWait(std::string_view rest) {
  return R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK
    C>S FIN,ACK                  = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK                  = FIN_WAIT_1 LAST_ACK
    C>S ACK                      = TIME_WAIT CLOSED timeout 120s
  )" + std::string(rest);
}

TEST(Sequence16, TheLastAckIsLost) {
  RunTrace(TimeWait(R"(
    +100s
    S>C FIN,ACK seq=301          = TIME_WAIT LAST_ACK timeout 120s
    C>S ACK                      = TIME_WAIT CLOSED timeout 120s
    +50s
    C>S ACK                      timeout 70s           # an ACK alone restarts nothing
    S>C ACK                      timeout 70s
    S>C FIN,ACK seq=301          timeout 120s
    +120s                        = none end closed
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness& harness) {
              EXPECT_EQ(flow.time_wait_fins, 2u);
              EXPECT_EQ(flow.time_wait_duplicates, 0u);
              EXPECT_EQ(harness.counters().time_wait_fins.Read(), 2u);
            }});
}

TEST(Sequence16, TheFinThatComesAgainBringsItsData) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK
    C>S FIN,ACK                  = FIN_WAIT_1 ESTABLISHED
    S>C FIN,ACK len=50           = FIN_WAIT_1 LAST_ACK
    C>S ACK                      = TIME_WAIT CLOSED timeout 120s
    +100s
    S>C ACK seq=301 len=50       ! time_wait_duplicate timeout 20s     # without the FIN
    S>C FIN,ACK seq=301 len=50   = TIME_WAIT LAST_ACK timeout 120s
  )",
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_EQ(flow.time_wait_fins, 1u);
              EXPECT_EQ(flow.time_wait_duplicates, 1u);
            }});
}

TEST(Sequence17, ResetsAndOldDataInTimeWait) {
  RunTrace(TimeWait(R"(
    +10s
    S>C RST seq=302              = TIME_WAIT CLOSED timeout 110s
    S>C RST seq=310              = TIME_WAIT CLOSED timeout 110s
    S>C ACK seq=301 len=2        ! after_fin            # beyond its FIN: no duplicate of anything
    S>C ACK seq=251 len=50       ! time_wait_duplicate
    C>S ACK seq=51 len=50        ! time_wait_duplicate  = TIME_WAIT CLOSED timeout 110s
    S>C RST seq=90000            = TIME_WAIT CLOSED timeout 110s ! rst_sequence
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness& harness) {
              EXPECT_EQ(flow.time_wait_duplicates, 2u);
              EXPECT_EQ(flow.time_wait_fins, 0u);
              EXPECT_EQ(harness.counters().time_wait_duplicates.Read(), 2u);
            }});
}

TEST(Sequence18, ASynAboveTheOldSequenceOpensAnew) {
  RunTrace(TimeWait(R"(
    +1s
    C>S SYN seq=103 mss=900      = TIME_WAIT CLOSED timeout 119s
    S>C SYN,ACK seq=8000 ack=104 end closed new flow = SYN_SENT SYN_RCVD timeout 60s
    C>S ACK                      = ESTABLISHED ESTABLISHED timeout 5d originator C
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness& harness) {
              EXPECT_EQ(flow.originator.mss, 900) << "the new incarnation's own options";
              EXPECT_EQ(flow.originator.packets, 2u) << "its SYN is its own";
              EXPECT_EQ(harness.counters().flows_created.Read(), 2u);
            }});
}

TEST(Sequence18, ASynBelowTheOldSequenceIsInvalid) {
  RunTrace(TimeWait(R"(
    +1s
    C>S SYN seq=102              ! time_wait_syn = TIME_WAIT CLOSED timeout 119s   # expected next
    C>S SYN seq=101              ! time_wait_syn
    C>S SYN seq=60               ! time_wait_syn
    S>C SYN seq=302              ! time_wait_syn
    S>C SYN seq=200              ! time_wait_syn
    S>C SYN,ACK seq=8000 ack=102 ! syn_ack_ack = TIME_WAIT CLOSED
  )"));
}

TEST(Sequence18, ByTheOtherSide) {
  RunTrace(TimeWait(R"(
    +1s
    S>C SYN seq=400              = TIME_WAIT CLOSED timeout 119s
    C>S SYN,ACK seq=9000 ack=401 end closed new flow originator S = SYN_RCVD SYN_SENT
    S>C ACK                      = ESTABLISHED ESTABLISHED
  )"));
}

TEST(Sequence18, ANewerTimestampOpensAnewBelowTheOldSequence) {
  RunTrace(R"(
    C>S SYN seq=100 ts=1000,0
    S>C SYN,ACK seq=300 ack=101 ts=5000,1000
    C>S ACK ts=1001,5000
    C>S FIN,ACK ts=1002,5000
    S>C FIN,ACK ts=5002,1002
    C>S ACK ts=1003,5002                   = TIME_WAIT CLOSED timeout 120s
    +1s
    C>S SYN seq=50 ts=1002,0               ! time_wait_syn
    C>S SYN seq=50 ts=2000,0               = TIME_WAIT CLOSED timeout 119s
    S>C SYN,ACK seq=8000 ack=51 ts=1,2000  end closed new flow = SYN_SENT SYN_RCVD
    C>S ACK ts=2001,1                      = ESTABLISHED ESTABLISHED
  )");
}

TEST(Sequence38, UntilItIsConfirmedTheOldStateStands) {
  RunTrace(TimeWait(R"(
    +1s
    C>S SYN seq=5000             = TIME_WAIT CLOSED timeout 119s
    S>C SYN,ACK seq=8000 ack=77  ! syn_ack_ack = TIME_WAIT CLOSED
    S>C FIN,ACK seq=301 ack=102  = TIME_WAIT LAST_ACK timeout 120s   # the old one still speaks
    C>S ACK seq=102 ack=302      = TIME_WAIT CLOSED
    C>S SYN seq=5000             = TIME_WAIT CLOSED
    S>C RST,ACK seq=90000 ack=4999 ! rst_sequence = TIME_WAIT CLOSED
    S>C RST,ACK seq=90000 ack=5001 = TIME_WAIT CLOSED timeout 120s   # refuses the new one alone
    +120s                        = none end closed
    C>S SYN seq=5000             new flow = SYN_SENT LISTEN
  )"));
}

TEST(Sequence18, AfterTheTimeWaitAnythingOpens) {
  RunTrace(TimeWait(R"(
    +120s                        = none end closed
    C>S SYN seq=50               new flow = SYN_SENT LISTEN
  )"));
}

}  // namespace
}  // namespace coretrack::testing
