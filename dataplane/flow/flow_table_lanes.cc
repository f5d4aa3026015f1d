// The first steps of a look-up, of sixteen flows at once: what is arithmetic is done in lanes, what is an access
// of its own to memory one by one.
#include <bit>
#include <cassert>

#include "dataplane/base/fetches.h"
#include "dataplane/base/lanes.h"
#include "dataplane/flow/bucket_lanes.h"
#include "dataplane/flow/flow_table.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace bucket_lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// The least of words below 2^32, modulo that.
[[gnu::always_inline]] inline Words64 LeastHalves(Words64 a, Words64 b) {
  return reinterpret_cast<Words64>(Least(reinterpret_cast<Lanes>(a), reinterpret_cast<Lanes>(b)));
}

// What is fetched in place of lines, by halves. Who is not `found` may be in the next bucket, of which `next` is told from which hash on; if
// not, his own comes again: it is there.
struct InPlaceOfLines {
  Words64 halves[2];
  Mask farther = 0;  // who may be in the next bucket

  template <typename Next>
  [[gnu::always_inline]] inline InPlaceOfLines(Mask found, const AtomicLine* const* buckets,
                                               const Next& next)
      : halves{LoadWords(buckets), LoadWords(buckets + kLanes / 2)} {
    if (found == kEach) [[likely]]
      return;
    farther = static_cast<Mask>(MayBePassed(buckets) & ~found);
    if (farther == 0) return;
    for (uint32_t half = 0; half < 2; ++half) {
      const uint32_t at = half * kLanes / 2;
      halves[half] = Select(static_cast<uint8_t>(farther >> at), next(at), halves[half]);
    }
  }
};

}  // namespace

// Of kLanes / 2 hashes: the first bucket of the region, and the home bucket from there on.
struct FlowTable::HomeWords {
  lanes::Words64 first, within;

  [[gnu::always_inline]] inline HomeWords(const FlowTable& table, const FlowHash* hashes) {
    static_assert(sizeof(FlowHash) == sizeof(uint64_t));
    const Words64 product = Product(LoadWords(hashes) >> 32, table.regions_);
    first = Product(product >> 32, table.region_buckets_);
    within = Product(product, table.region_buckets_) >> 32;
  }
};

[[gnu::always_inline]] inline Words64 FlowTable::BucketsAt(Words64 numbers) const {
  static_assert(sizeof(Bucket) == 1 << 6);
  return (numbers << 6) + reinterpret_cast<uintptr_t>(buckets_);
}
[[gnu::always_inline]] inline Words64 FlowTable::HomeBuckets(const FlowHash* hashes) const {
  const HomeWords home(*this, hashes);
  return BucketsAt(home.first + home.within);
}
[[gnu::always_inline]] inline Words64 FlowTable::NextBuckets(const FlowHash* hashes) const {
  const HomeWords home(*this, hashes);
  const Words64 step = (Product(LoadWords(hashes) >> 16 & 0xffff, step_range_) >> 16) + 1;
  const Words64 next = home.within + step;
  return BucketsAt(home.first + LeastHalves(next, next - region_buckets_));
}

// Where the lines of their slots are, to which 1 is added.
[[gnu::always_inline]] inline Words64 FlowTable::LinesAt(const FlowHash* hashes,
                                                         Words64 slots) const {
  static_assert(sizeof(AtomicLine) == 1 << 6);
  const Words64 region = Product(LoadWords(hashes) >> 32, regions_) >> 32;
  const uintptr_t before_first =
      reinterpret_cast<uintptr_t>(lines_) - (sizeof(AtomicLine) << line_shift_);
  return ((Product(region, region_slots_) + slots) << (line_shift_ + 6)) + before_first;
}

void FlowTable::FetchBuckets(const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) const {
  const void** fetched = fetches->Refill(1);
  for (uint32_t at = 0; at < kLanes; at += kLanes / 2) {
    const Words64 bucket = HomeBuckets(hashes + at);
    StoreWords(bucket, buckets + at);
    StoreWords(bucket, fetched + at);
  }
}

Mask FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) const {
  assert(AreHomes(hashes, lines));
  const Lanes slots = SlotsWithTags(lines, hashes);
  const Mask found = IsSet(slots);
  const InPlaceOfLines others(found, lines, [&](uint32_t at) { return NextBuckets(hashes + at); });
  const void** fetched = fetches->Refill(ipv6_ ? 2 : 1);
  for (uint32_t half = 0; half < 2; ++half) {
    const uint32_t at = half * kLanes / 2;
    const auto there = static_cast<uint8_t>(found >> at);
    const Words64 line = LinesAt(hashes + at, half == 0 ? WidenFirst(slots) : WidenLast(slots));
    StoreWords(Keep(there, line), lines + at);
    StoreWords(Select(there, line, others.halves[half]), fetched + at);
  }
  return others.farther;
}

// What is each table's own is reckoned for all, and taken by the lanes that are its.
void FlowTable::FetchBuckets(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                             const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) {
  const void** fetched = fetches->Refill(1);
  for (uint32_t at = 0; at < kLanes; at += kLanes / 2) {
    const Words64 bucket = Select(static_cast<uint8_t>(is_ipv6 >> at),
                                  ipv6.HomeBuckets(hashes + at), ipv4.HomeBuckets(hashes + at));
    StoreWords(bucket, buckets + at);
    StoreWords(bucket, fetched + at);
  }
}

Mask FlowTable::CandidateLines(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                               const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) {
  assert(ipv4.AreHomes(hashes, lines, static_cast<Mask>(~is_ipv6)) &&
         ipv6.AreHomes(hashes, lines, is_ipv6));
  const Lanes slots = SlotsWithTags(lines, hashes);
  const Mask found = IsSet(slots);
  const InPlaceOfLines others(found, lines, [&](uint32_t at) {
    return Select(static_cast<uint8_t>(is_ipv6 >> at), ipv6.NextBuckets(hashes + at),
                  ipv4.NextBuckets(hashes + at));
  });
  const Fetches::Both fetched = fetches->RefillBoth();
  for (uint32_t half = 0; half < 2; ++half) {
    const uint32_t at = half * kLanes / 2;
    const auto of_ipv6 = static_cast<uint8_t>(is_ipv6 >> at);
    const auto there = static_cast<uint8_t>(found >> at);
    const Words64 slot = half == 0 ? WidenFirst(slots) : WidenLast(slots);
    const Words64 line =
        Select(of_ipv6, ipv6.LinesAt(hashes + at, slot), ipv4.LinesAt(hashes + at, slot));
    StoreWords(Keep(there, line), lines + at);
    const Words64 first = Select(there, line, others.halves[half]);
    StoreWords(first, fetched.first + at);
    StoreWords(first + Keep(there & of_ipv6, Words64{} + kCacheLine), fetched.second + at);
  }
  return others.farther;
}

void FlowTable::IndexesOf(const AtomicLine* const* lines, FlowIndex* indexes) const {
  const auto slots = [this, lines](uint32_t at) {
    return (LoadWords(lines + at) - reinterpret_cast<uintptr_t>(lines_)) >> (line_shift_ + 6);
  };
  Store(LowHalves(slots(0), slots(kLanes / 2)) + first_index_,
        reinterpret_cast<uint32_t*>(indexes));
}

#else

void FlowTable::FetchBuckets(const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) const {
  const void** fetched = fetches->Refill(1);
  for (uint32_t i = 0; i < kLanes; ++i) fetched[i] = buckets[i] = HomeBucket(hashes[i]);
}
Mask FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) const {
  assert(AreHomes(hashes, lines));
  uint32_t farther = 0;
  const void** fetched = fetches->Refill(ipv6_ ? 2 : 1);
  for (uint32_t i = 0; i < kLanes; ++i) {
    lines[i] = CandidateLine(hashes[i]);
    fetched[i] = lines[i];
    if (lines[i] != nullptr) continue;
    const Bucket* const instead = InPlaceOfLine(hashes[i]);
    fetched[i] = instead;
    if (instead != &buckets_[HomeOf(hashes[i])]) farther |= 1u << i;
  }
  return static_cast<Mask>(farther);
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
  uint32_t farther = 0;
  const Fetches::Both fetched = fetches->RefillBoth();
  for (uint32_t i = 0; i < kLanes; ++i) {
    const FlowTable& table = (is_ipv6 >> i & 1) != 0 ? ipv6 : ipv4;
    lines[i] = table.CandidateLine(hashes[i]);
    const AtomicLine* first = lines[i];
    if (first == nullptr) {
      first = reinterpret_cast<const AtomicLine*>(table.InPlaceOfLine(hashes[i]));
      if (first != table.HomeBucket(hashes[i])) farther |= 1u << i;
    }
    fetched.first[i] = first;
    fetched.second[i] = lines[i] != nullptr && table.ipv6_ ? first + 1 : first;
  }
  return static_cast<Mask>(farther);
}

void FlowTable::IndexesOf(const AtomicLine* const* lines, FlowIndex* indexes) const {
  for (uint32_t i = 0; i < kLanes; ++i) {
    const uintptr_t bytes =
        reinterpret_cast<uintptr_t>(lines[i]) - reinterpret_cast<uintptr_t>(lines_);
    indexes[i] = FlowIndex{first_index_ + static_cast<uint32_t>(bytes >> (line_shift_ + 6))};
  }
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
