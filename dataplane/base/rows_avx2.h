// Rows in memory and the lanes that they are, eight by eight. Included by lanes.h only, behind lanes_avx2.h.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/base/lanes_avx2.h"

#if defined(__SANITIZE_ADDRESS__)
#define CORETRACK_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORETRACK_UNDER_ASAN 1
#endif
#endif

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

// The first four numbers of kLanes rows, as lanes.
struct Quarter {
  Lanes row[4];
};
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
[[gnu::always_inline]] inline void Store(__m128i row, void* aligned) {
  _mm_store_si128(static_cast<__m128i*>(aligned), row);
}

// kLanes rows of 64 bytes, as lanes.
struct Matrix {
  Lanes row[kRowNumbers];
};
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
// And of each only the first `there` bytes are there: what is behind them is zeros, or anything. No page is touched that has none of them.
// REQUIRES: `rows` is aligned to 32 bytes.
template <size_t kBehind = 0>
[[gnu::always_inline]] inline void LoadTransposedOf(const uint8_t* const* rows, Lanes there,
                                                    Matrix* matrix) {
  constexpr uint32_t kBytes = kRowNumbers * sizeof(uint32_t);
  const Words64 first = LoadWords(rows), last = LoadWords(rows + kLanes / 2);
#ifdef CORETRACK_UNDER_ASAN
  const auto is_cut = [](Lanes) { return AsTest(kEach); };
#else
  const auto is_cut = [there](Lanes low_halves) -> Test {
    constexpr uint32_t kPage = 4096;
    const Lanes in_page = (low_halves + uint32_t{kBehind}) & (kPage - 1);
    return {From(_mm256_cmpgt_epi32(Raw(in_page), Raw(All(kPage - kBytes)))) |
            Equal(there, Lanes{}).lanes};
  };
#endif
  const uint8_t* some_cut[kLanes];
  alignas(kBytes) uint8_t parts[kLanes][kBytes];
  // Is there one? In any order; which ones is asked only then.
  const __m256 low_halves =
      _mm256_shuffle_ps(_mm256_castsi256_ps(Raw(first)), _mm256_castsi256_ps(Raw(last)), 0x88);
  if (const Mask any = is_cut(From(_mm256_castps_si256(low_halves))); any != 0) [[unlikely]] {
    std::memcpy(some_cut, rows, sizeof(some_cut));
    alignas(kBytes) uint32_t bytes[kLanes];
    Store(there, bytes);
    const Mask cut = is_cut(LowHalves(first, last)) & Below(there, All(kBytes));
    for (uint32_t left = cut; left != 0; left &= left - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(left));
      std::memset(parts[i], 0, kBytes);
      if (bytes[i] != 0) std::memcpy(parts[i], rows[i] + kBehind, bytes[i]);
      some_cut[i] =
          reinterpret_cast<const uint8_t*>(reinterpret_cast<uintptr_t>(parts[i]) - kBehind);
    }
    rows = some_cut;
  }
  LoadTransposed<kBehind>(rows, matrix);
}

// Half of each row, of eight of which `columns` are the lanes.
struct HalfRows {
  Lanes row[kLanes];
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
// Back to rows.
struct Row {
  Lanes first, last;
};
struct Rows {
  Row row[kLanes];
};
[[gnu::always_inline]] inline Rows RowsOf(const Matrix& matrix) {
  const HalfRows first = TransposeEight(matrix.row), last = TransposeEight(matrix.row + 8);
  Rows rows;
#pragma GCC unroll 8
  for (uint32_t i = 0; i < kLanes; ++i) rows.row[i] = {first.row[i], last.row[i]};
  return rows;
}
inline void Store(const Row& a, void* aligned) {
  Store(a.first, aligned);
  Store(a.last, static_cast<char*>(aligned) + sizeof(Lanes));
}
inline constexpr bool kRowIsOneRegister = false;
// Of rows, only the last half.
[[gnu::always_inline]] inline HalfRows LastHalvesOf(const Matrix& matrix) {
  return TransposeEight(matrix.row + kRowNumbers / 2);
}

}  // namespace lanes

}  // namespace coretrack
