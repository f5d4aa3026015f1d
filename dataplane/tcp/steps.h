// Steps: segments in order that may move a state, but for SYNs and RSTs: the ACK that ends the handshake,
// the steps of closing, and what comes between them.
//
// What for  A subset of TrackSegment() (segment.cc), as in_order.h is. Where CheckStep() knows the step,
//           MoveStep() and its pair of states are what TrackSegment() would have come to, and the
//           deadline is to be refreshed; else TrackSegment() decides.
// How       What a segment in order does to both states depends on five things that can be seen of it.
//           They are the index into a table that is made at compile time, from the diagram by way of
//           MoveClosing().
// Twin      worker/step_lanes.cc does the same for sixteen segments at once: what changes here changes there.
// Proof     tests/tcp holds it against TrackSegment() over the reference conversations.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/packet/packet_meta.h"
#include "dataplane/tcp/closing.h"
#include "dataplane/tcp/in_order.h"
#include "dataplane/tcp/state.h"

namespace coretrack::tcp {

struct Step {
  uint8_t pair = kStatePairs;   // the code of both states afterwards; kStatePairs: no such step
  bool receiver_moves = false;  // its receiver's state is not what it was
  constexpr bool known() const { return pair != kStatePairs; }
};

namespace internal {

// The bits of the index.
inline constexpr unsigned kStepFin = 1, kStepPayload = 2;
inline constexpr unsigned kStepAcksAll = 4;   // it acknowledges all that its receiver has sent
inline constexpr unsigned kStepAllAcked = 8;  // its receiver has acknowledged all up to its end
inline constexpr unsigned kStepFromResponder = 16;
inline constexpr unsigned kStepInputs = 32;

// States in which both SYNs are acknowledged and 2 MSL does not run.
constexpr bool IsSynchronized(State s) {
  using enum State;
  return s == kEstablished || s == kFinWait1 || s == kFinWait2 || s == kCloseWait ||
         s == kClosing || s == kLastAck;
}

// The ACK that ends the handshake.
constexpr bool IsThirdAck(State sender, State receiver) {
  return sender == State::kSynSent && receiver == State::kSynRcvd;
}

constexpr Step DeriveStep(StatePair before, unsigned input) {
  using enum State;
  const bool fin = (input & kStepFin) != 0, payload = (input & kStepPayload) != 0;
  const bool acks_all = (input & kStepAcksAll) != 0;
  const bool from_responder = (input & kStepFromResponder) != 0;
  // Numbers that compare as the bits say.
  constexpr uint32_t kSenderEnd = 1000, kReceiverEnd = 2000;
  Half sender{.end = kSenderEnd, .state = from_responder ? before.responder : before.originator};
  Half receiver{.end = kReceiverEnd,
                .ack = (input & kStepAllAcked) != 0 ? kSenderEnd : kSenderEnd - 1,
                .state = from_responder ? before.originator : before.responder};
  const State receiver_before = receiver.state;
  const uint32_t ack = acks_all ? kReceiverEnd : kReceiverEnd - 1;
  if (IsThirdAck(sender.state, receiver.state)) {
    if (fin || !acks_all) return {};
    Apply(Event::kSendAckOfSyn, &sender);
    Apply(Event::kRecvAckOfSyn, &receiver);
  } else {
    if (!IsSynchronized(sender.state) || !IsSynchronized(receiver.state)) return {};
    if (HasSentFin(sender.state) && (fin || payload)) return {};
    if (sender.state == kClosing && !acks_all) return {};  // may have to be taken back
    MoveClosing({.ack = ack, .fin_counts = fin, .acks_fin = acks_all && HasSentFin(receiver.state)},
                &sender, &receiver);
  }
  const StatePair after = from_responder ? StatePair{receiver.state, sender.state}
                                         : StatePair{sender.state, receiver.state};
  return {.pair = Code(after), .receiver_moves = receiver.state != receiver_before};
}

inline constexpr auto kSteps = [] {
  std::array<std::array<Step, kStepInputs>, kStatePairs> steps{};
  for (unsigned pair = 0; pair < steps.size(); ++pair) {
    for (unsigned input = 0; input < kStepInputs; ++input)
      steps[pair][input] = DeriveStep(PairOf(static_cast<uint8_t>(pair)), input);
  }
  return steps;
}();

}  // namespace internal

// Is what is a step from `pair` the ACK that ends the handshake?
constexpr bool EndsHandshake(uint8_t pair, bool from_responder) {
  return pair == (from_responder ? Code({State::kSynRcvd, State::kSynSent})
                                 : Code({State::kSynSent, State::kSynRcvd}));
}

// The halves are tcp::Half, or a view of one where it lies, without its state (worker/established_path.h).
// `pair`: the code of their states.
// The answer holds only if nothing is kept in mind (Facts: no FIN pending, nothing unanswered, no suspicion, no
// rival).  REQUIRES: s.flags has ACK and neither SYN nor RST; pair < kStatePairs.
template <typename SenderHalf, typename ReceiverHalf>
inline Step CheckStep(const TcpHeader& s, uint8_t pair, bool from_responder,
                      const SenderHalf& sender, const ReceiverHalf& receiver) {
  using namespace internal;
  const unsigned fin = s.flags & tcp_flag::kFin;
  static_assert(tcp_flag::kFin == kStepFin);
  const uint32_t receiver_acked = receiver.ack;
  const unsigned input = fin | (s.payload_bytes != 0 ? kStepPayload : 0) |
                         (s.ack == receiver.end ? kStepAcksAll : 0) |
                         (receiver_acked == s.seq + s.payload_bytes + fin ? kStepAllAcked : 0) |
                         (from_responder ? kStepFromResponder : 0);
  const Step step = kSteps[pair][input];
  if (!step.known()) return {};
  if (sender.max_window == 0 || receiver.max_window == 0) return {};  // not heard yet
  if (fin != 0 && After(receiver_acked, sender.end)) return {};
  if (EndsHandshake(pair, from_responder)) [[unlikely]] {
    // Of a handshake without data in it.
    if (s.seq != sender.max_end || receiver_acked != s.seq || s.ack == sender.ack) return {};
  }
  return IsInOrder(s, sender, receiver) ? step : Step{};
}
// REQUIRES: CheckStep() knew it.
template <typename SenderHalf, typename ReceiverHalf>
inline void MoveStep(const TcpHeader& s, uint8_t pair, bool from_responder, SenderHalf& sender,
                     ReceiverHalf& receiver) {
  MoveInOrder(s, sender, receiver);
  if ((s.flags & tcp_flag::kFin) != 0) sender.end = sender.end + 1;
  if (EndsHandshake(pair, from_responder)) [[unlikely]] {
    // Its numbers count from here; what came before were ISNs and the windows of SYNs.
    sender.ack = s.ack;
    sender.max_end = receiver.ack + DecodeWindow(receiver.max_window);
  }
}

}  // namespace coretrack::tcp
