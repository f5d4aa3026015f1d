#include "dataplane/worker/history.h"

#include <bit>
#include <cctype>
#include <cstring>
#include <string_view>

namespace coretrack {
namespace {

constexpr int kLetters = 16;
constexpr int kLetterBits = 5;
constexpr std::string_view kText = "SHADFRTWQ^ICG";

// Twelve letters at a time, in 60 bits.
constexpr int kGroup = 12;
constexpr uint64_t kEach = [] {  // a 1 for each of them
  uint64_t ones = 0;
  for (int i = 0; i < kGroup; ++i) ones |= uint64_t{1} << (i * kLetterBits);
  return ones;
}();
constexpr uint64_t kGroupMask = (uint64_t{1} << (kGroup * kLetterBits)) - 1;

// Is `code` one of the letters?  (Zero in one of the fields: Mycroft's test.)
bool Has(uint64_t letters, uint64_t code) {
  const uint64_t difference = letters ^ code * kEach;
  return ((difference - kEach) & ~difference & kEach << (kLetterBits - 1)) != 0;
}

int Count(uint64_t letters) { return (std::bit_width(letters) + kLetterBits - 1) / kLetterBits; }

}  // namespace

void AddLetter(Letter letter, bool from_responder, uint64_t* low, uint64_t* high) {
  const uint64_t code = (static_cast<uint64_t>(letter) + 1) | (from_responder ? 0x10 : 0);
  const uint64_t first = *low & kGroupMask;
  if (Has(first, code)) return;
  const int count = Count(first);
  if (count < kGroup) {
    *low |= code << (count * kLetterBits);
    return;
  }
  // The rest straddles the words.
  constexpr int kRestBits = (kLetters - kGroup) * kLetterBits, kInLow = 64 - kGroup * kLetterBits;
  const uint64_t rest = (*low >> (64 - kInLow) | *high << kInLow) & ((1u << kRestBits) - 1);
  const int more = Count(rest);
  if (more == kLetters - kGroup || Has(rest, code)) return;
  const uint64_t added = code << (more * kLetterBits);
  *low |= added << (64 - kInLow);
  *high |= added >> kInLow;
}

void AddLetter(Letter letter, bool from_responder, std::array<uint8_t, 10>* history) {
  uint64_t low = 0;
  uint16_t rest = 0;
  std::memcpy(&low, history->data(), sizeof(low));
  std::memcpy(&rest, history->data() + sizeof(low), sizeof(rest));
  uint64_t high = rest;
  AddLetter(letter, from_responder, &low, &high);
  rest = static_cast<uint16_t>(high);
  std::memcpy(history->data(), &low, sizeof(low));
  std::memcpy(history->data() + sizeof(low), &rest, sizeof(rest));
}

std::string HistoryText(const std::array<uint8_t, 10>& history) {
  std::string text;
  for (int i = 0; i < kLetters; ++i) {
    const int bit = i * kLetterBits;
    unsigned pair = history[bit / 8];
    if (bit / 8 + 1 < 10) pair |= unsigned{history[bit / 8 + 1]} << 8;
    const unsigned code = pair >> (bit % 8) & 0x1f;
    if (code == 0) break;
    const unsigned number = (code & 0xf) - 1;
    if (number >= kText.size()) continue;
    const char c = kText[number];
    text += (code & 0x10) != 0 ? static_cast<char>(std::tolower(c)) : c;
  }
  return text;
}

}  // namespace coretrack
