// The first steps of a look-up, of sixteen flows at once: what is arithmetic is done in lanes, what is an access
// of its own to memory one by one.
#include <bit>
#include <cassert>

#include "dataplane/base/fetches.h"
#include "dataplane/base/lanes.h"
#include "dataplane/flow/flow_table.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// What is asked of eight buckets at once, of all. `eight`: from which on.
template <typename Ask>
[[gnu::always_inline]] inline Lanes AskAll(const Ask& ask) {
  using Eight = uint32_t __attribute__((vector_size(32)));
  const auto eight = [&ask](uint32_t from) { return reinterpret_cast<Eight>(ask(from)); };
#if CORETRACK_LANES == 512
  return __builtin_shufflevector(eight(0), eight(8), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
                                 14, 15);
#else
  return eight(0);
#endif
}

// SlotWithTag() each, and whose is there, and who may lie farther.
struct Matches {
  Lanes slots;
  Mask found, farther;

  [[gnu::always_inline]] inline Matches(const AtomicLine* const* buckets, const FlowHash* hashes)
      : slots(AskAll([&](uint32_t from) { return SlotsWithTags(buckets + from, hashes + from); })),
        found(IsSet(slots)),
        farther(IsSet(AskAll([&](uint32_t from) { return MayBePassed(buckets + from); }))) {}
};

// Of words below 2^32: the least, modulo that.
[[gnu::always_inline]] inline Words64 LeastHalves(Words64 a, Words64 b) {
  return reinterpret_cast<Words64>(Least(reinterpret_cast<Lanes>(a), reinterpret_cast<Lanes>(b)));
}

}  // namespace

// Of kLanes / 2 hashes: the region, the first of its buckets, and the home bucket from there on: RegionOf(), HomeOf().
struct FlowTable::HomeWords {
  lanes::Words64 region, first_bucket, within;

  [[gnu::always_inline]] inline HomeWords(const FlowTable& table, const FlowHash* hashes) {
    static_assert(sizeof(FlowHash) == sizeof(uint64_t));
    const Words64 product = Product(LoadWords(hashes) >> 32, table.regions_);
    region = product >> 32;
    first_bucket = Product(region, table.region_buckets_);
    within = Product(product, table.region_buckets_) >> 32;
  }
  [[gnu::always_inline]] inline Words64 Bucket(const FlowTable& table) const {
    return AddressOf(table, within);
  }
  // NextBucket().
  [[gnu::always_inline]] inline Words64 Next(const FlowTable& table, const FlowHash* hashes) const {
    const Words64 step = (Product(LoadWords(hashes) >> 16 & 0xffff, table.step_range_) >> 16) + 1;
    const Words64 next = within + step;
    return AddressOf(table, LeastHalves(next, next - table.region_buckets_));
  }
  // The line of a slot, to which 1 is added.
  [[gnu::always_inline]] inline Words64 Line(const FlowTable& table, Words64 slot) const {
    static_assert(sizeof(AtomicLine) == 1 << 6);
    const uintptr_t before_first =
        reinterpret_cast<uintptr_t>(table.lines_) - (sizeof(AtomicLine) << table.line_shift_);
    return ((Product(region, table.region_slots_) + slot) << (table.line_shift_ + 6)) +
           before_first;
  }

 private:
  [[gnu::always_inline]] inline Words64 AddressOf(const FlowTable& table, Words64 in_region) const {
    return ((first_bucket + in_region) << 6) + reinterpret_cast<uintptr_t>(table.buckets_);
  }
};

void FlowTable::FetchBuckets(const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) const {
  const void** fetched = fetches->Refill(1);
  for (uint32_t at = 0; at < kLanes; at += kLanes / 2) {
    const Words64 bucket = HomeWords(*this, hashes + at).Bucket(*this);
    StoreWords(bucket, buckets + at);
    StoreWords(bucket, fetched + at);
  }
}

Mask FlowTable::CandidateLines(const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) const {
  assert(AreHomes(hashes, lines));
  const Matches matches(lines, hashes);
  const void** fetched = fetches->Refill(ipv6_ ? 2 : 1);
  for (uint32_t at = 0; at < kLanes; at += kLanes / 2) {
    const HomeWords home(*this, hashes + at);
    const auto there = static_cast<uint8_t>(matches.found >> at);
    const Words64 slot = at == 0 ? WidenFirst(matches.slots) : WidenLast(matches.slots);
    const Words64 line = Keep(there, home.Line(*this, slot));
    // What is not there may be in the next bucket, which comes in place of a line, or this one again, which is there.
    const Words64 bucket = Select(static_cast<uint8_t>(matches.farther >> at),
                                  home.Next(*this, hashes + at), LoadWords(lines + at));
    StoreWords(line, lines + at);
    StoreWords(Select(there, line, bucket), fetched + at);
  }
  return static_cast<Mask>(~matches.found);
}

// What is each table's own is reckoned for all, and taken by the lanes that are its.
void FlowTable::FetchBuckets(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                             const FlowHash* hashes, AtomicLine** buckets, Fetches* fetches) {
  const void** fetched = fetches->Refill(1);
  for (uint32_t at = 0; at < kLanes; at += kLanes / 2) {
    const Words64 bucket =
        Select(static_cast<uint8_t>(is_ipv6 >> at), HomeWords(ipv6, hashes + at).Bucket(ipv6),
               HomeWords(ipv4, hashes + at).Bucket(ipv4));
    StoreWords(bucket, buckets + at);
    StoreWords(bucket, fetched + at);
  }
}

Mask FlowTable::CandidateLines(const FlowTable& ipv4, const FlowTable& ipv6, Mask is_ipv6,
                               const FlowHash* hashes, AtomicLine** lines, Fetches* fetches) {
  assert(ipv4.AreHomes(hashes, lines, static_cast<Mask>(~is_ipv6)) &&
         ipv6.AreHomes(hashes, lines, is_ipv6));
  const Matches matches(lines, hashes);
  const Fetches::Both fetched = fetches->RefillBoth();
  for (uint32_t at = 0; at < kLanes; at += kLanes / 2) {
    const auto of_ipv6 = static_cast<uint8_t>(is_ipv6 >> at);
    const auto there = static_cast<uint8_t>(matches.found >> at);
    const HomeWords in_ipv4(ipv4, hashes + at), in_ipv6(ipv6, hashes + at);
    const Words64 slot = at == 0 ? WidenFirst(matches.slots) : WidenLast(matches.slots);
    const Words64 line = Select(of_ipv6, in_ipv6.Line(ipv6, slot), in_ipv4.Line(ipv4, slot));
    const Words64 next =
        Select(of_ipv6, in_ipv6.Next(ipv6, hashes + at), in_ipv4.Next(ipv4, hashes + at));
    const Words64 bucket =
        Select(static_cast<uint8_t>(matches.farther >> at), next, LoadWords(lines + at));
    StoreWords(Keep(there, line), lines + at);
    const Words64 first = Select(there, line, bucket);
    StoreWords(first, fetched.first + at);
    StoreWords(first + Keep(there & of_ipv6, Words64{} + kCacheLine), fetched.second + at);
  }
  return static_cast<Mask>(~matches.found);
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
    fetched[i] = BucketInPlaceOfLine(hashes[i]);
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
      first = reinterpret_cast<const AtomicLine*>(table.BucketInPlaceOfLine(hashes[i]));
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
