#include "dataplane/worker/history.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <ostream>

namespace coretrack {
namespace {

constexpr std::string_view kUpper = "SHADFRTWQ^ICG", kLower = "shadfrtwq^icg";
constexpr uint32_t kCodes = 1u << Histories::kCodeBits;

constexpr char LetterOf(uint32_t code) {
  const uint32_t number = (code & 0xf) - 1;
  return number >= kUpper.size() ? '?' : (code & 0x10) != 0 ? kLower[number] : kUpper[number];
}

static_assert(Histories::kLetters == 16 && std::endian::native == std::endian::little);
uint32_t LengthOf(const std::array<uint64_t, 2>& words) {
  const auto bits = std::bit_width(words[1]) + (words[1] != 0 ? 64 : std::bit_width(words[0]));
  return static_cast<uint32_t>(bits + 7) / 8;
}

}  // namespace

size_t Histories::ArenaBytes() {
  return Arena::SizeOf<uint16_t>((size_t{kMaxHistories} << kCodeBits) + 1) +
         Arena::SizeOf<Letters>(kMaxHistories);
}

Histories::Histories(Arena* arena)
    : next_(arena->Carve<uint16_t>((size_t{kMaxHistories} << kCodeBits) + 1)),
      letters_(arena->Carve<Letters>(kMaxHistories)) {
  MakeChild(kEmpty, Code(Letter::kSyn, false));
  static_assert(kSyn == kEmpty + 1);
}

// kUnknown: the tree is full.
uint16_t Histories::MakeChild(uint16_t parent, uint32_t code) {
  if (size_ == kMaxHistories) {
    ++lost_;
    return kUnknown;
  }
  const auto child = static_cast<uint16_t>(size_++);
  Words words = WordsOf(parent);
  const uint32_t before = LengthOf(words);
  words[before / 8] |= uint64_t{static_cast<uint8_t>(LetterOf(code))} << before % 8 * 8;
  // Letters that it has lead to itself; all do, where there is no room for another.
  const uint16_t* const of_parent = &next_[Edge(parent, 0)];
  uint16_t* const of_child = &next_[Edge(child, 0)];
  for (uint32_t c = 0; c < kCodes; ++c) {
    const bool there = c == code || (parent != kEmpty && of_parent[c] == parent);
    if (there || before + 1 == kLetters) of_child[c] = child;
  }
  for (size_t i = 0; i < words.size(); ++i)
    letters_[child][i].store(words[i], std::memory_order_relaxed);
  next_[Edge(parent, code)] = child;
  return child;
}

Histories::Words Histories::WordsOf(uint16_t history) const {
  const Letters& letters = letters_[history % kMaxHistories];
  return {letters[0].load(std::memory_order_relaxed), letters[1].load(std::memory_order_relaxed)};
}

HistoryText Histories::Text(uint16_t history) const {
  const Words words = WordsOf(history);
  HistoryText text;
  static_assert(sizeof(words) == sizeof(text.letters_));
  std::memcpy(text.letters_.data(), words.data(), sizeof(words));
  text.size_ = static_cast<uint8_t>(LengthOf(words));
  return text;
}

HistoryText::HistoryText(std::string_view letters)
    : size_(static_cast<uint8_t>(std::min(letters.size(), kMostLetters))) {
  std::copy_n(letters.begin(), size_, letters_.begin());
}

std::ostream& operator<<(std::ostream& out, const HistoryText& text) { return out << text.view(); }

}  // namespace coretrack
