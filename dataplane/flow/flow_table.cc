#include "dataplane/flow/flow_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

namespace coretrack {

static_assert(offsetof(FlowLine, ports) == 8 && offsetof(FlowLine, context) == 12 &&
                  offsetof(FlowLine, address) == 16 && offsetof(FlowLine, zone_flags) == 24,
              "FlowTable::Holds() compares the key as words, StoreKey() stores it so");
static_assert(std::has_single_bit(kMaxZones), "zones are masked");

FlowTable::Plan FlowTable::PlanFor(uint32_t capacity) {
  constexpr uint64_t kNumerator = 50, kDenominator = 49;
  static_assert(kDenominator == kNumerator * kDesignLoad);
  constexpr uint64_t kRegionFlows = 64'000;
  static_assert(kRegionFlows * kNumerator / kDenominator + SlotPool::kWordSlots <=
                SlotPool::kMostSlots);
  const auto in_units = [](uint64_t of, uint64_t unit) { return (of + unit - 1) / unit; };
  const uint64_t regions = std::max<uint64_t>(in_units(capacity, kRegionFlows), 1);
  const uint64_t flows = in_units(capacity, regions);
  uint64_t slots = in_units(flows * kNumerator, kDenominator);
  if (regions > 1) {
    // So many flows have their homes in one region of several, but for chance.
    constexpr double kDeviations = 5;
    const double deviation = std::sqrt(static_cast<double>(flows));
    slots = std::max(slots, flows + static_cast<uint64_t>(kDeviations * deviation));
  }
  slots = in_units(slots, SlotPool::kWordSlots) * SlotPool::kWordSlots;
  return {.regions = static_cast<uint32_t>(regions),
          .region_slots = static_cast<uint32_t>(slots),
          .region_buckets = static_cast<uint32_t>(in_units(slots, kSlotsPerBucket))};
}

size_t FlowTable::ArenaBytes(const Shape& shape) {
  const Plan plan = PlanFor(shape.capacity);
  const size_t slots = plan.slots();
  return Arena::SizeOf<Bucket>(plan.buckets()) +
         SlotPool::ArenaBytes(plan.regions, plan.region_slots) +
         Arena::SizeOf<AtomicLine>(slots << (shape.ipv6 ? 1 : 0)) +
         (shape.ipv6 ? 0 : Arena::SizeOf<AtomicDetail>(slots)) +
         Arena::SizeOf<AtomicOrigin>(slots) + WidePool::ArenaBytes(static_cast<uint32_t>(slots));
}

FlowTable::FlowTable(const Shape& shape, Arena* arena)
    : FlowTable(shape, PlanFor(shape.capacity), arena) {}

FlowTable::FlowTable(const Shape& shape, const Plan& plan, Arena* arena)
    : buckets_(arena->Carve<Bucket>(plan.buckets())),
      pool_(plan.regions, plan.region_slots, arena),
      wide_(static_cast<uint32_t>(plan.slots()), arena),
      regions_(plan.regions),
      region_slots_(plan.region_slots),
      region_buckets_(plan.region_buckets),
      step_range_(std::max(plan.region_buckets / kMaxProbe, 1u)),
      probes_(std::min(plan.region_buckets, kMaxProbe)),
      slots_(static_cast<uint32_t>(plan.slots())),
      capacity_(shape.capacity),
      first_index_(shape.first_index),
      line_shift_(shape.ipv6 ? 1 : 0),
      detail_shift_(static_cast<uint32_t>(
          std::countr_zero(shape.ipv6 ? 2 * sizeof(AtomicLine) : sizeof(AtomicDetail)))),
      ipv6_(shape.ipv6) {
  assert(capacity_ >= 1 && capacity_ <= kMaxCapacity);
  assert(first_index_ + uint64_t{slots_} <= Raw(FlowIndex::kNone));
  lines_ = arena->Carve<AtomicLine>(size_t{slots_} << line_shift_);
  // An IPv6 flow's is the second half of its second line.
  details_ =
      ipv6_ ? reinterpret_cast<std::byte*>(lines_) + 2 * sizeof(AtomicLine) - sizeof(AtomicDetail)
            : reinterpret_cast<std::byte*>(arena->Carve<AtomicDetail>(slots_));
  origins_ = arena->Carve<AtomicOrigin>(slots_);
}

FlowIndex FlowTable::Find(const FlowKey& key, FlowHash hash) const {
  const uint16_t tag = TagOf(hash);
  const uint32_t region = RegionOf(hash), step = StepOf(hash);
  uint32_t at = HomeOf(hash);
  for (uint32_t probe = 0; probe < probes_; ++probe, at = NextBucket(region, at, step)) {
    const Bucket& bucket = buckets_[at];
    for (uint32_t m = WithTag(bucket, tag); m != 0; m &= m - 1) {
      const uint32_t slot = bucket.slots[static_cast<uint32_t>(std::countr_zero(m))];
      const FlowIndex index = IndexAt(region, slot - 1);
      if (Holds(line(index), key, hash)) return index;
    }
    if (bucket.overflow == 0) break;
  }
  return FlowIndex::kNone;
}

// REQUIRES: the home bucket has overflowed.
FlowIndex FlowTable::CandidatePastHome(FlowHash hash) const {
  const uint16_t tag = TagOf(hash);
  const uint32_t region = RegionOf(hash), step = StepOf(hash);
  uint32_t at = HomeOf(hash);
  for (uint32_t probe = 1; probe < probes_ && buckets_[at].overflow != 0; ++probe) {
    at = NextBucket(region, at, step);
    const uint32_t slot = SlotWithTag(buckets_[at], tag);
    if (slot == 0) continue;
    const FlowIndex index = IndexAt(region, slot - 1);
    PrefetchLine(index);
    return index;
  }
  return FlowIndex::kNone;
}

// Past a home bucket that is full; kNone where a slot is what there is none of.
FlowIndex FlowTable::TakeFarther(FlowHash hash) {
  const uint32_t region = RegionOf(hash), step = StepOf(hash);
  if (!pool_.HasFree(region)) return FlowIndex::kNone;
  const uint32_t home = HomeOf(hash);
  uint32_t at = home;
  uint32_t empty = 0;
  for (uint32_t probe = 1; empty == 0; ++probe) {
    if (probe == probes_) return FlowIndex::kNone;
    at = NextBucket(region, at, step);
    empty = EmptyIn(buckets_[at]);
  }
  // (A region has fewer flows than this counts.)
  static_assert(SlotPool::kMostSlots <= std::numeric_limits<decltype(Bucket::overflow)>::max());
  for (uint32_t passed = home; passed != at; passed = NextBucket(region, passed, step))
    ++buckets_[passed].overflow;
  return Occupy(region, at, empty, hash);
}

FlowIndex FlowTable::Insert(const FlowKey& key, FlowHash hash) {
  assert(key.ipv6 == ipv6_ && key.zone < kMaxZones);
  assert(Find(key, hash) == FlowIndex::kNone);
  const FlowIndex index = Take(hash);
  if (index == FlowIndex::kNone) return index;

  // By whole words: fields written one by one and then read as words would stall twice a line.
  AtomicLine* first = &line(index);
  std::atomic<uint64_t>& begun = origin(index);
  const uint64_t start_before = begun.load(std::memory_order_relaxed) & FlowDetail::kStartMask;
  const uint64_t word0 = NextEvenVersion(first->words[0].load(std::memory_order_relaxed));
  BeginWrite(*first);
  for (std::atomic<uint64_t>& word : detail(index).words) word.store(0, std::memory_order_release);
  begun.store(start_before, std::memory_order_release);
  StoreKey(key, hash, first);
  first->words[3].store(key.zone, std::memory_order_release);
#pragma GCC unroll 4
  for (size_t i = 4; i < 8; ++i) first->words[i].store(0, std::memory_order_release);
  first->words[0].store(word0, std::memory_order_release);
  return index;
}

// Of a flow that lies past its home bucket: takes it from the counts of those that it has passed.
Bucket& FlowTable::LeaveFarther(FlowHash hash, uint32_t slot, uint32_t* entry) {
  const uint16_t tag = TagOf(hash);
  const uint32_t region = RegionOf(hash), step = StepOf(hash);
  uint32_t at = HomeOf(hash);
  *entry = 0;
  for (uint32_t probe = 1; *entry == 0 && probe < probes_; ++probe) {
    assert(buckets_[at].overflow != 0);
    --buckets_[at].overflow;
    at = NextBucket(region, at, step);
    *entry = WithTagAndSlot(buckets_[at], tag, slot);
  }
  return buckets_[at];
}

void FlowTable::GiveBackWide(FlowIndex index) {
  wide_.GiveBack(FlowIndex{static_cast<uint32_t>(SlotOf(index))},
                 WideIndex(LoadPacked(detail(index), origin(index))));
}

void FlowTable::LoadDetail(FlowIndex index, FlowDetail* unpacked) const {
  const PackedDetail packed = LoadPacked(detail(index), origin(index));
  Unpack(packed, unpacked);
  if (IsWide(packed)) [[unlikely]]
    UnpackCounts(LoadWide(packed), unpacked);
}

WideCounts FlowTable::LoadWide(const PackedDetail& packed) const {
  return std::bit_cast<WideCounts>(LoadAcquired(wide_.at(WideIndex(packed))));
}

void FlowTable::StoreDetail(FlowIndex index, const FlowDetail& of) {
  PackedDetail packed = Pack(of);
  AtomicDetail& to = detail(index);
  if ((to.words[1].load(std::memory_order_relaxed) & detail_word::kWide) != 0 || !FitsNarrow(of))
      [[unlikely]]
    StoreWide(index, of, &packed);
  StoreReleased(packed.words, &to);
  origin(index).store(packed.origin, std::memory_order_release);
}

// The counts of `of`, in the record that the flow has, or in a new one, which `packed` names then. (None is left: they
// are as `packed` has them.)
void FlowTable::StoreWide(FlowIndex index, const FlowDetail& of, PackedDetail* packed) {
  using namespace detail_word;
  const FlowIndex slot{static_cast<uint32_t>(SlotOf(index))};
  uint32_t record = static_cast<uint32_t>(detail(index).words[2].load(std::memory_order_relaxed));
  if (!wide_.IsWide(slot)) {
    const bool much = std::max(of.bytes[0], of.bytes[1]) > kMaxBytes ||
                      std::max(of.packets[0], of.packets[1]) > kMaxPackets;
    record = wide_.Take(slot, much);
    if (record == WidePool::kNone) return;
  }
  StoreReleased(std::bit_cast<DetailWords>(WideCountsOf(of)), &wide_.at(record));
  packed->words[1] |= kWide;
  packed->words[2] = record;
  packed->words[3] = 0;
}

void FlowTable::AddCounts(FlowIndex index, unsigned d, uint32_t packets, uint32_t bytes) {
  using namespace detail_word;
  AtomicDetail& to = detail(index);
  const uint64_t word = to.words[2 + d].load(std::memory_order_relaxed);
  const bool wide = (to.words[1].load(std::memory_order_relaxed) & kWide) != 0;
  if (!wide && (word & kMaxBytes) + bytes <= kMaxBytes &&
      (word >> kPacketsShift & kMaxPackets) + packets <= kMaxPackets) [[likely]] {
    return to.words[2 + d].store(word + bytes + (uint64_t{packets} << kPacketsShift),
                                 std::memory_order_release);
  }
  FlowDetail sums;
  LoadDetail(index, &sums);
  sums.packets[d] += packets;
  sums.bytes[d] += bytes;
  StoreDetail(index, sums);
}

FlowKey FlowTable::KeyAt(FlowIndex index) const {
  KeyWords words;
  GetKey(index, 0, &words);
  FlowKey key;
  words.Get(0, &key);
  return key;
}

bool FlowTable::Read(FlowIndex index, FlowCopy* copy) const {
  if (!Contains(index)) return false;
  Seen seen = ReadOnce(index, copy);
  for (uint32_t attempt = 1; seen == Seen::kTorn && attempt < kReadAttempts; ++attempt) {
    // A writer that stays this long has lost its core: leave it ours.
    if (attempt > 64) std::this_thread::yield();
    seen = ReadOnce(index, copy);
  }
  return seen == Seen::kFlow;
}

// (A function of its own: inlined into the loop, its loads are of sixteen addresses that are kept on the stack.)
[[gnu::noinline]] FlowTable::Seen FlowTable::ReadOnce(FlowIndex index, FlowCopy* copy) const {
  const AtomicLine* first = &line(index);
  const uint64_t word0 = first->LoadAcquired(&copy->line);
  if (VersionIsOdd(word0)) return Seen::kTorn;
  if (StateIn(word0) == 0) return Seen::kEmpty;
  copy->ipv6_address = {};
  if (ipv6_) {
    for (size_t i = 0; i < copy->ipv6_address.size(); ++i)
      copy->ipv6_address[i] = first[1].words[i].load(std::memory_order_acquire);
  }
  const PackedDetail packed = LoadPacked(detail(index), origin(index));
  Unpack(packed, &copy->detail);
  if (IsWide(packed) && wide_.Has(WideIndex(packed))) [[unlikely]]
    UnpackCounts(LoadWide(packed), &copy->detail);
  return first->Holds(copy->line) ? Seen::kFlow : Seen::kTorn;
}

uint64_t FlowTable::OverflowSum() const {
  uint64_t sum = 0;
  for (uint32_t b = 0; b < regions_ * region_buckets_; ++b) sum += buckets_[b].overflow;
  return sum;
}

}  // namespace coretrack
