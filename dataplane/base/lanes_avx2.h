// Lanes in two registers each: AVX2, BMI2. What AVX-512 has an instruction for may take ten here. Included by lanes.h only.
#pragma once

#include <immintrin.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define CORETRACK_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORETRACK_UNDER_ASAN 1
#endif
#endif

namespace coretrack {

namespace lanes {

using Half32 = uint32_t __attribute__((vector_size(32)));
using Half64 = uint64_t __attribute__((vector_size(32)));

// Two vectors of Number as one.
template <typename Number, typename Half>
struct alignas(64) Pair {
  static constexpr uint32_t kOfHalf = sizeof(Half) / sizeof(Number);
  Half low, high;

  Pair() = default;
  constexpr Pair(Half l, Half h) : low(l), high(h) {}
  // The first eight of sixteen; the others are 0.
  constexpr Pair(Number a, Number b, Number c, Number d, Number e, Number f, Number g, Number h)
      : low{a, b, c, d, e, f, g, h}, high{} {}

  Number operator[](uint32_t i) const { return i < kOfHalf ? low[i] : high[i - kOfHalf]; }
  struct Element {
    Pair& pair;
    uint32_t i;
    operator Number() const { return std::as_const(pair)[i]; }
    Number operator=(Number value) {
      return i < kOfHalf ? pair.low[i] = value : pair.high[i - kOfHalf] = value;
    }
  };
  Element operator[](uint32_t i) { return {*this, i}; }

#define CORETRACK_OPERATOR(op)                                                                    \
  [[gnu::always_inline]] friend inline constexpr Pair operator op(const Pair& a, const Pair& b) { \
    return {a.low op b.low, a.high op b.high};                                                    \
  }                                                                                               \
  [[gnu::always_inline]] friend inline constexpr Pair operator op(const Pair& a, Number b) {      \
    return {a.low op b, a.high op b};                                                             \
  }                                                                                               \
  [[gnu::always_inline]] friend inline constexpr Pair operator op(Number a, const Pair& b) {      \
    return {a op b.low, a op b.high};                                                             \
  }                                                                                               \
  template <typename Other>                                                                       \
  [[gnu::always_inline]] inline Pair& operator op##=(const Other& b) {                            \
    return *this = *this op b;                                                                    \
  }
  CORETRACK_OPERATOR(+)
  CORETRACK_OPERATOR(-)
  CORETRACK_OPERATOR(*)
  CORETRACK_OPERATOR(&)
  CORETRACK_OPERATOR(|)
  CORETRACK_OPERATOR(^)
#undef CORETRACK_OPERATOR
  [[gnu::always_inline]] friend inline constexpr Pair operator<<(const Pair& a, uint32_t by) {
    return {a.low << by, a.high << by};
  }
  [[gnu::always_inline]] friend inline constexpr Pair operator>>(const Pair& a, uint32_t by) {
    return {a.low >> by, a.high >> by};
  }
  [[gnu::always_inline]] friend inline constexpr Pair operator~(const Pair& a) {
    return {~a.low, ~a.high};
  }
};

}  // namespace lanes

using Lanes = lanes::Pair<uint32_t, lanes::Half32>;

namespace lanes {

// Eight 64-bit words: what lanes are too narrow for (addresses, hashes) takes two of them, lanes 0 to 7 and 8
// to 15.
using Words64 = Pair<uint64_t, Half64>;

template <typename Half>
[[gnu::always_inline]] inline __m256i Raw(Half a) {
  return reinterpret_cast<__m256i>(a);
}
[[gnu::always_inline]] inline Lanes From(__m256i low, __m256i high) {
  return {reinterpret_cast<Half32>(low), reinterpret_cast<Half32>(high)};
}
[[gnu::always_inline]] inline Words64 WordsFrom(__m256i low, __m256i high) {
  return {reinterpret_cast<Half64>(low), reinterpret_cast<Half64>(high)};
}
// The same of both halves.
template <typename Apply>
[[gnu::always_inline]] inline Lanes Each(const Lanes& a, const Lanes& b, const Apply& apply) {
  return From(apply(Raw(a.low), Raw(b.low)), apply(Raw(a.high), Raw(b.high)));
}

// A bit a lane, from their highest bits.
[[gnu::always_inline]] inline Mask Bits(__m256i low, __m256i high) {
  const auto of = [](__m256i half) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(half)));
  };
  return static_cast<Mask>(of(low) | of(high) << 8);
}
[[gnu::always_inline]] inline uint8_t WordBits(__m256i low, __m256i high) {
  const auto of = [](__m256i half) {
    return static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(half)));
  };
  return static_cast<uint8_t>(of(low) | of(high) << 4);
}
// What is so in which lanes, as comparisons have it: the highest bit of each says it, and the others may be anything. A Mask of it,
// and a selection by that, cost some ten instructions; what is only selected by stays a Test.
struct Test {
  Half32 low, high;

  [[gnu::always_inline]] inline operator Mask() const { return Bits(Raw(low), Raw(high)); }
  [[gnu::always_inline]] friend inline Test operator&(const Test& a, const Test& b) {
    return {a.low & b.low, a.high & b.high};
  }
  [[gnu::always_inline]] friend inline Test operator|(const Test& a, const Test& b) {
    return {a.low | b.low, a.high | b.high};
  }
  [[gnu::always_inline]] friend inline Test operator^(const Test& a, const Test& b) {
    return {a.low ^ b.low, a.high ^ b.high};
  }
  [[gnu::always_inline]] friend inline Test operator~(const Test& a) { return {~a.low, ~a.high}; }
};
// The same of both halves.
template <typename Apply>
[[gnu::always_inline]] inline Test EachTest(const Lanes& a, const Lanes& b, const Apply& apply) {
  const Lanes both = Each(a, b, apply);
  return {both.low, both.high};
}

// And back: all ones in the lanes of `mask`.
[[gnu::always_inline]] inline Lanes Spread(Mask mask) {
  const __m256i first = _mm256_setr_epi32(1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6,
                                          1 << 7),
                last = _mm256_slli_epi32(first, 8), all = _mm256_set1_epi32(mask);
  return From(_mm256_cmpeq_epi32(_mm256_and_si256(all, first), first),
              _mm256_cmpeq_epi32(_mm256_and_si256(all, last), last));
}
[[gnu::always_inline]] inline Words64 SpreadWords(uint8_t mask) {
  const __m256i first = _mm256_setr_epi64x(1 << 0, 1 << 1, 1 << 2, 1 << 3),
                last = _mm256_slli_epi64(first, 4), all = _mm256_set1_epi64x(mask);
  return WordsFrom(_mm256_cmpeq_epi64(_mm256_and_si256(all, first), first),
                   _mm256_cmpeq_epi64(_mm256_and_si256(all, last), last));
}

inline Lanes All(uint32_t value) {
  const Half32 half = Half32{} + value;
  return {half, half};
}
inline Lanes LoadAnywhere(const void* from) {
  const auto* halves = static_cast<const __m256i*>(from);
  return From(_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1));
}
inline Lanes Load(const void* aligned) {
  const auto* halves = static_cast<const __m256i*>(aligned);
  return From(_mm256_load_si256(halves), _mm256_load_si256(halves + 1));
}
// As many of the first bytes as `mask` has bits, and zeros; no page is touched that has none of them.  REQUIRES: mask is 2^n - 1, or all ones.
[[gnu::always_inline]] inline Lanes LoadBytesOf(uint64_t mask, const void* from) {
  constexpr uint32_t kBytes = sizeof(Lanes);
  const auto there = static_cast<uint32_t>(_mm_popcnt_u64(mask));
#ifdef CORETRACK_UNDER_ASAN
  const bool whole = there == kBytes;
#else
  constexpr uint32_t kPage = 4096;
  // The first byte is there, and so is its page.
  const bool whole = there != 0 && reinterpret_cast<uintptr_t>(from) % kPage <= kPage - kBytes;
#endif
  if (!whole) [[unlikely]] {
    alignas(kBytes) uint8_t bytes[kBytes] = {};
    std::memcpy(bytes, from, there);
    return Load(bytes);
  }
  alignas(kBytes) static constexpr struct {
    uint64_t ones[kBytes / 8] = {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull};
    uint64_t zeros[kBytes / 8] = {};
  } kOnesAndZeros;
  return LoadAnywhere(from) &
         LoadAnywhere(reinterpret_cast<const uint8_t*>(&kOnesAndZeros) + kBytes - there);
}
inline void Store(const Lanes& a, void* aligned) {
  auto* halves = static_cast<__m256i*>(aligned);
  _mm256_store_si256(halves, Raw(a.low));
  _mm256_store_si256(halves + 1, Raw(a.high));
}
// The lanes of `mask`; the others stay as they are.
inline void Store(Mask mask, const Lanes& a, void* aligned) {
  const Lanes wanted = Spread(mask);
  auto* numbers = static_cast<int*>(aligned);
  _mm256_maskstore_epi32(numbers, Raw(wanted.low), Raw(a.low));
  _mm256_maskstore_epi32(numbers + 8, Raw(wanted.high), Raw(a.high));
}
// Lanes that were made two by two, the first in the low half.
inline Lanes Join(const uint64_t (&pairs)[kLanes / 2]) {
  const auto half = [&pairs](uint32_t i) {
    const auto word = [&pairs, i](uint32_t j) { return static_cast<int64_t>(pairs[i + j]); };
    return _mm256_setr_epi64x(word(0), word(1), word(2), word(3));
  };
  return From(half(0), half(4));
}
// Of sixteen bytes, one a lane.
inline Lanes LoadBytes(const void* bytes) {
  const __m128i b = _mm_loadu_si128(static_cast<const __m128i*>(bytes));
  return From(_mm256_cvtepu8_epi32(b), _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(b, b)));
}

[[gnu::always_inline]] inline Test AsTest(Mask mask) {
  const Lanes spread = Spread(mask);
  return {spread.low, spread.high};
}
[[gnu::always_inline]] inline Test Equal(const Lanes& a, const Lanes& b) {
  return EachTest(a, b, [](__m256i x, __m256i y) { return _mm256_cmpeq_epi32(x, y); });
}
[[gnu::always_inline]] inline Lanes Least(const Lanes& a, const Lanes& b) {
  return Each(a, b, [](__m256i x, __m256i y) { return _mm256_min_epu32(x, y); });
}
[[gnu::always_inline]] inline Test AtMost(const Lanes& a, const Lanes& b) {
  return Equal(Least(a, b), a);
}
[[gnu::always_inline]] inline Test Below(const Lanes& a, const Lanes& b) { return ~AtMost(b, a); }
// Has one of `bits`?
[[gnu::always_inline]] inline Test HasAny(const Lanes& a, const Lanes& bits) {
  return ~Equal(a & bits, Lanes{});
}
[[gnu::always_inline]] inline Test IsSet(const Lanes& a) { return ~Equal(a, Lanes{}); }
[[gnu::always_inline]] inline Test IsNegative(const Lanes& a) { return {a.low, a.high}; }

// Sixteen bytes, 0 or 1.
inline void StoreBits(Mask bits, void* bytes) {
  constexpr uint64_t kEachByte = 0x0101010101010101;
  const uint64_t words[2] = {_pdep_u64(bits, kEachByte), _pdep_u64(bits >> 8, kEachByte)};
  std::memcpy(bytes, words, sizeof(words));
}
// Of sixteen bytes, one a lane.
inline Mask NotZero(const void* bytes) {
  const __m128i b = _mm_loadu_si128(static_cast<const __m128i*>(bytes));
  return static_cast<Mask>(~_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_setzero_si128())));
}

[[gnu::always_inline]] inline Lanes Select(Mask mask, const Lanes& where_set,
                                           const Lanes& elsewhere) {
  // (Of _mm256_blendv_epi8() GCC 12 makes two instructions.)
  constexpr Half32 kFirst = {1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7};
  const Half32 all = Half32{} + mask;
  return {(all & kFirst) != 0 ? where_set.low : elsewhere.low,
          (all & (kFirst << 8)) != 0 ? where_set.high : elsewhere.high};
}
[[gnu::always_inline]] inline Lanes Select(const Test& test, const Lanes& where_set,
                                           const Lanes& elsewhere) {
  const auto half = [](Half32 by, Half32 a, Half32 b) {
    return _mm256_castps_si256(_mm256_blendv_ps(
        _mm256_castsi256_ps(Raw(b)), _mm256_castsi256_ps(Raw(a)), _mm256_castsi256_ps(Raw(by))));
  };
  return From(half(test.low, where_set.low, elsewhere.low),
              half(test.high, where_set.high, elsewhere.high));
}
// a << by and a >> by, lane by lane; 0 from 32 on.
[[gnu::always_inline]] inline Lanes Left(const Lanes& a, const Lanes& by) {
  return Each(a, by, [](__m256i x, __m256i y) { return _mm256_sllv_epi32(x, y); });
}
[[gnu::always_inline]] inline Lanes Right(const Lanes& a, const Lanes& by) {
  return Each(a, by, [](__m256i x, __m256i y) { return _mm256_srlv_epi32(x, y); });
}
// Network byte order <-> host's.
[[gnu::always_inline]] inline Lanes SwapBytes(const Lanes& a) {
  const __m256i order = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
  return From(_mm256_shuffle_epi8(Raw(a.low), order), _mm256_shuffle_epi8(Raw(a.high), order));
}
// Lane i: a's lane index[i] % kLanes.
[[gnu::always_inline]] inline Lanes Pick(const Lanes& a, const Lanes& index) {
  const auto half = [&a](__m256i of) {
    return _mm256_blendv_epi8(_mm256_permutevar8x32_epi32(Raw(a.low), of),
                              _mm256_permutevar8x32_epi32(Raw(a.high), of),
                              _mm256_srai_epi32(_mm256_slli_epi32(of, 28), 31));
  };
  return From(half(Raw(index.low)), half(Raw(index.high)));
}
[[gnu::always_inline]] inline Test Pick(const Test& test, const Lanes& index) {
  const Lanes picked = Pick(Lanes(test.low, test.high), index);
  return {picked.low, picked.high};
}
// May two lanes have the same value? Certainly, if they have; and once in some 500 times if they have not.
[[gnu::always_inline]] inline bool MayRepeat(const Lanes& a) {
  // Their low halves, turned against one another.
  const __m256i low_halves = _mm256_set1_epi32(0xffff);
  const __m256i all = _mm256_packus_epi32(_mm256_and_si256(Raw(a.low), low_halves),
                                          _mm256_and_si256(Raw(a.high), low_halves));
  const __m256i turned_by_8 = _mm256_permute2x128_si256(all, all, 0x01);
  __m256i same = _mm256_cmpeq_epi16(all, turned_by_8);
#define CORETRACK_TURN(by)     \
  same = _mm256_or_si256(same, \
                         _mm256_cmpeq_epi16(all, _mm256_alignr_epi8(turned_by_8, all, 2 * (by))))
  CORETRACK_TURN(1);
  CORETRACK_TURN(2);
  CORETRACK_TURN(3);
  CORETRACK_TURN(4);
  CORETRACK_TURN(5);
  CORETRACK_TURN(6);
  CORETRACK_TURN(7);
#undef CORETRACK_TURN
  return _mm256_testz_si256(same, same) == 0;
}
// Which earlier lanes have the same value: bit j of lane i, j < i.
[[gnu::noinline]] inline Lanes Earlier(const Lanes& a) {
  Lanes same{};
#pragma GCC unroll 16
  for (uint32_t j = 0; j + 1 < kLanes; ++j) {
    const __m256i value = _mm256_permutevar8x32_epi32(Raw(j < 8 ? a.low : a.high),
                                                      _mm256_set1_epi32(static_cast<int>(j % 8)));
    const __m256i bit = _mm256_set1_epi32(1 << j);
    if (j < 7) {
      same.low |=
          reinterpret_cast<Half32>(_mm256_and_si256(_mm256_cmpeq_epi32(value, Raw(a.low)), bit));
    }
    same.high |=
        reinterpret_cast<Half32>(_mm256_and_si256(_mm256_cmpeq_epi32(value, Raw(a.high)), bit));
  }
  const Lanes before =
      From(_mm256_setr_epi32(0, 0x1, 0x3, 0x7, 0xf, 0x1f, 0x3f, 0x7f),
           _mm256_setr_epi32(0xff, 0x1ff, 0x3ff, 0x7ff, 0xfff, 0x1fff, 0x3fff, 0x7fff));
  return same & before;
}
// The bits that any lane has.
inline uint32_t Union(const Lanes& a) {
  const __m256i both = Raw(a.low | a.high);
  const __m128i four =
      _mm_or_si128(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  const __m128i two = _mm_or_si128(four, _mm_unpackhi_epi64(four, four));
  const auto word = static_cast<uint64_t>(_mm_cvtsi128_si64(two));
  return static_cast<uint32_t>(word | word >> 32);
}

// table[index] each; 0 in the lanes that are not in `mask`.  REQUIRES: there is one more behind the last.
inline Lanes Gather(Mask mask, const uint16_t* table, const Lanes& index) {
  const Lanes wanted = Spread(mask);
  const auto half = [table](__m256i of, __m256i in) {
    return _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), reinterpret_cast<const int*>(table),
                                       of, in, sizeof(*table));
  };
  return From(half(Raw(index.low), Raw(wanted.low)), half(Raw(index.high), Raw(wanted.high))) &
         0xffff;
}

// Which bit is the highest, or the lowest, that is set; 2^32 - 1 where none is.
[[gnu::always_inline]] inline Lanes HighestBit(const Lanes& a) {
  const auto half = [](__m256i of) {
    // As a number with a fraction its exponent says it. Without the bit below the highest it is not rounded up.
    const __m256i negative = _mm256_srai_epi32(of, 31);
    const __m256i exact = _mm256_andnot_si256(
        _mm256_or_si256(_mm256_srli_epi32(of, 1), _mm256_srli_epi32(negative, 1)), of);
    const __m256i number = _mm256_castps_si256(_mm256_cvtepi32_ps(exact));
    const __m256i exponent =
        _mm256_and_si256(_mm256_srli_epi32(number, 23), _mm256_set1_epi32(0xff));
    return _mm256_or_si256(_mm256_sub_epi32(exponent, _mm256_set1_epi32(127)),
                           _mm256_cmpeq_epi32(of, _mm256_setzero_si256()));
  };
  return From(half(Raw(a.low)), half(Raw(a.high)));
}

[[gnu::always_inline]] inline Words64 LoadWords(const void* aligned) {
  const auto* halves = static_cast<const __m256i*>(aligned);
  return WordsFrom(_mm256_load_si256(halves), _mm256_load_si256(halves + 1));
}
[[gnu::always_inline]] inline void StoreWords(const Words64& a, void* aligned) {
  auto* halves = static_cast<__m256i*>(aligned);
  _mm256_store_si256(halves, Raw(a.low));
  _mm256_store_si256(halves + 1, Raw(a.high));
}
[[gnu::always_inline]] inline Words64 Widen(Half32 a) {
  return WordsFrom(_mm256_cvtepu32_epi64(_mm256_castsi256_si128(Raw(a))),
                   _mm256_cvtepu32_epi64(_mm256_extracti128_si256(Raw(a), 1)));
}
[[gnu::always_inline]] inline Words64 WidenFirst(const Lanes& a) { return Widen(a.low); }
[[gnu::always_inline]] inline Words64 WidenLast(const Lanes& a) { return Widen(a.high); }
// The low halves' products.
[[gnu::always_inline]] inline Words64 Product(const Words64& a, uint32_t b) {
  const __m256i factor = _mm256_set1_epi64x(b);
  return WordsFrom(_mm256_mul_epu32(Raw(a.low), factor), _mm256_mul_epu32(Raw(a.high), factor));
}
// All ones but the `missing` highest; none from 64 on.
[[gnu::always_inline]] inline Words64 LowOnes(const Words64& missing) {
  const __m256i ones = _mm256_set1_epi64x(-1);
  return WordsFrom(_mm256_srlv_epi64(ones, Raw(missing.low)),
                   _mm256_srlv_epi64(ones, Raw(missing.high)));
}
// Bit i: of word i.
[[gnu::always_inline]] inline uint8_t NotZeroWords(const Words64& a) {
  const __m256i zero = _mm256_setzero_si256();
  return static_cast<uint8_t>(
      ~WordBits(_mm256_cmpeq_epi64(Raw(a.low), zero), _mm256_cmpeq_epi64(Raw(a.high), zero)));
}
// a < b, of words below 2^63.
[[gnu::always_inline]] inline uint8_t BelowWords(const Words64& a, uint64_t b) {
  const __m256i limit = _mm256_set1_epi64x(static_cast<int64_t>(b));
  return WordBits(_mm256_cmpgt_epi64(limit, Raw(a.low)), _mm256_cmpgt_epi64(limit, Raw(a.high)));
}
[[gnu::always_inline]] inline Words64 Select(uint8_t words, const Words64& where_set,
                                             const Words64& elsewhere) {
  constexpr Half64 kFirst = {1 << 0, 1 << 1, 1 << 2, 1 << 3};
  const Half64 all = Half64{} + words;
  return {(all & kFirst) != 0 ? where_set.low : elsewhere.low,
          (all & (kFirst << 4)) != 0 ? where_set.high : elsewhere.high};
}
// Words whose bit is not set become 0.
[[gnu::always_inline]] inline Words64 Keep(uint8_t words, const Words64& a) {
  return a & SpreadWords(words);
}
[[gnu::always_inline]] inline Lanes LowHalves(const Words64& first, const Words64& last) {
  const auto half = [](__m256i a, __m256i b) {
    const __m256 mixed = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88);
    return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
  };
  return From(half(Raw(first.low), Raw(first.high)), half(Raw(last.low), Raw(last.high)));
}
[[gnu::always_inline]] inline Lanes HighHalves(const Words64& first, const Words64& last) {
  const auto half = [](__m256i a, __m256i b) {
    const __m256 mixed = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0xdd);
    return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
  };
  return From(half(Raw(first.low), Raw(first.high)), half(Raw(last.low), Raw(last.high)));
}

// Four rows of four words are transposed.
struct Words4x4 {
  __m256i row[4];
};
[[gnu::always_inline]] inline Words4x4 Transposed(const Words4x4& m) {
  const __m256i even01 = _mm256_unpacklo_epi64(m.row[0], m.row[1]),
                odd01 = _mm256_unpackhi_epi64(m.row[0], m.row[1]),
                even23 = _mm256_unpacklo_epi64(m.row[2], m.row[3]),
                odd23 = _mm256_unpackhi_epi64(m.row[2], m.row[3]);
  return {_mm256_permute2x128_si256(even01, even23, 0x20),
          _mm256_permute2x128_si256(odd01, odd23, 0x20),
          _mm256_permute2x128_si256(even01, even23, 0x31),
          _mm256_permute2x128_si256(odd01, odd23, 0x31)};
}

// Eight rows of four words in memory, kBehind bytes behind `rows`, against eight of which `column` has the first, second, third and fourth words.
// Bit i: row i is another one.  REQUIRES: rows are aligned to 32 bytes.
template <size_t kBehind = 0, typename Row>
[[gnu::always_inline]] inline uint8_t OtherRows(const Row* const* rows,
                                                const Words64 (&column)[4]) {
  uint32_t others = 0;
#pragma GCC unroll 2
  for (uint32_t first = 0; first < 8; first += 4) {
    const auto of = [&column, first](uint32_t word) {
      return Raw(first == 0 ? column[word].low : column[word].high);
    };
    const Words4x4 wanted = Transposed({of(0), of(1), of(2), of(3)});
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
      const __m256i row = _mm256_load_si256(reinterpret_cast<const __m256i*>(
          reinterpret_cast<const char*>(rows[first + i]) + kBehind));
      const __m256i differs = _mm256_xor_si256(row, wanted.row[i]);
      others |= static_cast<uint32_t>(_mm256_testz_si256(differs, differs) == 0) << (first + i);
    }
  }
  return static_cast<uint8_t>(others);
}

// a[0] b[0] a[1] b[1] ...: as 64-bit words, with `a` in their low halves. The first eight, the last eight.
struct Halves {
  Words64 first, last;
};
[[gnu::always_inline]] inline Halves Interleave(const Lanes& a, const Lanes& b) {
  const auto half = [](__m256i x, __m256i y) {
    const __m256i even = _mm256_unpacklo_epi32(x, y), odd = _mm256_unpackhi_epi32(x, y);
    return WordsFrom(_mm256_permute2x128_si256(even, odd, 0x20),
                     _mm256_permute2x128_si256(even, odd, 0x31));
  };
  return {half(Raw(a.low), Raw(b.low)), half(Raw(a.high), Raw(b.high))};
}

struct Matrix {
  Lanes row[kLanes];
};

// Each half of four rows is transposed for itself: 4 numbers of each.
[[gnu::always_inline]] inline void TransposeQuarters(__m256i* m) {
  const __m256i low01 = _mm256_unpacklo_epi32(m[0], m[1]),
                high01 = _mm256_unpackhi_epi32(m[0], m[1]),
                low23 = _mm256_unpacklo_epi32(m[2], m[3]),
                high23 = _mm256_unpackhi_epi32(m[2], m[3]);
  m[0] = _mm256_unpacklo_epi64(low01, low23);
  m[1] = _mm256_unpackhi_epi64(low01, low23);
  m[2] = _mm256_unpacklo_epi64(high01, high23);
  m[3] = _mm256_unpackhi_epi64(high01, high23);
}

// The first four numbers of sixteen rows, as lanes.
struct Quarter {
  Lanes row[4];
};
// Sixteen bytes at each of `rows`.
[[gnu::always_inline]] inline Quarter LoadQuarter(const uint8_t* const (&rows)[kLanes]) {
  const auto eight = [&rows](uint32_t first, __m256i* m) {
    const auto load = [&rows](uint32_t i) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i]));
    };
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
      m[i] =
          _mm256_inserti128_si256(_mm256_castsi128_si256(load(first + i)), load(first + i + 4), 1);
    }
    TransposeQuarters(m);
  };
  __m256i low[4], high[4];
  eight(0, low);
  eight(8, high);
  Quarter quarter;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) quarter.row[i] = From(low[i], high[i]);
  return quarter;
}

// Eight rows of eight numbers.
[[gnu::always_inline]] inline void TransposeEight(__m256i* m) {
  TransposeQuarters(m);
  TransposeQuarters(m + 4);
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    const __m256i low = _mm256_permute2x128_si256(m[i], m[i + 4], 0x20),
                  high = _mm256_permute2x128_si256(m[i], m[i + 4], 0x31);
    m[i] = low;
    m[i + 4] = high;
  }
}
// Element j of row i -> element i of row j.
[[gnu::always_inline]] inline void Transpose(Matrix* matrix) {
  auto& m = matrix->row;
  __m256i a[8], b[8];
  const auto get = [&m](uint32_t first, bool high, __m256i* to) {
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i) to[i] = Raw(high ? m[first + i].high : m[first + i].low);
    TransposeEight(to);
  };
  const auto put = [&m](uint32_t first, bool high, const __m256i* from) {
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i)
      (high ? m[first + i].high : m[first + i].low) = reinterpret_cast<Half32>(from[i]);
  };
  get(0, false, a);
  put(0, false, a);
  get(8, true, a);
  put(8, true, a);
  // The other two change places.
  get(0, true, a);
  get(8, false, b);
  put(8, false, a);
  put(0, true, b);
}

// The same of sixteen rows where they are: halves of four rows come together by loads, not by shuffles.
template <typename Row>
[[gnu::always_inline]] inline void LoadTransposed(const Row* const* rows, Matrix* matrix) {
  const auto eight = [rows, matrix](uint32_t first, Half32 Lanes::*half) {
#pragma GCC unroll 4
    for (uint32_t quarter = 0; quarter < 4; ++quarter) {
      const auto load = [rows, quarter](uint32_t row) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[row]) + quarter);
      };
      __m256i m[4];
#pragma GCC unroll 4
      for (uint32_t i = 0; i < 4; ++i) {
        m[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(load(first + i)), load(first + i + 4),
                                       1);
      }
      TransposeQuarters(m);
#pragma GCC unroll 4
      for (uint32_t i = 0; i < 4; ++i)
        matrix->row[4 * quarter + i].*half = reinterpret_cast<Half32>(m[i]);
    }
  };
  eight(0, &Lanes::low);
  eight(8, &Lanes::high);
}
// And of each only the first `there` bytes are there: zeros are behind them, or if there are `enough` of them anything. No page is
// touched that has none of them.
[[gnu::always_inline]] inline void LoadTransposedOf(const Words64& first_rows,
                                                    const Words64& last_rows, const Lanes& there,
                                                    uint32_t enough, Matrix* matrix) {
  constexpr uint32_t kBytes = sizeof(Lanes);
  alignas(kBytes) const uint8_t* rows[kLanes];
  StoreWords(first_rows, rows);
  StoreWords(last_rows, rows + kLanes / 2);
  Test cut = Below(there, All(kBytes));
#ifndef CORETRACK_UNDER_ASAN
  constexpr uint32_t kPage = 4096;
  const Lanes in_page = LowHalves(first_rows, last_rows) & (kPage - 1);
  cut = cut & (Below(All(kPage - kBytes), in_page) | Below(there, All(enough)));
#endif
  alignas(kBytes) uint8_t parts[kLanes][kBytes];
  if (const Mask some = cut; some != 0) [[unlikely]] {
    alignas(kBytes) uint32_t bytes[kLanes];
    Store(there, bytes);
    for (uint32_t left = some; left != 0; left &= left - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(left));
      Store(Lanes{}, parts[i]);
      if (bytes[i] != 0) std::memcpy(parts[i], rows[i], bytes[i]);
      rows[i] = parts[i];
    }
  }
  LoadTransposed(rows, matrix);
}

inline constexpr bool kRowIsOneRegister = false;
// The last eight numbers of each row, of which the matrix has the columns.
struct LastHalves {
  Half32 row[kLanes];
};
[[gnu::always_inline]] inline LastHalves TransposeLast(const Matrix& matrix) {
  LastHalves last;
  const auto eight = [&](uint32_t first) {
    __m256i m[8];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i)
      m[i] = Raw(first == 0 ? matrix.row[8 + i].low : matrix.row[8 + i].high);
    TransposeEight(m);
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i) last.row[first + i] = reinterpret_cast<Half32>(m[i]);
  };
  eight(0);
  eight(8);
  return last;
}
inline void Store(Half32 a, void* aligned) {
  _mm256_store_si256(static_cast<__m256i*>(aligned), Raw(a));
}

}  // namespace lanes

}  // namespace coretrack
