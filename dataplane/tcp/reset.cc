// RST: RFC 9293 3.10.7, RFC 5961 3, RFC 1337.
#include "dataplane/tcp/internal.h"

namespace coretrack::tcp {

namespace {

// Acceptable to `half` in SYN_SENT: acknowledges its SYN, with or without the data in it.
bool AcknowledgesSyn(const TcpHeader& s, const Half& half) {
  return (s.flags & tcp_flag::kAck) != 0 && AtOrAfter(s.ack, half.max_end) &&
         AtOrBefore(s.ack, half.end);
}

}  // namespace

Outcome TrackRst(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const StatePair before = c->states();
  using enum State;

  // A stray one, of an end that is done: it answers a late segment, with what that acknowledged
  // (TCP.md 38).
  if (sender.state == kClosed && receiver.state == kClosed) return Conclude(*c, before, false, 0);
  if (sender.state == kClosed && receiver.state == kTimeWait && AtOrBefore(s.seq, sender.end) &&
      After(s.seq, sender.end - std::max(kMinAckWindow, DecodeWindow(receiver.max_window)))) {
    return Conclude(*c, before, false, 0);
  }
  const bool answered = c->facts.syn_seen[Raw(d)] && sender.state != kSynSent;
  if (receiver.state == kSynSent && !answered) {
    // Answers a SYN: it must acknowledge it; its own sequence number is meaningless.
    if (!AcknowledgesSyn(s, receiver)) return Invalidate(Invalid::kSynAckAck);
  } else if (sender.state == kSynSent && !receiver.heard()) {
    // Answers an ACK that did not fit its SYN (RFC 9293 3.10.7.3, first): it stays in SYN_SENT.
    if (s.seq == receiver.ack && receiver.ack != sender.max_end)
      return Conclude(*c, before, false, 0);
    if (s.seq != sender.end && s.seq != sender.max_end) return Invalidate(Invalid::kRstSequence);
  } else {
    // What the receiver expects next; its `ack` is still the peer's ISN when it has only sent a
    // SYN.
    const uint32_t expected = receiver.ack + (receiver.state == kSynSent ? 1 : 0);
    const bool answers_ack = IsWhereAcked(s, d, *c);
    // RFC 9293 3.10.7.4, fifth: an ACK that does not fit its SYN+ACK; it stays in SYN_RCVD. With an ACK it is
    // no such answer, but gives up.
    if (answers_ack && sender.state == kSynRcvd && (s.flags & tcp_flag::kAck) == 0)
      return Conclude(*c, before, false, 0);
    const bool expected_known = receiver.heard() || receiver.ack != 0;
    const bool exact =
        (expected_known && s.seq == expected) || (sender.heard() && s.seq == NextInOrder(d, *c)) ||
        // Some stacks do not count the FIN that they have sent (macOS).
        ((c->facts.fin_pending[Raw(d)] || HasSentFin(sender.state)) && s.seq == sender.end - 1) ||
        // Behind data that the box missed, and that was acknowledged.
        answers_ack ||
        // The SYN+ACK was lost, and the SYN came again: refused as above.
        (receiver.state == kSynSent && AcknowledgesSyn(s, receiver));
    const bool in_window =
        expected_known && AtOrAfter(s.seq, expected) && Before(s.seq, sender.max_end);
    const bool closing = IsClosing(sender.state) || IsClosing(receiver.state);
    if (!exact && !(closing && in_window)) return Invalidate(Invalid::kRstSequence);
  }
  Apply(Event::kSendRst, &sender);
  Apply(Event::kRecvRst, &receiver);
  // A RST in TIME_WAIT does not shorten it (RFC 1337).
  const bool refresh = receiver.state != kTimeWait;
  return Conclude(*c, before, refresh, note::kReset);
}

}  // namespace coretrack::tcp
