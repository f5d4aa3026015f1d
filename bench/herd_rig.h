// HerdRig: what Pipeline/herd runs on: a herd of connections in TIME_WAIT that fall due together, kLive
// established ones, and polls by a clock that runs at real speed.
#pragma once

#include <rte_cycles.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "bench/clocks.h"
#include "bench/pipeline_rig.h"
#include "dataplane/worker/clock.h"
#include "dataplane/worker/poll_loop.h"

namespace coretrack::bench {

inline constexpr uint32_t kLive = 1'000'000;
inline constexpr uint32_t kPollPackets = PollLoop::kBurstsPerQueue * kMaxBurst;
inline constexpr uint32_t kProbeEvery = 64;
// Half of the default, so that they have no slack (timer/flow_timers.h) and end in one millisecond indeed.
inline constexpr uint32_t kTimeWaitMs = 60'000;
static_assert(kTimeWaitMs < FlowTimers::kFarMs);
inline constexpr uint64_t kMidstreamMs =
    tcp::kDefaultTimeoutsMs[static_cast<int>(tcp::TimeoutClass::kMidstream)];

// The polls of one phase.
struct Phase {
  std::vector<uint64_t> cycles;
  uint64_t probes = 0;
  uint64_t probes_opened_flow = 0;  // were not taken for the old flow
  uint64_t probes_unswept = 0;      // found the expired flow's slot still in use, and ended it
};

class HerdRig {
 public:
  HerdRig(std::unique_ptr<Rig> rig, uint32_t herd) : rig_(std::move(rig)), herd_(herd) {
    Command command{
        .kind = Command::Kind::kTune, .flow = {}, .tunables = rig_->pipeline->tunables()};
    command.tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kTimeWait)] = kTimeWaitMs;
    rig_->pipeline->Apply(command, rig_->now);
  }

  // Opens and closes the herd's connections; all are in TIME_WAIT until DueMs().
  void Gather() {
    using namespace tcp_flag;
    constexpr Step kSteps[] = {{true, kSyn, 0},        {false, kSyn | kAck, 0}, {true, kAck, 0},
                               {true, kFin | kAck, 0}, {false, kFin | kAck, 0}, {true, kAck, 0}};
    gathered_ = rig_->Walk(kLive, kLive + herd_, kSteps);
    due_ms_ = rig_->now.unix_us / 1000 + kTimeWaitMs;
    closed_before_ = Closed();
  }
  uint64_t DueMs() const { return due_ms_; }
  // When the wheel begins to spread the herd's coarse slot: a unit before the unit that it lies in.
  uint64_t CascadeMs() const {
    constexpr uint64_t kUnit = TimerWheel::UnitMs(1);
    return due_ms_ / kUnit * kUnit - kUnit;
  }

  // Stands still until here; from now on time is real.
  void StartClock(uint64_t at_ms) {
    JumpTo(at_ms);
    clock_ = std::make_unique<WorkerClock>(rte_get_tsc_hz(), rte_rdtsc(), at_ms * 1000);
  }
  void JumpTo(uint64_t at_ms) {
    rig_->AdvanceUs(at_ms * 1000 - rig_->now.unix_us);
    while (!rig_->pipeline->Expire(rig_->now, PollLoop::kExpireBudget)) {
    }
  }

  void PollUntil(uint64_t at_ms, Phase* phase) {
    while (Poll(phase, at_ms)) {
    }
  }
  // Answers after how many seconds.
  double PollUntilGone(Phase* phase) {
    while (Closed() - closed_before_ < herd_ || !caught_up_) Poll(phase, kEver);
    return static_cast<double>(clock_->Advance(rte_rdtsc()).unix_us - due_ms_ * 1000) * 1e-6;
  }
  uint64_t discarded() const { return discarded_; }
  Rig& rig() { return *rig_; }

 private:
  static constexpr uint64_t kEver = std::numeric_limits<uint64_t>::max() / 1000;

  // False: it is `until_ms`, and the poll with its packets belongs to the next phase; what is due then must not be found any more.
  bool Poll(Phase* phase, uint64_t until_ms) {
    if (!waiting_) rig_->traffic->WriteData(kPollPackets);
    waiting_ = true;
    rig_->now = clock_->Advance(rte_rdtsc());
    if (rig_->now.unix_us >= until_ms * 1000) return false;
    waiting_ = false;
    const bool probe = polls_++ % kProbeEvery == 0;
    if (probe) rig_->traffic->Write(0, NextProbe(), gathered_, {true, tcp_flag::kAck, 0});
    const uint64_t created = rig_->counters().flows_created.Read();
    const uint64_t closed = Closed();
    const long preempted = TimesPreempted();
    const uint64_t start = rte_rdtsc_precise();
    rig_->Process(kPollPackets);
    const uint64_t closed_by_packets = Closed() - closed;
    caught_up_ = rig_->pipeline->Expire(rig_->now, PollLoop::kExpireBudget);
    const uint64_t cycles = rte_rdtsc_precise() - start;
    if (TimesPreempted() == preempted) {
      phase->cycles.push_back(cycles);
    } else {
      ++discarded_;
    }
    phase->probes += probe;
    phase->probes_opened_flow += rig_->counters().flows_created.Read() - created;
    phase->probes_unswept += closed_by_packets;
    return true;
  }
  // A flow of the herd, each once a round: the stride is prime to their number.
  uint32_t NextProbe() {
    probe_ = (probe_ + 7'368'787) % herd_;
    return kLive + static_cast<uint32_t>(probe_);
  }
  uint64_t Closed() const {
    return rig_->pipeline->counters().flows_ended[static_cast<size_t>(End::kClosed)].Read();
  }

  std::unique_ptr<Rig> rig_;
  uint32_t herd_;
  std::unique_ptr<WorkerClock> clock_;
  uint64_t due_ms_ = 0;
  uint64_t closed_before_ = 0;
  Ends gathered_;  // how far the herd's connections are
  uint64_t polls_ = 0;
  uint64_t probe_ = 0;
  uint64_t discarded_ = 0;
  bool caught_up_ = false;
  bool waiting_ = false;  // the next poll's packets
};

}  // namespace coretrack::bench
