// The part of FlowTable that a packet of a known flow runs through. Included by flow_table.h only.
#pragma once

#include <bit>
#include <cassert>

#include "dataplane/base/limits.h"
#include "dataplane/flow/flow_table.h"

namespace coretrack {

inline uint16_t FlowTable::TagOf(FlowHash hash) {
  assert((hash.value & 1) != 0);
  return static_cast<uint16_t>(hash.value);
}

inline uint32_t FlowTable::RegionOf(FlowHash hash) const {
  return static_cast<uint32_t>(((hash.value >> 32) * regions_) >> 32);
}

// The upper half of that product says in which region, the lower one where in it.
inline uint32_t FlowTable::HomeOf(FlowHash hash) const {
  const uint64_t product = (hash.value >> 32) * regions_;
  const uint64_t within = ((product & 0xffffffff) * region_buckets_) >> 32;
  return static_cast<uint32_t>((product >> 32) * region_buckets_ + within);
}

inline uint32_t FlowTable::StepOf(FlowHash hash) const {
  return 1 + static_cast<uint32_t>(((hash.value >> 16 & 0xffff) * step_range_) >> 16);
}

inline uint32_t FlowTable::NextBucket(uint32_t region, uint32_t bucket, uint32_t step) const {
  bucket += step;
  const auto buckets = static_cast<uint32_t>(region_buckets_);
  return bucket < (region + 1) * buckets ? bucket : bucket - buckets;
}

inline FlowIndex FlowTable::IndexAt(uint32_t region, uint32_t slot) const {
  return FlowIndex{first_index_ + region * static_cast<uint32_t>(region_slots_) + slot};
}

inline AtomicLine* FlowTable::HomeBucket(FlowHash hash) const {
  return reinterpret_cast<AtomicLine*>(&buckets_[HomeOf(hash)]);
}

// What only prefetches GCC takes for a function without effect, and drops the call if there is one: so always inline.
[[gnu::always_inline]] inline void FlowTable::PrefetchBucket(FlowHash hash) const {
  __builtin_prefetch(HomeBucket(hash));
}

// Into L2: the lines and arrays of two bursts are more than an L1 of 32 KiB can keep.
[[gnu::always_inline]] inline void FlowTable::PrefetchLine(const AtomicLine* line, bool ipv6) {
  constexpr int kRead = 0, kL2 = 2;
  __builtin_prefetch(line, kRead, kL2);
  if (ipv6) __builtin_prefetch(line + 1, kRead, kL2);
}
[[gnu::always_inline]] inline void FlowTable::PrefetchLine(FlowIndex index) const {
  PrefetchLine(&line(index), ipv6_);
}

[[gnu::always_inline]] inline void FlowTable::PrefetchDetail(FlowIndex index) const {
  __builtin_prefetch(&detail(index));
}

[[gnu::always_inline]] inline void FlowTable::PrefetchOrigin(FlowIndex index) const {
  __builtin_prefetch(&origin(index));
}

inline FlowIndex FlowTable::Candidate(FlowHash hash) const {
  const AtomicLine* line = CandidateLine(hash);
  return line != nullptr ? IndexOf(*line) : FlowIndex::kNone;
}

inline FlowTable::Home FlowTable::RoomAtHome(FlowHash hash) const {
  const uint32_t bucket = HomeOf(hash);
  return {.region = RegionOf(hash),
          .bucket = bucket,
          .empty = EmptyIn(buckets_[bucket]),
          .absent = false};
}

inline FlowTable::Home FlowTable::LookAtHome(FlowHash hash) const {
  Home home = RoomAtHome(hash);
  const Bucket& bucket = buckets_[home.bucket];
  home.absent = WithTag(bucket, TagOf(hash)) == 0 && bucket.overflow == 0;
  return home;
}

inline AtomicLine* FlowTable::CandidateLine(FlowHash hash) const {
  const uint32_t slot = SlotWithTag(buckets_[HomeOf(hash)], TagOf(hash));
  if (slot == 0) [[unlikely]]
    return nullptr;
  return &lines_[(RegionOf(hash) * region_slots_ + slot - 1) << line_shift_];
}

inline const Bucket* FlowTable::InPlaceOfLine(FlowHash hash) const {
  const uint32_t home = HomeOf(hash);
  if (!buckets_[home].MayBePassed()) [[likely]]
    return &buckets_[home];
  return &buckets_[NextBucket(RegionOf(hash), home, StepOf(hash))];
}

[[gnu::always_inline]] inline bool FlowTable::PrefetchNextBucket(FlowHash hash) const {
  const Bucket* const bucket = InPlaceOfLine(hash);
  __builtin_prefetch(bucket);
  return bucket != &buckets_[HomeOf(hash)];
}

inline FlowIndex FlowTable::FartherCandidate(FlowHash hash) const {
  return buckets_[HomeOf(hash)].overflow == 0 ? FlowIndex::kNone : CandidatePastHome(hash);
}

[[gnu::always_inline]] inline void FlowTable::PrefetchInsert(FlowHash hash) const {
  const uint32_t home = HomeOf(hash);
  if (EmptyIn(buckets_[home]) != 0) [[likely]]
    return;
  const uint32_t region = RegionOf(hash), step = StepOf(hash);
  const uint32_t second = NextBucket(region, home, step);
  if (EmptyIn(buckets_[second]) == 0)
    __builtin_prefetch(&buckets_[NextBucket(region, second, step)]);
}

// What differs of the line's key words.
inline uint64_t FlowTable::Difference(const AtomicLine& line, const FlowKey& key,
                                      uint64_t address) {
  return (line.LoadOwned<uint64_t>(offsetof(FlowLine, ports)) ^ key.transport) |
         (line.LoadOwned<uint64_t>(offsetof(FlowLine, address)) ^ address) |
         ((line.LoadOwned<uint8_t>(offsetof(FlowLine, zone_flags)) ^ key.zone) &
          flow_flag::kZoneMask);
}

inline bool FlowTable::HoldsIpv4(const AtomicLine& line, const FlowKey& key) {
  return Difference(line, key, key.address[0]) == 0;
}

inline bool FlowTable::Holds(const AtomicLine& line, const FlowKey& key, FlowHash hash) {
  uint64_t difference = Difference(line, key, key.ipv6 ? hash.value : key.address[0]);
  if (key.ipv6 && difference == 0) {
    const AtomicLine& addresses = *(&line + 1);
    for (size_t i = 0; i < key.address.size(); ++i)
      difference |= addresses.LoadOwned<uint64_t>(i * sizeof(uint64_t)) ^ key.address[i];
  }
  return difference == 0;
}

inline FlowIndex FlowTable::IndexOf(const AtomicLine& line) const {
  return FlowIndex{first_index_ + static_cast<uint32_t>((&line - lines_) >> line_shift_)};
}

#ifdef CORETRACK_LANES
[[gnu::always_inline]] inline lanes::Words64 FlowTable::DetailsOf(lanes::Words64 lines) const {
  const uint32_t shift = line_shift_ + 6 - detail_shift_;
  return ((lines - reinterpret_cast<uintptr_t>(lines_)) >> shift) +
         reinterpret_cast<uintptr_t>(details_);
}
[[gnu::always_inline]] inline lanes::Words64 FlowTable::OriginsOf(lanes::Words64 lines,
                                                                  uint8_t mask) const {
  static_assert(sizeof(AtomicLine) == 1 << 6 && sizeof(AtomicOrigin) == sizeof(uint64_t));
  return lanes::GatherWords(mask, reinterpret_cast<const uint64_t*>(origins_),
                            (lines - reinterpret_cast<uintptr_t>(lines_)) >> (line_shift_ + 6));
}
#endif

inline FlowIndex FlowTable::Find(const FlowKey& key, FlowHash hash,
                                 const AtomicLine* candidate) const {
  // An erased line keeps its key but has state 0: a stale candidate is never taken for a flow.
  if (candidate != nullptr && Holds(*candidate, key, hash) &&
      StateIn(candidate->LoadOwned<uint64_t>()) != 0) [[likely]] {
    return IndexOf(*candidate);
  }
  return Find(key, hash);
}

// In the first of the entries `empty` of `bucket`, and the next slot of `region`.  REQUIRES: there is one.
inline FlowIndex FlowTable::Occupy(uint32_t region, uint32_t bucket, uint32_t empty,
                                   FlowHash hash) {
  const auto entry = static_cast<uint32_t>(std::countr_zero(empty));
  Bucket& b = buckets_[bucket];
  assert(b.tags[entry] == 0);
  const SlotPool::Taken taken = pool_.Take(region);
  b.tags[entry] = TagOf(hash);
  b.slots[entry] = static_cast<uint16_t>(taken.slot + 1);
  ++size_;
  if (taken.ahead != SlotPool::kNone) [[likely]] {
    const FlowIndex ahead = IndexAt(region, taken.ahead);
    PrefetchLine(ahead);
    PrefetchDetail(ahead);
    PrefetchOrigin(ahead);
  }
  return IndexAt(region, taken.slot);
}

inline FlowIndex FlowTable::Take(FlowHash hash, const Home& home) {
  if (home.empty == 0 || !pool_.HasFree(home.region)) [[unlikely]]
    return TakeFarther(hash);
  return Occupy(home.region, home.bucket, home.empty, hash);
}

inline void FlowTable::Erase(FlowIndex index, FlowHash hash, AtomicLine* home) {
  assert(Contains(index) && !LooksEmpty(index) && home == HomeBucket(hash));
  const uint32_t region = RegionOf(hash);
  const uint32_t slot = Raw(index) - Raw(IndexAt(region, 0));
  assert(slot < region_slots_ && "the hash is another flow's");
  Bucket* bucket = reinterpret_cast<Bucket*>(home);
  uint32_t entry = WithTagAndSlot(*bucket, TagOf(hash), slot);
  if (entry == 0) [[unlikely]]
    bucket = &LeaveFarther(hash, slot, &entry);
  assert(std::has_single_bit(entry) && "the hash is another flow's");
  // (Of an entry that there is not, which would be the caller's fault, the modulo makes one of this bucket's.)
  bucket->tags[static_cast<uint32_t>(std::countr_zero(entry)) % (Bucket::kFlows + 1)] = 0;
  pool_.Give(region, slot);
  // Word 0 alone: the state becomes 0 and the version moves on; a reader needs no more.
  std::atomic<uint64_t>& word0 = line(index).words[0];
  word0.store(NextEvenVersion(word0.load(std::memory_order_relaxed)), std::memory_order_release);
  --size_;
  if (wide_.IsWide(FlowIndex{static_cast<uint32_t>(SlotOf(index))})) [[unlikely]]
    GiveBackWide(index);
}

inline void FlowTable::StoreKey(const FlowKey& key, FlowHash hash, AtomicLine* line) {
  if (key.ipv6) {
    for (size_t i = 0; i < key.address.size(); ++i)
      line[1].words[i].store(key.address[i], std::memory_order_release);
  }
  line->words[1].store(key.transport, std::memory_order_release);
  line->words[2].store(key.ipv6 ? hash.value : key.address[0], std::memory_order_release);
}

inline void FlowTable::StoreKey(const KeyWords& words, uint32_t i, FlowHash hash,
                                AtomicLine* line) {
  const bool ipv6 = (words.ipv6 >> i & 1) != 0;
  if (ipv6) {
    for (size_t word = 0; word < words.address.size(); ++word)
      line[1].words[word].store(words.address[word][i], std::memory_order_release);
  }
  line->words[1].store(words.transport[i], std::memory_order_release);
  line->words[2].store(ipv6 ? hash.value : words.address[0][i], std::memory_order_release);
}

inline void FlowTable::GetKey(FlowIndex index, uint32_t i, KeyWords* words) const {
  assert(Contains(index) && !LooksEmpty(index));
  const AtomicLine* const first = &line(index);
  FlowKey key;
  key.SetPlace(first->LoadOwned<uint8_t>(offsetof(FlowLine, zone_flags)) & flow_flag::kZoneMask,
               ipv6_);
  words->place[i] = key.place;
  words->transport[i] = first->LoadOwned<uint64_t>(offsetof(FlowLine, ports));
  words->address[0][i] = first->LoadOwned<uint64_t>(offsetof(FlowLine, address));
  if (!ipv6_) return;
  words->ipv6 |= uint64_t{1} << i;
  for (size_t word = 0; word < words->address.size(); ++word)
    words->address[word][i] = first[1].LoadOwned<uint64_t>(word * sizeof(uint64_t));
}

inline bool FlowTable::LooksEmpty(FlowIndex index) const {
  assert(Contains(index));
  return !pool_.IsTaken(SlotOf(index));
}

}  // namespace coretrack
