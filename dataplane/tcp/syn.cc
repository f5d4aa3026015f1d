// SYN and SYN+ACK: opening, starting over, and what is powerless (RFC 9293 3.5, RFC 5961 4, RFC
// 6191).
#include "dataplane/tcp/internal.h"
#include "dataplane/tcp/syn_options.h"

namespace coretrack::tcp {
namespace {

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
  const SynSays says = ReadSyn(s);
  half.end = s.seq + LengthOf(s);
  half.max_end = s.seq + 1;
  half.max_window = EncodeWindow(s.window);
  half.scale = kUnknownScale;
  half.ts_recent = says.timestamp;
  c->facts.syn_seen[Raw(d)] = true;
  c->facts.mss[Raw(d)] = says.mss;
  c->facts.offered_scale[Raw(d)] = says.offered_scale;
  c->facts.sack[Raw(d)] = says.sack;
  c->facts.timestamps[Raw(d)] = says.timestamps;
  c->facts.fin_pending[Raw(d)] = false;
}

// A SYN again, perhaps with other options: the direction starts over. It refreshes nothing. Data that only
// the first copy carried (Fast Open) may still be acknowledged.
Outcome RestartDirection(const TcpHeader& s, Direction d, StatePair before, Connection* c) {
  Half& half = c->half[Raw(d)];
  const uint32_t end = half.end;
  StartDirection(s, d, c);
  half.end = Later(end, half.end);
  return Conclude(*c, before, false, note::kRetransmission);
}

}  // namespace

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
    return {.action = Action::kKeep};
  }
  const auto closed = [](State state) { return state == kClosed; };
  if (closed(sender.state) && closed(receiver.state)) return {.action = Action::kNewConnection};

  // What it said before was not of this connection, after all.
  if (receiver.state == kSynSent && sender.heard() && !c->facts.syn_seen[Raw(d)])
    sender = Half{.state = kListen};
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
      if (receiver.state == kSynRcvd && same_isn)
        return Conclude(*c, before, false, note::kRetransmission);
      // Another ISN: it starts over, or this is an old duplicate, or forged. The answer tells which of
      // the two counts (RFC 9293 figure 8).
      if (!same_isn) {
        Outcome outcome = Conclude(*c, before, false, 0);
        outcome.action = Action::kKeep;
        return outcome;
      }
      return RestartDirection(s, d, before, c);
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
  // One-way: the answer will not be seen either. Its sender had closed, and goes on above that.
  if (!receiver.heard() && HasSentFin(sender.state) && After(s.seq, sender.end))
    return {.action = Action::kNewConnection};
  // RFC 5961 4: answered by a challenge ACK whatever its sequence. It has no power, and it is no
  // fault: its sender may have rebooted. If both sides have, a SYN+ACK or a RST will answer it.
  Outcome outcome = Conclude(*c, before, false, note::kChallenged);
  outcome.action = Action::kKeep;
  return outcome;
}

// A SYN with ACK.
Outcome TrackSynAck(const TcpHeader& s, Direction d, Connection* c) {
  Half& sender = c->half[Raw(d)];
  Half& receiver = c->half[Raw(Opposite(d))];
  const StatePair before = c->states();
  using enum State;

  if (sender.state == kTimeWait || receiver.state == kTimeWait)
    return {.invalid = Invalid::kSynAckAck, .action = Action::kKeep};
  // Data may overtake it; but not data of other numbers.
  if (receiver.state == kSynSent && sender.heard() && !c->facts.syn_seen[Raw(d)] &&
      sender.end - (s.seq + 1) > DecodeWindow(receiver.max_window)) {
    sender = Half{.state = kListen};
  }
  if (receiver.state == kSynSent ||
      (sender.state == kSynSent && (receiver.state == kSynRcvd || receiver.state == kFinWait1)) ||
      (receiver.state == kSynRcvd && sender.state == kSynRcvd)) {
    // Its own `ack` is the other ISN until it has acknowledged that.
    const uint32_t lowest = receiver.state == kSynSent
                                ? receiver.max_end
                                : sender.ack + (sender.state == kSynSent ? 1 : 0);
    if (Before(s.ack, lowest) || After(s.ack, receiver.end)) {
      // Kept, so that the RST which this provokes is understood.
      if (!sender.heard()) sender.ack = s.ack;
      // Where its receiver is not seen, it may answer a SYN that was not seen either.
      if (!receiver.heard()) return {.action = Action::kKeep};
      return Invalidate(Invalid::kSynAckAck);
    }
    // Its SYN was not acknowledged, and is not what it goes by: an old duplicate, or forged.
    if (sender.state == kSynSent && receiver.state == kSynSent && s.seq + 1 != sender.max_end) {
      sender = Half{.state = kListen};
      c->facts.syn_seen[Raw(d)] = false;
    }
    const bool simultaneous = sender.state == kSynSent;
    if (simultaneous && s.seq + 1 != sender.max_end) {
      return Invalidate(After(s.seq, sender.max_end) ? Invalid::kSequenceHigh
                                                     : Invalid::kSequenceLow);
    }
    const bool own_acked = simultaneous && AtOrAfter(receiver.ack, sender.max_end);
    const bool overtaken = sender.heard() && !c->facts.syn_seen[Raw(d)];  // by data
    const bool first = !sender.heard() || simultaneous || overtaken;
    const bool again = !first && s.seq == receiver.ack;
    if (!again) {
      const uint32_t end = sender.end;
      StartDirection(s, d, c);
      if (overtaken || simultaneous) sender.end = Later(end, sender.end);
      if (!simultaneous) receiver.ack = s.seq;  // one below the first number it can acknowledge
    }
    // Whether its FIN was taken too is not said by what belongs to the opening.
    sender.ack = receiver.state == kFinWait1 ? sender.ack + 1 : s.ack;
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
  // Simultaneous open, and the other SYN was missed or comes later: its sender has got it.
  if (sender.state == kSynSent && receiver.state == kListen && s.seq + 1 == sender.max_end) {
    receiver = Half{.end = s.ack, .max_end = s.ack, .ack = s.seq, .state = kSynSent};
    sender.ack = s.ack;
    Apply(Event::kSendSynAck, &sender);
    return Conclude(*c, before, true, 0);
  }
  // It answers a SYN that was not seen, of a connection after this one: both ends are through with this one, or
  // its sender is and the other is never seen (TCP.md 34). A late copy acknowledges what this one sent.
  const bool closed = sender.state == kClosed && receiver.state == kClosed;
  if ((closed || (!receiver.heard() && HasSentFin(sender.state))) && After(s.ack, receiver.end) &&
      s.seq + 1 != sender.end) {
    return {.action = Action::kNewConnection};
  }
  if (closed) {
    Outcome outcome = Conclude(*c, before, false, 0);
    outcome.action = Action::kKeep;
    return outcome;
  }
  if (sender.state == kEstablished && !sender.heard() && s.seq + 1 == receiver.ack &&
      AtOrBefore(s.ack, receiver.end)) {
    // The ACK that answers it has overtaken it.
    StartDirection(s, d, c);
    sender.ack = s.ack;
    sender.max_end = s.seq + 1 + DecodeWindow(receiver.max_window);
    receiver.max_end = s.ack + s.window;
    Negotiate(c);
    return Conclude(*c, before, true, 0);
  }
  if (receiver.state == kSynRcvd && s.seq + 1 == receiver.ack && s.ack == sender.ack) {
    // Simultaneous open: its ACK was lost, this comes again.
    Apply(Event::kRecvAckOfSyn, &receiver);
    return Conclude(*c, before, true, note::kRetransmission);
  }
  // It has not got the third ACK.
  if (sender.state == kEstablished && c->facts.provisional[Raw(d)] && c->facts.syn_seen[Raw(d)] &&
      s.seq + 1 == receiver.ack && s.ack == sender.ack && s.seq + LengthOf(s) == sender.end) {
    sender.state = kSynRcvd;
    return Conclude(*c, before, true, note::kRetransmission);
  }
  // In a simultaneous open it may follow an ACK, and offers a window.
  if (c->facts.syn_seen[Raw(d)] && s.ack == sender.ack && AtOrBefore(s.seq + 1, receiver.ack))
    receiver.max_end = Later(receiver.max_end, s.ack + s.window);
  // A retransmitted SYN+ACK on a connection that has gone on: old, answered by an ACK, powerless.
  Outcome outcome = Conclude(*c, before, false, note::kChallenged);
  if (!receiver.heard()) outcome.action = Action::kKeep;
  return outcome;
}

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

}  // namespace coretrack::tcp
