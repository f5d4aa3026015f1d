// FlowTable/lookup/F: F IPv4 flows at load 0.85, the hash in the loop, bursts of 32 in the stages
// that the pipeline uses. FlowTable/lookup_beside_rte_hash/F: in turns with Peer/rte_hash_lookup_bulk32 (turns.h).
// FlowTable/lookup_load95/F: the same F flows in fewer slots, load 0.95, for
// which the table is built.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/filled_table.h"
#include "bench/flow_keys.h"
#include "bench/full_run.h"
#include "bench/loads.h"
#include "bench/rte_hash_peer.h"
#include "bench/turns.h"

namespace coretrack::bench {
namespace {

// Look-ups of all flows, round and round.
class Lookups {
 public:
  Lookups(uint32_t flows, double load)
      : flows_(flows), cursor_(LookupOrder(flows)), filled_(CapacityFor(flows, load)) {}
  PageKind page_kind() const { return filled_.page_kind(); }

  // False: a flow was refused.
  bool Fill() {
    if (filled_.Insert(0, flows_) != 0) return false;
    filled_.Publish();
    // The first two bursts; what they need is there when it is used, or is waited for.
    for (KeyBurst* const burst : {&bursts_[0], &bursts_[1]}) {
      burst->Hash(cursor_.Next());
      for (uint32_t first = 0; first < kBurst; first += kLanes) {
        burst->FindBuckets(*filled_, first, &fetches_);
        fetches_.Rest();
      }
    }
    for (uint32_t first = 0; first < kBurst; first += kLanes) {
      bursts_[0].Match(*filled_, first, &fetches_);
      fetches_.Rest();
    }
    return true;
  }
  // So many bursts.
  void Run(uint32_t bursts) {
    for (; bursts != 0; --bursts) {
      const uint32_t next = now_ == 2 ? 0 : now_ + 1;
      Step(bursts_[now_], bursts_[next], bursts_[3 - now_ - next]);
      now_ = next;
    }
  }
  bool AllAreFound() {
    uint32_t missing = 0;
    for (const PackedKey& packed : LookupOrder(flows_)) {
      FlowKey key;
      Unpack(packed, &key);
      missing += (*filled_).Find(key, Hasher().Of(key)) == FlowIndex::kNone;
    }
    return missing == 0;
  }

 private:
  // `now` is finished; of `next` lines are found, of `after` buckets. What is found is asked for beside the work on `now`, as the
  // pipeline does.
  void Step(KeyBurst& now, KeyBurst& next, KeyBurst& after) {
    FlowTable& table = *filled_;
    uint32_t sum = 0;
    now.MatchFarther(table);
    after.Hash(cursor_.Next());
    for (uint32_t first = 0; first < kBurst; first += kLanes) {
      uint32_t at = first;
      const auto finish_and_fetch = [&] {
        constexpr uint32_t kAtOnce = kLanes / 2 / Fetches::kParts;
        for (uint32_t part = 0; part < Fetches::kParts; ++part, at += kAtOnce) {
          fetches_.Part(part);
          sum += now.Finish(table, at, kAtOnce);
        }
        fetches_.Done();
      };
      after.FindBuckets(table, first, &fetches_);
      finish_and_fetch();
      next.Match(table, first, &fetches_);
      finish_and_fetch();
    }
    benchmark::DoNotOptimize(sum);
  }

  uint32_t flows_;
  BurstCursor cursor_;
  FilledTable filled_;
  std::array<KeyBurst, 3> bursts_;
  Fetches fetches_;
  uint32_t now_ = 0;
};

void LookupAt(benchmark::State& state, double load) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const HugePageLoan loan;
  const size_t bytes = size_t{flows} * (160 + sizeof(PackedKey));
  if (flows >= kLargeFlows && SkipLarge(state, bytes, 0)) return;
  const auto lookups = std::make_unique<Lookups>(flows, load);
  if (SkipUnlessHuge(state, flows, lookups->page_kind())) return;
  if (!lookups->Fill()) return state.SkipWithError("a flow was refused");
  lookups->Run(flows / kBurst);  // warm: once round
  const uint32_t steps = StepsAnIteration(flows);
  for (auto _ : state) lookups->Run(steps);
  state.SetItemsProcessed(state.iterations() * steps * kBurst);
  state.SetLabel(std::string(Name(lookups->page_kind())));
  if (!lookups->AllAreFound()) state.SkipWithError("a flow was not found");
}

void Lookup(benchmark::State& state) { LookupAt(state, kLoad); }
void LookupLoad95(benchmark::State& state) { LookupAt(state, 0.95); }

// In turns with Peer/rte_hash_lookup_bulk32.
void BesideRteHash(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const uint32_t bursts = std::min(flows, 1u << 21) / kBurst;
  const HugePageLoan loan;
  const auto lookups = std::make_unique<Lookups>(flows, kLoad);
  if (SkipUnlessHuge(state, flows, lookups->page_kind())) return;
  if (!lookups->Fill()) return state.SkipWithError("a flow was refused");
  std::string error;
  const std::unique_ptr<RteHash> hash = RteHash::Make(flows, &error);
  if (hash == nullptr) return state.SkipWithError(error.c_str());
  if (!hash->Fill()) return state.SkipWithError("a flow was refused");
  if (lookups->page_kind() != EalPageKind()) return state.SkipWithError("not on the same pages");
  // Look-ups a second of processor time, behind half as many that are not counted.
  const auto turn = [bursts](const auto& run) {
    run(bursts / 2);
    const double start = CpuSeconds();
    run(bursts);
    return static_cast<double>(bursts) * kBurst / (CpuSeconds() - start);
  };
  InTurns(
      state, int64_t{bursts} * kBurst,
      [&] { return turn([&lookups](uint32_t n) { lookups->Run(n); }); },
      [&] { return turn([&hash](uint32_t n) { hash->LookUp(n); }); }, "of_rte_hash");
  if (!lookups->AllAreFound() || !hash->found_all()) state.SkipWithError("a flow was not found");
}

BENCHMARK(Lookup)
    ->Name("FlowTable/lookup")
    ->Arg(1 << 10)
    ->Arg(1 << 20)
    ->Arg(1 << 24)
    ->Arg(kLargeFlows);
BENCHMARK(BesideRteHash)->Name("FlowTable/lookup_beside_rte_hash")->Arg(1 << 24)->UseManualTime();
BENCHMARK(LookupLoad95)->Name("FlowTable/lookup_load95")->Arg(1 << 20);

}  // namespace
}  // namespace coretrack::bench
