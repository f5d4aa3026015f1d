// Pipeline/fresh/F: the first F flows of a new daemon. How long does a poll take that opens 256 of them?
//
// What is timed Each poll: four bursts of 64 SYNs of as many connections, by the TSC. Those during which the kernel took the CPU
//               away are left out (counter discarded); page faults are not such, interrupts and what the hypervisor takes are
//               in the tail.
// populated     1: as the daemon has its tables, all their pages there from the start (base/arena.h). 0: as they come when they are
//               first touched.
// Counters      p50_us, p999_us, max_us of a poll; faults: page faults of all of them.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/pipeline_rig.h"

namespace coretrack::bench {
namespace {

long PageFaults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

void Fresh(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const HugePageLoan loan;
  for (auto _ : state) {
    std::string error;
    const auto rig = MakeRig({.flows = flows, .populate = state.range(1) != 0}, &error);
    if (rig == nullptr) return state.SkipWithError(error.c_str());
    const double us_per_cycle = 1e6 / static_cast<double>(rte_get_tsc_hz());
    state.SetLabel(std::string(Name(rig->pipeline->page_kind())));
    std::vector<double> us;
    us.reserve(flows / kPoll);
    long faults = 0, discarded = 0;
    for (uint32_t first = 0; first < flows; first += kPoll) {
      for (uint32_t j = 0; j < kPoll; ++j)
        rig->traffic->Write(j, first + j, Ends{}, {true, tcp_flag::kSyn, 0});
      const long preempted = TimesPreempted(), faults_before = PageFaults();
      const uint64_t begin = rte_rdtsc_precise();
      rig->Process(kPoll);
      const uint64_t cycles = rte_rdtsc_precise() - begin;
      faults += PageFaults() - faults_before;
      if (TimesPreempted() == preempted) {
        us.push_back(static_cast<double>(cycles) * us_per_cycle);
      } else {
        ++discarded;
      }
    }
    if (rig->counters().flows_created.Read() != flows)
      return state.SkipWithError("not every flow was opened");
    state.counters["p50_us"] = Quantile(&us, 0.5);
    state.counters["p999_us"] = Quantile(&us, 0.999);
    state.counters["max_us"] = *std::max_element(us.begin(), us.end());
    state.counters["faults"] = static_cast<double>(faults);
    state.counters["discarded"] = static_cast<double>(discarded);
  }
}

BENCHMARK(Fresh)
    ->Name("Pipeline/fresh")
    ->ArgNames({"", "populated"})
    ->Args({1 << 22, 1})
    ->Args({1 << 22, 0})
    ->Iterations(1);

}  // namespace
}  // namespace coretrack::bench
