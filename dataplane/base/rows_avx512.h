// Rows in memory and the lanes that they are, sixteen by sixteen. Included by lanes.h only, behind lanes_avx512.h.
#pragma once

#include <cstdint>

#include "dataplane/base/lanes_avx512.h"

namespace coretrack {

namespace lanes {

// kLanes rows of 64 bytes, as lanes.
struct Matrix {
  Lanes row[kRowNumbers];
};

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

// The first four numbers of kLanes rows, as lanes.
struct Quarter {
  Lanes row[4];
};
// Sixteen bytes at each of `rows`.
[[gnu::always_inline]] inline Quarter LoadQuarter(const uint8_t* const* rows) {
  const auto load = [&rows](uint32_t i) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i]));
  };
  Quarter quarter;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    __m512i four = _mm512_maskz_broadcast_i32x4(kEach, load(i));
    four = _mm512_mask_broadcast_i32x4(four, 0x00f0, load(i + 4));
    four = _mm512_mask_broadcast_i32x4(four, 0x0f00, load(i + 8));
    four = _mm512_mask_broadcast_i32x4(four, 0xf000, load(i + 12));
    quarter.row[i] = From(four);
  }
  TransposeQuarters(quarter.row);
  return quarter;
}

// And back to rows, each a register for itself.
struct QuarterRows {
  __m128i row[kLanes];
};
[[gnu::always_inline]] inline QuarterRows RowsOf(Quarter quarter) {
  TransposeQuarters(quarter.row);
  QuarterRows rows;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    const Lanes four = quarter.row[i];
    const auto put = [&rows, i](uint32_t from, auto row) {
      rows.row[from + i] = reinterpret_cast<__m128i>(row);
    };
    put(0, __builtin_shufflevector(four, four, 0, 1, 2, 3));
    put(4, __builtin_shufflevector(four, four, 4, 5, 6, 7));
    put(8, __builtin_shufflevector(four, four, 8, 9, 10, 11));
    put(12, __builtin_shufflevector(four, four, 12, 13, 14, 15));
  }
  return rows;
}
inline void Store(__m128i row, void* aligned) {
  _mm_store_si128(static_cast<__m128i*>(aligned), row);
}

// Element j of row i -> element i of row j.
[[gnu::always_inline]] inline void Transpose(Matrix* matrix) {
  auto& m = matrix->row;
#pragma GCC unroll 4
  for (uint32_t first = 0; first < kLanes; first += 4) TransposeQuarters(m + first);
  // Then the quarters themselves.
  const auto even = [](Lanes a, Lanes b) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  };
  const auto odd = [](Lanes a, Lanes b) {
    return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30,
                                   31);
  };
  Lanes t[kLanes];
#pragma GCC unroll 16
  for (uint32_t i = 0; i < 4; ++i) {
#pragma GCC unroll 2
    for (uint32_t half = 0; half < kLanes; half += 8) {
      t[half + i] = even(m[half + i], m[half + i + 4]);
      t[half + i + 4] = odd(m[half + i], m[half + i + 4]);
    }
  }
#pragma GCC unroll 16
  for (uint32_t i = 0; i < 8; ++i) {
    m[i] = even(t[i], t[i + 8]);
    m[i + 8] = odd(t[i], t[i + 8]);
  }
}

// What is kBehind bytes behind `rows`; aligned.
template <size_t kBehind = 0, typename Row>
[[gnu::always_inline]] inline void LoadTransposed(const Row* const* rows, Matrix* matrix) {
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    matrix->row[i] = Load(reinterpret_cast<const char*>(rows[i]) + kBehind);
  Transpose(matrix);
}
// The same of rows anywhere, and of each only the first `there` bytes are there: what is behind them is zeros, or anything. No page is
// touched that has none of them.
template <size_t kBehind = 0>
[[gnu::always_inline]] inline void LoadTransposedOf(const uint8_t* const* rows, Lanes there,
                                                    Matrix* matrix) {
  constexpr uint32_t kBytes = sizeof(Lanes);
  const Lanes missing = kBytes - Least(there, All(kBytes));
  alignas(kBytes) uint64_t readable[kLanes];
  StoreWords(LowOnes(WidenFirst(missing)), readable);
  StoreWords(LowOnes(WidenLast(missing)), readable + kLanes / 2);
  asm volatile("" : "+m"(readable));  // not picked out of their registers
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    matrix->row[i] = LoadBytesOf(readable[i], rows[i] + kBehind);
  Transpose(matrix);
}

// Back to rows.
using Row = Lanes;
struct Rows {
  Row row[kLanes];
};
[[gnu::always_inline]] inline Rows RowsOf(Matrix matrix) {
  Transpose(&matrix);
  Rows rows;
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i) rows.row[i] = matrix.row[i];
  return rows;
}
inline constexpr bool kRowIsOneRegister = true;

}  // namespace lanes

}  // namespace coretrack
