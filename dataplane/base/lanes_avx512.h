// Sixteen lanes in one register: AVX-512. Included by lanes.h only.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace coretrack {
using Lanes = uint32_t __attribute__((vector_size(kLanes * sizeof(uint32_t))));

namespace lanes {

[[gnu::always_inline]] inline __m512i Raw(Lanes a) { return reinterpret_cast<__m512i>(a); }
[[gnu::always_inline]] inline Lanes From(__m512i a) { return reinterpret_cast<Lanes>(a); }

// The forms with a mask, of all lanes: GCC 12 takes what the others leave undefined for a mistake of ours.
inline Lanes All(uint32_t value) { return Lanes{} + value; }
inline Lanes Load(const void* aligned) { return From(_mm512_load_si512(aligned)); }
inline Lanes LoadAnywhere(const void* from) { return From(_mm512_loadu_si512(from)); }
// The bytes of `mask`, a bit each, and zeros; nothing else is touched.
inline Lanes LoadBytesOf(uint64_t mask, const void* from) {
  return From(_mm512_maskz_loadu_epi8(mask, from));
}
inline void Store(Lanes a, void* aligned) { _mm512_store_si512(aligned, Raw(a)); }
// Of bytes, one a lane.
inline Lanes LoadBytes(const void* bytes) {
  return From(
      _mm512_maskz_cvtepu8_epi32(kEach, _mm_loadu_si128(static_cast<const __m128i*>(bytes))));
}

// What is so in which lanes, as comparisons have it.
using Test = Mask;
inline Test AsTest(Mask mask) { return mask; }
inline Test Equal(Lanes a, Lanes b) { return _mm512_cmpeq_epi32_mask(Raw(a), Raw(b)); }
inline Test Below(Lanes a, Lanes b) { return _mm512_cmplt_epu32_mask(Raw(a), Raw(b)); }
inline Test AtMost(Lanes a, Lanes b) { return _mm512_cmple_epu32_mask(Raw(a), Raw(b)); }
// Has one of `bits`?
inline Test HasAny(Lanes a, Lanes bits) { return _mm512_test_epi32_mask(Raw(a), Raw(bits)); }
inline Test IsSet(Lanes a) { return HasAny(a, a); }
inline Test IsNegative(Lanes a) { return _mm512_movepi32_mask(Raw(a)); }
// Bytes, 0 or 1.
inline void StoreBits(Mask bits, void* bytes) {
  _mm_storeu_si128(static_cast<__m128i*>(bytes), _mm_maskz_set1_epi8(bits, 1));
}
// Of bytes, one a lane.
inline Mask NotZero(const void* bytes) {
  const __m128i b = _mm_loadu_si128(static_cast<const __m128i*>(bytes));
  return _mm_test_epi8_mask(b, b);
}

inline Lanes Select(Mask mask, Lanes where_set, Lanes elsewhere) {
  return From(_mm512_mask_blend_epi32(mask, Raw(elsewhere), Raw(where_set)));
}
inline Lanes Least(Lanes a, Lanes b) { return From(_mm512_maskz_min_epu32(kEach, Raw(a), Raw(b))); }
// a << by and a >> by, lane by lane; 0 from 32 on.
inline Lanes Left(Lanes a, Lanes by) {
  return From(_mm512_maskz_sllv_epi32(kEach, Raw(a), Raw(by)));
}
inline Lanes Right(Lanes a, Lanes by) {
  return From(_mm512_maskz_srlv_epi32(kEach, Raw(a), Raw(by)));
}
// Network byte order <-> host's.
inline Lanes SwapBytes(Lanes a) {
  using Bytes = uint8_t __attribute__((vector_size(sizeof(Lanes))));
  const auto b = reinterpret_cast<Bytes>(a);
  return reinterpret_cast<Lanes>(__builtin_shufflevector(
      b, b, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 19, 18, 17, 16, 23, 22, 21, 20,
      27, 26, 25, 24, 31, 30, 29, 28, 35, 34, 33, 32, 39, 38, 37, 36, 43, 42, 41, 40, 47, 46, 45,
      44, 51, 50, 49, 48, 55, 54, 53, 52, 59, 58, 57, 56, 63, 62, 61, 60));
}
// Which earlier lanes have the same value: bit j of lane i, j < i.
inline Lanes Earlier(Lanes a) { return From(_mm512_maskz_conflict_epi32(kEach, Raw(a))); }
// The bits that any lane has.
inline uint32_t Union(Lanes a) {
  a |= __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  a |= __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  return a[0] | a[1] | a[2] | a[3];
}
// Lane i: a's lane index[i] % kLanes.
inline Lanes Pick(Lanes a, Lanes index) {
  return From(_mm512_maskz_permutexvar_epi32(kEach, Raw(index), Raw(a)));
}
inline Test Pick(Test test, Lanes index) {
  return IsNegative(Pick(From(_mm512_movm_epi32(test)), index));
}
// table[index] each.  REQUIRES: indices are in the table.
template <size_t kCount>
inline Lanes LookUp(const std::array<uint32_t, kCount>& table, Lanes index) {
  static_assert(kCount < kLanes);
  return Pick(LoadBytesOf((uint64_t{1} << sizeof(table)) - 1, table.data()), index);
}

// The low halves of all lanes, twice: from lane kOne on, and from lane kOther on.
template <int kOne, int kOther, int... kLane>
[[gnu::always_inline]] inline __m512i LowHalvesFrom(Lanes a, std::integer_sequence<int, kLane...>) {
  using Numbers = uint16_t __attribute__((vector_size(sizeof(Lanes))));
  const auto n = reinterpret_cast<Numbers>(a);
  return reinterpret_cast<__m512i>(
      __builtin_shufflevector(n, n, 2 * ((kLane + kOne) % 16)..., 2 * ((kLane + kOther) % 16)...));
}
// May two lanes have the same value? Certainly, if they have; and once in some 550 times if they have not (270 of even or odd numbers): low halves
// are compared, each with the eight that come next. (Earlier() takes Intel's cores three times as many steps.)
[[gnu::always_inline]] inline bool MayRepeat(Lanes a) {
  constexpr std::make_integer_sequence<int, 16> kAll16;
  const auto least = [](__m512i x, __m512i y) { return _mm512_maskz_min_epu16(0xffffffff, x, y); };
  const __m512i same = LowHalvesFrom<0, 0>(a, kAll16);
  const __m512i differences =
      least(least(LowHalvesFrom<1, 5>(a, kAll16) ^ same, LowHalvesFrom<2, 6>(a, kAll16) ^ same),
            least(LowHalvesFrom<3, 7>(a, kAll16) ^ same, LowHalvesFrom<4, 8>(a, kAll16) ^ same));
  return _mm512_testn_epi16_mask(differences, differences) != 0;
}

// table[index] each; 0 in the lanes that are not in `mask`.  REQUIRES: there is one more behind the last.
inline Lanes Gather(Mask mask, const uint16_t* table, Lanes index) {
  return From(_mm512_mask_i32gather_epi32(_mm512_setzero_si512(), mask, Raw(index), table,
                                          sizeof(*table))) &
         0xffff;
}

// Which bit is the highest, or the lowest, that is set; 2^32 - 1 where none is.
inline Lanes HighestBit(Lanes a) { return 31 - From(_mm512_maskz_lzcnt_epi32(kEach, Raw(a))); }

// kLanes / 2 words of 64 bits: what lanes are too narrow for (addresses, hashes) takes two of them, of the first half of the lanes
// and of the last.
using Words64 = uint64_t __attribute__((vector_size(sizeof(Lanes))));
inline Words64 LoadWords(const void* aligned) {
  return reinterpret_cast<Words64>(_mm512_load_si512(aligned));
}
inline void StoreWords(Words64 a, void* aligned) {
  _mm512_store_si512(aligned, reinterpret_cast<__m512i>(a));
}
// (By a table each: what GCC 12 makes of a conversion are four and five shuffles.)
template <uint32_t kFrom>
[[gnu::always_inline]] inline Words64 Widen(Lanes a) {
  constexpr uint32_t k = kFrom;
  constexpr Lanes kTable = {k,     0, k + 1, 0, k + 2, 0, k + 3, 0,
                            k + 4, 0, k + 5, 0, k + 6, 0, k + 7, 0};
  return reinterpret_cast<Words64>(_mm512_maskz_permutexvar_epi32(0x5555, Raw(kTable), Raw(a)));
}
inline Words64 WidenFirst(Lanes a) { return Widen<0>(a); }
inline Words64 WidenLast(Lanes a) { return Widen<kLanes / 2>(a); }
// The low halves' products.
inline Words64 Product(Words64 a, uint64_t b) {
  return reinterpret_cast<Words64>(_mm512_maskz_mul_epu32(
      0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(Words64{} + b)));
}
// table[index] each; 0 in the words that are not in `mask`.
inline Words64 GatherWords(uint8_t mask, const uint64_t* table, Words64 index) {
  return reinterpret_cast<Words64>(_mm512_mask_i64gather_epi64(
      _mm512_setzero_si512(), mask, reinterpret_cast<__m512i>(index), table, sizeof(*table)));
}
// Bit i: of word i.
inline uint8_t NotZeroWords(Words64 a) {
  return _mm512_test_epi64_mask(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(a));
}
inline Words64 Select(uint8_t words, Words64 where_set, Words64 elsewhere) {
  return reinterpret_cast<Words64>(_mm512_mask_blend_epi64(
      words, reinterpret_cast<__m512i>(elsewhere), reinterpret_cast<__m512i>(where_set)));
}
// Words whose bit is not set become 0.
inline Words64 Keep(uint8_t words, Words64 a) {
  return reinterpret_cast<Words64>(_mm512_maskz_mov_epi64(words, reinterpret_cast<__m512i>(a)));
}
inline Lanes LowHalves(Words64 first, Words64 last) {
  return __builtin_shufflevector(reinterpret_cast<Lanes>(first), reinterpret_cast<Lanes>(last), 0,
                                 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
inline Lanes LowHalvesAnyhow(Words64 first, Words64 last) {  // in any order
  return LowHalves(first, last);
}
inline Lanes HighHalves(Words64 first, Words64 last) {
  return __builtin_shufflevector(reinterpret_cast<Lanes>(first), reinterpret_cast<Lanes>(last), 1,
                                 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

// kLanes / 2 rows of four words in memory, kBehind bytes behind `rows`, against as many of which `column` has the first, second, third and fourth
// words. Bit i: row i is another one.  REQUIRES: rows are aligned to 32 bytes.
template <size_t kBehind = 0, typename Row>
[[gnu::always_inline]] inline uint8_t OtherRows(const Row* const* rows,
                                                const Words64 (&column)[4]) {
  const auto even = [](Words64 a, Words64 b) {
    return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
  };
  const auto odd = [](Words64 a, Words64 b) {
    return __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  };
  const Words64 even01 = even(column[0], column[1]), even23 = even(column[2], column[3]);
  const Words64 odd01 = odd(column[0], column[1]), odd23 = odd(column[2], column[3]);
  const auto first_two = [](Words64 a, Words64 b) {
    return __builtin_shufflevector(a, b, 0, 1, 8, 9, 2, 3, 10, 11);
  };
  const auto last_two = [](Words64 a, Words64 b) {
    return __builtin_shufflevector(a, b, 4, 5, 12, 13, 6, 7, 14, 15);
  };
  // A bit for each word of rows `i` and `i` + 2.
  const auto differ = [rows](uint32_t i, Words64 wanted) -> uint32_t {
    const auto load = [rows](uint32_t row) {
      return _mm256_load_si256(
          reinterpret_cast<const __m256i*>(reinterpret_cast<const char*>(rows[row]) + kBehind));
    };
    const __m512i both =
        _mm512_mask_broadcast_i64x4(_mm512_maskz_broadcast_i64x4(0xff, load(i)), 0xf0, load(i + 2));
    return _mm512_cmpneq_epi64_mask(both, reinterpret_cast<__m512i>(wanted));
  };
  uint32_t words = differ(0, first_two(even01, even23)) | differ(4, last_two(even01, even23)) << 8 |
                   differ(1, first_two(odd01, odd23)) << 16 |
                   differ(5, last_two(odd01, odd23)) << 24;
  words |= words >> 1;
  words |= words >> 2;
  const uint32_t even_then_odd = _pext_u32(words, 0x11111111);
  return static_cast<uint8_t>(_pdep_u32(even_then_odd, 0x55) | _pdep_u32(even_then_odd >> 4, 0xaa));
}

// a[0] b[0] a[1] b[1] ...: as 64-bit words, with `a` in their low halves. The first half of them, the last.
struct Halves {
  Words64 first, last;
};
inline Halves Interleave(Lanes a, Lanes b) {
  return {reinterpret_cast<Words64>(__builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                                            5, 21, 6, 22, 7, 23)),
          reinterpret_cast<Words64>(__builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12,
                                                            28, 13, 29, 14, 30, 15, 31))};
}

}  // namespace lanes

}  // namespace coretrack
