// Peer/*: what others offer, on the same keys in the same order as FlowTable/*, prefilled and
// warmed in the same way, on the same kind of pages.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "bench/bench_env.h"
#include "bench/flow_keys.h"
#include "bench/full_run.h"
#include "bench/rte_hash_peer.h"

namespace coretrack::bench {
namespace {

void RteHashLookup(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const HugePageLoan loan;
  if (flows >= kLargeFlows && SkipLarge(state, RteHash::Bytes(flows), 0)) return;
  std::string error;
  const std::unique_ptr<RteHash> hash = RteHash::Make(flows, &error);
  if (hash == nullptr) return state.SkipWithError(error.c_str());
  if (!hash->Fill()) return state.SkipWithError("a flow was refused");
  hash->LookUp(flows / kBurst);  // warm: once round
  const uint32_t steps = StepsAnIteration(flows);
  for (auto _ : state) hash->LookUp(steps);
  if (!hash->found_all()) state.SkipWithError("a flow was not found");
  state.SetItemsProcessed(state.iterations() * steps * kBurst);
  state.SetLabel(std::string(Name(EalPageKind())));
}

void RteHashInsert(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  std::string error;
  const std::unique_ptr<RteHash> hash = RteHash::Make(flows, &error);
  if (hash == nullptr) return state.SkipWithError(error.c_str());
  hash->Fill();  // touches every page
  for (auto _ : state) {
    state.PauseTiming();
    hash->Clear();
    state.ResumeTiming();
    if (!hash->Fill()) state.SkipWithError("a flow was refused");
  }
  state.SetItemsProcessed(state.iterations() * flows);
  state.SetLabel(std::string(Name(EalPageKind())));
}

void FlatHashMapFind(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  BurstCursor cursor(LookupOrder(flows));
  using Entry = std::pair<const PackedKey, uint32_t>;
  absl::flat_hash_map<PackedKey, uint32_t, absl::Hash<PackedKey>, std::equal_to<PackedKey>,
                      PageAllocator<Entry>>
      map;
  map.reserve(flows);
  const PageKind pages = LastPageKind();
  for (uint32_t i = 0; i < flows; ++i) map.emplace(FlowNumber(i), i);
  bool lost = false;
  const auto step = [&] {
    const PackedKey* keys = cursor.Next();
    uint32_t sum = 0;
    for (uint32_t i = 0; i < kBurst; ++i) {
      const auto it = map.find(keys[i]);
      if (it == map.end()) [[unlikely]] {
        lost = true;
        continue;
      }
      sum += it->second;
    }
    benchmark::DoNotOptimize(sum);
  };
  for (uint32_t i = 0; i < flows / kBurst; ++i) step();  // warm: once round
  const uint32_t steps = StepsAnIteration(flows);
  for (auto _ : state) {
    for (uint32_t i = 0; i < steps; ++i) step();
  }
  if (lost) state.SkipWithError("a flow was not found");
  state.SetItemsProcessed(state.iterations() * steps * kBurst);
  state.SetLabel(std::string(Name(pages)));
}

BENCHMARK(RteHashLookup)
    ->Name("Peer/rte_hash_lookup_bulk32")
    ->Arg(1 << 10)
    ->Arg(1 << 20)
    ->Arg(1 << 24)
    ->Arg(kLargeFlows);
BENCHMARK(RteHashInsert)->Name("Peer/rte_hash_insert")->Arg(1 << 10)->Arg(1 << 20)->Arg(1 << 24);
BENCHMARK(FlatHashMapFind)
    ->Name("Peer/flat_hash_map_find")
    ->Arg(1 << 10)
    ->Arg(1 << 20)
    ->Arg(1 << 24);

}  // namespace
}  // namespace coretrack::bench
