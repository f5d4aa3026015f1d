// Segments with ACK and neither SYN nor RST: data, acknowledgments, FINs.
#include "dataplane/tcp/internal.h"

namespace coretrack::tcp {
namespace {

using namespace tcp_flag;

// Timestamps of the established path (RFC 7323 5.3): R1 rejects, R3 updates.
bool FailsPaws(const TcpHeader& s, const Half& sender, const Half& receiver, uint32_t tsval) {
  if (!Before(tsval, sender.ts_recent)) return false;
  // A pure ACK that was overtaken is accepted by stacks as long as it is at the edge and a second
  // or so old.
  const bool pure_ack = s.payload_bytes == 0 && (s.flags & kFin) == 0;
  return !(pure_ack && s.seq == receiver.ack && sender.ts_recent - tsval < 4096);
}

// Half::end is then where the FIN is, whether it counts yet or not.
bool FinIsKnown(const Connection& c, Direction d) {
  const State state = c.half[Raw(d)].state;
  return HasSentFin(state) || state == State::kClosed || c.facts.fin_pending[Raw(d)];
}

// Does this segment, out of the window as it is, confirm what the other side's out-of-window
// segment said? Then the box missed packets, and `c` is moved to where both sides are. Each of the
// two is exact in the numbers that a blind attacker would have to guess.
bool Resynchronize(const TcpHeader& s, Direction d, Connection* c) {
  const Suspicion was = c->facts.suspicion;
  if (!was.active || HasSentFin(c->half[Raw(was.sender)].state)) return false;
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  if (was.by_ack && was.sender == d && s.seq == was.first && s.ack == receiver.end) {
    sender.end = s.seq;
    sender.max_end = s.seq + DecodeWindow(receiver.max_window);
    receiver.ack = s.seq;
  } else if (!was.by_ack && was.sender == Opposite(d) && s.seq == sender.end &&
             (s.ack == was.first || s.ack == was.end)) {
    receiver.end = receiver.max_end = was.end;
    c->facts.fin_pending[Raw(was.sender)] = was.fin;
  } else {
    return false;
  }
  c->facts.suspicion = {};
  return true;
}

}  // namespace

// A segment with ACK and neither SYN nor RST.
Outcome TrackSegment(const TcpHeader& s, Direction d, const Policy& policy, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const StatePair before = c->states();
  uint16_t notes = 0;
  const bool was_heard = sender.heard();
  using enum State;

  if (sender.state == kClosed && receiver.state == kClosed) return Conclude(*c, before, false, 0);
  if (receiver.state == kSynSent && !sender.heard()) {
    // An ACK before the SYN+ACK: a challenge ACK of an older incarnation (TCP.md 2), or the first
    // packet of a 5-way handshake. The number is kept, so that the RST it provokes is understood.
    sender.ack = s.ack;
    return Conclude(*c, before, false, 0);
  }
  const bool time_wait = sender.state == kTimeWait || receiver.state == kTimeWait;
  const uint32_t end = s.seq + LengthOf(s);
  const bool fin = (s.flags & kFin) != 0;

  // The third ACK must acknowledge the SYN it answers.
  if (sender.state == kSynSent && receiver.heard()) {
    if (!After(s.ack, sender.ack) || (receiver.state != kSynSent && After(s.ack, receiver.end)))
      return Invalidate(Invalid::kAckHigh);
  }
  // Where the SYN+ACK was not seen, the one bound is the window that a SYN can offer.
  if (sender.state == kSynSent && !receiver.heard() &&
      (Before(s.seq, sender.max_end) || After(s.seq, sender.end + 0xffff))) {
    return Invalidate(Invalid::kSequenceHigh);
  }

  // PAWS comes first (RFC 7323 5.3).
  TcpOptions::Timestamps ts;
  const bool has_ts = sender.ts_recent != 0 && ReadTimestamps(s.options, s.option_bytes, &ts);
  if (has_ts && FailsPaws(s, sender, receiver, ts.value)) {
    // Overtaken here, it may still arrive in order there: if it is acknowledged, it counted.
    if (fin && !FinIsKnown(*c, d) && AtOrAfter(end, sender.end) &&
        CheckWindow(s, end, sender, receiver) == Invalid::kNone) {
      c->facts.fin_pending[Raw(d)] = true;
      sender.end = end;
    }
    return Invalidate(Invalid::kPaws);
  }

  if (policy.window != WindowCheck::kOff) {
    Invalid failed = CheckWindow(s, end, sender, receiver);
    if (failed != Invalid::kNone) [[unlikely]] {
      if (policy.window == WindowCheck::kObserve) {
        notes |= note::kWindowObserved;
      } else if (Resynchronize(s, d, c)) {
        // The box had missed packets; from here on it goes by what both sides say.
      } else {
        // From its FIN on, `end` is where the FIN is: what lies beyond is not remembered.
        if (failed == Invalid::kOverrun && !FinIsKnown(*c, d)) sender.end = Later(sender.end, end);
        if (failed == Invalid::kSequenceHigh) {
          c->facts.suspicion = {
              .active = true, .by_ack = false, .fin = fin, .sender = d, .first = s.seq, .end = end};
        }
        if (failed == Invalid::kAckHigh && s.seq == sender.end) {
          // An ACK of data that was not seen is not wrong by itself (TCP.md 37); it moves nothing
          // until its data shows.
          c->facts.suspicion = {.active = true,
                                .by_ack = true,
                                .fin = false,
                                .sender = Opposite(d),
                                .first = s.ack,
                                .end = s.ack};
          return Conclude(*c, before, false, 0);
        }
        return Invalidate(failed);
      }
    }
  }
  const bool sender_fin_sent = HasSentFin(sender.state);
  const bool sender_done = sender_fin_sent || sender.state == kClosed;
  if (sender_done && After(end, sender.end)) return Invalidate(Invalid::kAfterFin);
  if (time_wait && s.payload_bytes != 0 && !fin) return Invalidate(Invalid::kTimeWaitDuplicate);

  // --- From here on it is valid. ---
  if (has_ts && AtOrBefore(s.seq, receiver.ack)) sender.ts_recent = ts.value != 0 ? ts.value : 1;

  const bool in_order = AtOrBefore(s.seq, sender.end) || !sender.heard();
  if (s.payload_bytes != 0 && sender.heard() && AtOrBefore(end, sender.end) &&
      Before(s.seq, sender.end - 1)) {
    notes |= note::kRetransmission;
  }

  // What it sent.
  bool fin_counts = false;
  if (fin && !sender_done) {
    const bool below = sender.heard() && Before(end, sender.end);
    // Where the other side is not seen, no acknowledgment will ever confirm it.
    if ((in_order && !below) || !receiver.heard()) {
      fin_counts = true;
      c->facts.fin_pending[Raw(d)] = false;
      sender.end = end;
    } else if (After(end, receiver.ack)) {
      c->facts.fin_pending[Raw(d)] = true;
      sender.end = end;
    }
  } else if (After(end, sender.end) || !sender.heard()) {
    sender.end = end;
    c->facts.fin_pending[Raw(d)] = false;  // data past it: that FIN was none
  } else if (!fin && s.payload_bytes != 0 && end == sender.end) {
    c->facts.fin_pending[Raw(d)] = false;  // data in its place
  }
  const uint8_t scale = EffectiveScale(sender.scale);
  const uint32_t window = static_cast<uint32_t>(s.window) << scale;
  sender.max_window = std::max(sender.max_window, EncodeWindow(window));

  // Its SYN+ACK was all that was seen of the opening, and it acknowledges more than a SYN.
  if (!receiver.heard() && receiver.state == kSynSent && sender.state == kSynRcvd &&
      After(s.ack, receiver.end)) {
    Apply(Event::kSendAckOfSyn, &receiver);
    Apply(Event::kRecvAckOfSyn, &sender);
  }
  // What it acknowledged. An ACK of data that was not seen says that the box missed it (TCP.md 37).
  const bool receiver_fin_sent = HasSentFin(receiver.state) || receiver.state == kClosed;
  if (!receiver.heard() || (!receiver_fin_sent && After(s.ack, receiver.end))) {
    receiver.end = s.ack;
    c->facts.fin_pending[Raw(Opposite(d))] = false;
  }
  const bool opens = sender.state == kSynSent;
  const bool first_ack = opens || !was_heard;
  sender.ack = first_ack ? s.ack : Later(sender.ack, s.ack);
  const uint32_t limit = s.ack + window + (window == 0 ? 1 : 0);
  if (receiver.state != kSynSent)
    receiver.max_end = first_ack ? limit : Later(receiver.max_end, limit);

  // The sender's moves, which are certain.
  if (sender.state == kSynSent) {
    const bool own_acked = !receiver.heard() || AtOrAfter(receiver.ack, sender.max_end);
    if (own_acked) {
      Apply(Event::kSendAckOfSyn, &sender);
      if (sender.state == kEstablished) {
        if (!receiver.heard()) {  // only this direction is seen: it must have answered
          receiver.state = kEstablished;
          receiver.scale = c->facts.offered_scale[Raw(d)] == kNoScale ? 0 : kUnknownScale;
        }
        sender.max_end =
            receiver.heard() ? receiver.ack + DecodeWindow(receiver.max_window) : sender.end;
        notes |= note::kOpened;
      }
    }
  }
  const bool receiver_fin_acked_now =
      s.ack == receiver.end &&
      (HasSentFin(receiver.state) || c->facts.fin_pending[Raw(Opposite(d))]);
  if (receiver_fin_acked_now) {
    if (c->facts.fin_pending[Raw(Opposite(d))]) {
      c->facts.fin_pending[Raw(Opposite(d))] = false;
      Apply(Event::kSendFin, &receiver);
    }
    const bool own_fin_acked = sender_fin_sent && receiver.ack == sender.end;
    Apply(own_fin_acked ? Event::kSendAckOfFinConfirmed : Event::kSendAckOfFin, &sender);
  }
  if (fin_counts) Apply(Event::kSendFin, &sender);

  // The receiver's moves, provisional until it speaks.
  if (receiver.state == kSynRcvd) Apply(Event::kRecvAckOfSyn, &receiver);
  if (receiver_fin_acked_now) {
    // A FIN that comes with the ACK of ours is answered by one ACK: FIN_WAIT_1 -> TIME_WAIT
    // directly, when that is seen.
    const bool both_in_one = sender.state == kLastAck && receiver.state == kFinWait1;
    const bool crossed =
        sender.state == kFinWait1 || sender.state == kClosing || sender.state == kTimeWait;
    // Before it has acknowledged the other FIN itself, CLOSING is as far as it can be.
    const bool still_closing = receiver.state == kClosing && receiver.ack != sender.end;
    if (!both_in_one && !still_closing) {
      const bool at_once = crossed && receiver.state == kFinWait1;
      Apply(at_once ? Event::kRecvAckOfFinCrossed : Event::kRecvAckOfFin, &receiver);
    }
  }

  // TIME_WAIT, first reason: the last ACK was lost, the FIN comes again, 2 MSL restarts.
  bool refresh = true;
  if (before.originator == kTimeWait || before.responder == kTimeWait) {
    const bool fin_again = fin && receiver.state == kTimeWait && end == sender.end;
    if (fin_again) notes |= note::kFinAgain;
    refresh = fin_again || !(before == c->states());
  }

  // Retransmitting without an answer.
  if ((notes & note::kRetransmission) != 0) {
    if (c->facts.retransmitter != (d == Direction::kReverse)) c->facts.unanswered = 0;
    c->facts.retransmitter = d == Direction::kReverse;
    if (c->facts.unanswered < 3) ++c->facts.unanswered;
  } else if (c->facts.unanswered != 0 && c->facts.retransmitter != (d == Direction::kReverse)) {
    c->facts.unanswered = 0;
  }
  if (sender.state == kEstablished && receiver.state == kEstablished && sender.heard() &&
      receiver.heard()) {
    c->facts.assured = true;
  }
  return Conclude(*c, before, refresh, notes);
}

}  // namespace coretrack::tcp
