// FlowTable/insert/F and FlowTable/insert_tail/F: new flows into a table in which F IPv4 flows are a load of
// 0.85, the hash in the loop, bursts of 32 whose lines are on their way, as the pipeline has it.
#include <benchmark/benchmark.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/filled_table.h"
#include "bench/loads.h"

namespace coretrack::bench {
namespace {

// From empty to load 0.85. The counters give the rate of stretches, by the clock that items per second
// are counted by: from the mark before to the load in the name, or between the two in it.
void Insert(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  FilledTable filled(CapacityFor(flows, kLoad));
  filled.Insert(0, flows);  // touches every page
  const std::array<uint32_t, 5> marks = {0, filled.FlowsAt(0.5), filled.FlowsAt(0.75),
                                         filled.FlowsAt(0.8), flows};
  std::array<double, 4> taken{};
  for (auto _ : state) {
    state.PauseTiming();
    filled.Clear();
    state.ResumeTiming();
    double start = CpuSeconds();
    for (size_t i = 0; i < taken.size(); ++i) {
      if (filled.Insert(marks[i], marks[i + 1]) != 0) state.SkipWithError("a flow was refused");
      const double end = CpuSeconds();
      taken[i] += end - start;
      start = end;
    }
  }
  state.SetItemsProcessed(state.iterations() * flows);
  state.SetLabel(std::string(Name(filled.page_kind())));
  const auto rate = [&](size_t first, size_t last) {
    double seconds = 0;
    for (size_t i = first; i < last; ++i) seconds += taken[i];
    return static_cast<double>(state.iterations()) * (marks[last] - marks[first]) / seconds;
  };
  state.counters["per_s_to_load_0.50"] = rate(0, 1);
  state.counters["per_s_to_load_0.75"] = rate(1, 2);
  state.counters["per_s_to_load_0.85"] = rate(2, 4);
  state.counters["per_s_load_0.80_to_0.85"] = rate(3, 4);
}

// Twice the last-level cache: what was just inserted must not be at hand when it is inserted again.
class CacheEvictor {
 public:
  void Evict() {
    for (size_t i = 0; i < words_.size(); i += 8) ++words_[i];
    benchmark::ClobberMemory();
  }

 private:
  std::vector<uint64_t> words_ = std::vector<uint64_t>(size_t{64} << 17);
};

// Single insertions from load 0.94 to 0.95, each between two reads of the TSC, whose own cost is taken
// off. Round after round takes the same flows out again, empties the caches, and inserts them again:
// the same work in the same slots.
//
// What is timed  Insert(): the search for a slot and the stores, but not their way from the store buffer
//                to the caches.
// What is not    Hash and prefetches, one and two bursts ahead.
// Noise          A burst during which the kernel took the CPU away is left out (counter `discarded`).
//                What an interrupt or the hypervisor takes cannot be told from work in one sample:
//                it is in p999_ns and max_ns. But it does not hit the same insertion in every round:
//                max_repeatable_ns is the longest of each insertion's shortest time.
// Refusals       What finds no room within kMaxProbe buckets, or no slot in its region, is refused: none should be below the design load.
//                Such an insertion counts like the others, the counters say how many there are:
//                `refused_before` up to load 0.94, `refused` from there on, once a round.
void InsertTail(benchmark::State& state) {
  FilledTable filled(CapacityFor(static_cast<uint32_t>(state.range(0)), kLoad));
  const uint32_t first = filled.FlowsAt(0.94);
  const uint32_t last = filled.FlowsAt(0.95);
  const uint32_t refused_before = filled.Insert(0, first);
  uint32_t refused = filled.Insert(first, last);
  constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  const uint64_t pair_cycles = TscPairCycles();
  const double ns_per_cycle = 1e9 / TscHz();
  CacheEvictor evictor;
  std::vector<uint64_t> samples;
  std::vector<uint64_t> shortest(last - first, kNever);
  uint64_t discarded = 0;
  FlowTable& table = *filled;
  for (auto _ : state) {
    state.PauseTiming();
    for (uint32_t i = first; i < last; ++i) {
      FlowKey key;
      Unpack(FlowNumber(i), &key);
      const FlowHash hash = Hasher().Of(key);
      const FlowIndex index = table.Find(key, hash);
      if (index != FlowIndex::kNone) table.Erase(index, hash);
    }
    evictor.Evict();
    state.ResumeTiming();
    uint32_t done = 0;
    refused = 0;
    filled.ForEachBurst(first, last, [&](const KeyBurst& burst) {
      std::array<uint64_t, kBurst> cycles;
      const long preempted = TimesPreempted();
      for (uint32_t i = 0; i < kBurst; ++i) {
        const uint64_t before = TscBefore();
        const FlowIndex index = table.Insert(burst.keys[i], burst.hashes[i]);
        cycles[i] = TscAfter() - before;
        refused += index == FlowIndex::kNone;
      }
      const bool quiet = TimesPreempted() == preempted;
      discarded += quiet ? 0 : kBurst;
      for (uint32_t i = 0; quiet && i < kBurst; ++i) {
        const uint64_t net = cycles[i] - std::min(cycles[i], pair_cycles);
        samples.push_back(net);
        shortest[done + i] = std::min(shortest[done + i], net);
      }
      done += kBurst;
    });
  }
  std::erase(shortest, kNever);
  if (samples.empty()) return state.SkipWithError("no insertion was left alone by the kernel");
  const auto ns = [&](std::vector<uint64_t>* of, double share) {
    return static_cast<double>(Quantile(of, share)) * ns_per_cycle;
  };
  state.SetLabel(std::string(Name(filled.page_kind())));
  state.counters["p50_ns"] = ns(&samples, 0.5);
  state.counters["p999_ns"] = ns(&samples, 0.999);
  state.counters["max_ns"] = ns(&samples, 1);
  state.counters["max_repeatable_ns"] = ns(&shortest, 1);
  state.counters["tsc_pair_ns"] = static_cast<double>(pair_cycles) * ns_per_cycle;
  state.counters["refused_before"] = refused_before;
  state.counters["refused"] = refused;
  state.counters["inserted_a_round"] = last - first - refused;
  state.counters["discarded"] = static_cast<double>(discarded);
}

BENCHMARK(Insert)->Name("FlowTable/insert")->Arg(1 << 10)->Arg(1 << 20)->Arg(1 << 24);
BENCHMARK(InsertTail)->Name("FlowTable/insert_tail")->Arg(1 << 20)->Arg(1 << 24);

}  // namespace
}  // namespace coretrack::bench
