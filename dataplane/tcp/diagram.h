// The state diagram of one endpoint (RFC 9293 figure 5), written down once, as data.
//
// What for  A box between two endpoints does not run the diagram, it watches it being run. So the
//           events are what can be seen of an endpoint: a segment it sent, or an answer that
//           reached it. Moves that the diagram makes on "rcv X / snd Y" are made when Y is seen:
//           until then it is not known that X arrived. Moves on a mere receipt ("rcv ACK / x") are
//           made when the segment passes, and are provisional until the endpoint speaks again.
// Layout    kRules lists (state, event, next state). NextState() looks it up in a table derived at
//           compile time, with *reject* as default. Rules that are listed twice, or from states
//           that cannot be reached, fail the build.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/tcp/state.h"

namespace coretrack::tcp {

enum class Event : uint8_t {
  kSendSyn,              // a SYN without ACK
  kSendSynAck,           // a SYN with ACK; its own SYN is not acknowledged yet
  kSendSynAckConfirmed,  // the same, and its own SYN has been acknowledged (simultaneous open)
  kSendAckOfSyn,         // acknowledges the peer's SYN, its own being acknowledged
  kRecvAckOfSyn,         // the peer acknowledged its SYN
  kSendFin,              // a FIN
  kSendAckOfFin,  // acknowledges the peer's FIN; its own FIN, if sent, is not acknowledged yet
  kSendAckOfFinConfirmed,  // the same, and its own FIN has been acknowledged
  kRecvAckOfFin,           // the peer acknowledged its FIN
  kRecvAckOfFinCrossed,  // the same, and the peer's own FIN had passed before, unacknowledged: the
                         // FINs crossed
  kSendRst,
  kRecvRst,
  kTwoMsl,  // 2 MSL have passed
};
inline constexpr int kEvents = 13;

struct Rule {
  State from;
  Event event;
  State to;
};

inline constexpr auto kRules = [] {
  using enum State;
  using enum Event;
  return std::array{
      // Opening: RFC 9293 3.5 figure 6; CLOSED and LISTEN differ only in what the application asked
      // for, which is not seen.
      Rule{kClosed, kSendSyn, kSynSent},
      Rule{kListen, kSendSyn, kSynSent},
      Rule{kSynSent, kSendSyn, kSynSent},  // retransmission
      Rule{kClosed, kSendSynAck, kSynRcvd},
      Rule{kListen, kSendSynAck, kSynRcvd},
      Rule{kSynRcvd, kSendSynAck, kSynRcvd},  // retransmission
      Rule{kSynSent, kSendAckOfSyn, kEstablished},
      Rule{kSynRcvd, kRecvAckOfSyn, kEstablished},
      // Simultaneous open: RFC 9293 3.5 figure 7. In SYN_SENT the peer's ACK alone moves nothing.
      Rule{kSynSent, kSendSynAck, kSynRcvd},
      Rule{kSynSent, kSendSynAckConfirmed, kEstablished},
      Rule{kSynRcvd, kSendSynAckConfirmed, kEstablished},
      Rule{kSynSent, kRecvAckOfSyn, kSynSent},
      // Closing: RFC 9293 3.6, figures 12 and 13.
      Rule{kSynRcvd, kSendFin, kFinWait1},
      Rule{kEstablished, kSendFin, kFinWait1},
      Rule{kCloseWait, kSendFin, kLastAck},
      Rule{kEstablished, kSendAckOfFin, kCloseWait},
      Rule{kSynRcvd, kSendAckOfFin, kCloseWait},
      Rule{kFinWait1, kSendAckOfFin, kClosing},
      Rule{kFinWait1, kSendAckOfFinConfirmed, kTimeWait},  // FIN and ACK of our FIN in one segment
      Rule{kFinWait2, kSendAckOfFinConfirmed, kTimeWait},
      Rule{kClosing, kSendAckOfFinConfirmed, kTimeWait},
      Rule{kFinWait1, kRecvAckOfFin, kFinWait2},
      Rule{kFinWait1, kRecvAckOfFinCrossed, kClosing},
      Rule{kClosing, kRecvAckOfFin, kTimeWait},
      Rule{kLastAck, kRecvAckOfFin, kClosed},
      // Retransmissions of the FIN (RFC 9293 3.10.7.4, eighth).
      Rule{kFinWait1, kSendFin, kFinWait1},
      Rule{kClosing, kSendFin, kClosing},
      Rule{kLastAck, kSendFin, kLastAck},
      Rule{kTimeWait, kSendAckOfFinConfirmed, kTimeWait},
      // Reset: RFC 9293 3.5.2 and 3.10.7; a RST in TIME_WAIT is ignored (RFC 1337, fix F1). What a
      // RST sent from SYN_SENT means
      // depends on what it answers: the tracker decides before it comes here.
      Rule{kClosed, kSendRst, kClosed},
      Rule{kListen, kSendRst, kClosed},
      Rule{kSynSent, kSendRst, kClosed},
      Rule{kSynRcvd, kSendRst, kClosed},
      Rule{kEstablished, kSendRst, kClosed},
      Rule{kFinWait1, kSendRst, kClosed},
      Rule{kFinWait2, kSendRst, kClosed},
      Rule{kCloseWait, kSendRst, kClosed},
      Rule{kClosing, kSendRst, kClosed},
      Rule{kLastAck, kSendRst, kClosed},
      Rule{kTimeWait, kSendRst, kClosed},
      Rule{kClosed, kRecvRst, kClosed},
      Rule{kListen, kRecvRst, kClosed},
      Rule{kSynSent, kRecvRst, kClosed},
      Rule{kSynRcvd, kRecvRst, kClosed},
      Rule{kEstablished, kRecvRst, kClosed},
      Rule{kFinWait1, kRecvRst, kClosed},
      Rule{kFinWait2, kRecvRst, kClosed},
      Rule{kCloseWait, kRecvRst, kClosed},
      Rule{kClosing, kRecvRst, kClosed},
      Rule{kLastAck, kRecvRst, kClosed},
      Rule{kTimeWait, kRecvRst, kTimeWait},
      // TIME_WAIT ends.
      Rule{kTimeWait, kTwoMsl, kClosed},
  };
}();

namespace internal {
inline constexpr uint8_t kReject = 0xff;
using Table = std::array<std::array<uint8_t, kEvents>, kStates>;

constexpr Table DeriveTable() {
  Table table{};
  for (auto& row : table) row.fill(kReject);
  for (const Rule& rule : kRules) {
    table[static_cast<int>(rule.from)][static_cast<int>(rule.event)] =
        static_cast<uint8_t>(rule.to);
  }
  return table;
}

constexpr bool NoRuleIsListedTwice() {
  for (size_t i = 0; i < kRules.size(); ++i) {
    for (size_t j = i + 1; j < kRules.size(); ++j) {
      if (kRules[i].from == kRules[j].from && kRules[i].event == kRules[j].event) return false;
    }
  }
  return true;
}

constexpr bool EveryStateIsReachable() {
  std::array<bool, kStates> reached{};
  reached[static_cast<int>(State::kClosed)] = true;
  reached[static_cast<int>(State::kListen)] = true;
  for (int round = 0; round < kStates; ++round) {
    for (const Rule& rule : kRules) {
      if (reached[static_cast<int>(rule.from)]) reached[static_cast<int>(rule.to)] = true;
    }
  }
  for (const bool r : reached) {
    if (!r) return false;
  }
  return true;
}

static_assert(NoRuleIsListedTwice());
static_assert(EveryStateIsReachable());
inline constexpr Table kTable = DeriveTable();
}  // namespace internal

// Where `event` takes an endpoint in `state`, or nothing: the diagram does not have it, it is
// rejected.
constexpr std::optional<State> NextState(State state, Event event) {
  const uint8_t next = internal::kTable[static_cast<int>(state)][static_cast<int>(event)];
  if (next == internal::kReject) return std::nullopt;
  return static_cast<State>(next);
}

}  // namespace coretrack::tcp
