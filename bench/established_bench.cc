// Pipeline/established*, trains, elephant, stages: the packet path on real mbufs, without a device.
//
// What is timed  Only the bursts, sixteen of 64 that wait as they would in a rx queue: filling them from mbufs, parse, key, hash,
//                look-up, track, deadline, counters, verdict; with the TSC around them. While more wait than a poll takes,
//                the poll loop tracks its last burst beside the next poll's first, and so does the rig; what the
//                loop does between two polls (sending, Expire(), commands) is left out. A time during which the
//                kernel took the CPU away is not counted (counter discarded), so that a busy machine
//                spoils the caches but not the clock, as it is for Peer/* which counts processor time.
// What is not    The generator, which writes headers into the mbufs in a seeded random order of
//                flows, and keeps nothing of them; its cost is the counter generator_ns.
// Traffic        traffic.h; every flow established by its real handshake, then data in both
//                directions. The table is at load 0.85.
// In turns       *_in_turns has the counter of_established: its rate over that of Pipeline/established, the median of
//                turns of a tenth of a second. It is steadier than the ratio of two lines, between which the machine changes.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/full_run.h"
#include "bench/pipeline_rig.h"

namespace coretrack::bench {
namespace {

// Whose packets come.
enum class Mix {
  kRandom,    // every flow's, in random order
  kTrains,    // eight in a row of one flow, then eight of the next
  kElephant,  // one flow's
};

// What the traffic is.
struct Kind {
  Mix mix = Mix::kRandom;
  double load = kLoad;
  TrafficShape traffic = {};
};

std::unique_ptr<Rig> EstablishedRig(benchmark::State& state, const Kind& kind) {
  const RigShape shape{
      .flows = static_cast<uint32_t>(state.range(0)), .load = kind.load, .traffic = kind.traffic};
  if (shape.flows >= kLargeFlows && SkipLarge(state, RigHugeBytes(shape), RigOtherBytes(shape)))
    return nullptr;
  std::string error;
  std::unique_ptr<Rig> rig = MakeRig(shape, &error);
  if (rig == nullptr) {
    state.SkipWithError(error.c_str());
    return nullptr;
  }
  if (SkipUnlessHuge(state, shape.flows, rig->pipeline->page_kind())) return nullptr;
  state.SetLabel(std::string(Name(rig->pipeline->page_kind())));
  rig->Establish(0, shape.flows);
  if (rig->counters().flows.Read() != shape.flows) {
    state.SkipWithError("not every flow was tracked");
    return nullptr;
  }
  return rig;
}

// Pipeline/established with a stamp after each stage: where the time goes.
void Stages(benchmark::State& state) {
  const HugePageLoan loan;
  const std::unique_ptr<Rig> rig = EstablishedRig(state, {});
  if (rig == nullptr) return;
  std::array<uint64_t, 3> cycles{};
  for (auto _ : state) {
    rig->traffic->WriteData(kBacklog);
    rig->AdvanceUs(64);
    rig->Process(kBacklog, &cycles);
  }
  const double packets = static_cast<double>(state.iterations()) * kBacklog;
  const double ns_per_cycle = 1e9 / static_cast<double>(rte_get_tsc_hz());
  constexpr std::array<const char*, 3> kNames = {"1_fill_ns", "2_prepare_ns",
                                                 "3_track_and_locate_ns"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    state.counters[kNames[i]] = static_cast<double>(cycles[i]) * ns_per_cycle / packets;
  }
}

constexpr uint32_t kFullSegment = 1460;
constexpr uint32_t kTrain = 8;

// Backlogs of one kind of traffic, worked off one after the other.
class Backlogs {
 public:
  Backlogs(std::unique_ptr<Rig> rig, const Kind& kind)
      : rig_(std::move(rig)),
        kind_(kind),
        created_before_(rig_->counters().flows_created.Read()),
        chosen_(kind.mix == Mix::kElephant ? rig_->traffic->NextFlow() : 0) {}

  // Seconds that `count` of them took, without the generator.
  double WorkOff(uint32_t count) {
    uint64_t cycles = 0;
    for (uint32_t i = 0; i < count; ++i) cycles += WorkOffOne();
    return static_cast<double>(cycles) / static_cast<double>(rte_get_tsc_hz());
  }
  bool AreWhatTheyClaim() const {
    return rig_->Wrong() == 0 && rig_->counters().flows_created.Read() == created_before_;
  }
  uint64_t discarded() const { return discarded_; }
  double GeneratorNs() const {
    return static_cast<double>(generator_cycles_) * 1e9 / static_cast<double>(rte_get_tsc_hz()) /
           static_cast<double>(packets_);
  }
  const Rig& rig() const { return *rig_; }

 private:
  uint64_t WorkOffOne() {
    while (true) {
      const uint64_t start = rte_rdtsc_precise();
      for (uint32_t slot = 0; slot < kBacklog; ++slot) Write(slot);
      rig_->AdvanceUs(64);
      generator_cycles_ += rte_rdtsc_precise() - start;
      const long preempted = TimesPreempted();
      const uint64_t ready = rte_rdtsc_precise();
      rig_->Process(kBacklog);
      const uint64_t cycles = rte_rdtsc_precise() - ready;
      packets_ += kBacklog;
      if (TimesPreempted() == preempted) return cycles;
      ++discarded_;
    }
  }
  void Write(uint32_t slot) {
    uint32_t n = 0;
    if (kind_.mix == Mix::kElephant) {
      n = sent_++;
    } else {
      const uint32_t train = kind_.mix == Mix::kTrains ? kTrain : 1;
      if (slot % train == 0) chosen_ = rig_->traffic->NextFlow();
      n = rig_->traffic->round() * train + slot % train;
    }
    rig_->traffic->WriteData(slot, chosen_, n, kind_.traffic.most_payload);
  }

  std::unique_ptr<Rig> rig_;
  Kind kind_;
  uint64_t created_before_;
  uint32_t chosen_;    // whose packets come
  uint32_t sent_ = 0;  // by an elephant
  uint64_t generator_cycles_ = 0, packets_ = 0, discarded_ = 0;
};

void Established(benchmark::State& state, const Kind& kind) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const HugePageLoan loan;
  std::unique_ptr<Rig> rig = EstablishedRig(state, kind);
  if (rig == nullptr) return;
  Backlogs backlogs(std::move(rig), kind);
  const uint32_t count = std::max(StepsAnIteration(flows) / (kBacklog / kBurst), 1u);
  for (auto _ : state) state.SetIterationTime(backlogs.WorkOff(count));
  if (!backlogs.AreWhatTheyClaim()) state.SkipWithError("the traffic was not what it claims to be");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * count * kBacklog);
  state.counters["discarded"] = static_cast<double>(backlogs.discarded());
  state.counters["generator_ns"] = backlogs.GeneratorNs();
  state.counters["bytes_per_flow"] =
      static_cast<double>(backlogs.rig().pipeline->arena_bytes()) / flows;
}

// The same, in turns with bare TCP over IPv4. As many packets as there are flows come before each, which are not counted: they bring back to
// the caches what the other side's turn has taken from them.
void InTurns(benchmark::State& state, const Kind& kind) {
  constexpr int kTurns = 3;
  const uint32_t round = std::max(static_cast<uint32_t>(state.range(0)) / kBacklog, 1u);
  const HugePageLoan loan;
  std::unique_ptr<Rig> rig = EstablishedRig(state, kind);
  if (rig == nullptr) return;
  std::unique_ptr<Rig> plain_rig = EstablishedRig(state, {});
  if (plain_rig == nullptr) return;
  if (rig->pipeline->page_kind() != plain_rig->pipeline->page_kind())
    return state.SkipWithError("not on the same pages");
  Backlogs backlogs(std::move(rig), kind), plain(std::move(plain_rig), {});
  std::vector<double> ratios;
  for (auto _ : state) {
    double seconds = 0;
    for (int turn = 0; turn < kTurns; ++turn) {
      const auto counted = [round](Backlogs& of) {
        of.WorkOff(round);
        return of.WorkOff(2 * round);
      };
      const double own = counted(backlogs);
      ratios.push_back(counted(plain) / own);
      seconds += own;
    }
    state.SetIterationTime(seconds);
  }
  if (!backlogs.AreWhatTheyClaim() || !plain.AreWhatTheyClaim())
    state.SkipWithError("the traffic was not what it claims to be");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kTurns * 2 * round * kBacklog);
  if (ratios.size() % 2 == 0) ratios.pop_back();  // so that one is in the middle
  state.counters["of_established"] = Quantile(&ratios, 0.5);
  state.counters["discarded"] = static_cast<double>(backlogs.discarded() + plain.discarded());
}

using Versions = TrafficShape::Versions;
void Ipv4(benchmark::State& state) { Established(state, {}); }
void Ipv6(benchmark::State& state) {
  Established(state, {.traffic = {.versions = Versions::kIpv6}});
}
// As many connections as the table is built for.
void AtCapacity(benchmark::State& state) { Established(state, {.load = FlowTable::kDesignLoad}); }
// Half of the connections each, in random order.
void Both(benchmark::State& state) {
  Established(state, {.traffic = {.versions = Versions::kBoth}});
}
// With timestamps in every segment.
void Linux(benchmark::State& state) { Established(state, {.traffic = {.stack = Stack::kLinux}}); }
void Lossy(benchmark::State& state) { Established(state, {.traffic = {.stack = Stack::kLossy}}); }
void Udp(benchmark::State& state) { Established(state, {.traffic = {.stack = Stack::kUdp}}); }
void Tagged(benchmark::State& state) { Established(state, {.traffic = {.tagged = true}}); }
// A bit of everything: both IP versions, UDP and TCP with timestamps.
void Many(benchmark::State& state) {
  Established(state, {.traffic = {.versions = Versions::kBoth, .stack = Stack::kMany}});
}
void Trains(benchmark::State& state) { Established(state, {.mix = Mix::kTrains}); }
void Elephant(benchmark::State& state) { Established(state, {.mix = Mix::kElephant}); }
void Ipv6InTurns(benchmark::State& state) {
  InTurns(state, {.traffic = {.versions = Versions::kIpv6}});
}
void TrainsInTurns(benchmark::State& state) { InTurns(state, {.mix = Mix::kTrains}); }
void ElephantInTurns(benchmark::State& state) { InTurns(state, {.mix = Mix::kElephant}); }
// Of full segments: what a line counts of bytes is full after 44 of them.
void Full(benchmark::State& state) {
  Established(state, {.traffic = {.most_payload = kFullSegment}});
}
void FullElephant(benchmark::State& state) {
  Established(state, {.mix = Mix::kElephant, .traffic = {.most_payload = kFullSegment}});
}

void Sizes(benchmark::internal::Benchmark* b) { b->Arg(1 << 10)->Arg(1 << 20)->Arg(1 << 24); }

BENCHMARK(Ipv4)->Name("Pipeline/established")->Apply(Sizes)->Arg(kLargeFlows)->UseManualTime();
BENCHMARK(Ipv6)->Name("Pipeline/established_ipv6")->Apply(Sizes)->UseManualTime();
BENCHMARK(AtCapacity)->Name("Pipeline/established_at_capacity")->Apply(Sizes)->UseManualTime();
BENCHMARK(Linux)->Name("Pipeline/established_linux")->Apply(Sizes)->UseManualTime();
BENCHMARK(Lossy)->Name("Pipeline/established_lossy")->Apply(Sizes)->UseManualTime();
BENCHMARK(Both)->Name("Pipeline/established_both")->Apply(Sizes)->UseManualTime();
BENCHMARK(Udp)->Name("Pipeline/established_udp")->Apply(Sizes)->UseManualTime();
BENCHMARK(Tagged)->Name("Pipeline/established_tagged")->Apply(Sizes)->UseManualTime();
BENCHMARK(Many)->Name("Pipeline/established_many")->Apply(Sizes)->UseManualTime();
BENCHMARK(Trains)->Name("Pipeline/trains")->Arg(1 << 20)->UseManualTime();
BENCHMARK(Elephant)->Name("Pipeline/elephant")->Arg(1 << 20)->UseManualTime();
BENCHMARK(Ipv6InTurns)->Name("Pipeline/ipv6_in_turns")->Arg(1 << 20)->UseManualTime();
BENCHMARK(TrainsInTurns)->Name("Pipeline/trains_in_turns")->Arg(1 << 20)->UseManualTime();
BENCHMARK(ElephantInTurns)->Name("Pipeline/elephant_in_turns")->Arg(1 << 20)->UseManualTime();
BENCHMARK(Full)->Name("Pipeline/full_segments")->Arg(1 << 10)->UseManualTime();
BENCHMARK(FullElephant)->Name("Pipeline/full_elephant")->Arg(1 << 20)->UseManualTime();
BENCHMARK(Stages)->Name("Pipeline/stages")->Apply(Sizes);

}  // namespace
}  // namespace coretrack::bench
