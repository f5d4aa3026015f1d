// A flow's history in Zeek's letters (Zeek, Conn::Info$history): each letter once a direction,
// upper case from the originator.
//
// Layout  16 letters of 5 bits, little-endian in 10 bytes: the letter's number + 1 in bits 0-3, the
//         responder in bit 4; 0 ends it.
#pragma once

#include <array>
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

// Adds the letter unless it is there already or the history is full.
void AddLetter(Letter letter, bool from_responder, std::array<uint8_t, 10>* history);
// The same on a history in registers: `low` its first 64 bits, the last 16 in `high`, whose other bits
// stay as they are.
void AddLetter(Letter letter, bool from_responder, uint64_t* low, uint64_t* high);
std::string HistoryText(const std::array<uint8_t, 10>& history);

}  // namespace coretrack
