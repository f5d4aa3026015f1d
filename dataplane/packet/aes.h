// AES-128 (FIPS 197), encryption only, of blocks side by side in a register; and carry-less products.
//
// Shapes   A block is two 64-bit words: its bytes 0 to 7, and 8 to 15, little-endian. Words1, Words2, Words4: so many blocks; Words: as many as can be.
// Cost     An instruction a round on CPUs with AES-NI; with VAES, of two or four blocks. Without (x86-64-v2 has none) byte by byte:
//          right, but far too slow for traffic, and by a table, whose cache lines can tell of the key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace coretrack::aes {

using Words1 = uint64_t __attribute__((vector_size(16)));

inline constexpr size_t kRounds = 10;
struct Schedule {
  std::array<Words1, kRounds + 1> keys;  // [0] is added before the first round, [i] in round i
};
Schedule Expand(Words1 key);  // 5.2

// For each width:
//   Round, LastRound     SubBytes, ShiftRows, MixColumns (but in the last one), AddRoundKey of each block (5.1)
//   Product<kWhich>      of each block, x's and y's first words multiplied without carries (kWhich = 0x00), or their last ones (0x11)
//   FirstWords           of each block, the first word of x and the first word of y
//   LastWords            of each block, the last word of x and the last word of y
//   Spread               all blocks are this one

// As FIPS 197 words it: for the CPUs that have no instruction for it, and for what need not be fast.
Words1 SlowRound(Words1 state, Words1 key);
Words1 SlowLastRound(Words1 state, Words1 key);
Words1 SlowProduct(uint64_t x, uint64_t y);

#if defined(__AES__) && defined(__PCLMUL__)
inline Words1 Round(Words1 state, Words1 key) {
  return reinterpret_cast<Words1>(
      _mm_aesenc_si128(reinterpret_cast<__m128i>(state), reinterpret_cast<__m128i>(key)));
}
inline Words1 LastRound(Words1 state, Words1 key) {
  return reinterpret_cast<Words1>(
      _mm_aesenclast_si128(reinterpret_cast<__m128i>(state), reinterpret_cast<__m128i>(key)));
}
template <int kWhich>
Words1 Product(Words1 x, Words1 y) {
  return reinterpret_cast<Words1>(
      _mm_clmulepi64_si128(reinterpret_cast<__m128i>(x), reinterpret_cast<__m128i>(y), kWhich));
}
#else
inline Words1 Round(Words1 state, Words1 key) { return SlowRound(state, key); }
inline Words1 LastRound(Words1 state, Words1 key) { return SlowLastRound(state, key); }
template <int kWhich>
Words1 Product(Words1 x, Words1 y) {
  return SlowProduct(x[kWhich & 1], y[kWhich & 1]);
}
#endif
inline Words1 FirstWords(Words1 x, Words1 y) { return __builtin_shufflevector(x, y, 0, 2); }
inline Words1 LastWords(Words1 x, Words1 y) { return __builtin_shufflevector(x, y, 1, 3); }
inline void Spread(Words1 block, Words1* all) { *all = block; }

// The widest: of as many blocks as one register of the CPU that this is built for has.
#if defined(__VAES__) && defined(__VPCLMULQDQ__) && defined(__AVX512F__)
using Words4 = uint64_t __attribute__((vector_size(64)));

inline Words4 Round(Words4 state, Words4 key) {
  return reinterpret_cast<Words4>(
      _mm512_aesenc_epi128(reinterpret_cast<__m512i>(state), reinterpret_cast<__m512i>(key)));
}
inline Words4 LastRound(Words4 state, Words4 key) {
  return reinterpret_cast<Words4>(
      _mm512_aesenclast_epi128(reinterpret_cast<__m512i>(state), reinterpret_cast<__m512i>(key)));
}
template <int kWhich>
Words4 Product(Words4 x, Words4 y) {
  return reinterpret_cast<Words4>(
      _mm512_clmulepi64_epi128(reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(y), kWhich));
}
inline Words4 FirstWords(Words4 x, Words4 y) {
  return __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14);
}
inline Words4 LastWords(Words4 x, Words4 y) {
  return __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15);
}
inline void Spread(Words1 block, Words4* all) {
  *all = reinterpret_cast<Words4>(
      _mm512_maskz_broadcast_i32x4(0xffff, reinterpret_cast<__m128i>(block)));
}
using Words = Words4;
#elif defined(__VAES__) && defined(__VPCLMULQDQ__) && defined(__AVX2__)
using Words2 = uint64_t __attribute__((vector_size(32)));

inline Words2 Round(Words2 state, Words2 key) {
  return reinterpret_cast<Words2>(
      _mm256_aesenc_epi128(reinterpret_cast<__m256i>(state), reinterpret_cast<__m256i>(key)));
}
inline Words2 LastRound(Words2 state, Words2 key) {
  return reinterpret_cast<Words2>(
      _mm256_aesenclast_epi128(reinterpret_cast<__m256i>(state), reinterpret_cast<__m256i>(key)));
}
template <int kWhich>
Words2 Product(Words2 x, Words2 y) {
  return reinterpret_cast<Words2>(
      _mm256_clmulepi64_epi128(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(y), kWhich));
}
inline Words2 FirstWords(Words2 x, Words2 y) { return __builtin_shufflevector(x, y, 0, 4, 2, 6); }
inline Words2 LastWords(Words2 x, Words2 y) { return __builtin_shufflevector(x, y, 1, 5, 3, 7); }
inline void Spread(Words1 block, Words2* all) {
  *all = reinterpret_cast<Words2>(_mm256_broadcastsi128_si256(reinterpret_cast<__m128i>(block)));
}
using Words = Words2;
#else
using Words = Words1;
#endif

// Encrypts each block of all `states` (10 rounds): the rounds of one beside those of the others, for each takes as long as several.
template <size_t kStates, typename Blocks>
void Encrypt(const Schedule& schedule, std::array<Blocks, kStates>* states) {
  Blocks key;
  Spread(schedule.keys[0], &key);
  for (Blocks& state : *states) state ^= key;
#pragma GCC unroll 16
  for (size_t round = 1; round < kRounds; ++round) {
    Spread(schedule.keys[round], &key);
    for (Blocks& state : *states) state = Round(state, key);
  }
  Spread(schedule.keys[kRounds], &key);
  for (Blocks& state : *states) state = LastRound(state, key);
}
inline Words1 Encrypt(const Schedule& schedule, Words1 block) {
  std::array<Words1, 1> states = {block};
  Encrypt(schedule, &states);
  return states[0];
}

}  // namespace coretrack::aes
