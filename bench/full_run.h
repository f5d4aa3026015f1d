// Benchmarks that take a machine's memory, or minutes: they run only when asked for.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "bench/bench_env.h"

namespace coretrack::bench {

// From here on a table is large.
inline constexpr uint32_t kLargeFlows = 1 << 26;

// True: the benchmark has been skipped with the reason. It takes `bytes`, and the environment does not
// say CORETRACK_BENCH_FULL=1, or there is not as much memory to be had.
inline bool SkipLarge(benchmark::State& state, size_t bytes) {
  const std::string reason = WhyNotLarge(bytes);
  if (!reason.empty()) state.SkipWithError(reason.c_str());
  return !reason.empty();
}

// Steps of a burst that are one iteration. The set-up of a big table takes seconds, and Google Benchmark
// repeats it for every number of iterations that it tries: one iteration must be long enough.
inline uint32_t StepsAnIteration(uint32_t flows) { return flows >= 1 << 24 ? 1 << 19 : 1; }

}  // namespace coretrack::bench
