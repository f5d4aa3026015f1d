// The intrinsics of AVX-512 that lanes use, as loops: README.md. (Intel, "Intrinsics Guide", the names without _mm512_.)
#pragma once
#pragma GCC system_header

// The compiler's own must not take the machine for one that has them.
#undef __AVX512F__
#undef __AVX512BW__
#undef __AVX512DQ__
#undef __AVX512CD__
#undef __AVX512VL__
#undef __VAES__
#undef __VPCLMULQDQ__
#include_next <immintrin.h>
#define __AVX512F__ 1
#define __AVX512BW__ 1
#define __AVX512DQ__ 1
#define __AVX512CD__ 1
#define __AVX512VL__ 1
#define __VAES__ 1
#define __VPCLMULQDQ__ 1

#include <cstdint>
#include <cstring>

namespace wide_by_hand {
using Register = __m512i;
template <typename T>
struct Numbers {
  T v[64 / sizeof(T)];
};
template <typename T>
inline Numbers<T> Get(Register a) {
  Numbers<T> r;
  std::memcpy(&r, &a, 64);
  return r;
}
template <typename T>
inline Register Put(const Numbers<T>& a) {
  Register r;
  std::memcpy(&r, &a, 64);
  return r;
}
template <typename T, typename F>
inline Register Map(F f) {
  Numbers<T> r;
  for (unsigned i = 0; i < 64 / sizeof(T); ++i) r.v[i] = static_cast<T>(f(i));
  return Put(r);
}
template <typename T, typename F>
inline uint64_t Bits(F f) {
  uint64_t m = 0;
  for (unsigned i = 0; i < 64 / sizeof(T); ++i) m |= uint64_t{f(i)} << i;
  return m;
}
inline Register load(const void* p) {
  if (reinterpret_cast<uintptr_t>(p) % 64 != 0) __builtin_trap();
  Register r;
  std::memcpy(&r, p, 64);
  return r;
}
inline Register loadu(const void* p) {
  Register r;
  std::memcpy(&r, p, 64);
  return r;
}
inline void store(void* p, Register a) {
  if (reinterpret_cast<uintptr_t>(p) % 64 != 0) __builtin_trap();
  std::memcpy(p, &a, 64);
}
#define W_CMP(name, T, M, op)                                                     \
  inline M name(Register a, Register b) {                                         \
    const auto x = Get<T>(a), y = Get<T>(b);                                      \
    return static_cast<M>(Bits<T>([&](unsigned i) { return x.v[i] op y.v[i]; })); \
  }
W_CMP(cmpeq16, uint16_t, uint32_t, ==)
W_CMP(cmpeq32, uint32_t, uint16_t, ==)
W_CMP(cmple32, uint32_t, uint16_t, <=)
W_CMP(cmplt32, uint32_t, uint16_t, <)
W_CMP(cmpne64, uint64_t, uint8_t, !=)
inline uint16_t test32(Register a, Register b) {
  const auto x = Get<uint32_t>(a), y = Get<uint32_t>(b);
  return static_cast<uint16_t>(Bits<uint32_t>([&](unsigned i) { return (x.v[i] & y.v[i]) != 0; }));
}
inline uint32_t testn16(Register a, Register b) {
  const auto x = Get<uint16_t>(a), y = Get<uint16_t>(b);
  return static_cast<uint32_t>(Bits<uint16_t>([&](unsigned i) { return (x.v[i] & y.v[i]) == 0; }));
}
inline uint8_t test64(Register a, Register b) {
  const auto x = Get<uint64_t>(a), y = Get<uint64_t>(b);
  return static_cast<uint8_t>(Bits<uint64_t>([&](unsigned i) { return (x.v[i] & y.v[i]) != 0; }));
}
inline uint16_t movepi32(Register a) {
  const auto x = Get<uint32_t>(a);
  return static_cast<uint16_t>(Bits<uint32_t>([&](unsigned i) { return (x.v[i] >> 31) != 0; }));
}
inline Register movm32(uint16_t m) {
  return Map<uint32_t>([&](unsigned i) { return (m >> i & 1) != 0 ? ~0u : 0; });
}
template <typename T>
inline Register blend(uint64_t m, Register a, Register b) {
  const auto x = Get<T>(a), y = Get<T>(b);
  return Map<T>([&](unsigned i) { return (m >> i & 1) != 0 ? y.v[i] : x.v[i]; });
}
inline Register bcast4(uint64_t m, __m128i a) {
  uint32_t q[4];
  std::memcpy(q, &a, 16);
  return Map<uint32_t>([&](unsigned i) { return (m >> i & 1) != 0 ? q[i % 4] : 0; });
}
inline Register bcast64x4(Register src, uint64_t m, __m256i a) {
  uint64_t q[4];
  std::memcpy(q, &a, 32);
  const auto x = Get<uint64_t>(src);
  return Map<uint64_t>([&](unsigned i) { return (m >> i & 1) != 0 ? q[i % 4] : x.v[i]; });
}
inline Register gather(Register src, uint16_t m, Register index, const void* p, int scale) {
  const auto s = Get<uint32_t>(src), x = Get<uint32_t>(index);
  return Map<uint32_t>([&](unsigned i) {
    if ((m >> i & 1) == 0) return s.v[i];
    uint32_t v;
    std::memcpy(&v, static_cast<const char*>(p) + int64_t{static_cast<int32_t>(x.v[i])} * scale, 4);
    return v;
  });
}
inline Register gather64(Register src, uint8_t m, Register index, const void* p, int scale) {
  const auto s = Get<uint64_t>(src), x = Get<uint64_t>(index);
  return Map<uint64_t>([&](unsigned i) {
    if ((m >> i & 1) == 0) return s.v[i];
    uint64_t v;
    std::memcpy(&v, static_cast<const char*>(p) + static_cast<int64_t>(x.v[i]) * scale, 8);
    return v;
  });
}
template <typename Part>
inline Register widen(Part a) {  // what is behind it: anything
  Register r;
  std::memset(&r, 0xa5, sizeof(r));
  std::memcpy(&r, &a, sizeof(a));
  return r;
}
// (With a mask of all.)
template <typename Part>
inline Register insert(uint16_t m, Register a, Part b, int part) {
  if (m != (sizeof(b) == 16 ? 0xffff : 0xff)) __builtin_trap();
  std::memcpy(reinterpret_cast<char*>(&a) + sizeof(b) * static_cast<unsigned>(part), &b, sizeof(b));
  return a;
}
template <typename Part>
inline Part extract(uint8_t m, Register a, int part) {
  if (m != 0xf) __builtin_trap();
  Part r;
  std::memcpy(&r, reinterpret_cast<const char*>(&a) + sizeof(r) * static_cast<unsigned>(part),
              sizeof(r));
  return r;
}
inline Register conflict(uint16_t m, Register a) {
  const auto x = Get<uint32_t>(a);
  return Map<uint32_t>([&](unsigned i) {
    uint32_t r = 0;
    for (unsigned j = 0; j < i; ++j) r |= uint32_t{x.v[j] == x.v[i]} << j;
    return (m >> i & 1) != 0 ? r : 0;
  });
}
inline Register cvtepu8(uint16_t m, __m128i a) {
  uint8_t b[16];
  std::memcpy(b, &a, 16);
  return Map<uint32_t>([&](unsigned i) { return (m >> i & 1) != 0 ? b[i] : 0; });
}
inline Register loadu8(uint64_t m, const void* p) {
  return Map<uint8_t>(
      [&](unsigned i) { return (m >> i & 1) != 0 ? static_cast<const uint8_t*>(p)[i] : 0; });
}
#define W_ONE(name, T, expr)                                                        \
  inline Register name(uint64_t m, Register a) {                                    \
    const auto x = Get<T>(a);                                                       \
    return Map<T>([&](unsigned i) -> T { return (m >> i & 1) != 0 ? (expr) : 0; }); \
  }
W_ONE(lzcnt, uint32_t, x.v[i] == 0 ? 32 : static_cast<uint32_t>(__builtin_clz(x.v[i])))
W_ONE(mov16, uint16_t, x.v[i])
W_ONE(mov64, uint64_t, x.v[i])
#define W_TWO(name, T, expr)                                                        \
  inline Register name(uint64_t m, Register a, Register b) {                        \
    const auto x = Get<T>(a), y = Get<T>(b);                                        \
    return Map<T>([&](unsigned i) -> T { return (m >> i & 1) != 0 ? (expr) : 0; }); \
  }
W_TWO(min16, uint16_t, x.v[i] < y.v[i] ? x.v[i] : y.v[i])
W_TWO(max16, uint16_t, x.v[i] > y.v[i] ? x.v[i] : y.v[i])
W_TWO(min32, uint32_t, x.v[i] < y.v[i] ? x.v[i] : y.v[i])
W_TWO(mul32, uint64_t, (x.v[i] & 0xffffffff) * (y.v[i] & 0xffffffff))
W_TWO(permute, uint32_t, y.v[x.v[i] & 15])
W_TWO(sllv32, uint32_t, y.v[i] < 32 ? x.v[i] << y.v[i] : 0)
W_TWO(srlv32, uint32_t, y.v[i] < 32 ? x.v[i] >> y.v[i] : 0)
inline __m128i set1x8(uint16_t m, char c) {
  uint8_t b[16];
  for (int i = 0; i < 16; ++i) b[i] = (m >> i & 1) != 0 ? static_cast<uint8_t>(c) : 0;
  __m128i r;
  std::memcpy(&r, b, 16);
  return r;
}
inline uint16_t test8(__m128i a, __m128i b) {
  uint8_t x[16], y[16];
  std::memcpy(x, &a, 16);
  std::memcpy(y, &b, 16);
  uint16_t m = 0;
  for (int i = 0; i < 16; ++i) m = static_cast<uint16_t>(m | ((x[i] & y[i]) != 0) << i);
  return m;
}
// Each quarter by the instruction for one.
template <typename F>
inline Register Quarters(Register a, Register b, F f) {
  __m128i x[4], y[4];
  std::memcpy(x, &a, 64);
  std::memcpy(y, &b, 64);
  for (int i = 0; i < 4; ++i) x[i] = f(x[i], y[i]);
  Register r;
  std::memcpy(&r, x, 64);
  return r;
}
inline Register aesenc(Register a, Register key) {
  return Quarters(a, key, [](__m128i x, __m128i k) { return _mm_aesenc_si128(x, k); });
}
inline Register aesenclast(Register a, Register key) {
  return Quarters(a, key, [](__m128i x, __m128i k) { return _mm_aesenclast_si128(x, k); });
}
template <int kWhich>
inline Register clmul(Register a, Register b) {
  return Quarters(a, b, [](__m128i x, __m128i y) { return _mm_clmulepi64_si128(x, y, kWhich); });
}
}  // namespace wide_by_hand
#define W(n) wide_by_hand::n
#define _mm512_aesenc_epi128 W(aesenc)
#define _mm512_aesenclast_epi128 W(aesenclast)
#undef _mm512_clmulepi64_epi128
#define _mm512_clmulepi64_epi128(a, b, which) W(clmul<which>)(a, b)
#define _mm512_cmpeq_epi16_mask W(cmpeq16)
#define _mm512_cmpeq_epi32_mask W(cmpeq32)
#define _mm512_cmple_epu32_mask W(cmple32)
#define _mm512_cmplt_epu32_mask W(cmplt32)
#define _mm512_cmpneq_epi64_mask W(cmpne64)
#define _mm512_load_si512 W(load)
#define _mm512_loadu_si512 W(loadu)
#define _mm512_store_si512 W(store)
#define _mm512_mask_blend_epi32 W(blend<uint32_t>)
#define _mm512_mask_blend_epi64 W(blend<uint64_t>)
#define _mm512_maskz_broadcast_i32x4 W(bcast4)
#define _mm512_mask_broadcast_i64x4 W(bcast64x4)
#define _mm512_maskz_broadcast_i64x4(m, a) W(bcast64x4)(__m512i{}, m, a)
#undef _mm512_mask_i32gather_epi32
#define _mm512_mask_i32gather_epi32 W(gather)
#undef _mm512_mask_i64gather_epi64
#define _mm512_mask_i64gather_epi64 W(gather64)
#define _mm512_maskz_conflict_epi32 W(conflict)
#undef _mm512_maskz_extracti32x4_epi32
#define _mm512_maskz_extracti32x4_epi32 W(extract<__m128i>)
#undef _mm512_maskz_extracti64x4_epi64
#define _mm512_maskz_extracti64x4_epi64 W(extract<__m256i>)
#undef _mm512_maskz_inserti32x4
#define _mm512_maskz_inserti32x4 W(insert)
#undef _mm512_maskz_inserti64x4
#define _mm512_maskz_inserti64x4 W(insert)
#define _mm512_castsi128_si512 W(widen)
#define _mm512_castsi256_si512 W(widen)
#define _mm512_maskz_cvtepu8_epi32 W(cvtepu8)
#define _mm512_maskz_loadu_epi8 W(loadu8)
#define _mm512_maskz_lzcnt_epi32 W(lzcnt)
#define _mm512_maskz_max_epu16 W(max16)
#define _mm512_maskz_min_epu16 W(min16)
#define _mm512_maskz_min_epu32 W(min32)
#define _mm512_maskz_mov_epi16 W(mov16)
#define _mm512_maskz_mov_epi64 W(mov64)
#define _mm512_maskz_mul_epu32 W(mul32)
#define _mm512_maskz_permutexvar_epi32 W(permute)
#define _mm512_maskz_sllv_epi32 W(sllv32)
#define _mm512_maskz_srlv_epi32 W(srlv32)
#define _mm512_movepi32_mask W(movepi32)
#define _mm512_movm_epi32 W(movm32)
#define _mm512_setzero_si512() \
  __m512i {}
#define _mm512_test_epi32_mask W(test32)
#define _mm512_test_epi64_mask W(test64)
#define _mm512_testn_epi16_mask W(testn16)
#define _mm_maskz_set1_epi8 W(set1x8)
#define _mm_test_epi8_mask W(test8)
