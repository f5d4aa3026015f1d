// What FlowTable/* is measured on: a table of the flows that flow_keys.h numbers, and bursts of 32 in
// the stages that the pipeline uses, the hash in the loop.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "bench/bench_env.h"
#include "bench/flow_keys.h"
#include "dataplane/flow/flow_table.h"

namespace coretrack::bench {

// A burst on its way through the stages. Two are under way beside the one that is being finished:
// each stage's lines are on their way while another burst's are used.
struct KeyBurst {
  std::array<FlowKey, kBurst> keys;
  KeyWords words;
  alignas(kCacheLine) std::array<FlowHash, kMaxBurst> hashes;
  // Home buckets, then candidates.
  alignas(kCacheLine) std::array<AtomicLine*, kBurst> lines;
  uint64_t farther = 0;  // bit i: lines[i] is to be looked for in the next bucket

  void Hash(const FlowTable& table, const PackedKey* packed) {
    Hash(packed);
    for (uint32_t i = 0; i < kBurst; ++i) table.PrefetchBucket(hashes[i]);
  }
  void Hash(const PackedKey* packed) {
    words.Clear();
    for (uint32_t i = 0; i < kBurst; ++i) {
      Unpack(packed[i], &keys[i]);
      words.Set(i, keys[i]);
    }
    Hasher().OfBurst(words, 0, kBurst, hashes.data());
    farther = 0;
  }
  // Of the kLanes keys from `first` on: what is to be fetched, buckets, then lines.
  void FindBuckets(const FlowTable& table, uint32_t first, Fetches* fetches) {
    table.FetchBuckets(&hashes[first], &lines[first], fetches);
  }
  void Match(const FlowTable& table, uint32_t first, Fetches* fetches) {
    farther |= uint64_t{table.CandidateLines(&hashes[first], &lines[first], fetches)} << first;
  }
  // A stage later.
  void MatchFarther(FlowTable& table) {
    for (; farther != 0; farther &= farther - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(farther));
      lines[i] = table.LineOrNull(table.FartherCandidate(hashes[i]));
    }
  }
  // Of `count` keys.
  uint32_t Finish(const FlowTable& table, uint32_t first, uint32_t count) const {
    uint32_t sum = 0;
    for (uint32_t i = first; i < first + count; ++i)
      sum += Raw(table.Find(keys[i], hashes[i], lines[i]));
    return sum;
  }
};

class FilledTable {
 public:
  // Empty, for `capacity` flows at FlowTable::kDesignLoad.
  explicit FilledTable(uint32_t capacity)
      : arena_(MakeArena(FlowTable::ArenaBytes({.capacity = capacity}))),
        table_({.capacity = capacity}, &arena_) {}
  FlowTable& operator*() { return table_; }
  PageKind page_kind() const { return arena_.page_kind(); }
  // The number of flows, in whole bursts, at which the table has this load.
  uint32_t FlowsAt(double load) const {
    return static_cast<uint32_t>(load * table_.slots()) / kBurst * kBurst;
  }

  // Inserts flows [first, last), whole bursts. Answers how many are refused.
  uint32_t Insert(uint32_t first, uint32_t last) {
    // As the pipeline has it, a few flows of one burst are inserted, then as many of the next are looked
    // for: lines that are asked for all at once come late or not at all.
    constexpr uint32_t kChunk = 4;
    std::array<KeyBurst, 3> bursts;
    const uint32_t count = (last - first) / kBurst;
    uint32_t refused = 0;
    for (uint32_t n = 0; n < count + 2; ++n) {
      if (n < count) {
        std::array<PackedKey, kBurst> packed;
        for (uint32_t i = 0; i < kBurst; ++i) packed[i] = FlowNumber(first + n * kBurst + i);
        bursts[n % 3].Hash(packed.data());
      }
      const bool locate = n >= 1 && n <= count;
      const KeyBurst& located = bursts[(n + 2) % 3];
      const KeyBurst& inserted = bursts[(n + 1) % 3];
      for (uint32_t begin = 0; begin < kBurst; begin += kChunk) {
        for (uint32_t i = begin; n < count && i < begin + kChunk; ++i)
          table_.PrefetchBucket(bursts[n % 3].hashes[i]);
        for (uint32_t i = begin; locate && i < begin + kChunk; ++i)
          table_.PrefetchNextBucket(located.hashes[i]);
        for (uint32_t i = begin; n >= 2 && i < begin + kChunk; ++i) {
          refused += table_.Insert(inserted.keys[i], inserted.hashes[i]) == FlowIndex::kNone;
        }
      }
      for (uint32_t i = 0; locate && i < kBurst; ++i) table_.PrefetchInsert(located.hashes[i]);
    }
    return refused;
  }
  // Calls `insert` with each burst of flows [first, last), whose lines are on their way by then.
  template <typename F>
  void ForEachBurst(uint32_t first, uint32_t last, F insert) {
    std::array<KeyBurst, 3> bursts;
    const uint32_t count = (last - first) / kBurst;
    for (uint32_t n = 0; n < count + 2; ++n) {
      if (n < count) {
        std::array<PackedKey, kBurst> packed;
        for (uint32_t i = 0; i < kBurst; ++i) packed[i] = FlowNumber(first + n * kBurst + i);
        bursts[n % 3].Hash(table_, packed.data());
      }
      if (n >= 1 && n <= count) {
        const KeyBurst& burst = bursts[(n - 1) % 3];
        for (uint32_t i = 0; i < kBurst; ++i) table_.PrefetchNextBucket(burst.hashes[i]);
        for (uint32_t i = 0; i < kBurst; ++i) table_.PrefetchInsert(burst.hashes[i]);
      }
      if (n >= 2) insert(bursts[(n - 2) % 3]);
    }
  }
  // A state other than 0 for every flow: then look-ups take it for one.
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
      if (!table_.LooksEmpty(index)) table_.Erase(index, Hasher().Of(table_.KeyAt(index)));
    }
  }

 private:
  Arena arena_;
  FlowTable table_;
};

}  // namespace coretrack::bench
