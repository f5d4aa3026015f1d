// FlowTable/lookup/F and FlowTable/insert/F: F IPv4 flows at load 0.85, SipHash in the loop, bursts
// of 32 in the stages that the pipeline uses.
#include <benchmark/benchmark.h>
#include <time.h>

#include <array>
#include <memory>

#include "bench/bench_env.h"
#include "bench/flow_keys.h"
#include "dataplane/flow/flow_table.h"

namespace coretrack::bench {
namespace {

// A burst on its way through the stages. Two are under way beside the one that is being finished:
// each stage's lines are on their way while another burst's are used.
struct Burst {
  std::array<FlowKey, kBurst> keys;
  KeyWords words;
  std::array<FlowHash, kMaxBurst> hashes;
  std::array<FlowIndex, kBurst> candidates;

  void Hash(const FlowTable& table, const PackedKey* packed) {
    for (uint32_t i = 0; i < kBurst; ++i) {
      Unpack(packed[i], &keys[i]);
      words.Set(i, keys[i]);
    }
    HashBurst(kSecret, words, kBurst, hashes.data());
    for (uint32_t i = 0; i < kBurst; ++i) table.PrefetchBucket(hashes[i]);
  }
  void Match(const FlowTable& table) {
    uint64_t missed = 0;
    for (uint32_t i = 0; i < kBurst; ++i) {
      candidates[i] = table.Candidate(hashes[i]);
      if (candidates[i] != FlowIndex::kNone) continue;
      table.PrefetchNextBucket(hashes[i]);
      missed |= uint64_t{1} << i;
    }
    for (; missed != 0; missed &= missed - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(missed));
      candidates[i] = table.FartherCandidate(hashes[i]);
    }
  }
  uint32_t Finish(const FlowTable& table) const {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < kBurst; ++i) {
      sum += Raw(table.Find(keys[i], hashes[i], candidates[i]));
    }
    return sum;
  }
};

class FilledTable {
 public:
  explicit FilledTable(uint32_t flows)
      : arena_(MakeArena(FlowTable::ArenaBytes({.capacity = flows}))),
        table_({.capacity = flows}, &arena_) {}
  FlowTable& operator*() { return table_; }
  PageKind page_kind() const { return arena_.page_kind(); }

  // Inserts flows [first, last). False when one is refused.
  bool Insert(uint32_t first, uint32_t last) {
    std::array<Burst, 3> bursts;
    const uint32_t count = (last - first) / kBurst;
    bool fits = true;
    for (uint32_t n = 0; n < count + 2; ++n) {
      if (n < count) {
        std::array<PackedKey, kBurst> packed;
        for (uint32_t i = 0; i < kBurst; ++i) packed[i] = FlowNumber(first + n * kBurst + i);
        bursts[n % 3].Hash(table_, packed.data());
      }
      if (n >= 1 && n <= count) {
        const Burst& burst = bursts[(n - 1) % 3];
        for (uint32_t i = 0; i < kBurst; ++i) table_.PrefetchInsert(burst.hashes[i]);
      }
      if (n < 2) continue;
      const Burst& burst = bursts[(n - 2) % 3];
      for (uint32_t i = 0; i < kBurst; ++i) {
        fits &= table_.Insert(burst.keys[i], burst.hashes[i]) != FlowIndex::kNone;
      }
    }
    return fits;
  }
  void Publish() {
    for (uint32_t i = 0; i < table_.slots(); ++i) {
      if (table_.LooksEmpty(FlowIndex{i})) continue;
      AtomicLine& line = table_.line(FlowIndex{i});
      auto value = line.LoadOwned<FlowLine>();
      value.state = 1;
      BeginWrite(line);
      EndWrite(line, value);
    }
  }
  void Clear() {
    for (uint32_t i = 0; i < table_.slots(); ++i) {
      const FlowIndex index{i};
      if (!table_.LooksEmpty(index)) table_.Erase(index, HashOf(kSecret, table_.KeyAt(index)));
    }
  }

 private:
  Arena arena_;
  FlowTable table_;
};

void Lookup(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  BurstCursor cursor(LookupOrder(flows));
  FilledTable filled(flows);
  if (!filled.Insert(0, flows)) return state.SkipWithError("a flow was refused");
  filled.Publish();
  const FlowTable& table = *filled;
  std::array<Burst, 3> bursts;
  bursts[0].Hash(table, cursor.Next());
  bursts[0].Match(table);
  bursts[1].Hash(table, cursor.Next());
  uint32_t n = 0;
  const auto step = [&] {
    Burst& now = bursts[n];
    Burst& next = bursts[n == 2 ? 0 : n + 1];
    Burst& after = bursts[n == 0 ? 2 : n - 1];
    after.Hash(table, cursor.Next());
    next.Match(table);
    benchmark::DoNotOptimize(now.Finish(table));
    n = n == 2 ? 0 : n + 1;
  };
  for (uint32_t i = 0; i < flows / kBurst; ++i) step();  // warm: once round
  for (auto _ : state) step();
  state.SetItemsProcessed(state.iterations() * kBurst);
  state.SetLabel(std::string(Name(filled.page_kind())));
  uint32_t missing = 0;
  for (const PackedKey& packed : LookupOrder(flows)) {
    FlowKey key;
    Unpack(packed, &key);
    missing += table.Find(key, HashOf(kSecret, key)) == FlowIndex::kNone;
  }
  if (missing != 0) state.SkipWithError("a flow was not found");
}

// The clock that items per second are counted by.
double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void Insert(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  FilledTable filled(flows);
  filled.Insert(0, flows);  // touches every page
  // Flows at which the load passes 0.5 and 0.75: rates are reported for each stretch.
  const double slots = (*filled).slots();
  const std::array<uint32_t, 4> marks = {0, static_cast<uint32_t>(0.5 * slots) / kBurst * kBurst,
                                         static_cast<uint32_t>(0.75 * slots) / kBurst * kBurst,
                                         flows};
  std::array<double, 3> taken{};
  for (auto _ : state) {
    state.PauseTiming();
    filled.Clear();
    state.ResumeTiming();
    double start = CpuSeconds();
    for (size_t i = 0; i < taken.size(); ++i) {
      if (!filled.Insert(marks[i], marks[i + 1])) state.SkipWithError("a flow was refused");
      const double end = CpuSeconds();
      taken[i] += end - start;
      start = end;
    }
  }
  state.SetItemsProcessed(state.iterations() * flows);
  state.SetLabel(std::string(Name(filled.page_kind())));
  constexpr std::array<const char*, 3> kNames = {"per_s_to_load_0.50", "per_s_to_load_0.75",
                                                 "per_s_to_load_0.85"};
  for (size_t i = 0; i < taken.size(); ++i) {
    state.counters[kNames[i]] =
        static_cast<double>(state.iterations()) * (marks[i + 1] - marks[i]) / taken[i];
  }
}

BENCHMARK(Lookup)->Name("FlowTable/lookup")->Arg(1 << 10)->Arg(1 << 20)->Arg(1 << 24);
BENCHMARK(Insert)->Name("FlowTable/insert")->Arg(1 << 10)->Arg(1 << 20)->Arg(1 << 24);

}  // namespace
}  // namespace coretrack::bench
