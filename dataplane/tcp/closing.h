// What a segment moves by a FIN in it and by its ACK: RFC 9293 3.6. Shared by the general path (segment.cc)
// and the one of segments in order (steps.h).
#pragma once

#include <cstdint>

#include "dataplane/tcp/moves.h"
#include "dataplane/tcp/sequence.h"

namespace coretrack::tcp {

struct ClosingSegment {
  uint32_t ack = 0;
  bool fin_counts = false;   // it carries its sender's FIN, and nothing is missing before it
  bool acks_syn = false;     // it acknowledges the receiver's SYN
  bool acks_fin = false;     // it acknowledges the receiver's FIN
  bool behind_hole = false;  // its sender's FIN was seen, but not all that lies before it
  bool old = false;          // its receiver drops it, with the ACK in it
};

// REQUIRES: the numbers of `sender` and `receiver` include the segment.
constexpr void MoveClosing(const ClosingSegment& s, Half* sender, Half* receiver) {
  using enum State;
  // The sender's, which are certain.
  if (s.acks_fin) {
    const bool own_fin_acked = HasSentFin(sender->state) && receiver->ack == sender->end;
    Apply(own_fin_acked ? Event::kSendAckOfFinConfirmed : Event::kSendAckOfFin, sender);
  }
  if (s.fin_counts) {
    // Its ACK of the other FIN has overtaken this one, which was sent before (TCP.md 14).
    if (sender->state == kCloseWait && HasSentFin(receiver->state) &&
        Before(s.ack, receiver->end)) {
      sender->state = *NextState(*NextState(kEstablished, Event::kSendFin), Event::kSendAckOfFin);
    } else {
      Apply(Event::kSendFin, sender);
    }
  }

  // The receiver's, provisional until it speaks.
  if (s.old) return;
  if (receiver->state == kSynRcvd && s.acks_syn) Apply(Event::kRecvAckOfSyn, receiver);
  if (!s.acks_fin) return;
  // A FIN that comes with the ACK of ours is answered by one ACK: FIN_WAIT_1 -> TIME_WAIT directly,
  // when that is seen.
  if (sender->state == kLastAck && receiver->state == kFinWait1) return;
  // Before it has acknowledged the other FIN itself, CLOSING is as far as it can be.
  if (receiver->state == kClosing && receiver->ack != sender->end) return;
  const bool crossed = !s.behind_hole && (sender->state == kFinWait1 || sender->state == kClosing ||
                                          sender->state == kTimeWait);
  Apply(
      crossed && receiver->state == kFinWait1 ? Event::kRecvAckOfFinCrossed : Event::kRecvAckOfFin,
      receiver);
}

}  // namespace coretrack::tcp
