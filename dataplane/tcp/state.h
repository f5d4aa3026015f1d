// The states of RFC 9293 3.3.2, and the pair of them that a connection's two endpoints are in.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace coretrack::tcp {

enum class State : uint8_t {
  kClosed,
  kListen,
  kSynSent,
  kSynRcvd,
  kEstablished,
  kFinWait1,
  kFinWait2,
  kCloseWait,
  kClosing,
  kLastAck,
  kTimeWait,
};
inline constexpr int kStates = 11;

inline constexpr std::array<std::string_view, kStates> kStateNames = {
    "CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
    "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",  "LAST_ACK", "TIME_WAIT"};
constexpr std::string_view Name(State state) { return kStateNames[static_cast<int>(state)]; }

// Both endpoints: [0] the originator, [1] the responder.
struct StatePair {
  State originator = State::kClosed;
  State responder = State::kClosed;
  friend constexpr bool operator==(StatePair, StatePair) = default;
};
inline constexpr int kStatePairs = kStates * kStates;

constexpr uint8_t Code(StatePair pair) {
  return static_cast<uint8_t>(static_cast<int>(pair.originator) * kStates +
                              static_cast<int>(pair.responder));
}
constexpr StatePair PairOf(uint8_t code) {
  return {static_cast<State>(code / kStates), static_cast<State>(code % kStates)};
}

}  // namespace coretrack::tcp
