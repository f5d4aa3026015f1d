#include "dataplane/worker/history.h"

#include <cctype>
#include <cstring>
#include <string_view>

namespace coretrack {
namespace {

constexpr std::string_view kText = "SHADFRTWQ^ICG";

}  // namespace

void AddLetter(Letter letter, bool from_responder, std::array<uint8_t, 10>* history) {
  using history::kGroup, history::kLetterBits, history::kLetters;
  uint64_t first = 0;
  uint16_t last = 0;
  std::memcpy(&first, history->data(), sizeof(first));
  std::memcpy(&last, history->data() + sizeof(first), sizeof(last));
  if (!AddEarlyLetter(letter, from_responder, &first)) {
    // The rest straddles the words.
    constexpr int kRestBits = (kLetters - kGroup) * kLetterBits,
                  kInFirst = 64 - kGroup * kLetterBits;
    const uint64_t code = history::Code(letter, from_responder);
    const uint64_t rest =
        (first >> (64 - kInFirst) | uint64_t{last} << kInFirst) & ((1u << kRestBits) - 1);
    const int more = history::Count(rest);
    if (more == kLetters - kGroup || history::Has(rest, code)) return;
    const uint64_t added = code << (more * kLetterBits);
    first |= added << (64 - kInFirst);
    last = static_cast<uint16_t>(last | added >> kInFirst);
  }
  std::memcpy(history->data(), &first, sizeof(first));
  std::memcpy(history->data() + sizeof(first), &last, sizeof(last));
}

std::string HistoryText(const std::array<uint8_t, 10>& history) {
  using history::kLetterBits, history::kLetters;
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
