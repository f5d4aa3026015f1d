// WorkerCounters: everything one worker counts.
//
// Identity  received = forwarded + the sum of dropped + in_flight(), at every instant a reader may
//           look (in_flight absorbs what lies between: packets of the burst being worked on and
//           those in the rings to other workers). Tested, and exported.
// Threads   Written by its worker only, with plain stores; read by any thread. A worker adds a
//           burst's sums once, at its end.
// Layout    Its own cache lines: no other worker writes near it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/base/counter.h"
#include "dataplane/base/limits.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/tcp/tracker.h"

namespace coretrack {

// Why a packet was not sent on.
enum class Drop : uint8_t {
  kMonitor,       // a monitor port only looks: every packet of it ends here
  kInvalid,       // tcp.invalid = "drop"
  kMalformed,     // the same, for packets whose headers contradict themselves
  kFragment,      // a fragment that overlaps or splits a TCP header, and what follows it; always
  kTxFull,        // the output queue took no more
  kHandoverFull,  // the ring to the owning worker took no more
  kPortDown,      // the output port is gone
  kCount,
};
std::string_view Name(Drop reason);

// Why a packet passed without a flow.
enum class Untracked : uint8_t {
  kNotIp,
  kMalformed,
  kFragment,  // a fragment whose datagram never became whole
  kTableFull,
  kNoPickup,        // a segment of an unknown connection, and mid-stream pickup is off
  kUnknownReset,    // a RST of an unknown connection
  kUnknownInvalid,  // an invalid segment of an unknown connection
  kUnrelatedIcmp,   // an ICMP error that quotes no flow of ours
  kCount,
};
std::string_view Name(Untracked reason);

// How a flow ended.
enum class End : uint8_t { kActive, kClosed, kReset, kTimeout, kEvicted, kDeleted, kCount };
constexpr std::string_view Name(End reason) {
  switch (reason) {
    case End::kActive:
      return "active";
    case End::kClosed:
      return "closed";
    case End::kReset:
      return "reset";
    case End::kTimeout:
      return "timeout";
    case End::kEvicted:
      return "evicted";
    case End::kDeleted:
      return "deleted";
    case End::kCount:
      break;
  }
  return "unknown";
}

// Flows are counted by FlowLine::state without its top bit (tcp_binding.h).
inline constexpr int kStateCodes = 128;

struct alignas(kCacheLine) WorkerCounters {
  template <typename E>
  using By = std::array<Counter, static_cast<size_t>(E::kCount)>;

  Counter received, received_bytes;  // bytes: of frames, without the FCS
  Counter forwarded, forwarded_bytes;
  By<Drop> dropped;
  Counter handed_over;  // given to another worker: in its ring until that worker counts them as
                        // forwarded or dropped
  Counter taken_over;   // of those, taken from other workers' rings by this one

  Counter tracked;  // packets that met or made a flow
  By<Untracked> untracked;
  By<Malformed> malformed;
  By<tcp::Invalid> invalid;
  Counter related_icmp;
  Counter fragmented_datagrams;  // that became whole
  Counter fragments_waiting;     // a gauge: passed, and not yet tracked or untracked

  Counter flows_created;
  By<End> flows_ended;
  std::array<Counter, kStateCodes> flows_by_state;  // a gauge
  Counter flows;                                    // a gauge
  Counter flows_ipv6;                               // a gauge
  Counter midstream_pickups;
  Counter retransmissions;
  Counter challenged_syns;       // RFC 5961 4
  Counter window_observed;       // outside the window, let pass by tcp.window = "observe"
  Counter time_wait_fins;        // TIME_WAIT, first reason: the last ACK was lost
  Counter time_wait_duplicates;  // TIME_WAIT, second reason: old duplicates

  Counter flows_wide;        // a gauge: their counts are in records of their own (flow/wide_pool.h)
  Counter counts_saturated;  // times that a count outgrew its flow and no record was left
  Counter history_letters_lost;  // for want of numbers for histories (history.h)

  Counter wheel_lag_ms;  // a gauge
  Counter clock_jumps;   // the clock went further than max_step_ms in one poll
  Counter polls;         // the heartbeat: advances while the worker lives
  Counter busy_polls;    // of those, with at least one packet
  Counter idle_sleeps;   // times the worker slept for want of packets
  Counter now_unix_us;   // a gauge: the worker's clock
};

}  // namespace coretrack
