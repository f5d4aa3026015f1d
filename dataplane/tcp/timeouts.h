// How long a TCP flow lives without packets, by the states of its endpoints (TCP.md "Default
// timeouts").
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/tcp/state.h"

namespace coretrack::tcp {

enum class TimeoutClass : uint8_t {
  kSynSent,
  kSynRcvd,
  kEstablished,
  kHalfClosed,
  kLastAck,
  kClosing,
  kTimeWait,
  kAfterReset,
  kMidstream,
  kRetransmission,
};
inline constexpr int kTimeoutClasses = 10;

using TimeoutsMs = std::array<uint32_t, kTimeoutClasses>;
inline constexpr TimeoutsMs kDefaultTimeoutsMs = {
    60'000,  60'000,  5u * 24 * 3600 * 1000, 900'000, 30'000, 30'000, 120'000, 10'000,
    300'000, 300'000,
};

namespace internal {
constexpr TimeoutClass Classify(StatePair pair) {
  using enum State;
  const auto any = [pair](State s) { return pair.originator == s || pair.responder == s; };
  if (any(kTimeWait)) return TimeoutClass::kTimeWait;
  if (any(kLastAck)) return TimeoutClass::kLastAck;
  if (any(kClosed)) return TimeoutClass::kAfterReset;
  if (any(kClosing) || pair == StatePair{kFinWait1, kFinWait1}) return TimeoutClass::kClosing;
  if (any(kFinWait1) || any(kFinWait2) || any(kCloseWait)) return TimeoutClass::kHalfClosed;
  if (any(kSynRcvd)) return TimeoutClass::kSynRcvd;
  if (any(kSynSent)) return TimeoutClass::kSynSent;
  if (any(kEstablished)) return TimeoutClass::kEstablished;
  return TimeoutClass::kAfterReset;
}
inline constexpr auto kClassOf = [] {
  std::array<TimeoutClass, kStatePairs> table{};
  for (int i = 0; i < kStatePairs; ++i) table[i] = Classify(PairOf(static_cast<uint8_t>(i)));
  return table;
}();
}  // namespace internal

// Retransmitting without an answer has a timeout of its own (the shorter of the two counts) where
// waiting is long.
constexpr bool RetransmissionShortens(TimeoutClass by_state) {
  return by_state == TimeoutClass::kEstablished || by_state == TimeoutClass::kHalfClosed;
}

constexpr TimeoutClass TimeoutClassOf(StatePair pair) { return internal::kClassOf[Code(pair)]; }
// By the pair's code.
constexpr TimeoutClass TimeoutClassOf(uint8_t pair) { return internal::kClassOf[pair]; }

}  // namespace coretrack::tcp
