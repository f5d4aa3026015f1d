// What is asked of kLanes buckets at once. Included by flow_table_lanes.cc, and by a test.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/lanes.h"
#include "dataplane/flow/bucket.h"
#include "dataplane/flow/flow_slot.h"
#include "dataplane/packet/flow_hash.h"

#ifdef CORETRACK_LANES

namespace coretrack::bucket_lanes {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

static_assert(sizeof(AtomicLine) == sizeof(Bucket));
constexpr uint32_t kSlotsAt = offsetof(Bucket, slots);
static_assert(kSlotsAt == 32 && offsetof(Bucket, tags) == 0 && offsetof(Bucket, overflow) == 30);

using Eight = uint32_t __attribute__((vector_size(32)));

// Half a bucket: sixteen numbers of 16 bits, `at` 0 or kSlotsAt.
[[gnu::always_inline]] inline const __m256i* HalfOf(const AtomicLine* bucket, uint32_t at) {
  return reinterpret_cast<const __m256i*>(reinterpret_cast<const char*>(bucket) + at);
}

#if CORETRACK_LANES == 512

// Number kWhich of each quarter, four times.
template <int kWhich>
[[gnu::always_inline]] inline Lanes SpreadInQuarters(Lanes a) {
  constexpr int k = kWhich;
  return __builtin_shufflevector(a, a, k, k, k, k, k + 4, k + 4, k + 4, k + 4, k + 8, k + 8, k + 8,
                                 k + 8, k + 12, k + 12, k + 12, k + 12);
}

// SlotWithTag() each. `buckets`: Buckets; hashes' low 16 bits are the tags.
[[gnu::always_inline]] inline Lanes SlotsWithTags(const AtomicLine* const* buckets,
                                                  const FlowHash* hashes) {
  // The buckets i and i + 4 go together, of eight for which `tags` has theirs, twice each: the first four's in two quarters, and the others'.
  const auto kept = [buckets]<uint32_t kFrom, int kI>(Lanes tags) {
    const auto both = [&](uint32_t at) {
      constexpr uint32_t i = kFrom + kI;
      const __m256i first = _mm256_load_si256(HalfOf(buckets[i], at));
      return _mm512_maskz_inserti64x4(0xff, _mm512_castsi256_si512(first),
                                      _mm256_load_si256(HalfOf(buckets[i + 4], at)), 1);
    };
    return _mm512_maskz_mov_epi16(_mm512_cmpeq_epi16_mask(both(0), Raw(SpreadInQuarters<kI>(tags))),
                                  both(kSlotsAt));
  };
  // The greatest of sixteen, halved again and again: four of each of four, then two of each of eight are left in each quarter.
  const auto greater = [](auto a, auto b) {
    return _mm512_maskz_max_epu16(0xffffffff, reinterpret_cast<__m512i>(a),
                                  reinterpret_cast<__m512i>(b));
  };
  const auto fours = [&greater](__m512i a, __m512i b) {
    const auto x = reinterpret_cast<Words64>(a), y = reinterpret_cast<Words64>(b);
    return From(greater(__builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14),
                        __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15)));
  };
  const auto twos = [&]<uint32_t kFrom>(Lanes tags) {
    const Lanes x =
        fours(kept.template operator()<kFrom, 0>(tags), kept.template operator()<kFrom, 1>(tags));
    const Lanes y =
        fours(kept.template operator()<kFrom, 2>(tags), kept.template operator()<kFrom, 3>(tags));
    return From(greater(
        __builtin_shufflevector(x, y, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30),
        __builtin_shufflevector(x, y, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31)));
  };
  const Lanes hash = LowHalves(LoadWords(hashes), LoadWords(hashes + kLanes / 2));
  const Lanes tags = (hash & 0xffff) | hash << 16;
  const Lanes first = twos.template operator()<0>(
      __builtin_shufflevector(tags, tags, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7));
  const Lanes last = twos.template operator()<8>(__builtin_shufflevector(
      tags, tags, 8, 9, 10, 11, 8, 9, 10, 11, 12, 13, 14, 15, 12, 13, 14, 15));
  const Lanes pairs = From(greater(__builtin_shufflevector(first, last, 0, 1, 2, 3, 8, 9, 10, 11,
                                                           16, 17, 18, 19, 24, 25, 26, 27),
                                   __builtin_shufflevector(first, last, 4, 5, 6, 7, 12, 13, 14, 15,
                                                           20, 21, 22, 23, 28, 29, 30, 31)));
  return From(greater(pairs, pairs >> 16)) & 0xffff;
}

#else

// SlotWithTag() each. `buckets`: Buckets; hashes' low 16 bits are the tags.
[[gnu::always_inline]] inline Lanes SlotsWithTags(const AtomicLine* const* buckets,
                                                  const FlowHash* hashes) {
  const auto kept = [buckets, hashes](uint32_t i) {
    const __m256i tag = _mm256_set1_epi16(static_cast<int16_t>(hashes[i].value));
    return _mm256_and_si256(_mm256_cmpeq_epi16(_mm256_load_si256(HalfOf(buckets[i], 0)), tag),
                            _mm256_load_si256(HalfOf(buckets[i], kSlotsAt)));
  };
  // The greatest of sixteen, halved again and again. Four, then two numbers of each bucket are left in each half of a register.
  const auto fours = [&kept](uint32_t i) {
    const __m256i a = kept(i), b = kept(i + 1);
    return _mm256_max_epu16(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
  };
  const auto twos = [&fours](uint32_t i) {
    const __m256 a = _mm256_castsi256_ps(fours(i)), b = _mm256_castsi256_ps(fours(i + 2));
    return _mm256_max_epu16(_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88)),
                            _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd)));
  };
  const __m256i first = twos(0), last = twos(4);
  const __m256i pairs = _mm256_max_epu16(_mm256_permute2x128_si256(first, last, 0x20),
                                         _mm256_permute2x128_si256(first, last, 0x31));
  return From(_mm256_max_epu16(pairs, _mm256_srli_epi32(pairs, 16))) & 0xffff;
}

#endif

// Bucket::MayBePassed() each. (Not inlined: the caller would load for it, before it knows that it must ask, what it has just put together.)
[[gnu::noinline]] inline Mask MayBePassed(const AtomicLine* const* buckets) {
  // The last 32 of 256 bits each.
  const auto eight = [buckets](uint32_t from) {
    const auto tags = [&](uint32_t i) { return _mm256_load_si256(HalfOf(buckets[from + i], 0)); };
    const auto last_two = [&tags](uint32_t i) {
      return _mm256_castsi256_ps(_mm256_unpackhi_epi64(tags(i), tags(i + 1)));
    };
    const auto last_four = [&last_two](uint32_t i) {
      return _mm256_castps_si256(_mm256_shuffle_ps(last_two(i), last_two(i + 2), 0xdd));
    };
    return reinterpret_cast<Eight>(_mm256_permute2x128_si256(last_four(0), last_four(4), 0x31));
  };
#if CORETRACK_LANES == 512
  return IsSet(__builtin_shufflevector(eight(0), eight(8), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
                                       13, 14, 15));
#else
  return IsSet(eight(0));
#endif
}

}  // namespace coretrack::bucket_lanes

#endif
