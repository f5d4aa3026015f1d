#include "dataplane/worker/history.h"

#include <cctype>
#include <string_view>

namespace coretrack {
namespace {

constexpr int kLetters = 16;
constexpr std::string_view kText = "SHADFRTWQ^";

// Letters straddle bytes: 8 letters are 5 bytes.
uint64_t LoadGroup(const std::array<uint8_t, 10>& history, int group) {
  uint64_t bits = 0;
  for (int i = 0; i < 5; ++i) bits |= uint64_t{history[5 * group + i]} << (8 * i);
  return bits;
}

}  // namespace

void AddLetter(Letter letter, bool from_responder, std::array<uint8_t, 10>* history) {
  const uint64_t code = (static_cast<uint64_t>(letter) + 1) | (from_responder ? 0x10 : 0);
  for (int i = 0; i < kLetters; ++i) {
    const uint64_t bits = LoadGroup(*history, i / 8);
    const int shift = 5 * (i % 8);
    const uint64_t at = bits >> shift & 0x1f;
    if (at == code) return;
    if (at != 0) continue;
    const uint64_t with = bits | code << shift;
    for (int b = 0; b < 5; ++b) (*history)[5 * (i / 8) + b] = static_cast<uint8_t>(with >> (8 * b));
    return;
  }
}

std::string HistoryText(const std::array<uint8_t, 10>& history) {
  std::string text;
  for (int i = 0; i < kLetters; ++i) {
    const uint64_t code = LoadGroup(history, i / 8) >> (5 * (i % 8)) & 0x1f;
    if (code == 0) break;
    const uint64_t number = (code & 0xf) - 1;
    if (number >= kText.size()) continue;
    const char c = kText[number];
    text += (code & 0x10) != 0 ? static_cast<char>(std::tolower(c)) : c;
  }
  return text;
}

}  // namespace coretrack
