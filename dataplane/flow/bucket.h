// Bucket: fifteen flows of one hash range, in one cache line: a tag of each, to be compared, and the slot it lies in.
//
// Layout   | tag 0 | ... | tag 14 | overflow | slot 0 | ... | slot 14 | 0 |      16 bits each
//          A tag is odd; 0: nobody is there, and the slot beside it says nothing. Slots are those of the bucket's region
//          (slot_pool.h), with 1 added, so that a tag's mask keeps a slot or 0. What lies beside the overflow is 0: a count that
//          happens to equal a tag finds nothing.
// Threads  The owner's alone; plain bytes.
// Choice   Fifteen tags are 32 bytes, with the count: SSE2 compares them in four instructions, and no wider register does it in
//          fewer. Many buckets at once: bucket_lanes.h.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/base/limits.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace coretrack {

struct alignas(kCacheLine) Bucket {
  static constexpr uint32_t kFlows = 15;
  static constexpr uint32_t kAll = (1u << kFlows) - 1;

  std::array<uint16_t, kFlows> tags;
  uint16_t overflow;  // flows that were placed past this bucket
  std::array<uint16_t, kFlows> slots;
  uint16_t zero;

  // May a flow whose home it is lie farther, or have to go there? False: certainly not. (Its last entry is taken when all others are.)
  bool MayBePassed() const { return overflow != 0 || tags[kFlows - 1] != 0; }
};
static_assert(sizeof(Bucket) == kCacheLine);

// Which of sixteen numbers of 16 bits equal `value`: bit i: number i.  REQUIRES: they are aligned to 16 bytes.
struct MatchPortable {
  static uint32_t Sixteen(const uint16_t* numbers, uint16_t value) {
    uint32_t mask = 0;
    for (uint32_t i = 0; i < 16; ++i) mask |= uint32_t{numbers[i] == value} << i;
    return mask;
  }
};

#if defined(__SSE2__)
struct MatchSse2 {
  static uint32_t Sixteen(const uint16_t* numbers, uint16_t value) {
    const auto* halves = reinterpret_cast<const __m128i*>(numbers);
    const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(value));
    return static_cast<uint32_t>(
        _mm_movemask_epi8(_mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(halves), wanted),
                                          _mm_cmpeq_epi16(_mm_load_si128(halves + 1), wanted))));
  }
};
using MatchSixteen = MatchSse2;
#else
using MatchSixteen = MatchPortable;
#endif

// Bit i: entry i has that tag, or is empty.
inline uint32_t WithTag(const Bucket& bucket, uint16_t tag) {
  return MatchSixteen::Sixteen(bucket.tags.data(), tag) & Bucket::kAll;
}
inline uint32_t EmptyIn(const Bucket& bucket) { return WithTag(bucket, 0); }
// Bit i: entry i is the flow with that tag in that slot. (At most one.)
inline uint32_t WithTagAndSlot(const Bucket& bucket, uint16_t tag, uint32_t slot) {
  return WithTag(bucket, tag) &
         MatchSixteen::Sixteen(bucket.slots.data(), static_cast<uint16_t>(slot + 1));
}

// 1 added to the slot of a flow with that tag, the greatest if there are several; 0: there is none.
inline uint32_t SlotWithTag(const Bucket& bucket, uint16_t tag) {
  uint32_t with_tag = WithTag(bucket, tag);
  if (with_tag == 0) [[unlikely]]
    return 0;
  const auto slot = [&] { return bucket.slots[static_cast<uint32_t>(std::countr_zero(with_tag))]; };
  uint32_t greatest = slot();
  for (with_tag &= with_tag - 1; with_tag != 0; with_tag &= with_tag - 1)
    greatest = std::max<uint32_t>(greatest, slot());
  return greatest;
}

}  // namespace coretrack
