// The first steps of a look-up, of sixteen flows at once: what is arithmetic is done in lanes, what is an access
// of its own to memory one by one.
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

}  // namespace

void FlowTable::PrefetchBuckets(const FlowHash* hashes) const {
  alignas(kCacheLine) uint32_t buckets[kLanes];
  Spill(HomesOf(hashes, groups_).buckets, &buckets);
  const auto* base = reinterpret_cast<const unsigned char*>(buckets_);
#pragma GCC unroll 16
  for (const uint32_t bucket : buckets) __builtin_prefetch(base + bucket);
}

void FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines) {
  const Homes homes = HomesOf(hashes, groups_);
  alignas(kCacheLine) uint32_t buckets[kLanes], tags[kLanes], matches[kLanes];
  Spill(homes.buckets, &buckets);
  Spill(LowHalves(LoadWords(hashes), LoadWords(hashes + kLanes / 2)) | 1, &tags);
  const auto* base = reinterpret_cast<const unsigned char*>(buckets_);
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    matches[i] = TagMatch::Match(base + buckets[i], static_cast<uint16_t>(tags[i]));
  const Lanes match = Collect(&matches);
  const Lanes slots = homes.groups * kGroupSlots + LowestBit(match);
  const auto address = [this](Words64 slot) {
    return (slot << (line_shift_ + 6)) + reinterpret_cast<uintptr_t>(lines_);
  };
  static_assert(sizeof(AtomicLine) == 1 << 6);
  const Mask found = HasAny(match, match);
  StoreWords(Keep(static_cast<uint8_t>(found), address(WidenFirst(slots))), lines);
  StoreWords(Keep(static_cast<uint8_t>(found >> 8), address(WidenLast(slots))), lines + kLanes / 2);
}

#else

void FlowTable::PrefetchBuckets(const FlowHash* hashes) const {
  for (uint32_t i = 0; i < kLanes; ++i) PrefetchBucket(hashes[i]);
}
void FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines) {
  for (uint32_t i = 0; i < kLanes; ++i) lines[i] = CandidateLine(hashes[i]);
}

#endif

}  // namespace coretrack
