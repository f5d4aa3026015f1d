#include "dataplane/tcp/tracker.h"

#include <algorithm>

#include "dataplane/packet/tcp_options.h"
#include "dataplane/tcp/diagram.h"
#include "dataplane/tcp/validate.h"

namespace coretrack::tcp {
namespace {

using namespace tcp_flag;

// The segment's place in sequence space: SYN and FIN count one each (RFC 9293 3.4).
uint32_t LengthOf(const TcpHeader& s) {
  return s.payload_bytes + ((s.flags & kSyn) != 0 ? 1 : 0) + ((s.flags & kFin) != 0 ? 1 : 0);
}

// Applies `event` where the diagram has it; elsewhere nothing moves.
void Apply(Event event, Half* half) {
  if (const auto next = NextState(half->state, event)) half->state = *next;
}

bool HasSentFin(State s) {
  return s == State::kFinWait1 || s == State::kFinWait2 || s == State::kClosing ||
         s == State::kLastAck || s == State::kTimeWait;
}
bool HasAckedFin(State s) {
  return s == State::kCloseWait || s == State::kClosing || s == State::kLastAck ||
         s == State::kTimeWait;
}
bool IsClosing(State s) { return HasSentFin(s) || HasAckedFin(s); }

// A window scale is in force only if both SYNs carry it (RFC 7323 1.3); so is PAWS.
void Negotiate(Connection* c) {
  if (!c->facts.syn_seen[0] || !c->facts.syn_seen[1]) return;
  const bool scaled =
      c->facts.offered_scale[0] != kNoScale && c->facts.offered_scale[1] != kNoScale;
  for (unsigned d = 0; d < 2; ++d) c->half[d].scale = scaled ? c->facts.offered_scale[d] : 0;
  if (!c->facts.timestamps[0] || !c->facts.timestamps[1])
    c->half[0].ts_recent = c->half[1].ts_recent = 0;
}

// A SYN starts its direction (over): ISN, options, window. The window of a SYN is never scaled (RFC
// 7323 2.2).
void StartDirection(const TcpHeader& s, Direction d, Connection* c) {
  Half& half = c->half[Raw(d)];
  TcpOptions options;
  ReadTcpOptions(s.options, s.option_bytes, &options);
  half.end = s.seq + LengthOf(s);
  half.max_end = s.seq + 1;
  half.max_window = EncodeWindow(s.window);
  half.scale = kUnknownScale;
  half.ts_recent = options.timestamps ? options.timestamps->value : 0;
  c->facts.syn_seen[Raw(d)] = true;
  c->facts.mss[Raw(d)] = options.mss.value_or(0);
  c->facts.offered_scale[Raw(d)] =
      options.window_scale ? std::min(*options.window_scale, kMaxScale) : kNoScale;
  c->facts.sack[Raw(d)] = options.sack_permitted;
  c->facts.timestamps[Raw(d)] = options.timestamps.has_value();
  c->facts.fin_pending[Raw(d)] = false;
}

// Does `ack` acknowledge this SYN, with or without the data in it?
bool AnswersSyn(uint32_t ack, const TcpHeader& syn) {
  return After(ack, syn.seq) && AtOrBefore(ack, syn.seq + LengthOf(syn));
}

Outcome Invalidate(Invalid reason) { return {.invalid = reason}; }

// The state-dependent part of an outcome, once `c` has moved from `before`.
Outcome Conclude(const Connection& c, StatePair before, bool refresh, uint16_t notes) {
  const StatePair after = c.states();
  Outcome outcome{.moved = !(after == before),
                  .refresh = refresh,
                  .timeout = TimeoutClassOf(after),
                  .notes = notes};
  if (outcome.timeout == TimeoutClass::kEstablished && !(c.half[0].heard() && c.half[1].heard())) {
    outcome.timeout = TimeoutClass::kMidstream;
  }
  if (c.facts.unanswered >= 3 && outcome.timeout == TimeoutClass::kEstablished) {
    outcome.timeout = TimeoutClass::kRetransmission;
  }
  return outcome;
}

// A SYN without ACK.
Outcome TrackSyn(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const StatePair before = c->states();
  using enum State;

  if (sender.state == kTimeWait || receiver.state == kTimeWait) {
    // RFC 6191 and RFC 9293 3.6.1: above what was expected next, or newer by its timestamp.
    TcpOptions options;
    ReadTcpOptions(s.options, s.option_bytes, &options);
    const bool newer = sender.ts_recent != 0 && options.timestamps &&
                       After(options.timestamps->value, sender.ts_recent);
    if (!After(s.seq, sender.end) && !newer) return Invalidate(Invalid::kTimeWaitSyn);
    return {.action = Action::kKeepSyn};
  }
  const auto closed = [](State state) { return state == kClosed; };
  if (closed(sender.state) && closed(receiver.state)) return {.action = Action::kNewConnection};

  const bool same_isn = s.seq + 1 == sender.max_end;
  switch (sender.state) {
    case kSynSent:
      if (receiver.state == kSynRcvd && !sender.heard()) {
        // The SYN+ACK was seen first (TCP.md 28): is this the SYN that it answers?
        if (!AnswersSyn(receiver.ack, s)) return Invalidate(Invalid::kSynAckAck);
        const uint32_t acked = receiver.ack;
        StartDirection(s, d, c);
        sender.end = acked;
        receiver.max_end = receiver.end + DecodeWindow(sender.max_window);
        Negotiate(c);
        return Conclude(*c, before, true, 0);
      }
      if (receiver.state == kSynRcvd) {
        if (same_isn) return Conclude(*c, before, false, note::kRetransmission);
        // Another incarnation: the answer to the old one no longer counts.
        receiver = Half{.state = kListen};
        c->facts.syn_seen[Raw(Opposite(d))] = false;
      }
      // Retransmitted, perhaps with another ISN or other options: the direction starts over. It
      // refreshes nothing.
      StartDirection(s, d, c);
      return Conclude(*c, before, false, same_isn ? note::kRetransmission : 0);
    case kListen:
    case kClosed:
      // Also the responder's own SYN: simultaneous open, or a split handshake.
      if (receiver.state != kSynSent && receiver.state != kListen) break;
      StartDirection(s, d, c);
      if (receiver.heard()) {
        sender.ack = receiver.max_end - 1;
        receiver.ack = s.seq;
      }
      Apply(Event::kSendSyn, &sender);
      Negotiate(c);
      return Conclude(*c, before, true, 0);
    default:
      break;
  }
  // RFC 5961 4: answered by a challenge ACK whatever its sequence. It has no power, and it is no
  // fault: its sender may have rebooted.
  return Conclude(*c, before, false, note::kChallenged);
}

// A SYN with ACK.
Outcome TrackSynAck(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const StatePair before = c->states();
  using enum State;

  if (sender.state == kTimeWait || receiver.state == kTimeWait)
    return {.action = Action::kConfirmSyn};
  if (receiver.state == kSynSent || (receiver.state == kSynRcvd && sender.state == kSynSent) ||
      (receiver.state == kSynRcvd && sender.state == kSynRcvd)) {
    const uint32_t lowest = receiver.state == kSynSent
                                ? receiver.max_end
                                : receiver.end - DecodeWindow(sender.max_window);
    if (Before(s.ack, lowest) || After(s.ack, receiver.end)) {
      // Kept, so that the RST which this provokes is understood.
      if (!sender.heard()) sender.ack = s.ack;
      return Invalidate(Invalid::kSynAckAck);
    }
    const bool simultaneous = sender.state == kSynSent;
    const bool own_acked = simultaneous && AtOrAfter(receiver.ack, sender.max_end);
    const bool first = !sender.heard() || simultaneous;
    const bool again = !first && s.seq == receiver.ack;
    if (!again) {
      StartDirection(s, d, c);
      if (!simultaneous) receiver.ack = s.seq;  // one below the first number it can acknowledge
    }
    sender.ack = s.ack;
    // SYN data that was not taken: what is expected next is what this ACK says (TCP.md 36).
    if (receiver.state == kSynSent) receiver.end = s.ack;
    Apply(own_acked ? Event::kSendSynAckConfirmed : Event::kSendSynAck, &sender);
    if (sender.state != kSynSent) sender.max_end = s.seq + 1 + DecodeWindow(receiver.max_window);
    if (receiver.state == kSynRcvd) {
      Apply(Event::kRecvAckOfSyn, &receiver);
      receiver.max_end = s.ack + s.window;
    }
    Negotiate(c);
    return Conclude(*c, before, !again, first ? note::kSynAnswered : note::kRetransmission);
  }
  if (sender.state == kClosed && receiver.state == kClosed) return Conclude(*c, before, false, 0);
  // A retransmitted SYN+ACK on a connection that has gone on: old, answered by an ACK, powerless.
  return Conclude(*c, before, false, note::kChallenged);
}

// A RST (RFC 9293 3.10.7, RFC 5961 3, RFC 1337).
Outcome TrackRst(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const StatePair before = c->states();
  using enum State;

  if (sender.state == kClosed && receiver.state == kClosed) return Conclude(*c, before, false, 0);
  if (receiver.state == kSynSent && !(sender.state == kSynRcvd)) {
    // Answers a SYN: it must acknowledge it; its own sequence number is meaningless.
    if ((s.flags & kAck) == 0 || Before(s.ack, receiver.max_end) || After(s.ack, receiver.end)) {
      return Invalidate(Invalid::kSynAckAck);
    }
  } else if (sender.state == kSynSent && !receiver.heard()) {
    // Answers an ACK that did not fit its SYN (RFC 9293 3.10.7.3, first): it stays in SYN_SENT.
    if (s.seq == receiver.ack && receiver.ack != sender.max_end)
      return Conclude(*c, before, false, 0);
    if (s.seq != sender.end && s.seq != sender.max_end) return Invalidate(Invalid::kRstSequence);
  } else {
    const bool expected_known = receiver.heard() || receiver.ack != 0;
    const bool exact = (expected_known && s.seq == receiver.ack) ||
                       (sender.heard() && s.seq == sender.end) ||
                       // A SYN+ACK refused: its RST is at the number it acknowledged.
                       (sender.state == kSynSent && s.seq == receiver.ack);
    const bool in_window =
        expected_known && AtOrAfter(s.seq, receiver.ack) &&
        Before(s.seq, receiver.ack + std::max<uint32_t>(DecodeWindow(receiver.max_window), 1));
    const bool closing = IsClosing(sender.state) || IsClosing(receiver.state);
    if (!exact && !(closing && in_window)) {
      // TIME_WAIT: its peer is gone, whatever the RST says; but only a plausible one is believed.
      return Invalidate(Invalid::kRstSequence);
    }
  }
  Apply(Event::kSendRst, &sender);
  Apply(Event::kRecvRst, &receiver);
  // A RST in TIME_WAIT does not shorten it (RFC 1337).
  const bool refresh = receiver.state != kTimeWait;
  return Conclude(*c, before, refresh, note::kReset);
}

// Timestamps of the established path (RFC 7323 5.3): R1 rejects, R3 updates.
bool FailsPaws(const TcpHeader& s, const Half& sender, const Half& receiver, uint32_t tsval) {
  if (!Before(tsval, sender.ts_recent)) return false;
  // A pure ACK that was overtaken is accepted by stacks as long as it is at the edge and a second
  // or so old.
  const bool pure_ack = s.payload_bytes == 0 && (s.flags & kFin) == 0;
  return !(pure_ack && s.seq == receiver.ack && sender.ts_recent - tsval < 4096);
}

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

  // PAWS comes first (RFC 7323 5.3).
  TcpOptions::Timestamps ts;
  const bool has_ts = sender.ts_recent != 0 && ReadTimestamps(s.options, s.option_bytes, &ts);
  if (has_ts && FailsPaws(s, sender, receiver, ts.value)) return Invalidate(Invalid::kPaws);

  if (policy.window != WindowCheck::kOff) {
    const Invalid failed = CheckWindow(s, end, sender, receiver);
    if (failed != Invalid::kNone) {
      if (policy.window == WindowCheck::kObserve) {
        notes |= note::kWindowObserved;
      } else {
        if (failed == Invalid::kOverrun) sender.end = Later(sender.end, end);
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
    const bool below = Before(end, sender.end);
    if (in_order && !below) {
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
  }
  const uint8_t scale = EffectiveScale(sender.scale);
  const uint32_t window = static_cast<uint32_t>(s.window) << scale;
  sender.max_window = std::max(sender.max_window, EncodeWindow(window));

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
        if (!receiver.heard())
          receiver.state = kEstablished;  // only one direction is seen: it must have answered
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
    if (!both_in_one) {
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

// The SYN+ACK is the first that is seen: who it goes to is the originator, and has sent a SYN.
Outcome OpenWithSynAck(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  c->originator = Opposite(d);
  const StatePair before{State::kClosed, State::kListen};
  StartDirection(s, d, c);
  receiver.state = State::kSynSent;
  receiver.end = receiver.max_end = s.ack;
  receiver.ack = s.seq;
  // It offers a scale only if the SYN did.
  const uint8_t offered = c->facts.offered_scale[Raw(d)];
  sender.scale = offered == kNoScale ? 0 : offered;
  receiver.scale = offered == kNoScale ? 0 : kUnknownScale;
  sender.ack = s.ack;
  sender.state = State::kSynRcvd;
  sender.max_end = sender.end + DecodeWindow(EncodeWindow(0xffff));
  return Conclude(*c, before, true, note::kSynAnswered);
}

}  // namespace

bool Answers(const TcpHeader& syn_ack, const TcpHeader& kept_syn) {
  return AnswersSyn(syn_ack.ack, kept_syn);
}

bool Open(const TcpHeader& segment, Direction direction, const Policy& policy, Connection* c,
          Outcome* outcome) {
  *outcome = {};
  if (!FlagsAreLegal(segment.flags)) {
    outcome->invalid = Invalid::kFlags;
    return false;
  }
  if ((segment.flags & kRst) != 0) return false;
  c->originator = direction;
  switch (segment.flags & (kSyn | kAck)) {
    case kSyn:
      c->half[Raw(Opposite(direction))].state = State::kListen;
      *outcome = TrackSyn(segment, direction, c);
      return true;
    case kSyn | kAck:
      *outcome = OpenWithSynAck(segment, direction, c);
      return true;
    default:
      break;
  }
  if (!policy.midstream) return false;
  c->facts.midstream = c->facts.guessed = true;
  for (Half& half : c->half) {
    half.state = State::kEstablished;
    half.scale = kUnknownScale;
  }
  *outcome = TrackSegment(segment, direction, policy, c);
  outcome->moved = true;
  return true;
}

Outcome Track(const TcpHeader& segment, Direction direction, const Policy& policy, Connection* c) {
  if (!FlagsAreLegal(segment.flags)) [[unlikely]]
    return Invalidate(Invalid::kFlags);
  if ((segment.flags & (kSyn | kRst)) == 0) [[likely]]
    return TrackSegment(segment, direction, policy, c);
  if ((segment.flags & kRst) != 0) return TrackRst(segment, direction, c);
  if ((segment.flags & kAck) != 0) return TrackSynAck(segment, direction, c);
  return TrackSyn(segment, direction, c);
}

std::string_view Name(Invalid reason) {
  switch (reason) {
    case Invalid::kNone:
      return "none";
    case Invalid::kFlags:
      return "flags";
    case Invalid::kSynAckAck:
      return "syn_ack_ack";
    case Invalid::kSequenceHigh:
      return "sequence_high";
    case Invalid::kSequenceLow:
      return "sequence_low";
    case Invalid::kAckHigh:
      return "ack_high";
    case Invalid::kAckLow:
      return "ack_low";
    case Invalid::kOverrun:
      return "overrun";
    case Invalid::kRstSequence:
      return "rst_sequence";
    case Invalid::kPaws:
      return "paws";
    case Invalid::kAfterFin:
      return "after_fin";
    case Invalid::kTimeWaitDuplicate:
      return "time_wait_duplicate";
    case Invalid::kTimeWaitSyn:
      return "time_wait_syn";
    case Invalid::kHeader:
      return "header";
    case Invalid::kCount:
      break;
  }
  return "unknown";
}

}  // namespace coretrack::tcp
