// TCP.md, sequences about data, windows, timestamps and headers: 21 to 27.
#include "tests/worker/trace.h"

namespace coretrack::testing {
namespace {

std::string Established(std::string_view rest) {
  return R"(
    C>S SYN seq=100 win=10000
    S>C SYN,ACK seq=300 ack=101 win=10000
    C>S ACK win=10000            = ESTABLISHED ESTABLISHED timeout 5d
  )" + std::string(rest);
}

TEST(Sequence21, RetransmissionsPassAndMoveNothingBack) {
  RunTrace(Established(R"(
    C>S ACK len=1000
    C>S ACK len=1000
    S>C ACK ack=2101
    C>S ACK seq=101 len=1000               # acknowledged already
    C>S RST seq=101                        ! rst_sequence   # what is expected next is still 2101
    S>C ACK ack=2101
    C>S RST seq=2101                       = CLOSED CLOSED
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness& harness) {
              EXPECT_EQ(flow.originator.retransmits, 1u);
              EXPECT_EQ(harness.counters().retransmissions.Read(), 1u);
            }});
}

TEST(Sequence21, KeepAlivesAndZeroWindowProbes) {
  RunTrace(Established(R"(
    C>S ACK len=100
    S>C ACK
    +2h
    C>S ACK seq=-1                         timeout 5d       # without the garbage byte
    S>C ACK                                timeout 5d
    C>S ACK seq=-1 len=1                   # with it
    S>C ACK
  )"));
  RunTrace(Established(R"(
    C>S ACK len=100
    S>C ACK
    C>S ACK seq=-1 len=1                   # nobody answers: not data that waits to be acknowledged
    C>S ACK seq=-1 len=1
    C>S ACK seq=-1 len=1
    C>S ACK seq=-1 len=1                   timeout 5d
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness& harness) {
              EXPECT_EQ(flow.originator.retransmits, 0u);
              EXPECT_EQ(harness.counters().retransmissions.Read(), 0u);
            }});
  RunTrace(Established(R"(
    C>S ACK len=10000
    S>C ACK ack=10101 win=0
    C>S ACK seq=10101 len=1                # probes
    S>C ACK ack=10101 win=0
    C>S ACK seq=10101 len=1
    S>C ACK ack=10101 win=5000
    C>S ACK seq=10101 len=1000
    S>C ACK
  )"),
           {.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness&) {
              EXPECT_NE(flow.history.view().find('w'), std::string::npos) << flow.history;
            }});
}

// A probe's byte is sent, though not offered: its sender goes on from behind it.
TEST(Sequence21, WhatFollowsAZeroWindowProbe) {
  const std::string probed = R"(
    C>S SYN seq=100 win=8192
    S>C SYN,ACK seq=300 ack=101 win=8192   # a window that its code holds exactly
    C>S ACK win=8192                       = ESTABLISHED ESTABLISHED
    C>S ACK len=8192
    S>C ACK ack=8293 win=0
    C>S ACK seq=8293 len=1                 # the probe
  )";
  RunTrace(probed + R"(
    S>C ACK ack=8293 win=0 len=50
    C>S ACK seq=8294 ack=351               # the ACK of S's data
    S>C ACK seq=351 ack=8293 win=5000
    C>S ACK seq=8293 len=1000
  )");
  RunTrace(probed + R"(
    C>S FIN,ACK seq=8294                   = FIN_WAIT_1 ESTABLISHED     # BSD does not wait
    S>C ACK ack=8295 win=5000              = FIN_WAIT_2 CLOSE_WAIT
  )");
}

TEST(Sequence22, ASenderBeyondTheWindowIsRemembered) {
  RunTrace(Established(R"(
    C>S ACK len=10000                      # up to the window
    C>S ACK seq=10101 len=1000             # at its edge: as a probe
    C>S ACK seq=12101 len=1000             ! overrun
    S>C ACK ack=13101 win=10000            = ESTABLISHED ESTABLISHED timeout 5d
    C>S ACK seq=13101 len=10
    C>S ACK seq=90000 len=10               ! sequence_high
  )"));
}

// It may be forged. What its receiver acknowledges meanwhile is as fresh as before.
TEST(Sequence22, ASegmentBeyondTheWindowDoesNotMakeAcksLookOld) {
  RunTrace(R"(
    C>S SYN seq=100
    S>C SYN,ACK seq=300 ack=101
    C>S ACK                                = ESTABLISHED ESTABLISHED
    C>S ACK seq=120000 len=10              ! overrun
    C>S ACK len=100
    S>C ACK ack=201
  )");
}

// Nor what its sender sends again, when the ACK that the box saw was lost behind it.
TEST(Sequence22, ASegmentBeyondTheWindowDoesNotMakeRetransmissionsLookOld) {
  RunTrace(R"(
    C>S SYN seq=100 win=1024
    S>C SYN,ACK seq=300 ack=101 win=1024
    C>S ACK win=1024                       = ESTABLISHED ESTABLISHED
    C>S ACK len=1000
    S>C ACK ack=1101 win=1024              # never arrives
    C>S ACK seq=101 len=900
    C>S ACK seq=2200 len=10                ! overrun
    C>S ACK seq=101 len=900
  )");
}

// RFC 9293 3.10.4: the FIN follows all data. Some senders send it into a full window, and go on from there.
TEST(Sequence22, WhatFollowsAFinBeyondTheWindow) {
  RunTrace(R"(
    C>S SYN seq=100 win=1024
    S>C SYN,ACK seq=300 ack=101 win=1024
    C>S ACK win=1024                       = ESTABLISHED ESTABLISHED
    C>S ACK len=1024                       # all that is offered
    C>S FIN,ACK seq=1125                   = FIN_WAIT_1 ESTABLISHED
    S>C ACK len=50 ack=101 win=1024
    C>S ACK seq=1126 ack=351               = FIN_WAIT_1 ESTABLISHED
  )");
}

TEST(Sequence22, ObserveAndOffLetEverythingPass) {
  TraceOptions options{.tunables = {}, .inspect = [](const FlowRecord& flow, const Harness& h) {
                         EXPECT_GE(h.counters().window_observed.Read(), 1u);
                         EXPECT_EQ(flow.originator.out_of_window, 1u);
                       }};
  options.tunables.tcp.window = tcp::WindowCheck::kObserve;
  const std::string script = Established("C>S ACK seq=90000 len=10 timeout 5d");
  RunTrace(script, options);
  options.tunables.tcp.window = tcp::WindowCheck::kOff;
  options.inspect = [](const FlowRecord& flow, const Harness& h) {
    EXPECT_EQ(h.counters().window_observed.Read(), 0u);
    EXPECT_EQ(flow.originator.out_of_window, 0u);
  };
  RunTrace(script, options);
}

// The check is off after 24 idle days (RFC 7323 5.5): no timeout is that long (kMaxTimeoutMs), so
// the flow has ended by then.
TEST(Sequence23, OldTimestampsAreInvalid) {
  RunTrace(R"(
    C>S SYN seq=100 ts=1000,0
    S>C SYN,ACK seq=300 ack=101 ts=90000,1000
    C>S ACK ts=1001,90000                  = ESTABLISHED ESTABLISHED
    C>S ACK len=100 ts=9000,90000
    S>C ACK ts=90010,9000
    +1s
    C>S ACK len=100 ts=4000,90010 stray    ! paws
    S>C ACK len=100 ts=80000,9000 stray    ! paws
    C>S FIN,ACK len=100 ts=4000,90010 stray ! paws
    C>S ACK len=100 ts=9000,90010
    C>S RST seq=301 ts=1,90010             = CLOSED CLOSED    # RST is excepted
  )");
}

// RFC 7323 5.3 drops an old pure ACK too; stacks take one that was overtaken by its own data.
TEST(Sequence23, APureAckThatWasOvertakenIsNotOld) {
  RunTrace(R"(
    C>S SYN seq=100 ts=10000,0
    S>C SYN,ACK seq=300 ack=101 ts=90000,10000
    C>S ACK ts=10001,90000                 = ESTABLISHED ESTABLISHED
    C>S ACK len=100 ts=10010,90000
    S>C ACK ts=90010,10010
    C>S ACK ts=10005,90010                 # older by 5 ticks, and nothing in it
    C>S ACK ts=5000,90010                  ! paws          # a second or so, no more
    C>S ACK seq=200 ts=10005,90010         ! paws          # not at the edge
    C>S ACK seq=201 len=1 ts=10005,90010 stray ! paws      # not without data
    C>S FIN,ACK ts=10005,90010 stray       ! paws = ESTABLISHED ESTABLISHED
  )");
}

// What an echo says is believed at the next number alone: a forged one would make all else look old.
TEST(Sequence23, AnEchoThatIsNotInOrderMakesNothingOld) {
  RunTrace(R"(
    C>S SYN seq=100 ts=1000,0
    S>C SYN,ACK seq=300 ack=101 ts=90000,1000
    C>S ACK ts=1001,90000                  = ESTABLISHED ESTABLISHED
    S>C ACK len=100 ts=90001,1001
    S>C ACK seq=301 len=100 ts=90002,70000
    S>C ACK seq=450 len=10 ts=90002,70000 stray
    C>S ACK len=100 ts=1002,90001
    S>C ACK ts=90003,1002
  )");
}

// The retransmission that overtook it may be lost behind the box, or refused as old.
TEST(Sequence23, OvertakenByItsRetransmissionItIsNotOld) {
  RunTrace(R"(
    C>S SYN seq=100 ts=1000,0
    S>C SYN,ACK seq=300 ack=101 ts=90000,1000
    C>S ACK ts=1001,90000                  = ESTABLISHED ESTABLISHED
    C>S ACK len=100 ts=1002,90000
    C>S ACK seq=101 len=100 ts=1004,90000          # again, newer, and first
    C>S FIN,ACK seq=201 ts=1003,90000      = FIN_WAIT_1 ESTABLISHED
    S>C ACK ack=201 ts=90001,1004          = FIN_WAIT_1 ESTABLISHED
    C>S FIN,ACK seq=201 ts=1002,90000      ! paws     # two ticks below what S has echoed
    S>C ACK ack=202 ts=90001,1004          = FIN_WAIT_2 CLOSE_WAIT
  )");
}

TEST(Sequence23, TimestampsThatWereNotNegotiatedMeanNothing) {
  RunTrace(R"(
    C>S SYN seq=100 ts=1000,0
    S>C SYN,ACK seq=300 ack=101            # without: off for both
    C>S ACK ts=1001,0                      = ESTABLISHED ESTABLISHED
    C>S ACK len=100 ts=5,0
  )");
}

TEST(Sequence23, TimestampsWrap) {
  RunTrace(R"(
    C>S SYN seq=100 ts=4294967290,0
    S>C SYN,ACK seq=300 ack=101 ts=90000,4294967290
    C>S ACK ts=4294967295,90000            = ESTABLISHED ESTABLISHED
    C>S ACK len=100 ts=3,90000
    C>S ACK seq=101 len=100 ts=4294967295,90000
    S>C ACK ts=90001,3
    C>S ACK len=100 ts=4294967295,90000 stray ! paws
  )");
}

// Every trace here also runs with sequence numbers that wrap (trace.cc, kVariants).
TEST(Sequence24, ScaledWindowsReachAGibibyte) {
  RunTrace(R"(
    C>S SYN seq=100 ws=14 win=65535
    S>C SYN,ACK seq=300 ack=101 ws=14 win=65535
    C>S ACK win=65535                      = ESTABLISHED ESTABLISHED
    S>C ACK win=65535
    C>S ACK seq=1073000101 len=1000        # 65535 * 2^14 = 1073725440 are offered
    S>C ACK ack=101 win=65535
    C>S ACK seq=1073725542 len=1           ! overrun
  )");
  RunTrace(R"(
    C>S SYN seq=100 ws=14 win=65535
    S>C SYN,ACK seq=300 ack=101 win=65535  # no scale in one SYN: none in force
    C>S ACK win=65535
    S>C ACK win=65535
    C>S ACK seq=165900 len=1000            ! sequence_high
  )");
}

TEST(Sequence25, FlagsThatNoTcpSends) {
  for (const char* flags : {"SYN,FIN", "SYN,RST", "-", "FIN", "FIN,PSH,URG", "SYN,FIN,ACK",
                            "RST,FIN", "PSH", "URG", "FIN,SYN,RST,PSH,ACK,URG"}) {
    RunTrace(Established("+1s\nC>S " + std::string(flags) + " stray ! flags timeout 431999s"));
    RunTrace("C>S " + std::string(flags) + " seq=5 ! flags = none");
  }
}

TEST(Sequence25, FreeFlags) {
  RunTrace(R"(
    C>S SYN,ECE,CWR seq=100                = SYN_SENT LISTEN
    S>C SYN,ACK,ECE seq=300 ack=101        = SYN_SENT SYN_RCVD
    C>S ACK,CWR,URG,PSH len=10             = ESTABLISHED ESTABLISHED
    C>S FIN,ACK,PSH,URG                    = FIN_WAIT_1 ESTABLISHED
    S>C RST,ACK,ECE ack=112 seq=301        = CLOSED CLOSED
  )");
}

TEST(Sequence26, BrokenHeadersMoveNothing) {
  RunTrace(Established(R"(
    +1s
    C>S FIN,ACK doff=4 stray               ! tcp_data_offset timeout 431999s
    C>S FIN,ACK doff=15 stray              ! tcp_data_offset
    C>S FIN,ACK opt=08000000 stray         ! tcp_option      # length 0
    C>S FIN,ACK opt=03010000 stray         ! tcp_option      # length 1
    C>S FIN,ACK opt=01010205 stray         ! tcp_option      # past the end
    C>S FIN,ACK opt=01010108 stray         ! tcp_option      # no room for a length
    C>S FIN,ACK stray                      = FIN_WAIT_1 ESTABLISHED
  )"));
}

TEST(Sequence26, ABadChecksumMovesNothing) {
  TraceOptions options;
  options.tunables.verify_checksums = true;
  RunTrace(Established(R"(
    C>S FIN,ACK badsum stray               ! tcp_checksum = ESTABLISHED ESTABLISHED
    C>S RST seq=101 badsum                 ! tcp_checksum = ESTABLISHED ESTABLISHED
    C>S FIN,ACK len=11                     = FIN_WAIT_1 ESTABLISHED
  )"),
           options);
  options.tunables.verify_checksums = false;
  RunTrace(Established("C>S FIN,ACK badsum = FIN_WAIT_1 ESTABLISHED"), options);
}

TEST(Sequence26, ASnapshotIsNoBrokenHeader) {
  RunTrace(Established(R"(
    C>S ACK len=1000 cut=80                timeout 5d       # payload cut by the capture
    S>C ACK ack=1101
  )"));
}

TEST(Sequence27, MidStream) {
  const auto inspect = [](const FlowRecord& flow, const Harness& harness) {
    EXPECT_TRUE(flow.midstream);
    EXPECT_TRUE(flow.originator_guessed);
    EXPECT_EQ(flow.originator.window_scale, std::nullopt);
    EXPECT_EQ(flow.originator.timestamps, std::nullopt);
    EXPECT_EQ(harness.counters().midstream_pickups.Read(), 1u);
  };
  RunTrace(R"(
    S>C ACK seq=70000 ack=9000 len=1000    = ESTABLISHED ESTABLISHED timeout 300s originator C
    +10s
    S>C ACK len=1000                       timeout 300s
    C>S ACK seq=9000 len=10                = ESTABLISHED ESTABLISHED timeout 5d
    S>C ACK seq=90000 len=100              # within 65535 * 2^14
    C>S FIN,ACK                            = FIN_WAIT_1 ESTABLISHED
    S>C ACK seq=90100 ack=+0               = FIN_WAIT_2 CLOSE_WAIT
  )",
           {.tunables = {}, .inspect = inspect});
  RunTrace("C>S FIN,ACK seq=1000 ack=9000 len=10 = FIN_WAIT_1 ESTABLISHED originator C",
           {.tunables = {}, .inspect = inspect});
}

TEST(Sequence27, MidStreamNotAllowed) {
  TraceOptions options;
  options.tunables.tcp.midstream = false;
  options.inspect = [](const FlowRecord&, const Harness& harness) {
    EXPECT_EQ(harness.untracked(Untracked::kNoPickup), 1u);
    EXPECT_EQ(harness.untracked(Untracked::kUnknownReset), 1u);
  };
  RunTrace(R"(
    S>C ACK seq=70000 ack=9000 len=1000    = none
    C>S RST seq=9000                       = none
    C>S SYN seq=100                        = SYN_SENT LISTEN
  )",
           options);
}

TEST(Sequence27, AKeepAliveIsTheFirstThatIsSeen) {
  RunTrace(R"(
    C>S SYN seq=100                        = SYN_SENT LISTEN
    C>S ACK seq=100 ack=301 stray          = ESTABLISHED ESTABLISHED timeout 300s
  )");
  RunTrace(R"(
    C>S SYN seq=100                        = SYN_SENT LISTEN
    C>S ACK seq=99 ack=301 stray           ! sequence_high     # nothing a lone SYN can lead to
    C>S ACK seq=70000 ack=301 stray        ! sequence_high
  )");
}

TEST(Sequence27, OneDirectionAlone) {
  RunTrace(R"(
    C>S SYN seq=100                        = SYN_SENT LISTEN
    C>S ACK seq=101 ack=301                = ESTABLISHED ESTABLISHED timeout 300s
    C>S ACK len=1000 ack=301
    C>S ACK len=1000 ack=90000
    C>S ACK len=1000 ack=5000000
    C>S ACK seq=900000 len=1000 ack=9000000
    C>S ACK seq=3101 len=100 ack=9000000   # a retransmission
    C>S FIN,ACK seq=901000 ack=9000000     = FIN_WAIT_1 ESTABLISHED
  )");
  RunTrace(R"(
    S>C SYN,ACK seq=300 ack=101            = SYN_SENT SYN_RCVD originator C
    S>C ACK len=1000
    S>C ACK len=1000 ack=9000
    S>C FIN,ACK ack=9000                   = ESTABLISHED FIN_WAIT_1
    S>C ACK ack=9001                       = ESTABLISHED FIN_WAIT_1
  )");
}

}  // namespace
}  // namespace coretrack::testing
