// InTurns: two things in one process, one after the other again and again, and what the one's rate is of the other's.
//
// Why      What changes of the machine (its clock, its neighbours' use of the cache) changes for both. Two lines of Google Benchmark are
//          seconds apart: README.md, "How it is kept fair".
// Threads  One.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "bench/clocks.h"

namespace coretrack::bench {

// `own`, `other`: double(), a turn of it, about a tenth of a second: items a second. A turn of `own` is of `items`. They bring back to the caches what the
// other's turn has taken from them before they count. The counter `of_other` is the median of all turns' ratios.
template <typename Own, typename Other>
void InTurns(benchmark::State& state, int64_t items, const Own& own, const Other& other,
             const char* of_other) {
  constexpr int kTurns = 3;
  std::vector<double> ratios;
  for (auto _ : state) {
    double seconds = 0;
    for (int turn = 0; turn < kTurns; ++turn) {
      const double rate = own();
      ratios.push_back(rate / other());
      seconds += static_cast<double>(items) / rate;
    }
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kTurns * items);
  if (ratios.size() % 2 == 0) ratios.pop_back();  // so that one is in the middle
  state.counters[of_other] = Quantile(&ratios, 0.5);
}

}  // namespace coretrack::bench
