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
  FlowTable& table = *filled;
  std::array<KeyBurst, 3> bursts;
  Fetches fetches;
  // `now` is finished; of `next` lines are found, of `after` buckets. What is found is asked for beside the work on `now`, as the
  // pipeline does.
  const auto step = [&](KeyBurst& now, KeyBurst& next, KeyBurst& after) {
    uint32_t sum = 0;
    now.MatchFarther(table);
    after.Hash(cursor.Next());
    for (uint32_t first = 0; first < kBurst; first += kLanes) {
      uint32_t at = first;
      const auto finish_and_fetch = [&] {
        constexpr uint32_t kAtOnce = kLanes / 2 / Fetches::kParts;
        for (uint32_t part = 0; part < Fetches::kParts; ++part, at += kAtOnce) {
          fetches.Part(part);
          sum += now.Finish(table, at, kAtOnce);
        }
        fetches.Done();
      };
      after.FindBuckets(table, first, &fetches);
      finish_and_fetch();
      next.Match(table, first, &fetches);
      finish_and_fetch();
    }
    benchmark::DoNotOptimize(sum);
  };
  // The first two bursts; what they need is there when it is used, or is waited for.
  for (KeyBurst* const burst : {&bursts[0], &bursts[1]}) {
    burst->Hash(cursor.Next());
    for (uint32_t first = 0; first < kBurst; first += kLanes) {
      burst->FindBuckets(table, first, &fetches);
      fetches.Rest();
    }
  }
  for (uint32_t first = 0; first < kBurst; first += kLanes) {
    bursts[0].Match(table, first, &fetches);
    fetches.Rest();
  }
  uint32_t n = 0;
  const auto run = [&](uint32_t steps) {
    for (; steps != 0; --steps) {
      const uint32_t next = n == 2 ? 0 : n + 1;
      step(bursts[n], bursts[next], bursts[3 - n - next]);
      n = next;
    }
  };
  run(flows / kBurst);  // warm: once round
  const uint32_t steps = StepsAnIteration(flows);
  for (auto _ : state) run(steps);
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
