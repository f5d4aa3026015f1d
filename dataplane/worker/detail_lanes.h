// The first two words of sixteen flow details in lanes, beside their lines (line_lanes.h), and what steps and openings do alike with
// both: step_lanes.cc, opening_lanes.cc. Included by these, and by a test.
#pragma once

#include <bit>

#include "dataplane/flow/flow_table.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/line_lanes.h"
#include "dataplane/worker/tcp_binding.h"

#ifdef CORETRACK_LANES

namespace coretrack::line_lanes {

// Of a detail its first two words: both MSS; the facts (flags, offered scales, small); the history, and what shares its half; the
// rest of the times that the handshake took.
struct Details {
  AtomicDetail* at[kLanes];
  Lanes mss, facts, history, times;
};
// In the facts. kProvisionalShift: of direction 0.
inline constexpr uint32_t kAssured = detail_flag::kAssured, kKept = detail_flag::kKept;
inline constexpr unsigned kOfferedShift = detail_word::OfferedScaleShift(0) - 32,
                          kProvisionalShift = detail_word::kSmallShift - 32 + 6;
static_assert(detail_word::kFlagsShift == 32 && uint32_t{detail_small::Provisional(0)}
                                                        << (detail_word::kSmallShift - 32) ==
                                                    1u << kProvisionalShift);

// Where they are, of `packets`; of the others, a line that holds nothing.
[[gnu::always_inline]] inline void PlaceDetails(const FlowTable& table, AtomicLine* const* lines,
                                                Mask packets, Details* details) {
  alignas(kCacheLine) AtomicDetail* at[kLanes];
  table.DetailsOf(lines, at);
  for (uint32_t from = 0; from < kLanes; from += kLanes / 2) {
    const auto there = static_cast<uint8_t>(packets >> from);
    StoreWords(Keep(there, LoadWords(at + from)) |
                   Keep(static_cast<uint8_t>(~there), LoadWords(kNothing.data() + from)),
               at + from);
  }
  KeepInMemory(&at);
  for (uint32_t i = 0; i < kLanes; ++i) {
    details->at[i] = at[i];
    __builtin_prefetch(at[i]);
  }
}

// The lines of sixteen packets, and where the details of `packets` are. `instead`: as Place() has it.
[[gnu::always_inline]] inline void LoadLines(const FlowTable& table, AtomicLine* const* lines,
                                             Mask packets, Places* instead, Lines* to,
                                             Details* details) {
  Place(lines, instead, to);
  PlaceDetails(table, lines, packets & IsThere(lines), details);
  LoadTransposed(to->at, &to->held);
}

// Those of `packets` whose flows the lines hold, each the only one of its flow among the sixteen.
[[gnu::always_inline]] inline Mask AreHeldOnce(const Lines& lines, const KeyWords& words,
                                               const FlowHash* hashes, uint32_t first,
                                               Mask packets) {
  packets = IsHeld(lines, words, hashes, first, packets);
  if (MayRepeat(lines.number)) [[unlikely]]
    packets &= ~FlowsOf(lines.number, IsSet(Earlier(lines.number)));
  return packets;
}

// The first half of word 0 as it will be: `state`, a packet of direction `d` more, the next even version.
inline Lanes HeadAfter(Lanes head, Lanes d, Lanes state) {
  return ((head & 0xffff0000) + Left(All(1u << 16), d << 3)) | state << 8 |
         (((head | 1) + 1) & 0xff);
}

// For one packet more of `ip_bytes`, in the deltas of direction `d`.
[[gnu::always_inline]] inline Test HaveRoom(const Lines& lines, Lanes d, Lanes ip_bytes) {
  const auto& row = lines.held.row;
  return AtMost((Right(row[kBytes], d << 4) & 0xffff) + ip_bytes, All(0xffff)) &
         Below(Right(row[kHead] >> 16, d << 3) & 0xff, All(0xff));
}

[[gnu::always_inline]] inline void LoadDetails(Details* details) {
  const uint8_t* rows[kLanes];
  for (uint32_t i = 0; i < kLanes; ++i) rows[i] = reinterpret_cast<const uint8_t*>(details->at[i]);
  const Quarter halves = LoadQuarter(rows);
  details->mss = halves.row[0];
  details->facts = halves.row[1];
  details->history = halves.row[2];
  details->times = halves.row[3];
}

// What they are to be, to be gone through one by one.
struct DetailsAfter {
  WordOfEach word0, word1;
  [[gnu::always_inline]] explicit DetailsAfter(const Details& details)
      : word0(Interleave(details.mss, details.facts)),
        word1(Interleave(details.history, details.times)) {}
};

// Writes those of `stored`, by the first part of writes that StoreLines() ends. (In a loop of its own: among the lines' stores, steps cost more.)
[[gnu::always_inline]] inline void StoreDetails(const Details& details, const DetailsAfter& after,
                                                AtomicLine* const* lines, Mask stored) {
  for (uint32_t left = stored; left != 0; left &= left - 1) {
    const auto i = static_cast<uint32_t>(std::countr_zero(left));
    AtomicDetail& detail = *details.at[i];
    BeginWrite(*lines[i]);
    detail.words[0].store(after.word0.of[i], std::memory_order_release);
    detail.words[1].store(after.word1.of[i], std::memory_order_release);
  }
}

// AddLetters() where somebody is the first to have a history.
[[gnu::noinline]] inline Lanes Learn(Histories* histories, Lanes before, Lanes codes, Mask wanted) {
  alignas(kCacheLine) uint32_t numbers[kLanes], code[kLanes];
  Spill(before, &numbers);
  Spill(codes, &code);
  for (uint32_t left = wanted; left != 0; left &= left - 1) {
    const auto i = static_cast<uint32_t>(std::countr_zero(left));
    auto history = static_cast<uint16_t>(numbers[i]);
    histories->Add(code[i], &history);
    numbers[i] = history;
  }
  KeepInMemory(&numbers);
  return Load(numbers);
}

// Adds a letter to the histories of `wanted`, each its code.
[[gnu::always_inline]] inline void AddLetters(Histories* histories, Lanes codes, Mask wanted,
                                              Details* details) {
  constexpr uint32_t kMask = detail_word::kHistoryMask;
  const Lanes before = details->history & kMask;
  Lanes next = Gather(wanted, histories->next(), before << Histories::kCodeBits | codes);
  if ((wanted & static_cast<Mask>(~IsSet(next))) != 0) [[unlikely]]
    next = Learn(histories, before, codes, wanted);
  details->history = Select(wanted, (details->history & ~kMask) | next, details->history);
}

}  // namespace coretrack::line_lanes

#endif
