// FlowTable/lookup/F: F IPv4 flows at load 0.85, the hash in the loop, bursts of 32 in the stages
// that the pipeline uses. FlowTable/lookup_load95/F: the same F flows in fewer slots, load 0.95, for
// which the table is built.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "bench/bench_env.h"
#include "bench/filled_table.h"
#include "bench/flow_keys.h"
#include "bench/full_run.h"
#include "bench/loads.h"

namespace coretrack::bench {
namespace {

void LookupAt(benchmark::State& state, double load) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const HugePageLoan loan;
  const size_t bytes = size_t{flows} * (160 + sizeof(PackedKey));
  if (flows >= kLargeFlows && SkipLarge(state, bytes, 0)) return;
  BurstCursor cursor(LookupOrder(flows));
  FilledTable filled(CapacityFor(flows, load));
  if (SkipUnlessHuge(state, flows, filled.page_kind())) return;
  if (filled.Insert(0, flows) != 0) return state.SkipWithError("a flow was refused");
  filled.Publish();
  const FlowTable& table = *filled;
  std::array<KeyBurst, 3> bursts;
  bursts[0].Hash(table, cursor.Next());
  bursts[0].Match(table);
  bursts[1].Hash(table, cursor.Next());
  uint32_t n = 0;
  const auto step = [&] {
    KeyBurst& now = bursts[n];
    KeyBurst& next = bursts[n == 2 ? 0 : n + 1];
    KeyBurst& after = bursts[n == 0 ? 2 : n - 1];
    after.Hash(table, cursor.Next());
    next.Match(table);
    benchmark::DoNotOptimize(now.Finish(table));
    n = n == 2 ? 0 : n + 1;
  };
  for (uint32_t i = 0; i < flows / kBurst; ++i) step();  // warm: once round
  const uint32_t steps = StepsAnIteration(flows);
  for (auto _ : state) {
    for (uint32_t i = 0; i < steps; ++i) step();
  }
  state.SetItemsProcessed(state.iterations() * steps * kBurst);
  state.SetLabel(std::string(Name(filled.page_kind())));
  uint32_t missing = 0;
  for (const PackedKey& packed : LookupOrder(flows)) {
    FlowKey key;
    Unpack(packed, &key);
    missing += table.Find(key, Hasher().Of(key)) == FlowIndex::kNone;
  }
  if (missing != 0) state.SkipWithError("a flow was not found");
}

void Lookup(benchmark::State& state) { LookupAt(state, kLoad); }
void LookupLoad95(benchmark::State& state) { LookupAt(state, 0.95); }

BENCHMARK(Lookup)
    ->Name("FlowTable/lookup")
    ->Arg(1 << 10)
    ->Arg(1 << 20)
    ->Arg(1 << 24)
    ->Arg(kLargeFlows);
BENCHMARK(LookupLoad95)->Name("FlowTable/lookup_load95")->Arg(1 << 20);

}  // namespace
}  // namespace coretrack::bench
