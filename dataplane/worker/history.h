// A flow's history in Zeek's letters (Zeek, Conn::Info$history): each letter once a direction,
// upper case from the originator.
//
// Layout  16 letters of 5 bits, little-endian in 10 bytes: the letter's number + 1 in bits 0-3, the
//         responder in bit 4; 0 ends it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>

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

namespace history {

inline constexpr int kLetters = 16;
inline constexpr int kLetterBits = 5;
// Twelve letters at a time, in 60 bits.
inline constexpr int kGroup = 12;
inline constexpr uint64_t kGroupMask = (uint64_t{1} << (kGroup * kLetterBits)) - 1;

constexpr uint64_t Code(Letter letter, bool from_responder) {
  return (static_cast<uint64_t>(letter) + 1) | (from_responder ? 0x10 : 0);
}

// Is `code` one of the letters?  (Zero in one of the fields: Mycroft's test.)
constexpr bool Has(uint64_t letters, uint64_t code) {
  constexpr uint64_t kEach = [] {  // a 1 for each of them
    uint64_t ones = 0;
    for (int i = 0; i < kGroup; ++i) ones |= uint64_t{1} << (i * kLetterBits);
    return ones;
  }();
  const uint64_t difference = letters ^ code * kEach;
  return ((difference - kEach) & ~difference & kEach << (kLetterBits - 1)) != 0;
}

constexpr int Count(uint64_t letters) {
  return (std::bit_width(letters) + kLetterBits - 1) / kLetterBits;
}

}  // namespace history

// Adds the letter unless it is there already or the history is full.
void AddLetter(Letter letter, bool from_responder, std::array<uint8_t, 10>* history);
// The same on the first 64 bits of a history, in a register. (Its twin: detail_lanes.h.) False: it is not among the first twelve letters,
// and there is no room for it among them; nothing has changed.
inline bool AddEarlyLetter(Letter letter, bool from_responder, uint64_t* first) {
  using namespace history;
  const uint64_t code = Code(letter, from_responder);
  const uint64_t letters = *first & kGroupMask;
  if (Has(letters, code)) return true;
  const int count = Count(letters);
  if (count == kGroup) return false;
  *first |= code << (count * kLetterBits);
  return true;
}
std::string HistoryText(const std::array<uint8_t, 10>& history);

}  // namespace coretrack
