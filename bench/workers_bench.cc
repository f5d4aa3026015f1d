// Pipeline/workers/N: N workers at once, each with its own pipeline, 2^20 established flows and its own
// traffic, as RSS would split it, each on a CPU of its own. items_per_second is all workers' together.
//
// What is timed  As in established_bench.cc, per worker; the total is the sum of the workers' rates.
// What is not    The generators. A worker that generates still loads the memory that both share.
// At once        A worker begins when all are ready, and goes on with its traffic, uncounted, until the
//                last one has done its share.
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
constexpr uint32_t kPolls = 1 << 15;  // a worker's share of an iteration

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
  std::vector<double> rate_sums(workers, 0.0);
  for (auto _ : state) {
    std::barrier<> start(workers);
    at_work = workers;
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < workers; ++i) threads.emplace_back(run, i, &start);
    for (std::thread& thread : threads) thread.join();
    double rate = 0;
    for (uint32_t i = 0; i < workers; ++i) {
      if (cycles[i] == 0) return state.SkipWithError("a worker could not be pinned to its CPU");
      const double own =
          packets * static_cast<double>(rte_get_tsc_hz()) / static_cast<double>(cycles[i]);
      rate_sums[i] += own;
      rate += own;
    }
    // So that items per second are the sum of the rates.
    state.SetIterationTime(workers * packets / rate);
  }
  for (const auto& rig : rigs) {
    if (rig->Wrong() != 0 || rig->counters().flows_created.Read() != kFlows)
      state.SkipWithError("the traffic was not what it claims to be");
  }
  const auto iterations = static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<int64_t>(iterations * workers * packets));
  for (uint32_t i = 0; i < workers; ++i)
    state.counters["worker_" + std::to_string(i) + "_per_s"] = rate_sums[i] / iterations;
  state.counters["discarded"] = static_cast<double>(discarded.load());
}

BENCHMARK(Workers)->Name("Pipeline/workers")->Arg(1)->Arg(2)->UseManualTime();

}  // namespace
}  // namespace coretrack::bench
