// SlotBitmap: which of up to kBits slots hold filings, so that the wheel's clock jumps across empty
// stretches instead of stepping through them.
//
// Layout   One bit a slot, and a summary bit for every word of 64 that is not zero.
// Cost     Set and Clear touch two words; FindFrom reads at most 2 + kBits / 4096 words.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace coretrack {

template <uint32_t kBits>
class SlotBitmap {
  static_assert(std::has_single_bit(kBits) && kBits >= 64);

 public:
  static constexpr uint32_t kNone = kBits;

  void Set(uint32_t i) {
    words_[i / 64] |= Bit(i);
    summary_[i / 4096] |= Bit(i / 64);
  }
  void Clear(uint32_t i) {
    words_[i / 64] &= ~Bit(i);
    if (words_[i / 64] == 0) summary_[i / 4096] &= ~Bit(i / 64);
  }
  bool Test(uint32_t i) const { return (words_[i / 64] & Bit(i)) != 0; }

  // The first set bit at or after `i`, or kNone.
  uint32_t FindFrom(uint32_t i) const {
    if (i >= kBits) return kNone;
    uint32_t word = i / 64;
    if (const uint64_t rest = words_[word] & From(i); rest != 0) return First(word, rest);
    if (++word == kWords) return kNone;
    uint64_t marks = summary_[word / 64] & From(word);
    for (uint32_t s = word / 64;;) {
      if (marks != 0) {
        word = First(s, marks);
        return First(word, words_[word]);
      }
      if (++s == kSummaries) return kNone;
      marks = summary_[s];
    }
  }

  // How far after `i` the next set bit lies on a circle of `size` slots (a power of two, at most
  // kBits; no bit at or past it is set): 1 .. size - 1, or 0 when none but perhaps `i` is set.
  uint32_t DistanceAfter(uint32_t i, uint32_t size) const {
    uint32_t next = FindFrom(i + 1);
    if (next == kNone) next = FindFrom(0);
    return next == kNone ? 0 : (next - i) & (size - 1);
  }

 private:
  static constexpr uint32_t kWords = kBits / 64;
  static constexpr uint32_t kSummaries = (kWords + 63) / 64;

  static constexpr uint64_t Bit(uint32_t i) { return uint64_t{1} << (i % 64); }
  static constexpr uint64_t From(uint32_t i) { return ~uint64_t{0} << (i % 64); }
  static uint32_t First(uint32_t word, uint64_t bits) {
    return word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
  }

  std::array<uint64_t, kWords> words_{};
  std::array<uint64_t, kSummaries> summary_{};
};

}  // namespace coretrack
