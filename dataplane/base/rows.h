// Rows in memory and the lanes that they are. Included by lanes.h only.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace coretrack::lanes {

// kLanes rows of 64 bytes, as lanes.
struct Matrix {
  Lanes row[kRowNumbers];
};
// The first four numbers of kLanes rows, as lanes.
struct Quarter {
  Lanes row[4];
};

}  // namespace coretrack::lanes

#if CORETRACK_LANES == 512
#include "dataplane/base/rows_avx512.h"  // IWYU pragma: export
#else
#include "dataplane/base/rows_avx2.h"  // IWYU pragma: export
#endif

#if defined(__SANITIZE_ADDRESS__)
#define CORETRACK_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORETRACK_UNDER_ASAN 1
#endif
#endif

namespace coretrack {

namespace lanes {

inline void Store(__m128i row, void* aligned) {
  _mm_store_si128(static_cast<__m128i*>(aligned), row);
}

// LoadTransposed() of rows of which only the first `there` bytes are there: what is behind them is zeros, or anything. No page is touched that has
// none of them.
// REQUIRES: `rows` is aligned as lanes are.
template <size_t kBehind = 0>
[[gnu::always_inline]] inline void LoadTransposedOf(const uint8_t* const* rows, Lanes there,
                                                    Matrix* matrix) {
  constexpr uint32_t kBytes = kRowNumbers * sizeof(uint32_t);
  const Words64 first = LoadWords(rows), last = LoadWords(rows + kLanes / 2);
#ifdef CORETRACK_UNDER_ASAN
  const auto is_cut = [](Lanes) { return AsTest(kEach); };
#else
  const auto is_cut = [there](Lanes low_halves) {
    constexpr uint32_t kPage = 4096;
    const Lanes in_page = (low_halves + uint32_t{kBehind}) & (kPage - 1);
    return IsNegative((kPage - kBytes - in_page) |
                      (there - 1));  // goes beyond its page, or is not there
  };
#endif
  const uint8_t* some_cut[kLanes];
  alignas(kBytes) uint8_t parts[kLanes][kBytes];
  // Is there one? In any order; which ones is asked only then.
  if (const Mask any = is_cut(LowHalvesAnyhow(first, last)); any != 0) [[unlikely]] {
    std::memcpy(some_cut, rows, sizeof(some_cut));
    alignas(kBytes) uint32_t bytes[kLanes];
    Store(there, bytes);
    const Mask cut = is_cut(LowHalves(first, last)) & Below(there, All(kBytes));
    for (uint32_t left = cut; left != 0; left &= left - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(left));
      std::memset(parts[i], 0, kBytes);
      if (bytes[i] != 0) std::memcpy(parts[i], rows[i] + kBehind, bytes[i]);
      // NOLINTNEXTLINE(performance-no-int-to-ptr): it may lie before the array, which a pointer may not
      some_cut[i] = reinterpret_cast<uint8_t*>(reinterpret_cast<uintptr_t>(parts[i]) - kBehind);
    }
    rows = some_cut;
  }
  LoadTransposed<kBehind>(rows, matrix);
}

// Back to rows.
struct Row {
  HalfRow first, last;
};
struct Rows {
  HalfRows first, last;
  [[gnu::always_inline]] Row operator[](uint32_t i) const { return {first[i], last[i]}; }
  Row Load(uint32_t i) const { return {first.Load(i), last.Load(i)}; }
};
[[gnu::always_inline]] inline Rows RowsOf(const Matrix& matrix) {
  return {TransposeEight(matrix.row), TransposeEight(matrix.row + 8)};
}
inline void Store(const Row& a, void* aligned) {
  Store(a.first, aligned);
  Store(a.last, static_cast<char*>(aligned) + sizeof(HalfRow));
}
// Of rows, only the last half.
[[gnu::always_inline]] inline HalfRows LastHalvesOf(const Matrix& matrix) {
  return TransposeEight(matrix.row + kRowNumbers / 2);
}

}  // namespace lanes

}  // namespace coretrack
