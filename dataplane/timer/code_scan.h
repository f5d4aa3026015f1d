// What a group's codes say at one tick: which are due, and which of the others come first.
//
// Layout   A group is 32 bytes, aligned to 32: 31 codes (timer_code.h), and one more that is not looked at.
// Threads  The owner's.
// Choice   One helper per instruction set, chosen at compile time (CodeScan). All that the build
//          allows are tested against CodeScanPortable.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/timer/timer_code.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace coretrack {

inline constexpr uint32_t kGroupCodes = 31;

struct ScannedCodes {
  uint32_t due = 0;      // bit i: code i is due
  uint32_t waiting = 0;  // bit i: it is filed, and not due
  // Of those that wait, relative (TimerCodes::Relative()): the least code, and the least of a higher level than that;
  // kNone: there is none. One of these two begins first of all: level 1 may begin before level 0 does,
  // and level 3 before level 2, but neither of the latter before either of the former.
  static constexpr TimerCode kNone = 0xff;  // also of a code, which has no other that is as far
  TimerCode least = kNone;
  TimerCode least_above = kNone;

  friend bool operator==(const ScannedCodes&, const ScannedCodes&) = default;
};

struct CodeScanPortable {
  static ScannedCodes Scan(const TimerCode* group, const TimerCodes& codes) {
    ScannedCodes scanned;
    std::array<TimerCode, TimerCodes::kLevels> least;
    least.fill(ScannedCodes::kNone);
    for (uint32_t i = 0; i < kGroupCodes; ++i) {
      if (group[i] == TimerCodes::kNotFiled) continue;
      const TimerCode relative = codes.Relative(group[i]);
      if ((relative & TimerCodes::kNumberMask) == 0) {
        scanned.due |= uint32_t{1} << i;
        continue;
      }
      scanned.waiting |= uint32_t{1} << i;
      TimerCode& of_level = least[relative >> TimerCodes::kNumberBits];
      of_level = std::min(of_level, relative);
    }
    // kNone is of no level below the last, and as a code of the last it is right.
    for (const TimerCode relative : least) {
      if (relative == ScannedCodes::kNone) continue;
      if (scanned.least == ScannedCodes::kNone) {
        scanned.least = relative;
      } else if (scanned.least_above == ScannedCodes::kNone) {
        scanned.least_above = relative;
      }
    }
    return scanned;
  }
};

#if defined(__AVX2__)
struct CodeScanAvx2 {
  static ScannedCodes Scan(const TimerCode* group, const TimerCodes& codes) {
    const __m256i all = _mm256_load_si256(reinterpret_cast<const __m256i*>(group));
    // A level's code that is due, by the level.
    uint32_t due_codes;
    static_assert(sizeof(codes.due()) == sizeof(due_codes));
    std::memcpy(&due_codes, codes.due().data(), sizeof(due_codes));
    const __m256i levels =
        _mm256_and_si256(_mm256_srli_epi16(all, TimerCodes::kNumberBits), _mm256_set1_epi8(3));
    const __m256i due_of_level =
        _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(due_codes)), levels);
    const __m256i numbers = _mm256_set1_epi8(static_cast<char>(TimerCodes::kNumberMask));
    const __m256i ahead = _mm256_and_si256(_mm256_sub_epi8(all, due_of_level), numbers);
    const __m256i zero = _mm256_setzero_si256();
    const __m256i is_due = _mm256_cmpeq_epi8(ahead, zero);
    const __m256i not_filed =
        _mm256_or_si256(_mm256_cmpeq_epi8(all, zero), _mm256_set_epi64x(kLastByte, 0, 0, 0));
    // Not waiting, as if at the end of the last level.
    const __m256i relative =
        _mm256_or_si256(_mm256_or_si256(ahead, _mm256_andnot_si256(numbers, all)),
                        _mm256_or_si256(is_due, not_filed));

    ScannedCodes scanned;
    const uint32_t filed = ~static_cast<uint32_t>(_mm256_movemask_epi8(not_filed));
    const uint32_t come = static_cast<uint32_t>(_mm256_movemask_epi8(is_due));
    scanned.due = filed & come;
    scanned.waiting = filed & ~come;
    scanned.least = Least(relative);
    // The level of the least is out.
    const __m256i end_of_level =
        _mm256_set1_epi8(static_cast<char>(scanned.least | TimerCodes::kNumberMask));
    const __m256i is_out = _mm256_cmpeq_epi8(_mm256_max_epu8(relative, end_of_level), end_of_level);
    scanned.least_above = Least(_mm256_or_si256(relative, is_out));
    return scanned;
  }

 private:
  static constexpr long long kLastByte = static_cast<int64_t>(0xff00000000000000);
  static TimerCode Least(__m256i bytes) {
    const __m128i half =
        _mm_min_epu8(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    const __m128i words = _mm_min_epu8(half, _mm_srli_epi16(half, 8));
    return static_cast<TimerCode>(_mm_cvtsi128_si32(_mm_minpos_epu16(words)));
  }
};

using CodeScan = CodeScanAvx2;
#else
using CodeScan = CodeScanPortable;
#endif

}  // namespace coretrack
