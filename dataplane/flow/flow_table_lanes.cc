// The first steps of a look-up, of sixteen flows at once: what is arithmetic is done in lanes, what is an access
// of its own to memory one by one.
#include "dataplane/base/fetches.h"
#include "dataplane/base/lanes.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/tag_match.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

struct Homes {
  Lanes groups;
  Lanes buckets;  // where they begin, in bytes: of 2^30 slots below 2^32
};
static_assert(uint64_t{kMaxFlowsPerWorker} / FlowTable::kGroupSlots * kCacheLine < 0xffffffff);

// HomeOf() each.
[[gnu::always_inline]] inline Homes HomesOf(const FlowHash* hashes, uint32_t groups) {
  static_assert(sizeof(FlowHash) == sizeof(uint64_t));
  const Words64 first = LoadWords(hashes), last = LoadWords(hashes + kLanes / 2);
  const Lanes home = HighHalves(Product(first >> 32, groups), Product(last >> 32, groups));
  return {home, home * kCacheLine};
}

// NextGroup() each.
[[gnu::always_inline]] inline Lanes NextOf(const FlowHash* hashes, Lanes home, uint32_t groups,
                                           uint32_t step_range) {
  const auto step = [step_range](Words64 hash) {
    return Product(hash >> 16 & 0xffff, step_range) >> 16;
  };
  const Lanes next =
      home + LowHalves(step(LoadWords(hashes)), step(LoadWords(hashes + kLanes / 2))) + 1;
  return Least(next, next - groups);
}

}  // namespace

void FlowTable::FetchBuckets(const FlowHash* hashes, Fetches* fetches) const {
  const Lanes buckets = HomesOf(hashes, groups_).buckets;
  const auto base = reinterpret_cast<uintptr_t>(buckets_);
  const void** at = fetches->Refill(1);
  StoreWords(WidenFirst(buckets) + base, at);
  StoreWords(WidenLast(buckets) + base, at + kLanes / 2);
}

Mask FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) {
  const Homes homes = HomesOf(hashes, groups_);
  alignas(kCacheLine) uint32_t buckets[kLanes], tags[kLanes], matches[kLanes];
  Spill(homes.buckets, &buckets);
  Spill(LowHalves(LoadWords(hashes), LoadWords(hashes + kLanes / 2)) | 1, &tags);
  const auto* base = reinterpret_cast<const unsigned char*>(buckets_);
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    TagMatchAvx512::Store(base + buckets[i], static_cast<uint16_t>(tags[i]), &matches[i]);
  const Lanes match = Collect(&matches) & kTagMask;
  const Mask found = HasAny(match, match);
  const Lanes slots = homes.groups * kGroupSlots + LowestBit(match);
  static_assert(sizeof(AtomicLine) == 1 << 6);
  const void** fetched = fetches->Refill(ipv6_ ? 2 : 1);
  // What is not there may be in the next group: its bucket comes in place of a line.
  const Lanes next = NextOf(hashes, homes.groups, groups_, step_range_) * kCacheLine;
  const auto put = [&](uint8_t there, Words64 slot, Words64 next_bucket, uint32_t at) {
    const Words64 address = (slot << (line_shift_ + 6)) + reinterpret_cast<uintptr_t>(lines_);
    const Words64 line = Keep(there, address);
    StoreWords(line, lines + at);
    StoreWords(line != 0 ? line : next_bucket + reinterpret_cast<uintptr_t>(base), fetched + at);
  };
  put(static_cast<uint8_t>(found), WidenFirst(slots), WidenFirst(next), 0);
  put(static_cast<uint8_t>(found >> 8), WidenLast(slots), WidenLast(next), kLanes / 2);
  return static_cast<Mask>(~found);
}

#else

void FlowTable::FetchBuckets(const FlowHash* hashes, Fetches* fetches) const {
  const void** at = fetches->Refill(1);
  for (uint32_t i = 0; i < kLanes; ++i) at[i] = &buckets_[HomeOf(hashes[i])];
}
Mask FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) {
  uint32_t without = 0;
  const void** fetched = fetches->Refill(ipv6_ ? 2 : 1);
  for (uint32_t i = 0; i < kLanes; ++i) {
    lines[i] = CandidateLine(hashes[i]);
    fetched[i] = lines[i];
    if (lines[i] != nullptr) continue;
    fetched[i] = &buckets_[NextGroup(HomeOf(hashes[i]), StepOf(hashes[i]))];
    without |= 1u << i;
  }
  return static_cast<Mask>(without);
}

#endif

}  // namespace coretrack
