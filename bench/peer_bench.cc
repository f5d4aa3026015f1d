// Peer/*: what others offer, on the same keys in the same order as FlowTable/*, prefilled and
// warmed in the same way, on the same kind of pages.
#include <benchmark/benchmark.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>

#include <array>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "bench/bench_env.h"
#include "bench/flow_keys.h"
#include "bench/full_run.h"

namespace coretrack::bench {
namespace {

struct FreeHash {
  void operator()(rte_hash* hash) const { rte_hash_free(hash); }
};
using HashPtr = std::unique_ptr<rte_hash, FreeHash>;

// rte_hash at its best: room for twice the flows, CRC, no locks, no extra flags. Null: `*error`.
HashPtr MakeRteHash(uint32_t flows, std::string* error) {
  // A key's record is 32 bytes, a bucket of 8 entries 64, the ring of free slots 4 a record.
  *error = StartEal(size_t{flows} * 2 * 56);
  if (!error->empty()) return nullptr;
  rte_hash_parameters parameters{};
  parameters.name = "peer";
  parameters.entries = flows * 2;
  parameters.key_len = sizeof(PackedKey);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = static_cast<int>(rte_socket_id());
  HashPtr hash(rte_hash_create(&parameters));
  if (hash == nullptr) *error = "rte_hash_create: " + std::string(rte_strerror(rte_errno));
  return hash;
}

bool Fill(rte_hash* hash, uint32_t flows) {
  bool fits = true;
  for (uint32_t i = 0; i < flows; ++i) {
    const PackedKey key = FlowNumber(i);
    fits &= rte_hash_add_key(hash, &key) >= 0;
  }
  return fits;
}

void RteHashLookup(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const HugePageLoan loan;
  const size_t bytes = size_t{flows} * (2 * 56 + sizeof(PackedKey));
  if (flows >= kLargeFlows && SkipLarge(state, bytes, 0)) return;
  std::string error;
  const HashPtr hash = MakeRteHash(flows, &error);
  if (hash == nullptr) return state.SkipWithError(error.c_str());
  if (!Fill(hash.get(), flows)) return state.SkipWithError("a flow was refused");
  BurstCursor cursor(LookupOrder(flows));
  int32_t lost = 0;
  const auto step = [&] {
    const PackedKey* keys = cursor.Next();
    std::array<const void*, kBurst> pointers;
    std::array<int32_t, kBurst> positions;
    for (uint32_t i = 0; i < kBurst; ++i) pointers[i] = &keys[i];
    rte_hash_lookup_bulk(hash.get(), pointers.data(), kBurst, positions.data());
    uint32_t sum = 0;
    for (const int32_t position : positions) {
      sum += static_cast<uint32_t>(position);
      lost |= position;
    }
    benchmark::DoNotOptimize(sum);
  };
  for (uint32_t i = 0; i < flows / kBurst; ++i) step();  // warm: once round
  const uint32_t steps = StepsAnIteration(flows);
  for (auto _ : state) {
    for (uint32_t i = 0; i < steps; ++i) step();
  }
  if (lost < 0) state.SkipWithError("a flow was not found");
  state.SetItemsProcessed(state.iterations() * steps * kBurst);
  state.SetLabel(std::string(Name(EalPageKind())));
}

void RteHashInsert(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  std::string error;
  const HashPtr hash = MakeRteHash(flows, &error);
  if (hash == nullptr) return state.SkipWithError(error.c_str());
  Fill(hash.get(), flows);  // touches every page
  for (auto _ : state) {
    state.PauseTiming();
    rte_hash_reset(hash.get());
    state.ResumeTiming();
    if (!Fill(hash.get(), flows)) state.SkipWithError("a flow was refused");
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
