// Segments with ACK and neither SYN nor RST: data, acknowledgments, FINs. What they move, once
// Judge() (judge.cc) has let them pass.
#include "dataplane/tcp/closing.h"
#include "dataplane/tcp/internal.h"

namespace coretrack::tcp {
namespace {

using namespace tcp_flag;
using enum State;

bool IsRetransmission(const TcpHeader& s, const Half& sender, const Half& receiver) {
  const uint32_t end = s.seq + LengthOf(s);
  if (end == s.seq || !sender.heard() || After(end, sender.end)) return false;
  // One byte that has been acknowledged is a keep-alive (RFC 9293 3.8.4).
  return !(s.payload_bytes == 1 && s.seq == sender.end - 1 && AtOrBefore(end, receiver.ack));
}

// What it sent, behind what was `unbroken` so far. True: its FIN counts from now on.
bool TakeSequence(const TcpHeader& s, Direction d, uint32_t unbroken, Connection* c) {
  Half& sender = c->half[Raw(d)];
  const Half& receiver = c->half[Raw(Opposite(d))];
  bool& fin_pending = c->facts.fin_pending[Raw(d)];
  const uint32_t end = s.seq + LengthOf(s);
  const bool fin = (s.flags & kFin) != 0;
  const bool sender_done = HasSentFin(sender.state) || sender.state == kClosed;

  if (fin && !sender_done) {
    // Of a number that has been acknowledged as something else: forged, or gone astray.
    if (receiver.heard() && AtOrBefore(end, receiver.ack)) return false;
    // A FIN that waits behind a hole has moved `end` to itself.
    if (fin_pending && unbroken == sender.end) unbroken = receiver.ack;
    // Its receiver drops what acknowledges too much, unless it was the box that missed something (TCP.md
    // 37): so it is where its own number is exact.
    const bool believable =
        !receiver.heard() || AtOrBefore(s.ack, receiver.end) || s.seq == sender.end;
    const bool in_order =
        !sender.heard() || (believable && !Before(end, sender.end) &&
                            (AtOrBefore(s.seq, unbroken) || IsWhereAcked(s, d, *c)));
    // Where the other side is not seen, no acknowledgment will ever confirm it.
    const bool syn_missed = !sender.heard() && receiver.state == kSynSent;
    if ((in_order && !syn_missed) || !receiver.heard()) {
      fin_pending = false;
      sender.end = end;
      return true;
    }
    if (After(end, receiver.ack)) NoteFin(end, d, c);
  } else if (After(end, sender.end) || !sender.heard()) {
    sender.end = end;
    fin_pending = false;  // data past it: that FIN was none
  } else if (!fin && s.payload_bytes != 0 && end == sender.end) {
    fin_pending = false;  // data in its place
  } else if (fin_pending && end == sender.end - 1 && AtOrBefore(s.seq, receiver.ack)) {
    c->facts.hole_filled = true;
  }
  return false;
}

// What it offers and what it acknowledges. `exact`: its own number was the next one. True: what was not seen.
bool TakeAck(const TcpHeader& s, Direction d, bool exact, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const bool first_ack = sender.state == kSynSent || !sender.heard();
  const uint32_t window = static_cast<uint32_t>(s.window) << EffectiveScale(sender.scale);
  sender.max_window = std::max(sender.max_window, EncodeWindow(window));

  // Its SYN+ACK was all that was seen of the opening, and it acknowledges more than a SYN.
  if (!receiver.heard() && receiver.state == kSynSent && sender.state == kSynRcvd &&
      After(s.ack, receiver.end)) {
    Apply(Event::kSendAckOfSyn, &receiver);
    Apply(Event::kRecvAckOfSyn, &sender);
  }
  // An ACK of data that was not seen: the box missed it, or the ACK is forged (TCP.md 37). It passes;
  // what it says is believed once the data's sender is seen there.
  const bool unseen = receiver.heard() && After(s.ack, receiver.end);
  if (!receiver.heard()) {
    receiver.end = s.ack;
    c->facts.fin_pending[Raw(Opposite(d))] = false;
  }
  if (!unseen) {
    if (first_ack || !IsOld(s, sender, receiver))
      sender.ack = first_ack ? s.ack : Later(sender.ack, s.ack);
  } else {
    if (first_ack) sender.ack = receiver.end;  // the SYN, at the least
    // Of data behind the SYN: so it has got the third ACK.
    if (exact && sender.state == kSynRcvd) Apply(Event::kRecvAckOfSyn, &sender);
    if (exact) c->facts.mind.suspicion = AckedUnseen(s.ack, d, *c);
  }
  if (receiver.state != kSynSent) {
    const uint32_t limit = s.ack + window + (window == 0 ? 1 : 0);
    // The window of a SYN that was answered still counts.
    const bool offered = receiver.heard() && (!first_ack || c->facts.syn_seen[Raw(d)]);
    receiver.max_end = offered ? Later(receiver.max_end, limit) : limit;
  }
  return unseen;
}

// Is it the ACK that ends the handshake? Then its sender has moved.
bool MoveOpening(Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  if (sender.state != kSynSent) return false;
  // Simultaneous open: its own SYN must have been acknowledged too. An ACK without a SYN says as much as a
  // SYN+ACK of what it has got.
  if (receiver.heard() && Before(receiver.ack, sender.max_end)) {
    if (!c->facts.syn_seen[Raw(Opposite(d))]) return false;
    sender.max_end += DecodeWindow(receiver.max_window);
    Apply(Event::kSendSynAck, &sender);
    return false;
  }
  Apply(Event::kSendAckOfSyn, &sender);
  if (receiver.heard()) {
    sender.max_end = receiver.ack + DecodeWindow(receiver.max_window);
  } else {  // only this direction is seen: the other side must have answered
    receiver.state = kEstablished;
    receiver.scale = c->facts.offered_scale[Raw(d)] == kNoScale ? 0 : kUnknownScale;
    sender.max_end = sender.end;
  }
  return true;
}

// FINs that waited behind a hole and are shown by this segment. True: its sender's own still does.
bool TakePendingFins(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  bool& fin_pending = c->facts.fin_pending[Raw(Opposite(d))];
  if (fin_pending) Apply(Event::kSendFin, &receiver);
  fin_pending = false;
  // From behind its own FIN, which waits behind a hole.
  bool& own_fin_pending = c->facts.fin_pending[Raw(d)];
  const bool behind_hole = own_fin_pending && !c->facts.hole_filled;
  if (own_fin_pending && s.seq == sender.end) {
    own_fin_pending = false;
    Apply(Event::kSendFin, &sender);
  }
  return behind_hole;
}

// The first that is heard of an endpoint is data, with an ACK of the other's SYN: its SYN+ACK was missed,
// or comes later.
bool TakeMissedSynAck(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  if (s.payload_bytes == 0 || Before(s.ack, receiver.max_end) || After(s.ack, receiver.end))
    return false;
  const bool never_scaled = c->facts.offered_scale[Raw(Opposite(d))] == kNoScale;
  sender.scale = receiver.scale = never_scaled ? 0 : kUnknownScale;
  receiver.ack = s.seq - 1;  // below the first number that it can acknowledge
  sender.max_end = s.seq + DecodeWindow(receiver.max_window);
  Apply(Event::kSendSynAck, &sender);
  return true;
}

// Was believed to have got what it was sent, and says now that it has not.
void TakeBack(const TcpHeader& s, bool fin_again, const Half& receiver, Half* sender) {
  const bool no_fin_seen = s.seq + LengthOf(s) == sender->end && s.ack != receiver.end &&
                           Before(sender->ack, receiver.end);
  if (sender->state == kClosing && no_fin_seen)
    sender->state = receiver.ack == sender->end ? kFinWait2 : kFinWait1;
  if (!fin_again) return;
  if (sender->state == kFinWait2) sender->state = kFinWait1;
  if (sender->state == kClosed && receiver.state == kTimeWait) sender->state = kLastAck;
}

// Data again and again without an answer: how often, up to 3.
void CountUnanswered(bool retransmission, Direction d, Facts* facts) {
  const bool reverse = d == Direction::kReverse;
  if (facts->retransmitter != reverse) facts->unanswered = 0;
  if (!retransmission) return;
  facts->retransmitter = reverse;
  if (facts->unanswered < 3) ++facts->unanswered;
}

// What was acknowledged before it was seen (Suspicion::by_ack) is seen now. True: that ACK counts.
bool ShowsAcked(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const Suspicion was = c->facts.mind.suspicion;
  if (!was.Is(Suspicion::Kind::kAcked, d) || Before(sender.end, was.first)) return false;
  c->facts.mind.suspicion = {};
  if (After(s.seq, was.first) || Before(s.seq + LengthOf(s), was.first)) return false;
  receiver.ack = Later(receiver.ack, was.first);
  if (receiver.state == kSynSent && receiver.heard()) Apply(Event::kSendAckOfSyn, &receiver);
  if (sender.state == kSynRcvd) Apply(Event::kRecvAckOfSyn, &sender);
  return true;
}

// This FIN comes behind its ACK, which `acked` is of.
void TakeOvertakenFin(const Suspicion& acked, Half* sender, Half* receiver) {
  const bool sent_fin = HasSentFin(receiver->state);
  if (sent_fin && !acked.fin) {  // and whose sender closed later
    receiver->state = *NextState(*NextState(kEstablished, Event::kSendAckOfFin), Event::kSendFin);
    if (sender->ack == receiver->end) Apply(Event::kRecvAckOfFin, receiver);
  } else {
    const bool confirmed = sent_fin && sender->ack == receiver->end;
    Apply(confirmed ? Event::kSendAckOfFinConfirmed : Event::kSendAckOfFin, receiver);
  }
  Apply(Event::kRecvAckOfFin, sender);
}

}  // namespace

Outcome TrackSegment(const TcpHeader& s, Direction d, const Policy& policy, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const StatePair before = c->states();
  if (sender.state == kClosed && receiver.state == kClosed) return Conclude(*c, before, false, 0);
  if (receiver.state == kSynSent && !sender.heard() && !TakeMissedSynAck(s, d, c)) {
    // An ACK before the SYN+ACK: a challenge ACK of an older incarnation (TCP.md 2), or the first
    // packet of a 5-way handshake. The number is kept, so that the RST it provokes is understood.
    sender.ack = s.ack;
    return Conclude(*c, before, false, 0);
  }
  uint16_t notes = 0;
  if (const auto verdict = Judge(s, d, policy, c, &notes)) return *verdict;

  const bool exact = !sender.heard() || s.seq == sender.end;
  const bool retransmission = IsRetransmission(s, sender, receiver);
  if (retransmission) notes |= note::kRetransmission;
  const uint32_t unbroken = NextInOrder(d, *c);
  if (AcknowledgeOnBoard(s.ack, d, c)) notes |= note::kGap;
  NoteOnBoard(s, d, c);
  const bool fin_again = (s.flags & kFin) != 0 && s.seq + LengthOf(s) == sender.end &&
                         (HasSentFin(sender.state) || sender.state == kClosed);
  const bool fin_counts = TakeSequence(s, d, unbroken, c);
  const Suspicion was = c->facts.mind.suspicion;
  const bool shown = ShowsAcked(s, d, c);
  const uint32_t acked = sender.ack;
  if (TakeAck(s, d, exact, c)) notes |= note::kGap;
  if (MoveOpening(d, c)) notes |= note::kOpened;
  // It had not got the third ACK when it sent its SYN+ACK again; now it sends data, or has taken some.
  if (sender.state == kSynRcvd && (s.payload_bytes != 0 || sender.ack != acked) &&
      receiver.state != kSynSent && receiver.state != kSynRcvd)
    Apply(Event::kRecvAckOfSyn, &sender);
  if (c->facts.provisional[Raw(d)]) TakeBack(s, fin_again, receiver, &sender);
  const bool acks_fin = s.ack == receiver.end &&
                        (HasSentFin(receiver.state) || c->facts.fin_pending[Raw(Opposite(d))]);
  const bool behind_hole = acks_fin && TakePendingFins(s, d, c);
  MoveClosing({.ack = s.ack,
               .fin_counts = fin_counts,
               .acks_syn = s.ack == sender.ack,
               .acks_fin = acks_fin,
               .behind_hole = behind_hole,
               .old = IsOld(s, sender, receiver)},
              &sender, &receiver);
  if (shown && fin_counts && receiver.ack == sender.end) TakeOvertakenFin(was, &sender, &receiver);

  // TIME_WAIT, first reason: the last ACK was lost, the FIN comes again, 2 MSL restarts.
  bool refresh = true;
  if (before.originator == kTimeWait || before.responder == kTimeWait) {
    const bool restarts = fin_again && receiver.state == kTimeWait;
    if (restarts) notes |= note::kFinAgain;
    refresh = restarts || !(before == c->states());
  }
  CountUnanswered(retransmission, d, &c->facts);
  // Who goes on has not forgotten this connection. Not so the last ACKs of one that both have closed, nor
  // what is said before the third ACK.
  const bool opening = sender.state == kSynSent || receiver.state == kSynSent;
  const bool closed = before.originator == kTimeWait || before.responder == kTimeWait ||
                      (HasSentFin(before.originator) && HasSentFin(before.responder));
  const bool both_heard = sender.heard() && receiver.heard();
  if (!opening && !closed && both_heard) c->facts.rival = false;
  if (sender.state == kEstablished && receiver.state == kEstablished && both_heard)
    c->facts.assured = true;
  return Conclude(*c, before, refresh, notes);
}

}  // namespace coretrack::tcp
