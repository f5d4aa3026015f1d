// The first steps of a look-up, of sixteen flows at once: what is arithmetic is done in lanes, what is an access
// of its own to memory one by one.
#include <bit>
#include <cassert>

#include "dataplane/base/fetches.h"
#include "dataplane/base/lanes.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/tag_match.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// HomeOf() each.
[[gnu::always_inline]] inline Lanes HomesOf(const FlowHash* hashes, uint32_t groups) {
  static_assert(sizeof(FlowHash) == sizeof(uint64_t));
  const Words64 first = LoadWords(hashes), last = LoadWords(hashes + kLanes / 2);
  return HighHalves(Product(first >> 32, groups), Product(last >> 32, groups));
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

// Which slots of their home groups match, lane by lane.
[[gnu::always_inline]] inline Lanes MatchesIn(const AtomicLine* const* buckets,
                                              const FlowHash* hashes) {
  const auto tag = [hashes](uint32_t i) { return static_cast<uint16_t>(hashes[i].value); };
  uint64_t matches[kLanes / 2];
#pragma GCC unroll 8
  for (uint32_t i = 0; i < kLanes; i += 2)
    matches[i / 2] = TagMatch::MatchTwo(buckets[i], tag(i), buckets[i + 1], tag(i + 1));
  return TagMatch::InOrder(Join(matches)) & kTagMask;
}

}  // namespace

void FlowTable::FetchBuckets(const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) const {
  // Of 2^30 slots below 2^32.
  static_assert(uint64_t{kMaxFlowsPerWorker} / kGroupSlots * kCacheLine < 0xffffffff);
  const Lanes begin = HomesOf(hashes, groups_) * kCacheLine;
  const auto base = reinterpret_cast<uintptr_t>(buckets_);
  const void** fetched = fetches->Refill(1);
  const auto put = [&](Words64 bucket, uint32_t at) {
    StoreWords(bucket + base, buckets + at);
    StoreWords(bucket + base, fetched + at);
  };
  put(WidenFirst(begin), 0);
  put(WidenLast(begin), kLanes / 2);
}

Mask FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) const {
  assert(AreHomes(hashes, lines));
  const Lanes match = MatchesIn(lines, hashes);
  const auto base = reinterpret_cast<uintptr_t>(buckets_);
  const Words64 first = LoadWords(lines) - base, last = LoadWords(lines + kLanes / 2) - base;
  const Lanes homes = LowHalves(first >> 6, last >> 6);
  // What is not there may be in the next group: its bucket comes in place of a line.
  const Lanes next = NextOf(hashes, homes, groups_, step_range_) * kCacheLine;
  const Mask found = HasAny(match, match);
  const Lanes slots = homes * kGroupSlots + LowestBit(match);
  static_assert(sizeof(AtomicLine) == 1 << 6);
  const void** fetched = fetches->Refill(ipv6_ ? 2 : 1);
  const auto put = [&](uint8_t there, Words64 slot, Words64 next_bucket, uint32_t at) {
    const Words64 address = (slot << (line_shift_ + 6)) + reinterpret_cast<uintptr_t>(lines_);
    const Words64 line = Keep(there, address);
    StoreWords(line, lines + at);
    StoreWords(Select(there, line, next_bucket + base), fetched + at);
  };
  put(static_cast<uint8_t>(found), WidenFirst(slots), WidenFirst(next), 0);
  put(static_cast<uint8_t>(found >> kLanes / 2), WidenLast(slots), WidenLast(next), kLanes / 2);
  return static_cast<Mask>(~found);
}

// What is each table's own is reckoned for all, and taken by the lanes that are its.
void FlowTable::FetchBuckets(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                             const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) {
  const void** fetched = fetches->Refill(1);
  for (uint32_t at = 0; at < kLanes; at += kLanes / 2) {
    const Words64 hash = LoadWords(hashes + at) >> 32;
    const auto of = [hash](const FlowTable& table) {
      return (Product(hash, table.groups_) >> 32) * kCacheLine +
             reinterpret_cast<uintptr_t>(table.buckets_);
    };
    const Words64 bucket = Select(static_cast<uint8_t>(is_ipv6 >> at), of(ipv6), of(ipv4));
    StoreWords(bucket, buckets + at);
    StoreWords(bucket, fetched + at);
  }
}

Mask FlowTable::CandidateLines(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                               const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) {
  assert(ipv4.AreHomes(hashes, lines, static_cast<Mask>(~is_ipv6)) &&
         ipv6.AreHomes(hashes, lines, is_ipv6));
  const Lanes match = MatchesIn(lines, hashes);
  const Mask found = IsSet(match);
  const Lanes lowest = LowestBit(match);
  const Fetches::Both fetched = fetches->RefillBoth();
  struct Where {
    Words64 line, next_bucket;
  };
  for (uint32_t at = 0; at < kLanes; at += kLanes / 2) {
    const Words64 hash = LoadWords(hashes + at) >> 16 & 0xffff;
    const Words64 bucket = LoadWords(lines + at);
    const Words64 slot = at == 0 ? WidenFirst(lowest) : WidenLast(lowest);
    const auto of = [&](const FlowTable& table) -> Where {
      const Words64 home = (bucket - reinterpret_cast<uintptr_t>(table.buckets_)) >> 6;
      const Words64 next = home + (Product(hash, table.step_range_) >> 16) + 1;
      return {((Product(home, kGroupSlots) + slot) << (table.line_shift_ + 6)) +
                  reinterpret_cast<uintptr_t>(table.lines_),
              Select(BelowWords(next, table.groups_), next, next - table.groups_) * kCacheLine +
                  reinterpret_cast<uintptr_t>(table.buckets_)};
    };
    const auto of_ipv6 = static_cast<uint8_t>(is_ipv6 >> at);
    const auto there = static_cast<uint8_t>(found >> at);
    const Where in_ipv4 = of(ipv4), in_ipv6 = of(ipv6);
    const Words64 line = Select(of_ipv6, in_ipv6.line, in_ipv4.line);
    StoreWords(Keep(there, line), lines + at);
    const Words64 first =
        Select(there, line, Select(of_ipv6, in_ipv6.next_bucket, in_ipv4.next_bucket));
    StoreWords(first, fetched.first + at);
    StoreWords(first + Keep(there & of_ipv6, Words64{} + kCacheLine), fetched.second + at);
  }
  return static_cast<Mask>(~found);
}

#else

void FlowTable::FetchBuckets(const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) const {
  const void** fetched = fetches->Refill(1);
  for (uint32_t i = 0; i < kLanes; ++i) fetched[i] = buckets[i] = HomeBucket(hashes[i]);
}
Mask FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) const {
  assert(AreHomes(hashes, lines));
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

void FlowTable::FetchBuckets(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                             const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) {
  const void** fetched = fetches->Refill(1);
  for (uint32_t i = 0; i < kLanes; ++i) {
    const FlowTable& table = (is_ipv6 >> i & 1) != 0 ? ipv6 : ipv4;
    fetched[i] = buckets[i] = table.HomeBucket(hashes[i]);
  }
}
Mask FlowTable::CandidateLines(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                               const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) {
  uint32_t without = 0;
  const Fetches::Both fetched = fetches->RefillBoth();
  for (uint32_t i = 0; i < kLanes; ++i) {
    const FlowTable& table = (is_ipv6 >> i & 1) != 0 ? ipv6 : ipv4;
    lines[i] = table.CandidateLine(hashes[i]);
    const AtomicLine* first = lines[i];
    if (first == nullptr) {
      first = reinterpret_cast<const AtomicLine*>(
          &table.buckets_[table.NextGroup(table.HomeOf(hashes[i]), table.StepOf(hashes[i]))]);
      without |= 1u << i;
    }
    fetched.first[i] = first;
    fetched.second[i] = lines[i] != nullptr && table.ipv6_ ? first + 1 : first;
  }
  return static_cast<Mask>(without);
}

#endif

bool FlowTable::AreHomes(const FlowHash* hashes, AtomicLine* const* lines, Mask packets) const {
  for (uint32_t left = packets; left != 0; left &= left - 1) {
    const auto i = static_cast<uint32_t>(std::countr_zero(left));
    if (lines[i] != HomeBucket(hashes[i])) return false;
  }
  return true;
}

}  // namespace coretrack
