// A flow's history in Zeek's letters (Zeek, Conn::Info$history): each letter once a direction, upper case from the
// originator. At most kLetters of them.
//
// Why       Sixteen letters take 10 bytes; but few of all possible histories are ever seen. So a flow holds the number
//           of its history, 2 bytes, and Histories is where its worker looks it up, and a query what it says.
// Layout    A tree: a history is its node, and with one letter more it is that node's child. next(history, code) is the
//           child, the history itself where the letter adds nothing (it is there already, or the history is full), or
//           kUnknown.
// Limits    kMaxHistories. Nodes stay for good: whoever tries fills the tree, and from then on a history that was never
//           seen before keeps the letters that it has. `lost()` counts those that were left out.
// Threads   Owned by one worker. Text() may be called from any thread, with a history that was read from a flow under
//           its sequence lock: what it says was there before the flow could name it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "dataplane/base/arena.h"

namespace coretrack {

enum class Letter : uint8_t {
  kSyn,
  kSynAck,
  kAck,
  kData,
  kFin,
  kRst,
  kRetransmission,
  kZeroWindow,
  kMultiFlag,  // SYN with FIN or RST
  kFlipped,
  kInconsistent,  // FIN with RST
  kBadChecksum,
  kGap,  // the other side acknowledged what was not seen
};

// What a history says.
class HistoryText {
 public:
  static constexpr size_t kMostLetters = 16;
  HistoryText() = default;
  // The first kMostLetters of them.
  explicit HistoryText(std::string_view letters);
  std::string_view view() const { return {letters_.data(), size_}; }
  // With zeros behind the last.
  const std::array<char, kMostLetters>& padded() const { return letters_; }
  size_t size() const { return size_; }
  friend bool operator==(const HistoryText& a, std::string_view b) { return a.view() == b; }
  friend std::ostream& operator<<(std::ostream& out, const HistoryText& text);

 private:
  friend class Histories;
  std::array<char, kMostLetters> letters_{};
  uint8_t size_ = 0;
};

class Histories {
 public:
  static constexpr uint16_t kUnknown = 0;  // as what comes next: nobody has had that yet
  static constexpr uint16_t kEmpty = 0;    // as a history: a new flow's
  static constexpr uint16_t kSyn = 1;      // "S"
  static constexpr uint32_t kMaxHistories = 1u << 15;
  static constexpr int kLetters = HistoryText::kMostLetters;
  // A code: the letter's number + 1 in bits 0-3, the responder in bit 4.
  static constexpr uint32_t kCodeBits = 5;
  static constexpr uint32_t Code(Letter letter, bool from_responder) {
    return (static_cast<uint32_t>(letter) + 1) | (from_responder ? 0x10u : 0u);
  }

  static size_t ArenaBytes();
  // REQUIRES: `arena` has ArenaBytes() left and outlives them.
  explicit Histories(Arena* arena);

  // Adds the letter, unless it is there already, or the history or the tree is full.
  void Add(Letter letter, bool from_responder, uint16_t* history) {
    Add(Code(letter, from_responder), history);
  }
  void Add(uint32_t code, uint16_t* history) {
    uint16_t next = next_[Edge(*history, code)];
    if (next == kUnknown) [[unlikely]]
      next = MakeChild(*history, code);
    if (next != kUnknown) *history = next;
  }
  // next(), by history << kCodeBits | code. One more may be read behind the last.
  const uint16_t* next() const { return next_; }

  HistoryText Text(uint16_t history) const;

  uint32_t size() const { return size_; }
  uint64_t lost() const { return lost_; }

 private:
  static constexpr uint32_t Edge(uint16_t history, uint32_t code) {
    return uint32_t{history} << kCodeBits | code;
  }
  uint16_t MakeChild(uint16_t parent, uint32_t code);

  // A history in letters, the first in the lowest byte, with zeros behind the last.
  using Words = std::array<uint64_t, kLetters / sizeof(uint64_t)>;
  using Letters = std::array<std::atomic<uint64_t>, std::tuple_size_v<Words>>;
  Words WordsOf(uint16_t history) const;

  uint16_t* next_;    // [kMaxHistories << kCodeBits]
  Letters* letters_;  // [kMaxHistories]
  uint32_t size_ = 1;
  uint64_t lost_ = 0;
};

}  // namespace coretrack
