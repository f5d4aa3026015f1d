// FlowTable: one worker's map from FlowKey to FlowIndex for one IP version, and the storage of its
// flows.
//
// Why not rte_hash or absl::flat_hash_map: see README.md, "Measured choices".
// Layout   Regions of the hash range, each with its buckets of 15 flows (bucket.h) and its slots (slot_pool.h). Which bucket has a
//          flow its hash says; which slot, the bucket. A slot's FlowLine lies at its index in an array of its own (IPv6: two
//          adjacent lines, the second holds the addresses and the detail), its detail in a third, and the detail's
//          origin in a fourth (flow_detail.h).
//            bucket[b]      | 15 tags | overflow | 15 slots |            b = region * buckets of a region + home or farther
//            line[slot]     | FlowLine |  (IPv6: | addresses | detail |)     slot = region * slots of a region + the bucket's
//            detail[slot]   | detail |    (IPv4)
//            origin[slot]   | origin |
//          Tags are compared first, all at once, so a miss reads one line. The overflow count says how many flows were placed
//          past this bucket: a look-up stops at the first one where it is zero.
// Hash     Disjoint bits: 63..32 region and home bucket, 31..16 the probe step, 15..0 the tag, which is odd.
// Threads  Owned by one worker. Read() and LooksEmpty() may be called from any thread
//          (flow_slot.h, slot_pool.h).
// Limits   Slots fixed at construction; `capacity` is what they are meant for, and Insert() goes on
//          past it while there is room. At most kMaxProbe buckets are looked at, then Insert()
//          answers kNone: count it. So it does where a flow's region is full: up to `capacity` flows, one region in three million is
//          (five standard deviations).
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
#include "dataplane/flow/bucket.h"
#include "dataplane/flow/flow_slot.h"
#include "dataplane/flow/slot_pool.h"
#include "dataplane/flow/wide_pool.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/flow_key.h"

namespace coretrack {

class FlowTable {
 public:
  static constexpr uint32_t kMaxProbe = 64;
  // Flows per slot that a table is built for: Shape::capacity / slots, or a little less.
  static constexpr double kDesignLoad = 0.98;
  static constexpr uint32_t kSlotsPerBucket =
      12;  // so a bucket is four fifths full when all slots are
  static constexpr uint32_t kMaxCapacity = kMaxFlowsPerWorker;

  struct Shape {
    uint32_t capacity = 0;  // flows it is built to hold, 1 to kMaxCapacity; it has PlanFor() slots
    bool ipv6 = false;      // two lines a flow instead of one
    uint32_t first_index = 0;  // FlowIndex of slot 0, so that two tables share one index space
  };
  // How many regions a capacity takes, and what each has.
  struct Plan {
    uint32_t regions, region_slots, region_buckets;
    uint64_t slots() const { return uint64_t{regions} * region_slots; }
    uint64_t buckets() const { return uint64_t{regions} * region_buckets; }
  };
  static Plan PlanFor(uint32_t capacity);
  static size_t ArenaBytes(const Shape& shape);
  // REQUIRES: `arena` has ArenaBytes(shape) left and outlives the table.
  FlowTable(const Shape& shape, Arena* arena);

  // Starts loading the bucket of `hash`. Call a stage before Candidate() or Find().
  void PrefetchBucket(FlowHash hash) const;

  // A slot in the home bucket whose tag matches, or kNone. A guess, not an answer: Find()
  // verifies; PrefetchLine() comes before it.
  FlowIndex Candidate(FlowHash hash) const;
  AtomicLine* CandidateLine(FlowHash hash) const;  // its line, or null
  // The same of kLanes hashes at once. Where their home buckets are, to be fetched, and kept for CandidateLines().
  // (Any 64 bits are a hash.)  REQUIRES: the arrays are aligned to 64 bytes; no fetches are left.
  void FetchBuckets(const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) const;
  // The same of hashes of two tables. Bit i of `is_ipv6`: of which.
  static void FetchBuckets(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                           const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches);
  // Of one hash.
  AtomicLine* HomeBucket(FlowHash hash) const;
  // In place of the buckets the candidates' lines, which are to be fetched; where there is none, null. Bit i: for hash i there is none,
  // and the next bucket may be needed: it is fetched.  REQUIRES: as FetchBuckets(); lines[i] is HomeBucket(hashes[i]).
  Mask CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) const;
  // The same of two tables: lines[i] is that one's HomeBucket().
  static Mask CandidateLines(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                             const FlowHash* hashes, AtomicLine** lines, Fetches* fetches);
  // Where there was none: may the next bucket be needed, for the home bucket has overflowed, or may be full? Then starts loading it.
  bool PrefetchNextBucket(FlowHash hash) const;
  // And a stage later: Candidate() for the buckets behind the home bucket; starts loading its line(s).
  FlowIndex FartherCandidate(FlowHash hash) const;

  // What the home bucket alone says of a hash, until something is inserted.
  struct Home {
    uint32_t region, bucket;
    uint32_t empty;  // of its entries: bit i: entry i
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

  // Where the home bucket is full, and the next one, whose bucket has come (PrefetchNextBucket()), is too: starts loading the third.
  // What else Insert() will write is on its way (slot_pool.h).
  void PrefetchInsert(FlowHash hash) const;

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
  // The same of key `i` of `words`.
  static void StoreKey(const KeyWords& words, uint32_t i, FlowHash hash, AtomicLine* line);

  // Empties the slot. The detail stays as it is.
  // REQUIRES: `index` holds a flow whose hash is `hash`, and its home bucket `home`.
  void Erase(FlowIndex index, FlowHash hash, AtomicLine* home);
  void Erase(FlowIndex index, FlowHash hash) { Erase(index, hash, HomeBucket(hash)); }

  // The key of the flow at `index`.  REQUIRES: owner thread, `index` holds a flow.
  FlowKey KeyAt(FlowIndex index) const;
  // The same, as key `i` of `words`.
  void GetKey(FlowIndex index, uint32_t i, KeyWords* words) const;

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
  // The same of kLanes lines; of one that is not this table's, anything.  REQUIRES: the arrays are aligned to 64 bytes.
  void IndexesOf(const AtomicLine* const* lines, FlowIndex* indexes) const;
  void PrefetchLine(FlowIndex index) const;
  static void PrefetchLine(const AtomicLine* line, bool ipv6);
  void PrefetchDetail(FlowIndex index) const;
  void PrefetchOrigin(FlowIndex index) const;
  // Any thread: copies the flow at `index`. False, and anything in `*copy`, when the slot is empty or not in this table.
  // Waits out a writer, which takes nanoseconds; one that stays inside a write for kReadAttempts
  // looks (a worker that was stopped there) counts as empty.
  bool Read(FlowIndex index, FlowCopy* copy) const;
  static constexpr uint32_t kReadAttempts = 1u << 16;
  // Any thread: has the slot no flow? Cheaper than Read(): a bit. May be stale at once.  REQUIRES: Contains(index).
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
#ifdef CORETRACK_LANES
  // The same of kLanes / 2 hashes, addresses: flow_table_lanes.cc.
  struct HomeWords;
  lanes::Words64 BucketsAt(lanes::Words64 numbers) const;
  lanes::Words64 HomeBuckets(const FlowHash* hashes) const;
  lanes::Words64 NextBuckets(const FlowHash* hashes) const;
  lanes::Words64 LinesAt(const FlowHash* hashes, lanes::Words64 slots) const;
#endif
  FlowTable(const Shape& shape, const Plan& plan, Arena* arena);

  static uint64_t Difference(const AtomicLine& line, const FlowKey& key, uint64_t address);
  bool AreHomes(const FlowHash* hashes, AtomicLine* const* lines,
                Mask packets = static_cast<Mask>(~0)) const;
  static uint16_t TagOf(FlowHash hash);  // odd, so never 0
  uint32_t RegionOf(FlowHash hash) const;
  uint32_t HomeOf(FlowHash hash) const;  // a bucket
  uint32_t StepOf(FlowHash hash) const;
  uint32_t NextBucket(uint32_t region, uint32_t bucket, uint32_t step) const;
  // What is fetched for a flow that is not in its home bucket: the next one, if that may be needed; else this one again, which is there.
  const Bucket* InPlaceOfLine(FlowHash hash) const;
  FlowIndex IndexAt(uint32_t region, uint32_t slot) const;
  FlowIndex CandidatePastHome(FlowHash hash) const;
  Home RoomAtHome(FlowHash hash) const;  // LookAtHome() without the look for the tag
  FlowIndex TakeFarther(FlowHash hash);
  FlowIndex Occupy(uint32_t region, uint32_t bucket, uint32_t empty, FlowHash hash);
  Bucket& LeaveFarther(FlowHash hash, uint32_t slot, uint32_t* entry);
  void GiveBackWide(FlowIndex index);
  void StoreWide(FlowIndex index, const FlowDetail& detail, PackedDetail* packed);
  WideCounts LoadWide(const PackedDetail& packed) const;  // of a flow that is wide
  enum class Seen { kFlow, kEmpty, kTorn };
  Seen ReadOnce(FlowIndex index, FlowCopy* copy) const;
  // 64 bits wide, so that what is derived from it does not wrap.
  size_t SlotOf(FlowIndex index) const { return Raw(index) - first_index_; }

  Bucket* buckets_ = nullptr;
  AtomicLine* lines_ = nullptr;
  std::byte* details_ = nullptr;  // of slot 0
  AtomicOrigin* origins_ = nullptr;
  SlotPool pool_;
  WidePool wide_;
  // (64 bits each, though less would do: lanes load them as they are.)
  uint64_t regions_ = 0;
  uint64_t region_slots_ = 0, region_buckets_ = 0;
  uint64_t step_range_ = 0;  // steps are 1 to this, so that a flow's buckets are all different
  uint32_t probes_ = 0;      // buckets a flow may lie in: kMaxProbe, or all of a smaller region
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
