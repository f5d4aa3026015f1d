// Eight lanes in one register: AVX2, BMI2. What AVX-512 has an instruction for may take ten here. Included by lanes.h only.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace coretrack {

using Lanes = uint32_t __attribute__((vector_size(kLanes * sizeof(uint32_t))));

namespace lanes {

// kLanes / 2 words of 64 bits: what lanes are too narrow for (addresses, hashes) takes two of them, of the first half of the lanes
// and of the last.
using Words64 = uint64_t __attribute__((vector_size(sizeof(Lanes))));

template <typename Vector>
[[gnu::always_inline]] inline __m256i Raw(Vector a) {
  return reinterpret_cast<__m256i>(a);
}
[[gnu::always_inline]] inline Lanes From(__m256i a) { return reinterpret_cast<Lanes>(a); }
[[gnu::always_inline]] inline Words64 WordsFrom(__m256i a) { return reinterpret_cast<Words64>(a); }

// A bit a lane, from their highest bits.
[[gnu::always_inline]] inline Mask Bits(__m256i a) {
  return static_cast<Mask>(_mm256_movemask_ps(_mm256_castsi256_ps(a)));
}
[[gnu::always_inline]] inline uint8_t WordBits(__m256i a) {
  return static_cast<uint8_t>(_mm256_movemask_pd(_mm256_castsi256_pd(a)));
}
// And back: all ones in the lanes of `mask`.
[[gnu::always_inline]] inline __m256i Spread(Mask mask) {
  const __m256i bits =
      _mm256_setr_epi32(1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(mask), bits), bits);
}
[[gnu::always_inline]] inline __m256i SpreadWords(uint8_t mask) {
  const __m256i bits = _mm256_setr_epi64x(1 << 0, 1 << 1, 1 << 2, 1 << 3);
  return _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(mask), bits), bits);
}

// What is so in which lanes, as comparisons have it: the highest bit of each says it, and the others may be anything. A Mask of it, and
// a selection by that, cost five instructions; what is only selected by stays a Test.
struct Test {
  Lanes lanes;

  [[gnu::always_inline]] inline operator Mask() const { return Bits(Raw(lanes)); }
  [[gnu::always_inline]] friend inline Test operator&(Test a, Test b) {
    return {a.lanes & b.lanes};
  }
  [[gnu::always_inline]] friend inline Test operator|(Test a, Test b) {
    return {a.lanes | b.lanes};
  }
  [[gnu::always_inline]] friend inline Test operator^(Test a, Test b) {
    return {a.lanes ^ b.lanes};
  }
  [[gnu::always_inline]] friend inline Test operator~(Test a) { return {~a.lanes}; }
};
[[gnu::always_inline]] inline Test AsTest(Mask mask) { return {From(Spread(mask))}; }

inline Lanes All(uint32_t value) { return Lanes{} + value; }
inline Lanes LoadAnywhere(const void* from) {
  return From(_mm256_loadu_si256(static_cast<const __m256i*>(from)));
}
inline Lanes Load(const void* aligned) {
  return From(_mm256_load_si256(static_cast<const __m256i*>(aligned)));
}
inline void Store(Lanes a, void* aligned) {
  _mm256_store_si256(static_cast<__m256i*>(aligned), Raw(a));
}
// Of bytes, one a lane.
inline Lanes LoadBytes(const void* bytes) {
  return From(_mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(bytes))));
}

[[gnu::always_inline]] inline Test Equal(Lanes a, Lanes b) {
  return {From(_mm256_cmpeq_epi32(Raw(a), Raw(b)))};
}
[[gnu::always_inline]] inline Lanes Least(Lanes a, Lanes b) {
  return From(_mm256_min_epu32(Raw(a), Raw(b)));
}
[[gnu::always_inline]] inline Test AtMost(Lanes a, Lanes b) { return Equal(Least(a, b), a); }
[[gnu::always_inline]] inline Test Below(Lanes a, Lanes b) { return ~AtMost(b, a); }
// Has one of `bits`?
[[gnu::always_inline]] inline Test HasAny(Lanes a, Lanes bits) { return ~Equal(a & bits, Lanes{}); }
[[gnu::always_inline]] inline Test IsSet(Lanes a) { return ~Equal(a, Lanes{}); }
[[gnu::always_inline]] inline Test IsNegative(Lanes a) { return {a}; }

// Bytes, 0 or 1.
inline void StoreBits(Mask bits, void* bytes) {
  constexpr uint64_t kEachByte = 0x0101010101010101;
  const uint64_t word = _pdep_u64(bits, kEachByte);
  std::memcpy(bytes, &word, sizeof(word));
}
// Of bytes, one a lane.
inline Mask NotZero(const void* bytes) {
  const __m128i b = _mm_loadl_epi64(static_cast<const __m128i*>(bytes));
  return static_cast<Mask>(~_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_setzero_si128())));
}

[[gnu::always_inline]] inline Lanes Select(Test test, Lanes where_set, Lanes elsewhere) {
  return From(_mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(Raw(elsewhere)),
                                                   _mm256_castsi256_ps(Raw(where_set)),
                                                   _mm256_castsi256_ps(Raw(test.lanes)))));
}
[[gnu::always_inline]] inline Lanes Select(Mask mask, Lanes where_set, Lanes elsewhere) {
  return Select(AsTest(mask), where_set, elsewhere);
}
// a << by and a >> by, lane by lane; 0 from 32 on.
[[gnu::always_inline]] inline Lanes Left(Lanes a, Lanes by) {
  return From(_mm256_sllv_epi32(Raw(a), Raw(by)));
}
[[gnu::always_inline]] inline Lanes Right(Lanes a, Lanes by) {
  return From(_mm256_srlv_epi32(Raw(a), Raw(by)));
}
// Network byte order <-> host's.
[[gnu::always_inline]] inline Lanes SwapBytes(Lanes a) {
  return From(
      _mm256_shuffle_epi8(Raw(a), _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                      3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12))));
}
// Lane i: a's lane index[i] % kLanes.
[[gnu::always_inline]] inline Lanes Pick(Lanes a, Lanes index) {
  return From(_mm256_permutevar8x32_epi32(Raw(a), Raw(index)));
}
[[gnu::always_inline]] inline Test Pick(Test test, Lanes index) {
  return {Pick(test.lanes, index)};
}
// table[index] each.  REQUIRES: indices are in the table.
template <size_t kCount>
[[gnu::always_inline]] inline Lanes LookUp(const std::array<uint32_t, kCount>& table, Lanes index) {
  static_assert(kCount >= kLanes && kCount <= 2 * kLanes);
  const __m256i behind =
      _mm256_maskload_epi32(reinterpret_cast<const int*>(table.data() + kLanes),
                            Spread(static_cast<Mask>((1u << (kCount - kLanes)) - 1)));
  return Select(Below(index, All(kLanes)), Pick(LoadAnywhere(table.data()), index),
                Pick(From(behind), index));
}

// May two lanes have the same value? Certainly, if they have; and once in some 2,000 times if they have not.
[[gnu::always_inline]] inline bool MayRepeat(Lanes a) {
  // Their low halves, turned against one another.
  const __m256i low_halves = _mm256_and_si256(Raw(a), _mm256_set1_epi32(0xffff));
  const __m128i all =
      _mm_packus_epi32(_mm256_castsi256_si128(low_halves), _mm256_extracti128_si256(low_halves, 1));
  const auto same = [all](__m128i turned) { return _mm_cmpeq_epi16(all, turned); };
  const __m128i any = _mm_or_si128(
      _mm_or_si128(same(_mm_alignr_epi8(all, all, 2)), same(_mm_alignr_epi8(all, all, 4))),
      _mm_or_si128(same(_mm_alignr_epi8(all, all, 6)), same(_mm_alignr_epi8(all, all, 8))));
  return _mm_testz_si128(any, any) == 0;
}
// Which earlier lanes have the same value: bit j of lane i, j < i.
inline Lanes Earlier(Lanes a) {
  Lanes same{};
#pragma GCC unroll 8
  for (uint32_t j = 0; j + 1 < kLanes; ++j) same |= Equal(Pick(a, All(j)), a).lanes & 1u << j;
  return same & Lanes{0, 0x1, 0x3, 0x7, 0xf, 0x1f, 0x3f, 0x7f};
}
// The bits that any lane has.
inline uint32_t Union(Lanes a) {
  const __m128i four =
      _mm_or_si128(_mm256_castsi256_si128(Raw(a)), _mm256_extracti128_si256(Raw(a), 1));
  const __m128i two = _mm_or_si128(four, _mm_unpackhi_epi64(four, four));
  const auto word = static_cast<uint64_t>(_mm_cvtsi128_si64(two));
  return static_cast<uint32_t>(word | word >> 32);
}

// table[index] each; 0 in the lanes that are not in `mask`.  REQUIRES: there is one more behind the last.
inline Lanes Gather(Mask mask, const uint16_t* table, Lanes index) {
  return From(_mm256_mask_i32gather_epi32(_mm256_setzero_si256(),
                                          reinterpret_cast<const int*>(table), Raw(index),
                                          Spread(mask), sizeof(*table))) &
         0xffff;
}

// Which bit is the highest that is set; 2^32 - 1 where none is.
[[gnu::always_inline]] inline Lanes HighestBit(Lanes a) {
  // As a number with a fraction its exponent says it. Without the bit below the highest it is not rounded up.
  const __m256i negative = _mm256_srai_epi32(Raw(a), 31);
  const __m256i exact = _mm256_andnot_si256(
      _mm256_or_si256(_mm256_srli_epi32(Raw(a), 1), _mm256_srli_epi32(negative, 1)), Raw(a));
  const Lanes number = From(_mm256_castps_si256(_mm256_cvtepi32_ps(exact)));
  return ((number >> 23 & 0xff) - 127) | Equal(a, Lanes{}).lanes;
}

[[gnu::always_inline]] inline Words64 LoadWords(const void* aligned) {
  return WordsFrom(_mm256_load_si256(static_cast<const __m256i*>(aligned)));
}
[[gnu::always_inline]] inline void StoreWords(Words64 a, void* aligned) {
  _mm256_store_si256(static_cast<__m256i*>(aligned), Raw(a));
}
[[gnu::always_inline]] inline Words64 WidenFirst(Lanes a) {
  return WordsFrom(_mm256_cvtepu32_epi64(_mm256_castsi256_si128(Raw(a))));
}
[[gnu::always_inline]] inline Words64 WidenLast(Lanes a) {
  return WordsFrom(_mm256_cvtepu32_epi64(_mm256_extracti128_si256(Raw(a), 1)));
}
// The low halves' products.
[[gnu::always_inline]] inline Words64 Product(Words64 a, uint64_t b) {
  return WordsFrom(_mm256_mul_epu32(Raw(a), _mm256_set1_epi64x(static_cast<int64_t>(b))));
}
// table[index] each; 0 in the words that are not in `mask`.
[[gnu::always_inline]] inline Words64 GatherWords(uint8_t mask, const uint64_t* table,
                                                  Words64 index) {
  return WordsFrom(_mm256_mask_i64gather_epi64(_mm256_setzero_si256(),
                                               reinterpret_cast<const long long*>(table),
                                               Raw(index), SpreadWords(mask), sizeof(*table)));
}
// Bit i: of word i.
[[gnu::always_inline]] inline uint8_t NotZeroWords(Words64 a) {
  return WordBits(_mm256_cmpeq_epi64(Raw(a), _mm256_setzero_si256())) ^ 0xf;
}
[[gnu::always_inline]] inline Words64 Select(uint8_t words, Words64 where_set, Words64 elsewhere) {
  return WordsFrom(_mm256_castpd_si256(_mm256_blendv_pd(_mm256_castsi256_pd(Raw(elsewhere)),
                                                        _mm256_castsi256_pd(Raw(where_set)),
                                                        _mm256_castsi256_pd(SpreadWords(words)))));
}
// Words whose bit is not set become 0.
[[gnu::always_inline]] inline Words64 Keep(uint8_t words, Words64 a) {
  return WordsFrom(_mm256_and_si256(Raw(a), SpreadWords(words)));
}
// In any order.
[[gnu::always_inline]] inline Lanes LowHalvesAnyhow(Words64 first, Words64 last) {
  return From(_mm256_castps_si256(
      _mm256_shuffle_ps(_mm256_castsi256_ps(Raw(first)), _mm256_castsi256_ps(Raw(last)), 0x88)));
}
[[gnu::always_inline]] inline Lanes LowHalves(Words64 first, Words64 last) {
  return From(_mm256_permute4x64_epi64(Raw(LowHalvesAnyhow(first, last)), 0xd8));
}
[[gnu::always_inline]] inline Lanes HighHalves(Words64 first, Words64 last) {
  const __m256 mixed =
      _mm256_shuffle_ps(_mm256_castsi256_ps(Raw(first)), _mm256_castsi256_ps(Raw(last)), 0xdd);
  return From(_mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8));
}

// kLanes / 2 rows of four words in memory, kBehind bytes behind `rows`, against as many of which `column` has the first, second, third and fourth
// words. Bit i: row i is another one.  REQUIRES: rows are aligned to 32 bytes.
template <size_t kBehind = 0, typename Row>
[[gnu::always_inline]] inline uint8_t OtherRows(const Row* const* rows,
                                                const Words64 (&column)[4]) {
  const __m256i even01 = _mm256_unpacklo_epi64(Raw(column[0]), Raw(column[1])),
                odd01 = _mm256_unpackhi_epi64(Raw(column[0]), Raw(column[1])),
                even23 = _mm256_unpacklo_epi64(Raw(column[2]), Raw(column[3])),
                odd23 = _mm256_unpackhi_epi64(Raw(column[2]), Raw(column[3]));
  const auto differs = [rows](uint32_t i, __m256i wanted) {
    const __m256i row = _mm256_load_si256(
        reinterpret_cast<const __m256i*>(reinterpret_cast<const char*>(rows[i]) + kBehind));
    const __m256i difference = _mm256_xor_si256(row, wanted);
    return static_cast<uint32_t>(_mm256_testz_si256(difference, difference) == 0) << i;
  };
  return static_cast<uint8_t>(differs(0, _mm256_permute2x128_si256(even01, even23, 0x20)) |
                              differs(1, _mm256_permute2x128_si256(odd01, odd23, 0x20)) |
                              differs(2, _mm256_permute2x128_si256(even01, even23, 0x31)) |
                              differs(3, _mm256_permute2x128_si256(odd01, odd23, 0x31)));
}

// a[0] b[0] a[1] b[1] ...: as 64-bit words, with `a` in their low halves. The first half of them, the last.
struct Halves {
  Words64 first, last;
};
[[gnu::always_inline]] inline Halves Interleave(Lanes a, Lanes b) {
  const __m256i even = _mm256_unpacklo_epi32(Raw(a), Raw(b)),
                odd = _mm256_unpackhi_epi32(Raw(a), Raw(b));
  return {WordsFrom(_mm256_permute2x128_si256(even, odd, 0x20)),
          WordsFrom(_mm256_permute2x128_si256(even, odd, 0x31))};
}

}  // namespace lanes

}  // namespace coretrack
