// As many 32-bit numbers as a vector register holds: what happens to sixteen packets at once, or to eight.
//
// What for  A loop over packets spends most of its instructions on one packet's fields, one after the other. With
//           the same field of kLanes packets in one register (a lane a packet) it takes one instruction
//           for all of them. What lies in memory is rows: sixteen numbers of one packet, or of one flow.
//           A Matrix is what rows are in lanes.
// Width     Sixteen with AVX-512, eight with AVX2 (and where comments elsewhere say sixteen, it is eight there). Elsewhere kHasLanes
//           is false, and who uses lanes goes another way. Also under ThreadSanitizer, which would take a row for a
//           plain access to words that are atomic to others.
// Style     + - & | ^ ~ << >> are the compiler's own: modulo 2^32, lane by lane; a number beside a vector stands
//           for All() of it. What compares gives a Test, which a Select() takes, and which becomes a Mask where one is wanted: bit i
//           is lane i's.
// Rooms     lanes_avx512.h and lanes_avx2.h have the same names; so have rows_avx512.h and rows_avx2.h, of which rows.h makes what has to do
//           with rows. What is written in the former is here.
#pragma once

#include <cstdint>

#if defined(__SANITIZE_THREAD__)
#define CORETRACK_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CORETRACK_UNDER_TSAN 1
#endif
#endif

// CORETRACK_LANES: a register's bits, or not defined.
#ifndef CORETRACK_UNDER_TSAN
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
    defined(__AVX512CD__) && defined(__AVX512VL__) && defined(__BMI2__)
#define CORETRACK_LANES 512
#elif defined(__AVX2__) && defined(__BMI2__) && defined(__POPCNT__)
#define CORETRACK_LANES 256
#endif
#endif

namespace coretrack {

#if CORETRACK_LANES == 256
inline constexpr uint32_t kLanes = 8;
using Mask = uint8_t;
#else
inline constexpr uint32_t kLanes = 16;
using Mask = uint16_t;
#endif
inline constexpr Mask kEach = static_cast<Mask>(~0);  // all lanes
inline constexpr uint32_t kRowNumbers = 16;

}  // namespace coretrack

#if CORETRACK_LANES == 512
#include "dataplane/base/lanes_avx512.h"  // IWYU pragma: export
#elif CORETRACK_LANES == 256
#include "dataplane/base/lanes_avx2.h"  // IWYU pragma: export
#endif
#ifdef CORETRACK_LANES
#include "dataplane/base/rows.h"  // IWYU pragma: export
#endif

namespace coretrack {

#ifdef CORETRACK_LANES

inline constexpr bool kHasLanes = true;

namespace lanes {

// For all that the compiler knows, what is in memory has changed. It would rather pick a stored lane out of its
// register than load it again, and put lanes that were stored one by one together by as many instructions.
template <typename T>
[[gnu::always_inline]] inline void KeepInMemory(T* what) {
  asm volatile("" : "+m"(*what));
}
// Lanes to be gone through one by one.
inline void Spill(const Lanes& a, uint32_t (*aligned)[kLanes]) {
  Store(a, aligned);
  KeepInMemory(aligned);
}
// a < b modulo 2^32, as sequence numbers compare.
[[gnu::always_inline]] inline Test Before(const Lanes& a, const Lanes& b) {
  return IsNegative(a - b);
}
[[gnu::always_inline]] inline Lanes SwapHalves(const Lanes& a) { return a << 16 | a >> 16; }

}  // namespace lanes

#else

inline constexpr bool kHasLanes = false;

#endif

}  // namespace coretrack
