// Benchmarks that take a machine's memory, or minutes: they run only when asked for.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "bench/bench_env.h"

namespace coretrack::bench {

// From here on a table is large.
inline constexpr uint32_t kLargeFlows = 1 << 26;

// True: the benchmark has been skipped with the reason, see ClaimLarge().
inline bool SkipLarge(benchmark::State& state, size_t huge_bytes, size_t other_bytes) {
  const std::string reason = ClaimLarge(huge_bytes, other_bytes);
  if (!reason.empty()) state.SkipWithError(reason.c_str());
  return !reason.empty();
}

// True: it has been skipped, because what was claimed came to lie on other pages: somebody else has taken the
// huge ones, and these may not be there when they are touched. Call it before that.
inline bool SkipUnlessHuge(benchmark::State& state, uint32_t flows, PageKind pages) {
  if (flows < kLargeFlows || IsReserved(pages)) return false;
  state.SkipWithError("somebody else has taken the huge pages");
  return true;
}

// Steps of a burst that are one iteration. The set-up of a big table takes seconds, and Google Benchmark
// repeats it for every number of iterations that it tries: one iteration must be long enough.
inline uint32_t StepsAnIteration(uint32_t flows) { return flows >= 1 << 24 ? 1 << 19 : 1; }

}  // namespace coretrack::bench
