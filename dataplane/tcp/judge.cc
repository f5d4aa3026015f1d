// What is wrong with a segment that has ACK and neither SYN nor RST.
#include "dataplane/tcp/internal.h"

namespace coretrack::tcp {
namespace {

// RFC 7323 5.3, R1. What follows R3 is Half::ts_recent. One tick is let pass, as Linux does
// (TCP_PAWS_WINDOW): its senders take the time before they queue, so two segments may swap by one.
bool FailsPaws(const TcpHeader& s, const Half& sender, const Half& receiver, uint32_t tsval) {
  if (!Before(tsval + 1, sender.ts_recent)) return false;
  // A pure ACK that was overtaken is accepted by stacks as long as it is at the edge and a second
  // or so old.
  const bool pure_ack = s.payload_bytes == 0 && (s.flags & tcp_flag::kFin) == 0;
  return !(pure_ack && s.seq == receiver.ack && sender.state != State::kSynSent &&
           sender.ts_recent - tsval < 4096);
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
  using enum Suspicion::Kind;
  const Suspicion was = c->facts.mind.suspicion;
  if (HasSentFin(c->half[Raw(was.sender)].state)) return false;
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  if (was.Is(kAcked, d) && s.seq == was.first && s.ack == receiver.end) {
    sender.end = s.seq;
    sender.max_end = s.seq + DecodeWindow(receiver.max_window);
    receiver.ack = s.seq;
  } else if (was.Is(kSegment, Opposite(d)) && s.seq == sender.end &&
             (s.ack == was.first || s.ack == was.end)) {
    receiver.end = receiver.max_end = was.end;
    c->facts.fin_pending[Raw(was.sender)] = was.fin;
  } else {
    return false;
  }
  c->facts.mind.suspicion = {};
  return true;
}

// In TIME_WAIT: what lies beyond the FIN of an end is of another connection, and where the other end
// acknowledges it, the box has missed the opening of that one.
bool IsOfTheNext(const TcpHeader& s, Direction d, const Connection& c) {
  const Suspicion& was = c.facts.mind.suspicion;
  return was.Is(Suspicion::Kind::kSegment, Opposite(d)) && s.seq == was.ack &&
         (s.ack == was.first || s.ack == was.end) && After(s.ack, c.half[Raw(was.sender)].end);
}

}  // namespace

std::optional<Outcome> Judge(const TcpHeader& s, Direction d, const Policy& policy, Connection* c,
                             uint16_t* notes) {
  using enum State;
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const bool time_wait = sender.state == kTimeWait || receiver.state == kTimeWait;
  const uint32_t end = s.seq + LengthOf(s);
  const bool fin = (s.flags & tcp_flag::kFin) != 0;

  // The third ACK must acknowledge the SYN it answers.
  if (sender.state == kSynSent && receiver.heard() && !After(s.ack, sender.ack))
    return Invalidate(Invalid::kAckLow);
  // Where the SYN+ACK was not seen, the one bound is the window that a SYN can offer; a
  // keep-alive is one below.
  if (sender.state == kSynSent && !receiver.heard() && policy.window == WindowCheck::kCheck &&
      (Before(s.seq + 1, sender.max_end) || After(s.seq, sender.end + 0xffff))) {
    return Invalidate(Invalid::kSequenceHigh);
  }

  if (time_wait && IsOfTheNext(s, d, *c)) return Outcome{.action = Action::kNewConnection};

  // PAWS comes first (RFC 7323 5.3).
  TcpOptions::Timestamps ts;
  const bool has_ts = sender.ts_recent != 0 && ReadTimestamps(s.options, s.option_bytes, &ts);
  if (has_ts && FailsPaws(s, sender, receiver, ts.value)) return Invalidate(Invalid::kPaws);

  if (policy.window != WindowCheck::kOff) {
    Invalid failed = CheckWindow(s, end, sender, receiver);
    if (failed != Invalid::kNone) [[unlikely]] {
      if (policy.window == WindowCheck::kObserve) {
        *notes |= note::kWindowObserved;
      } else if (Resynchronize(s, d, c)) {
        // The box had missed packets; from here on it goes by what both sides say.
      } else {
        // From its FIN on, `end` is where the FIN is: what lies beyond is not remembered.
        if (failed == Invalid::kOverrun && !FinIsKnown(*c, d) &&
            IsAckPossible(s, sender, receiver)) {
          NoteOnBoard(s, d, c);
          sender.end = Later(sender.end, end);
          if (fin) NoteFin(end, d, c);
        }
        if (failed == Invalid::kSequenceHigh || (time_wait && After(end, sender.end)))
          c->facts.mind.suspicion = Seen(s, d);
        const bool after_fin = FinIsKnown(*c, d) && After(end, sender.end);
        if (failed == Invalid::kAckHigh && s.seq == sender.end && !after_fin &&
            sender.state != kSynSent && !HasSentFin(receiver.state)) {
          // An ACK of data that was not seen is not wrong by itself (TCP.md 37); it moves nothing
          // until its data shows.
          c->facts.mind.suspicion = AckedUnseen(s.ack, d, *c);
          return Conclude(*c, c->states(), false, note::kGap);
        }
        return Invalidate(failed);
      }
    }
  }
  const bool sender_fin_sent = HasSentFin(sender.state);
  const bool sender_done = sender_fin_sent || sender.state == kClosed;
  if (sender_done && After(end, sender.end)) {
    if (time_wait) c->facts.mind.suspicion = Seen(s, d);
    return Invalidate(Invalid::kAfterFin);
  }
  if (HasSentFin(receiver.state) && After(s.ack, receiver.end))
    return Invalidate(Invalid::kAckHigh);
  if (time_wait && s.payload_bytes != 0 && !fin) return Invalidate(Invalid::kTimeWaitDuplicate);
  // A third ACK of more than was seen: the box missed packets (TCP.md 37). Where it is not exact in its own
  // number either, it ends the handshake when what it acknowledges shows.
  if (sender.state == kSynSent && receiver.heard() && receiver.state != kSynSent &&
      After(s.ack, receiver.end) && s.seq != sender.end && !IsWhereAcked(s, d, *c)) {
    c->facts.mind.suspicion = AckedUnseen(s.ack, d, *c);
    if (fin && After(end, receiver.ack)) NoteFin(end, d, c);
    return Conclude(*c, c->states(), false, note::kGap);
  }
  if (has_ts && s.seq == sender.end && AtOrBefore(s.ack, receiver.end))
    receiver.ts_recent = LaterTimestamp(receiver.ts_recent, ts.echo);
  return std::nullopt;
}

}  // namespace coretrack::tcp
