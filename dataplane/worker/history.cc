#include "dataplane/worker/history.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace coretrack {
namespace {

constexpr std::string_view kText = "SHADFRTWQ^ICG";
constexpr uint32_t kCodes = 1u << Histories::kCodeBits;

constexpr uint32_t LengthIn(uint32_t node) { return node >> 8 & 0xff; }

}  // namespace

size_t Histories::ArenaBytes() {
  return Arena::SizeOf<uint16_t>((size_t{kMaxHistories} << kCodeBits) + 1) +
         Arena::SizeOf<std::atomic<uint32_t>>(kMaxHistories);
}

Histories::Histories(Arena* arena)
    : next_(arena->Carve<uint16_t>((size_t{kMaxHistories} << kCodeBits) + 1)),
      parents_(arena->Carve<std::atomic<uint32_t>>(kMaxHistories)) {
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
  const uint32_t length = LengthIn(parents_[parent].load(std::memory_order_relaxed)) + 1;
  // Letters that it has lead to itself; all do, where there is no room for another.
  const uint16_t* const of_parent = &next_[Edge(parent, 0)];
  uint16_t* const of_child = &next_[Edge(child, 0)];
  for (uint32_t c = 0; c < kCodes; ++c) {
    const bool there = c == code || (parent != kEmpty && of_parent[c] == parent);
    if (there || length == kLetters) of_child[c] = child;
  }
  parents_[child].store(uint32_t{parent} << 16 | length << 8 | code, std::memory_order_relaxed);
  next_[Edge(parent, code)] = child;
  return child;
}

std::string Histories::Text(uint16_t history) const {
  std::string text;
  while (history != kEmpty) {
    const uint32_t node = parents_[history % kMaxHistories].load(std::memory_order_relaxed);
    const uint32_t number = (node & 0xf) - 1;
    const char letter = number < kText.size() ? kText[number] : '?';
    text += (node & 0x10) != 0 ? static_cast<char>(std::tolower(letter)) : letter;
    if (text.size() == kLetters) break;
    history = static_cast<uint16_t>(node >> 16);
  }
  std::reverse(text.begin(), text.end());
  return text;
}

}  // namespace coretrack
