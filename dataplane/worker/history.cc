#include "dataplane/worker/history.h"

#include <cctype>
#include <cstring>
#include <string_view>

namespace coretrack {
namespace {

constexpr int kLetters = 16;
constexpr std::string_view kText = "SHADFRTWQ^";

// Letters straddle bytes: 8 letters are 5 bytes.
// Letters of a group of eight: 40 bits, loaded and stored whole.
constexpr int kGroupLetters = 8;
constexpr uint64_t kGroupMask = (uint64_t{1} << 40) - 1;

uint64_t LoadGroup(const std::array<uint8_t, 10>& history, int group) {
  uint64_t bits;
  std::memcpy(&bits, &history[group == 0 ? 0 : 2], sizeof(bits));
  return group == 0 ? bits & kGroupMask : bits >> 24;
}

void StoreGroup(uint64_t bits, int group, std::array<uint8_t, 10>* history) {
  std::memcpy(&(*history)[5 * group], &bits, 5);
}

}  // namespace

void AddLetter(Letter letter, bool from_responder, std::array<uint8_t, 10>* history) {
  const uint64_t code = (static_cast<uint64_t>(letter) + 1) | (from_responder ? 0x10 : 0);
  for (int group = 0; group < kLetters / kGroupLetters; ++group) {
    const uint64_t bits = LoadGroup(*history, group);
    int shift = 0;
    for (uint64_t left = bits; left != 0; left >>= 5, shift += 5) {
      if ((left & 0x1f) == code) return;
    }
    if (shift == 5 * kGroupLetters) continue;  // full
    return StoreGroup(bits | code << shift, group, history);
  }
}

std::string HistoryText(const std::array<uint8_t, 10>& history) {
  std::string text;
  for (int i = 0; i < kLetters; ++i) {
    const uint64_t code = LoadGroup(history, i / kGroupLetters) >> (5 * (i % kGroupLetters)) & 0x1f;
    if (code == 0) break;
    const uint64_t number = (code & 0xf) - 1;
    if (number >= kText.size()) continue;
    const char c = kText[number];
    text += (code & 0x10) != 0 ? static_cast<char>(std::tolower(c)) : c;
  }
  return text;
}

}  // namespace coretrack
