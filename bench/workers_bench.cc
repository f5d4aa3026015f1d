// Pipeline/workers/N: N workers at once, each with its own pipeline, 2^20 established flows and its own
// traffic, as RSS would split it, each on a CPU of its own. items_per_second is all workers' together.
//
// What is timed  As in established_bench.cc, per worker; the total is the sum of the workers' rates.
// What is not    The generators. A worker that generates still loads the memory that both share.
// At once        A worker begins when all are ready, and goes on with its traffic, uncounted, until the
//                last one has done its share.
// Counters       alone_per_s: the first worker by itself, in turns with all of them; scaling: the total
//                over that. It is steadier than the ratio of two lines, between which the machine changes.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <atomic>
#include <barrier>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/cpu_pin.h"
#include "bench/pipeline_rig.h"

namespace coretrack::bench {
namespace {

constexpr uint32_t kFlows = 1 << 20;
constexpr uint32_t kTurns = 5;
constexpr uint32_t kPolls = 1 << 13;  // a worker's share of a turn

// Cycles of one poll; 0: the kernel took the CPU away meanwhile.
uint64_t PollOnce(Rig* rig) {
  rig->traffic->WriteData(kPoll);
  rig->AdvanceUs(16);
  const long preempted = TimesPreempted();
  const uint64_t ready = rte_rdtsc_precise();
  rig->Process(kPoll);
  const uint64_t cycles = rte_rdtsc_precise() - ready;
  return TimesPreempted() == preempted ? cycles : 0;
}

void Workers(benchmark::State& state) {
  const auto workers = static_cast<uint32_t>(state.range(0));
  const std::vector<int>& cpus = AllowedCpus();
  if (cpus.size() < workers) return state.SkipWithError("needs a CPU for each worker");
  std::vector<std::unique_ptr<Rig>> rigs;
  for (uint32_t i = 0; i < workers; ++i) {
    std::string error;
    rigs.push_back(MakeRig({.flows = kFlows}, &error, static_cast<uint8_t>(i)));
    if (rigs.back() == nullptr) return state.SkipWithError(error.c_str());
  }
  state.SetLabel(std::string(Name(rigs[0]->pipeline->page_kind())));
  std::vector<uint64_t> cycles(workers);
  std::atomic<uint64_t> discarded = 0;
  std::atomic<uint32_t> at_work = 0;
  const auto run = [&](uint32_t i, std::barrier<>* start) {
    const bool pinned = PinThisThread(cpus[i]);
    Rig* rig = rigs[i].get();
    if (rig->counters().flows.Read() == 0) rig->Establish(0, kFlows);
    start->arrive_and_wait();
    uint64_t sum = 0;
    for (uint32_t done = 0; done < kPolls;) {
      const uint64_t poll = PollOnce(rig);
      sum += poll;
      poll != 0 ? ++done : ++discarded;
    }
    cycles[i] = pinned ? sum : 0;
    --at_work;
    while (at_work.load(std::memory_order_relaxed) != 0) PollOnce(rig);
  };
  const double packets = double{kPolls} * kPoll;
  // The first `count` workers at once: the sum of their rates, 0 if one could not be pinned.
  const auto total_rate = [&](uint32_t count) {
    std::barrier<> start(count);
    at_work = count;
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < count; ++i) threads.emplace_back(run, i, &start);
    for (std::thread& thread : threads) thread.join();
    double rate = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (cycles[i] == 0) return 0.0;
      rate += packets * static_cast<double>(rte_get_tsc_hz()) / static_cast<double>(cycles[i]);
    }
    return rate;
  };
  if (total_rate(workers) == 0)  // also establishes the flows and warms up
    return state.SkipWithError("a worker could not be pinned to its CPU");
  double alone_sum = 0, together_sum = 0;
  for (auto _ : state) {
    double seconds = 0;
    for (uint32_t turn = 0; turn < kTurns; ++turn) {
      alone_sum += total_rate(1);
      const double together = total_rate(workers);
      together_sum += together;
      seconds += workers * packets / together;  // so that items per second are the sum of the rates
    }
    state.SetIterationTime(seconds);
  }
  for (const auto& rig : rigs) {
    if (rig->Wrong() != 0 || rig->counters().flows_created.Read() != kFlows)
      state.SkipWithError("the traffic was not what it claims to be");
  }
  const double turns = static_cast<double>(state.iterations()) * kTurns;
  state.SetItemsProcessed(static_cast<int64_t>(turns * workers * packets));
  state.counters["alone_per_s"] = alone_sum / turns;
  state.counters["scaling"] = together_sum / alone_sum;
  state.counters["discarded"] = static_cast<double>(discarded.load());
}

BENCHMARK(Workers)->Name("Pipeline/workers")->Arg(1)->Arg(2)->UseManualTime();

}  // namespace
}  // namespace coretrack::bench
