// What the counters say: one table of names for /stats, /workers, /drops and /metrics, the sums
// over workers, and the identity received = forwarded + dropped + in flight.
//
// Threads  Any; the counters have one writer each (base/counter.h).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/worker/dataplane.h"

namespace coretrack {

struct CounterRow {
  const char* name;  // as in JSON
  const char* help;
  Counter WorkerCounters::*counter;
  bool gauge = false;
};
std::span<const CounterRow> CounterRows();

// Counters by reason, under one name.
struct ReasonRow {
  const char* name;
  const char* help;
  size_t first;  // the reasons are [first, last)
  size_t last;
  std::string_view (*reason)(size_t);
  uint64_t (*read)(const WorkerCounters&, size_t);
};
std::span<const ReasonRow> ReasonRows();  // dropped, untracked, malformed, invalid, flows_ended

// "ESTABLISHED/ESTABLISHED" (originator/responder), "new", "answered" of datagrams; empty for codes
// that no flow has.
std::string StateName(int code);

struct Identity {
  uint64_t received = 0;
  uint64_t forwarded = 0;
  std::array<uint64_t, static_cast<size_t>(Drop::kCount)> dropped{};
  uint64_t in_flight = 0;
  uint64_t unaccounted = 0;  // packets without an outcome that are nowhere: a bug
};

// IdentityCheck: received = forwarded + dropped + in flight + unaccounted, in two looks.
//
// Why two  A worker counts a packet's arrival before its outcome, and counters cannot all be read
// at
//          one instant. So: Begin() reads received and taken over. Once every worker has ended a
//          poll since (settled()), each packet counted then has its outcome or has been handed
//          over. Finish() reads the outcomes, then handed over, then received again:
//            unaccounted = received(1) - outcomes(2) - (handed over(2) - taken over(1)), at least 0
//            in_flight   = received(2) - outcomes(2) - unaccounted
// Promise  Never invents a loss. What arrives between the looks may hide one and makes in_flight
//          larger, by no more than arrived; at rest both are exact.
class IdentityCheck {
 public:
  void Begin(const Dataplane& dataplane);
  bool settled(const Dataplane& dataplane) const;
  // Without settled(): a worker that has not ended a poll is taken to hold kUnsettledPackets.
  Identity Finish(const Dataplane& dataplane) const;

 private:
  static constexpr uint64_t kUnsettledPackets = uint64_t{kMaxBurst} * kMaxPorts;

  uint64_t received_ = 0;
  uint64_t taken_over_ = 0;
  std::vector<uint64_t> polls_;  // by worker
};

uint64_t Sum(const std::vector<WorkerInfo>& workers, Counter WorkerCounters::*counter);

}  // namespace coretrack
