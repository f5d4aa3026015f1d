// FlowTable: one worker's map from FlowKey to FlowIndex for one IP version, and the storage of its
// flows.
//
// Why not rte_hash or absl::flat_hash_map: see README.md, "Measured choices".
// Layout   Groups of 31 slots. A group's bucket is one cache line: 31 16-bit tags and a 16-bit
//          overflow count. A slot's FlowLine lies at its index in an array of its own (IPv6: two
//          adjacent lines, the second holds the addresses and the detail), its detail in a third, and the detail's
//          origin in a fourth (flow_detail.h).
//            bucket[group]  | tag 0 | tag 1 | ... | tag 30 | overflow |      tag 0: empty
//            line[slot]     | FlowLine |  (IPv6: | addresses | detail |)     slot = group * 31 + position
//            detail[slot]   | detail |    (IPv4)
//            origin[slot]   | origin |
//          Tags are compared first, all in one vector instruction, so a miss reads one line. The
//          overflow count says how many flows were placed past this group: a look-up stops at the
//          first group where it is zero.
// Hash     Disjoint bits: 63..32 the home group, 31..16 the probe step, 15..0 the tag, which is odd.
// Threads  Owned by one worker. Read() and LooksEmpty() may be called from any thread
//          (flow_slot.h); tags are atomics for it.
// Limits   Slots fixed at construction; `capacity` is what they are meant for, and Insert() goes on
//          past it while there is room. At most kMaxProbe groups are looked at, then Insert()
//          answers kNone: count it.
// Errors   REQUIRES: lines are caller bugs, asserted in debug builds.
// Cost     bench: FlowTable/*
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/arena.h"
#include "dataplane/base/fetches.h"
#include "dataplane/base/lanes.h"
#include "dataplane/base/types.h"
#include "dataplane/flow/flow_slot.h"
#include "dataplane/flow/wide_pool.h"
#include "dataplane/packet/flow_key.h"

namespace coretrack {

class FlowTable {
 public:
  static constexpr uint32_t kGroupSlots = 31;
  static constexpr uint32_t kMaxProbe = 64;
  // Flows per slot that a table is built for: Shape::capacity / slots.
  static constexpr double kDesignLoad = 0.95;
  static constexpr uint32_t kMaxCapacity = kMaxFlowsPerWorker;

  struct Shape {
    uint32_t capacity = 0;     // flows it is built to hold, 1 to kMaxCapacity; it has capacity /
                               // kDesignLoad slots, rounded up to whole groups
    bool ipv6 = false;         // two lines a flow instead of one
    uint32_t first_index = 0;  // FlowIndex of slot 0, so that two tables share one index space
  };
  static uint32_t SlotsFor(uint32_t capacity);
  static size_t ArenaBytes(const Shape& shape);
  // REQUIRES: `arena` has ArenaBytes(shape) left and outlives the table.
  FlowTable(const Shape& shape, Arena* arena);

  // Starts loading the bucket of `hash`. Call a stage before Candidate() or Find().
  void PrefetchBucket(FlowHash hash) const;

  // The first slot in the home group whose tag matches, or kNone. A guess, not an answer: Find()
  // verifies; PrefetchLine() comes before it.
  FlowIndex Candidate(FlowHash hash) const;
  AtomicLine* CandidateLine(FlowHash hash) const;  // its line, or null
  // The same of kLanes hashes at once. Where their home groups' buckets are, to be fetched, and kept for CandidateLines().
  // REQUIRES: the arrays are aligned to 64 bytes; no fetches are left.
  void FetchBuckets(const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) const;
  // The same of hashes of two tables. Bit i of `is_ipv6`: of which.
  static void FetchBuckets(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                           const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches);
  // Of one hash.
  AtomicLine* HomeBucket(FlowHash hash) const;
  // In place of the buckets the candidates' lines, which are to be fetched; where there is none, null, and the next
  // group's bucket is fetched. Bit i: of hash i.  REQUIRES: as FetchBuckets(); lines[i] is HomeBucket(hashes[i]).
  Mask CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) const;
  // The same of two tables: lines[i] is that one's HomeBucket().
  static Mask CandidateLines(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                             const FlowHash* hashes, AtomicLine** lines, Fetches* fetches);
  // Where there was none: starts loading the next group's bucket, if the home group has overflowed.
  void PrefetchNextBucket(FlowHash hash) const;
  // And a stage later: Candidate() for the groups behind the home group; starts loading its line(s).
  FlowIndex FartherCandidate(FlowHash hash) const;

  // What the home group's bucket alone says of a hash, until something is inserted.
  struct Home {
    uint32_t group;
    uint32_t empty;  // of its slots: bit i: position i
    bool absent;     // there can be no flow with that hash; false says nothing
  };
  Home LookAtHome(FlowHash hash) const;
  // The flow with `key`, or kNone. Expiry is the caller's business: a flow past its deadline is
  // found.
  FlowIndex Find(const FlowKey& key, FlowHash hash) const;
  // The same; looks at the line of what Candidate() answered for `hash` first, unless it is null. A
  // candidate that is stale, because something was inserted or erased since, costs time and nothing else.
  FlowIndex Find(const FlowKey& key, FlowHash hash, const AtomicLine* candidate) const;

  // Is `key` what the slot of `line` holds, or held last? (An erased line keeps its key; its state is 0.)
  // REQUIRES: key.ipv6 is that of the line's table.
  static bool Holds(const AtomicLine& line, const FlowKey& key, FlowHash hash);
  // The same where key.ipv6 is known to be false.
  static bool HoldsIpv4(const AtomicLine& line, const FlowKey& key);

  // Starts loading what Insert() of `hash` will write. Call a stage before it, a stage after
  // PrefetchBucket(). Answers where that will probably be, or kNone: farther from home.
  FlowIndex PrefetchInsert(FlowHash hash) const { return PrefetchInsert(hash, RoomAtHome(hash)); }
  FlowIndex PrefetchInsert(FlowHash hash, const Home& home) const;
  // The same in the second group, where PrefetchInsert() has answered kNone; a while after it, unless its bucket has come. Where
  // that is full, too, the third group's bucket starts loading.
  FlowIndex PrefetchFartherInsert(FlowHash hash) const;

  // Takes a slot for `key` and stores the key in its line; everything else in line and detail is
  // zero but the version and the start of the flow that was there before (StartIn()). line.state stays 0
  // ("empty" to readers) until the caller's first EndWrite(). kNone: no room within kMaxProbe;
  // nothing has changed then.
  // REQUIRES: `key` is absent; `hash` is FlowHasher::Of(key); key.ipv6 == ipv6().
  [[nodiscard]] FlowIndex Insert(const FlowKey& key, FlowHash hash);
  // The same for who stores the key itself, and everything else in line and detail, by one write of the flow (flow_slot.h) that
  // ends with its state. Until then they are as the flow before has left them, whose state is 0.
  // REQUIRES: `home` is LookAtHome(hash), now or before something was erased.
  [[nodiscard]] FlowIndex Take(FlowHash hash, const Home& home);
  [[nodiscard]] FlowIndex Take(FlowHash hash) { return Take(hash, RoomAtHome(hash)); }
  // The key's part of that: words 1 and 2, and an IPv6 flow's addresses. The zone is the caller's, in word 3.
  static void StoreKey(const FlowKey& key, FlowHash hash, AtomicLine* line);

  // Empties the slot. The detail stays as it is.
  // REQUIRES: `index` holds a flow whose hash is `hash`.
  void Erase(FlowIndex index, FlowHash hash);

  // The key of the flow at `index`.  REQUIRES: owner thread, `index` holds a flow.
  FlowKey KeyAt(FlowIndex index) const;

  AtomicLine& line(FlowIndex index) { return lines_[SlotOf(index) << line_shift_]; }
  const AtomicLine& line(FlowIndex index) const { return lines_[SlotOf(index) << line_shift_]; }
  AtomicDetail& detail(FlowIndex index) const {
    return *reinterpret_cast<AtomicDetail*>(details_ + (SlotOf(index) << detail_shift_));
  }
  AtomicOrigin& origin(FlowIndex index) const { return origins_[SlotOf(index)]; }
#ifdef CORETRACK_LANES
  // Of kLanes / 2 slots, by where their lines are: where the details are; of a line that is not this table's, anything.
  lanes::Words64 DetailsOf(lanes::Words64 lines) const;
  // And the origins, of those in `mask`; 0 of the others. The owner.  REQUIRES: those are this table's lines.
  lanes::Words64 OriginsOf(lanes::Words64 lines, uint8_t mask) const;
#endif
  // Detail and origin, by the owner: unpacked; packed, in a write of the flow, with wide counts if need be.
  void LoadDetail(FlowIndex index, FlowDetail* unpacked) const;
  void StoreDetail(FlowIndex index, const FlowDetail& detail);
  // The same of more packets and bytes of direction `d` alone.
  void AddCounts(FlowIndex index, unsigned d, uint32_t packets, uint32_t bytes);
  // When the flow that has just taken the slot began: `start_us`, or as many microseconds later that the flows of
  // a slot begin one after the other, on a clock that stands still meanwhile, and the last two never have the same generation.
  uint64_t StartIn(FlowIndex index, uint64_t start_us) const {
    return StartAfter(origin(index).load(std::memory_order_relaxed), start_us);
  }
  static uint64_t StartAfter(uint64_t origin_before, uint64_t start_us) {
    constexpr uint64_t kNearUs = 1 << 16;
    const bool near = ((origin_before - start_us) & FlowDetail::kStartMask) < kNearUs;
    if (near) [[unlikely]]
      start_us = origin_before + 1;
    const bool same = GenerationOf(origin_before) == GenerationOf(start_us);
    return (start_us + (same ? 1 : 0)) & FlowDetail::kStartMask;
  }
  // The owner: wide counts, and how often there were none left.
  const WidePool& wide() const { return wide_; }
  AtomicLine* LineOrNull(FlowIndex index) {
    return index != FlowIndex::kNone ? &line(index) : nullptr;
  }
  const AtomicLine* LineOrNull(FlowIndex index) const {
    return index != FlowIndex::kNone ? &line(index) : nullptr;
  }
  // Which slot has `line`.  REQUIRES: it is one of this table's.
  FlowIndex IndexOf(const AtomicLine& line) const;
  void PrefetchLine(FlowIndex index) const;
  static void PrefetchLine(const AtomicLine* line, bool ipv6);
  void PrefetchDetail(FlowIndex index) const;
  void PrefetchOrigin(FlowIndex index) const;
  // Starts loading what Erase() writes.
  void PrefetchFlow(FlowIndex index) const;

  // Any thread: copies the flow at `index`. False when the slot is empty or not in this table.
  // Waits out a writer, which takes nanoseconds; one that stays inside a write for kReadAttempts
  // looks (a worker that was stopped there) counts as empty.
  bool Read(FlowIndex index, FlowCopy* copy) const;
  static constexpr uint32_t kReadAttempts = 1u << 16;
  // Any thread: is the slot empty as far as its tag says? Cheaper than Read() by a random line. May
  // be stale at once.  REQUIRES: Contains(index).
  bool LooksEmpty(FlowIndex index) const;

  bool Contains(FlowIndex index) const { return SlotOf(index) < slots_; }
  uint32_t size() const { return size_; }  // owner thread
  uint32_t slots() const { return slots_; }
  uint32_t capacity() const { return capacity_; }
  uint32_t first_index() const { return first_index_; }
  bool ipv6() const { return ipv6_; }

  // The sum of all overflow counts: how far flows lie from home. Scans every bucket; owner thread.
  uint64_t OverflowSum() const;

 private:
  struct alignas(kCacheLine) Bucket {
    std::array<std::atomic<uint16_t>, kGroupSlots> tags;
    std::atomic<uint16_t> overflow;
  };
  static_assert(sizeof(Bucket) == kCacheLine);
  static constexpr uint16_t kMaxOverflow = 0xffff;

  static uint64_t Difference(const AtomicLine& line, const FlowKey& key, uint64_t address);
  bool AreHomes(const FlowHash* hashes, AtomicLine* const* lines,
                Mask packets = static_cast<Mask>(~0)) const;
  static uint16_t TagOf(FlowHash hash);  // odd, so never 0
  uint32_t HomeOf(FlowHash hash) const;
  uint32_t StepOf(FlowHash hash) const;
  uint32_t NextGroup(uint32_t group, uint32_t step) const;
  FlowIndex IndexAt(uint32_t group, uint32_t position) const;
  uint32_t EmptyIn(uint32_t group) const;  // bit i: position i
  Home RoomAtHome(FlowHash hash) const;    // LookAtHome() without the look for the tag
  FlowIndex TakeFarther(FlowHash hash);
  FlowIndex Occupy(uint32_t group, uint32_t empty, FlowHash hash);
  void StoreWide(FlowIndex index, const FlowDetail& detail, PackedDetail* packed);
  // 64 bits wide, so that what is derived from it does not wrap.
  size_t SlotOf(FlowIndex index) const { return Raw(index) - first_index_; }

  Bucket* buckets_ = nullptr;
  AtomicLine* lines_ = nullptr;
  std::byte* details_ = nullptr;  // of slot 0
  AtomicOrigin* origins_ = nullptr;
  WidePool wide_;
  uint32_t groups_ = 0;
  uint32_t probes_ = 0;      // groups a flow may lie in: kMaxProbe, or all of a smaller table
  uint32_t step_range_ = 0;  // steps are 1 to this, so that a flow's groups are all different
  uint32_t slots_ = 0;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
  uint32_t first_index_ = 0;
  uint32_t line_shift_ = 0;    // 0: one line a slot, 1: two
  uint32_t detail_shift_ = 0;  // details are 1 << this bytes apart
  bool ipv6_ = false;
};

}  // namespace coretrack

#include "dataplane/flow/flow_table_inl.h"  // IWYU pragma: export
