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
// In turns       *_in_turns has the counter of_established: its rate over that of Pipeline/established;
//                established_beside_rte_hash that over Peer/rte_hash_lookup_bulk32's (turns.h).
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
#include "bench/rte_hash_peer.h"
#include "bench/turns.h"

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

// Backlogs of a turn: all flows' packets, or a million.
uint32_t TurnBacklogs(const benchmark::State& state) {
  return std::clamp(static_cast<uint32_t>(state.range(0)) / kBacklog, 1u, (1u << 20) / kBacklog);
}
// Packets a second, behind as many that are not counted.
auto CountedTurn(Backlogs* of, uint32_t round) {
  return [of, round] {
    of->WorkOff(round);
    return 2.0 * round * kBacklog / of->WorkOff(2 * round);
  };
}

// The same, in turns with bare TCP over IPv4.
void BesideEstablished(benchmark::State& state, const Kind& kind) {
  const uint32_t round = TurnBacklogs(state);
  const HugePageLoan loan;
  std::unique_ptr<Rig> rig = EstablishedRig(state, kind);
  if (rig == nullptr) return;
  std::unique_ptr<Rig> plain_rig = EstablishedRig(state, {});
  if (plain_rig == nullptr) return;
  if (rig->pipeline->page_kind() != plain_rig->pipeline->page_kind())
    return state.SkipWithError("not on the same pages");
  Backlogs backlogs(std::move(rig), kind), plain(std::move(plain_rig), {});
  InTurns(state, int64_t{2} * round * kBacklog, CountedTurn(&backlogs, round),
          CountedTurn(&plain, round), "of_established");
  if (!backlogs.AreWhatTheyClaim() || !plain.AreWhatTheyClaim())
    state.SkipWithError("the traffic was not what it claims to be");
  state.counters["discarded"] = static_cast<double>(backlogs.discarded() + plain.discarded());
}

// Bare TCP over IPv4, in turns with Peer/rte_hash_lookup_bulk32.
void BesideRteHash(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const uint32_t round = TurnBacklogs(state);
  const HugePageLoan loan;
  std::unique_ptr<Rig> rig = EstablishedRig(state, {});
  if (rig == nullptr) return;
  std::string error;
  const std::unique_ptr<RteHash> hash = RteHash::Make(flows, &error);
  if (hash == nullptr) return state.SkipWithError(error.c_str());
  if (!hash->Fill()) return state.SkipWithError("a flow was refused");
  if (rig->pipeline->page_kind() != EalPageKind())
    return state.SkipWithError("not on the same pages");
  Backlogs backlogs(std::move(rig), {});
  // (Processor time, as Google Benchmark has it.)
  const auto look_up = [&hash, round] {
    constexpr uint32_t kBursts = kBacklog / kBurst;
    hash->LookUp(round * kBursts);
    const double start = CpuSeconds();
    hash->LookUp(2 * round * kBursts);
    return 2.0 * round * kBacklog / (CpuSeconds() - start);
  };
  InTurns(state, int64_t{2} * round * kBacklog, CountedTurn(&backlogs, round), look_up,
          "of_rte_hash");
  if (!backlogs.AreWhatTheyClaim() || !hash->found_all())
    state.SkipWithError("the traffic was not what it claims to be");
  state.counters["discarded"] = static_cast<double>(backlogs.discarded());
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
  BesideEstablished(state, {.traffic = {.versions = Versions::kIpv6}});
}
void TrainsInTurns(benchmark::State& state) { BesideEstablished(state, {.mix = Mix::kTrains}); }
void ElephantInTurns(benchmark::State& state) { BesideEstablished(state, {.mix = Mix::kElephant}); }
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
BENCHMARK(BesideRteHash)
    ->Name("Pipeline/established_beside_rte_hash")
    ->Arg(1 << 20)
    ->Arg(1 << 24)
    ->UseManualTime();
BENCHMARK(Full)->Name("Pipeline/full_segments")->Arg(1 << 10)->UseManualTime();
BENCHMARK(FullElephant)->Name("Pipeline/full_elephant")->Arg(1 << 20)->UseManualTime();
BENCHMARK(Stages)->Name("Pipeline/stages")->Apply(Sizes);

}  // namespace
}  // namespace coretrack::bench
