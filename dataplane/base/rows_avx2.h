// Rows in memory and the lanes that they are, eight by eight: what is different with AVX2. Included by rows.h only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/lanes_avx2.h"

namespace coretrack {

namespace lanes {

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

// Sixteen bytes at each of `rows`, kBehind bytes behind it. (Halves of four rows come together by loads, not by shuffles.)
template <size_t kBehind = 0, typename Row>
[[gnu::always_inline]] inline Quarter LoadQuarter(const Row* const* rows) {
  const auto load = [rows](uint32_t i) {
    return _mm_loadu_si128(
        reinterpret_cast<const __m128i*>(reinterpret_cast<const char*>(rows[i]) + kBehind));
  };
  __m256i m[4];
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i)
    m[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(load(i)), load(i + 4), 1);
  TransposeQuarters(m);
  return {{From(m[0]), From(m[1]), From(m[2]), From(m[3])}};
}

// And back to rows, each a register for itself.
struct QuarterRows {
  __m128i row[kLanes];
  [[gnu::always_inline]] __m128i operator[](uint32_t i) const { return row[i]; }
  __m128i Load(uint32_t i) const { return row[i]; }
};
[[gnu::always_inline]] inline QuarterRows RowsOf(const Quarter& quarter) {
  __m256i m[4];
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) m[i] = Raw(quarter.row[i]);
  TransposeQuarters(m);
  QuarterRows rows;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    rows.row[i] = _mm256_castsi256_si128(m[i]);
    rows.row[i + 4] = _mm256_extracti128_si256(m[i], 1);
  }
  return rows;
}

// What is kBehind bytes behind `rows`.
template <size_t kBehind = 0, typename Row>
[[gnu::always_inline]] inline void LoadTransposed(const Row* const* rows, Matrix* matrix) {
  const auto put = [matrix](uint32_t first, const Quarter& quarter) {
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) matrix->row[first + i] = quarter.row[i];
  };
  // (A copy: what is stored to the matrix could be `rows`, for all that the compiler knows, and it would load them again.)
  const Row* of[kLanes];
#pragma GCC unroll 8
  for (uint32_t i = 0; i < kLanes; ++i) of[i] = rows[i];
  put(0, LoadQuarter<kBehind + 0>(of));
  put(4, LoadQuarter<kBehind + 16>(of));
  put(8, LoadQuarter<kBehind + 32>(of));
  put(12, LoadQuarter<kBehind + 48>(of));
}

// Half of each row, of eight of which `columns` are the lanes.
using HalfRow = Lanes;
struct HalfRows {
  HalfRow row[kLanes];
  [[gnu::always_inline]] HalfRow operator[](uint32_t i) const { return row[i]; }
  HalfRow Load(uint32_t i) const { return row[i]; }
};
[[gnu::always_inline]] inline HalfRows TransposeEight(const Lanes* columns) {
  __m256i low[4], high[4];
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    low[i] = Raw(columns[i]);
    high[i] = Raw(columns[i + 4]);
  }
  TransposeQuarters(low);
  TransposeQuarters(high);
  HalfRows rows;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < 4; ++i) {
    rows.row[i] = From(_mm256_permute2x128_si256(low[i], high[i], 0x20));
    rows.row[i + 4] = From(_mm256_permute2x128_si256(low[i], high[i], 0x31));
  }
  return rows;
}

}  // namespace lanes

}  // namespace coretrack
