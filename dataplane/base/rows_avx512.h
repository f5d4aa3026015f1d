// Rows in memory and the lanes that they are, sixteen by sixteen: what is different with AVX-512. Included by rows.h only.
//
// Why      Of a core's three vector ports Intel's have one that shuffles, and with registers of 512 bits one other is left. So
//          what comes together is put together by loads (an insertion from memory goes to either port), and what goes apart is
//          stored from where it is (the upper half of a register goes to memory without any).
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/lanes_avx512.h"

namespace coretrack {

namespace lanes {

// Each of four quarters of four rows is transposed for itself: 16 of 128 bits.
[[gnu::always_inline]] inline void TransposeQuarters(Lanes* m) {
  const auto low = [](Lanes a, Lanes b) {
    return reinterpret_cast<Words64>(
        __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29));
  };
  const auto high = [](Lanes a, Lanes b) {
    return reinterpret_cast<Words64>(
        __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31));
  };
  const auto low_words = [](Words64 a, Words64 b) {
    return reinterpret_cast<Lanes>(__builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14));
  };
  const auto high_words = [](Words64 a, Words64 b) {
    return reinterpret_cast<Lanes>(__builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15));
  };
  const Words64 low01 = low(m[0], m[1]), high01 = high(m[0], m[1]);
  const Words64 low23 = low(m[2], m[3]), high23 = high(m[2], m[3]);
  m[0] = low_words(low01, low23);
  m[1] = high_words(low01, low23);
  m[2] = low_words(high01, high23);
  m[3] = high_words(high01, high23);
}

// Sixteen bytes at each of `rows`, kBehind bytes behind it.
template <size_t kBehind = 0, typename Row>
[[gnu::always_inline]] inline Quarter LoadQuarter(const Row* const* rows) {
  const auto load = [rows](uint32_t i) {
    return _mm_loadu_si128(
        reinterpret_cast<const __m128i*>(reinterpret_cast<const char*>(rows[i]) + kBehind));
  };
  Quarter quarter;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    __m512i four = _mm512_castsi128_si512(load(i));
    four = _mm512_maskz_inserti32x4(kEach, four, load(i + 4), 1);
    four = _mm512_maskz_inserti32x4(kEach, four, load(i + 8), 2);
    four = _mm512_maskz_inserti32x4(kEach, four, load(i + 12), 3);
    quarter.row[i] = From(four);
  }
  TransposeQuarters(quarter.row);
  return quarter;
}

// What is kBehind bytes behind `rows`. (By halves of two rows: by quarters of four it is a third less to shuffle, but more to load, which loses
// where the core is shared.)
template <size_t kBehind = 0, typename Row>
[[gnu::always_inline]] inline void LoadTransposed(const Row* const* rows, Matrix* matrix) {
  const auto load = [rows](uint32_t i, uint32_t half) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(
        reinterpret_cast<const char*>(rows[i]) + kBehind + half * 32));
  };
  // Of the rows from there on: the first four's halves, and the next four's behind them.
  const auto eight = [&load](uint32_t first, uint32_t half, Lanes* m) {
#pragma GCC unroll 4
    for (uint32_t i = first; i < first + 4; ++i) {
      m[i - first] = From(_mm512_maskz_inserti64x4(0xff, _mm512_castsi256_si512(load(i, half)),
                                                   load(i + 4, half), 1));
    }
    TransposeQuarters(m);
  };
#pragma GCC unroll 2
  for (uint32_t half = 0; half < 2; ++half) {
    Lanes first[4], last[4];
    eight(0, half, first);
    eight(8, half, last);
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
      Lanes* const to = &matrix->row[half * 8 + i];
      to[0] = __builtin_shufflevector(first[i], last[i], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19,
                                      24, 25, 26, 27);
      to[4] = __builtin_shufflevector(first[i], last[i], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23,
                                      28, 29, 30, 31);
    }
  }
}

// And back to rows: four in each register, from where they are stored.
struct QuarterRows {
  Lanes four[4];
  // REQUIRES: `i` is known when this is compiled.
  [[gnu::always_inline]] __m128i operator[](uint32_t i) const {
    const __m512i of = Raw(four[i % 4]);
    switch (i / 4) {
      case 0:
        return _mm512_maskz_extracti32x4_epi32(0xf, of, 0);
      case 1:
        return _mm512_maskz_extracti32x4_epi32(0xf, of, 1);
      case 2:
        return _mm512_maskz_extracti32x4_epi32(0xf, of, 2);
      default:
        return _mm512_maskz_extracti32x4_epi32(0xf, of, 3);
    }
  }
  // The same where they lie in memory; any.
  __m128i Load(uint32_t i) const {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(&four[i % 4]) + i / 4);
  }
};
[[gnu::always_inline]] inline QuarterRows RowsOf(const Quarter& quarter) {
  QuarterRows rows;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) rows.four[i] = quarter.row[i];
  TransposeQuarters(rows.four);
  return rows;
}

// Half of each row, of eight of which `columns` are the lanes: two in each register.
using HalfRow = __m256i;
struct HalfRows {
  Lanes two[kLanes / 2];
  [[gnu::always_inline]] HalfRow operator[](uint32_t i) const {
    const __m512i of = Raw(two[i / 8 * 4 + i % 4]);
    return i / 4 % 2 == 0 ? _mm512_maskz_extracti64x4_epi64(0xf, of, 0)
                          : _mm512_maskz_extracti64x4_epi64(0xf, of, 1);
  }
  HalfRow Load(uint32_t i) const {
    return _mm256_load_si256(reinterpret_cast<const HalfRow*>(&two[i / 8 * 4 + i % 4]) + i / 4 % 2);
  }
};
[[gnu::always_inline]] inline HalfRows TransposeEight(const Lanes* columns) {
  Lanes low[4], high[4];
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    low[i] = columns[i];
    high[i] = columns[i + 4];
  }
  TransposeQuarters(low);
  TransposeQuarters(high);
  HalfRows rows;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    rows.two[i] = __builtin_shufflevector(low[i], high[i], 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7,
                                          20, 21, 22, 23);
    rows.two[i + 4] = __builtin_shufflevector(low[i], high[i], 8, 9, 10, 11, 24, 25, 26, 27, 12, 13,
                                              14, 15, 28, 29, 30, 31);
  }
  return rows;
}
inline void Store(HalfRow row, void* aligned) {
  _mm256_store_si256(static_cast<__m256i*>(aligned), row);
}

}  // namespace lanes

}  // namespace coretrack
