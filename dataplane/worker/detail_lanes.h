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
  alignas(kCacheLine) AtomicDetail* at[kLanes];
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
  for (uint32_t from = 0; from < kLanes; from += kLanes / 2) {
    StoreWords(Select(static_cast<uint8_t>(packets >> from),
                      table.DetailsOf(LoadWords(lines + from)), LoadWords(kNothing.data() + from)),
               details->at + from);
  }
  KeepInMemory(&details->at);
  for (const AtomicDetail* at : details->at) __builtin_prefetch(at);
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

// Writes those of `stored`, by the first part of writes that StoreLines<Write::kHasBegun>() ends. (In a loop of its own: among the lines' stores, steps cost more.)
[[gnu::always_inline]] inline void StoreDetails(const Details& details, AtomicLine* const* lines,
                                                Mask stored) {
  const Quarter words{{details.mss, details.facts, details.history, details.times}};
  ForEach(RowsOf(words), stored, [&](uint32_t i, const auto& row) {
    BeginWrite(*lines[i]);
    std::atomic_signal_fence(std::memory_order_release);
    Store(row, details.at[i]);
  });
}

// Of each, the microseconds that a segment of its direction took to come: the low half of word 1 has 16 bits of direction 0's, the other one
// the rest and direction 1's.
static_assert(detail_word::RttShift(0) == 16 && detail_word::RttShift(1) == 32 + 8 &&
              detail_word::kRttMask == 0xffffff);
inline Lanes RttOf(const Details& details, Test reverse) {
  return Select(reverse, details.times >> 8, details.history >> 16 | (details.times & 0xff) << 16);
}
// WithRtt() each of `wanted`.
[[gnu::always_inline]] inline void SetRtt(Test reverse, Lanes us, Test wanted, Details* details) {
  const Lanes rtt = Least(Select(IsSet(us), us, All(1)), All(detail_word::kRttMask));
  const Lanes times = Select(reverse, (details->times & 0xff) | rtt << 8,
                             (details->times & 0xffffff00) | rtt >> 16);
  details->history =
      Select(wanted & ~reverse, (details->history & 0xffff) | rtt << 16, details->history);
  details->times = Select(wanted, times, details->times);
}

// Since the flows of `packets` began, and whether nobody has repeated a segment of theirs.
struct SinceStart {
  Lanes us;  // SinceStartUs(), or 2^32 - 1 where that is more
  Test once;
};
[[gnu::always_inline]] inline SinceStart SinceStartOf(const FlowTable& table,
                                                      AtomicLine* const* lines, Mask packets,
                                                      uint64_t now_us) {
  static_assert(FlowDetail::kStartBits == 48 && detail_word::kBothRetransmits == 0xfffull << 48);
  const auto origins = [&](uint32_t from) {
    return table.OriginsOf(LoadWords(lines + from), static_cast<uint8_t>(packets >> from));
  };
  const Words64 first = origins(0), last = origins(kLanes / 2);
  // Microseconds: 48 bits, signed, and 16 zeros behind them.
  const Words64 since_first = (now_us - first) << 16, since_last = (now_us - last) << 16;
  const Lanes high = lanes::HighHalves(since_first, since_last);
  const Lanes us = high << 16 | lanes::LowHalves(since_first, since_last) >> 16;
  const Lanes us_or_most = Select(Below(high, All(0x10000)), us, All(0xffffffff));
  return {.us = Select(IsNegative(high), All(0), us_or_most),
          .once = Equal(lanes::HighHalves(first, last) & 0x0fff0000, All(0))};
}
// WithSynAckTime() each of `packets`; of the others, anything.
[[gnu::always_inline]] inline void SetSynAckTimes(const FlowTable& table, AtomicLine* const* lines,
                                                  Mask packets, Test reverse, uint64_t now_us,
                                                  Details* details) {
  const SinceStart since = SinceStartOf(table, lines, packets, now_us);
  SetRtt(reverse, since.us, since.once, details);
}
// WithAnswerTime() each of `packets`.
[[gnu::always_inline]] inline void SetAnswerTimes(const FlowTable& table, AtomicLine* const* lines,
                                                  Mask packets, Test reverse, uint64_t now_us,
                                                  Details* details) {
  const SinceStart since = SinceStartOf(table, lines, packets, now_us);
  const Lanes answer = RttOf(*details, ~reverse);
  const Test known = since.once & IsSet(answer) & ~Below(since.us, answer);
  SetRtt(reverse, since.us - answer, AsTest(packets) & known, details);
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
