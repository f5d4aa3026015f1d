// Packs a tcp::Connection into a flow's line and detail, and back. The only place that knows both
// layouts.
//
// Layout  FlowLine::state: bit 7: the originator sends in Direction::kReverse; bits 0-6: 0 empty, 1
//         to 121 tcp::Code(states) + 1, kDatagramNew, kDatagramAnswered. protocol_words: end[2],
//         max_end[2], ack[2], ts_recent[2], by Direction.
#pragma once

#include <algorithm>
#include <cstddef>

#include "dataplane/flow/flow_line.h"
#include "dataplane/flow/flow_slot.h"
#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/state.h"

namespace coretrack {

inline constexpr uint8_t kOriginatorReverse = 0x80;
inline constexpr uint8_t kStateCodeMask = 0x7f;
inline constexpr uint8_t kDatagramNew = tcp::kStatePairs + 1;
inline constexpr uint8_t kDatagramAnswered = tcp::kStatePairs + 2;
static_assert(kDatagramAnswered <= kStateCodeMask);

constexpr uint8_t StateCode(tcp::StatePair pair) {
  return static_cast<uint8_t>(tcp::Code(pair) + 1);
}
// tcp::Code() of the pair in `state`.  REQUIRES: IsTcpState(state).
constexpr uint8_t PairCodeOf(uint8_t state) {
  return static_cast<uint8_t>((state & kStateCodeMask) - 1);
}
constexpr Direction OriginatorOf(uint8_t state) {
  return (state & kOriginatorReverse) != 0 ? Direction::kReverse : Direction::kForward;
}
constexpr bool IsTcpState(uint8_t state) {
  const uint8_t code = state & kStateCodeMask;
  return code >= 1 && code <= tcp::kStatePairs;
}
// REQUIRES: IsTcpState(state).
constexpr tcp::StatePair PairOf(uint8_t state) { return tcp::PairOf(PairCodeOf(state)); }

// Bits of FlowDetail::flags.
namespace detail_flag {
inline constexpr uint16_t kAssured = 1 << 0;
inline constexpr uint16_t kMidstream = 1 << 1;
inline constexpr uint16_t kRival = 1 << 2;  // Pipeline keeps one for this flow
constexpr uint16_t SynSeen(unsigned d) { return static_cast<uint16_t>(1 << (3 + d)); }
constexpr uint16_t Sack(unsigned d) { return static_cast<uint16_t>(1 << (5 + d)); }
constexpr uint16_t Timestamps(unsigned d) { return static_cast<uint16_t>(1 << (7 + d)); }
constexpr uint16_t FinPending(unsigned d) { return static_cast<uint16_t>(1 << (9 + d)); }
inline constexpr int kUnansweredShift = 11;  // 2 bits
inline constexpr uint16_t kRetransmitter = 1 << 13;
inline constexpr uint16_t kInMind = 1 << 14;  // Pipeline keeps one for this flow
inline constexpr uint16_t kHoleFilled = 1 << 15;
// What is kept in mind: then the general path must be asked.
inline constexpr uint16_t kKept =
    FinPending(0) | FinPending(1) | 3 << kUnansweredShift | kInMind | kRival;
}  // namespace detail_flag

// Bits of FlowDetail::small: FINs again in TIME_WAIT, old duplicates in TIME_WAIT, both saturating at
// kMaxCount; and of which directions the endpoint's state is provisional.
namespace detail_small {
inline constexpr uint8_t kMaxCount = 7;
inline constexpr int kFinsShift = 0, kDuplicatesShift = 3;
constexpr uint8_t Provisional(unsigned d) { return static_cast<uint8_t>(1 << (6 + d)); }
constexpr uint8_t Count(uint8_t small, int shift) { return small >> shift & kMaxCount; }
}  // namespace detail_small

// FlowDetail::start_us is the low bits of the unix time of the first packet. `origin`: or with anything above them.
// All of it. `now_us` may be before it, and far from it by half of what the bits hold (4.4 years).
inline uint64_t StartUsOf(uint64_t origin, uint64_t now_us) {
  constexpr unsigned kAbove = 64 - FlowDetail::kStartBits;
  const auto since_us = static_cast<int64_t>((now_us - origin) << kAbove) >> kAbove;
  return now_us - static_cast<uint64_t>(since_us);
}
// How long ago that was; 0 if it is still to come (StartIn()).
inline uint64_t SinceStartUs(uint64_t origin, uint64_t now_us) {
  const uint64_t start_us = StartUsOf(origin, now_us);
  return now_us < start_us ? 0 : now_us - start_us;
}

// Direction `d`'s half, without its state.
inline tcp::Half UnpackHalf(const FlowLine& line, unsigned d) {
  return {.end = line.protocol_words[d],
          .max_end = line.protocol_words[2 + d],
          .ack = line.protocol_words[4 + d],
          .ts_recent = line.protocol_words[6 + d],
          .max_window = line.max_window[d],
          .scale = static_cast<uint8_t>((line.scales >> (4 * d)) & 0xf)};
}
// What the line holds; the facts stay as they are.
inline void UnpackLine(const FlowLine& line, tcp::Connection* c) {
  const tcp::StatePair pair = PairOf(line.state);
  c->originator = OriginatorOf(line.state);
  for (unsigned d = 0; d < 2; ++d) {
    tcp::Half& half = c->half[d];
    half = UnpackHalf(line, d);
    half.state = d == Raw(c->originator) ? pair.originator : pair.responder;
  }
}
inline void PackLine(const tcp::Connection& c, FlowLine* line) {
  line->state = static_cast<uint8_t>(
      StateCode(c.states()) | (c.originator == Direction::kReverse ? kOriginatorReverse : 0));
  for (unsigned d = 0; d < 2; ++d) {
    line->protocol_words[d] = c.half[d].end;
    line->protocol_words[2 + d] = c.half[d].max_end;
    line->protocol_words[4 + d] = c.half[d].ack;
    line->protocol_words[6 + d] = c.half[d].ts_recent;
    line->max_window[d] = c.half[d].max_window;
  }
  line->scales = static_cast<uint8_t>(c.half[0].scale | c.half[1].scale << 4);
}

// Word 3 of a FlowLine: zone_flags, and by Direction what follows.
namespace line_word {
static_assert(offsetof(FlowLine, zone_flags) == 24 && offsetof(FlowLine, scales) == 25 &&
              offsetof(FlowLine, max_window) == 26 && offsetof(FlowLine, bytes) == 28);
constexpr unsigned ScaleShift(unsigned d) { return 8 + 4 * d; }
constexpr unsigned MaxWindowShift(unsigned d) { return 16 + 8 * d; }
constexpr unsigned BytesShift(unsigned d) { return 32 + 16 * d; }
}  // namespace line_word

// Word 1 of a detail, with a time that a segment of direction `d` took to come.
inline uint64_t WithRtt(unsigned d, uint64_t us, uint64_t word1) {
  using namespace detail_word;
  const uint64_t rtt_us = std::clamp<uint64_t>(us, 1, kRttMask);
  return (word1 & ~(kRttMask << RttShift(d))) | rtt_us << RttShift(d);
}
// Of the SYN+ACK.
inline uint64_t WithSynAckTime(unsigned d, uint64_t now_us, uint64_t origin, uint64_t word1) {
  using namespace detail_word;
  if ((origin & kBothRetransmits) != 0) return word1;
  return WithRtt(d, SinceStartUs(origin, now_us), word1);
}
// Of the third ACK; the SYN+ACK's is there.
inline uint64_t WithAnswerTime(unsigned d, uint64_t now_us, uint64_t origin, uint64_t word1) {
  using namespace detail_word;
  if ((origin & kBothRetransmits) != 0) return word1;
  const uint64_t since_start_us = SinceStartUs(origin, now_us);
  const uint64_t answer_us = word1 >> RttShift(1 - d) & kRttMask;
  if (answer_us == 0 || since_start_us < answer_us) return word1;
  return WithRtt(d, since_start_us - answer_us, word1);
}

void UnpackFacts(const FlowDetail& detail, tcp::Facts* facts);
// Also sets the line's attention flag: whether established packets may go without the facts.
void PackFacts(const tcp::Facts& facts, FlowLine* line, FlowDetail* detail);

}  // namespace coretrack
