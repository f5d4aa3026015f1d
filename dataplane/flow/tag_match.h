// Which of a bucket's 31 tags equal a given one: a bit mask, bit i for tag i.
//
// Layout   A bucket is 64 bytes: 31 16-bit tags and one 16-bit word that is no tag; its bit (31) is
//          always 0 in an answer (but not in MatchTwo()'s).
// Threads  The owner's: the line is read as plain bytes, and only the owner writes it.
// Choice   One helper per instruction set, chosen at compile time (TagMatch). All that the build
//          allows are tested against TagMatchPortable.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace coretrack {

inline constexpr uint32_t kTagMask = 0x7fffffff;

struct TagMatchPortable {
  static uint32_t Match(const void* bucket, uint16_t tag) {
    std::array<uint16_t, 32> tags;
    std::memcpy(tags.data(), bucket, sizeof(tags));
    uint32_t mask = 0;
    for (uint32_t i = 0; i < tags.size(); ++i) mask |= uint32_t{tags[i] == tag} << i;
    return mask & kTagMask;
  }
};

#if defined(__SSE2__)
struct TagMatchSse2 {
  static uint32_t Match(const void* bucket, uint16_t tag) {
    const auto* line = static_cast<const __m128i*>(bucket);
    const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(tag));
    const auto equal = [&](int i) { return _mm_cmpeq_epi16(_mm_load_si128(line + i), wanted); };
    const auto low = static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(equal(0), equal(1))));
    const auto high = static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(equal(2), equal(3))));
    return (low | high << 16) & kTagMask;
  }
};
#endif

#if defined(__AVX2__)
struct TagMatchAvx2 {
  static uint32_t Match(const void* bucket, uint16_t tag) {
    return static_cast<uint32_t>(
               _mm256_movemask_epi8(_mm256_permute4x64_epi64(Equal(bucket, tag), 0b11011000))) &
           kTagMask;
  }
  // Of two buckets, the first one's bits below the second one's; with what is beside kTagMask, and the middle two bytes of each in one
  // another's places: InOrder() puts them back for all at once.
  static uint64_t MatchTwo(const void* first, uint16_t first_tag, const void* second,
                           uint16_t second_tag) {
    const auto bits = [](__m256i equal) {
      return static_cast<uint32_t>(_mm256_movemask_epi8(equal));
    };
    return bits(Equal(first, first_tag)) | uint64_t{bits(Equal(second, second_tag))} << 32;
  }
  // Of as many numbers of 32 bits as a register holds.
  template <typename Vector>
  static Vector InOrder(Vector matches) {
    static_assert(sizeof(matches) == sizeof(__m256i));
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15));
    return reinterpret_cast<Vector>(_mm256_shuffle_epi8(reinterpret_cast<__m256i>(matches), order));
  }

 private:
  // A byte a tag. (packs works within 128-bit halves: the second and third quarters have changed places.)
  static __m256i Equal(const void* bucket, uint16_t tag) {
    const auto* line = static_cast<const __m256i*>(bucket);
    const __m256i wanted = _mm256_set1_epi16(static_cast<int16_t>(tag));
    return _mm256_packs_epi16(_mm256_cmpeq_epi16(_mm256_load_si256(line), wanted),
                              _mm256_cmpeq_epi16(_mm256_load_si256(line + 1), wanted));
  }
};
#endif

#if defined(__AVX512BW__)
struct TagMatchAvx512 {
  static uint32_t Match(const void* bucket, uint16_t tag) { return Equal(bucket, tag) & kTagMask; }
  // Of two buckets, the first one's bits below the second one's; with what is beside kTagMask.
  static uint64_t MatchTwo(const void* first, uint16_t first_tag, const void* second,
                           uint16_t second_tag) {
    return _cvtmask64_u64(_mm512_kunpackd(Equal(second, second_tag), Equal(first, first_tag)));
  }
  template <typename Vector>
  static Vector InOrder(Vector matches) {
    return matches;
  }

 private:
  static __mmask32 Equal(const void* bucket, uint16_t tag) {
    const __m512i wanted = _mm512_set1_epi16(static_cast<int16_t>(tag));
    return _mm512_cmpeq_epi16_mask(_mm512_load_si512(bucket), wanted);
  }
};
#endif

#if defined(__AVX512BW__)
using TagMatch = TagMatchAvx512;
#elif defined(__AVX2__)
using TagMatch = TagMatchAvx2;
#elif defined(__SSE2__)
using TagMatch = TagMatchSse2;
#else
using TagMatch = TagMatchPortable;
#endif

}  // namespace coretrack
