#include "tests/tcp/conversation.h"

#include <sstream>
#include <tuple>

#include "dataplane/tcp/in_order.h"
#include "dataplane/tcp/moves.h"
#include "dataplane/tcp/steps.h"

namespace coretrack::testing {

using tcp::State;

namespace {

struct Header {
  TcpHeader tcp;
  uint8_t options[16] = {};

  explicit Header(const WireSegment& s) {
    tcp.seq = s.seq;
    tcp.ack = s.ack;
    tcp.payload_bytes = s.length;
    tcp.window = s.window;
    tcp.flags =
        static_cast<uint8_t>((s.syn ? tcp_flag::kSyn : 0) | (s.fin ? tcp_flag::kFin : 0) |
                             (s.rst ? tcp_flag::kRst : 0) | (s.has_ack ? tcp_flag::kAck : 0));
    if (s.timestamp) {
      options[0] = options[1] = 1;
      options[2] = 8;
      options[3] = 10;
      for (int i = 0; i < 4; ++i) {
        options[4 + i] = static_cast<uint8_t>(*s.timestamp >> (24 - 8 * i));
        options[8 + i] = static_cast<uint8_t>(s.echo >> (24 - 8 * i));
      }
      tcp.option_bytes = 12;
    }
    if (s.scale) {
      uint8_t* option = options + tcp.option_bytes;
      option[0] = 1;
      option[1] = option[2] = 3;
      option[3] = *s.scale;
      tcp.option_bytes += 4;
    }
    tcp.options = options;
  }
};

std::string Describe(const WireSegment& s) {
  std::ostringstream text;
  text << (s.from_client ? "C>S" : "S>C") << (s.syn ? " SYN" : "") << (s.fin ? " FIN" : "")
       << (s.rst ? " RST" : "") << (s.has_ack ? " ACK" : "") << " seq=" << s.seq << " ack=" << s.ack
       << " len=" << s.length << " win=" << s.window;
  if (s.timestamp) text << " ts=" << *s.timestamp << "," << s.echo;
  text << " sender " << tcp::Name(s.sender_state) << " #" << s.serial;
  return text.str();
}

// The tracker has seen the receipt of what the endpoint does not know yet: it was lost, or is on
// its way behind the box.
bool IsProvisional(State known, State tracked) {
  switch (known) {
    case State::kSynRcvd:
      return tracked == State::kEstablished;
    case State::kFinWait1:
      // CLOSING, TIME_WAIT: its own ACK of the peer's FIN has passed, which this segment is older
      // than.
      return tracked == State::kFinWait2 || tracked == State::kClosing;
    case State::kClosing:
      return tracked == State::kTimeWait;
    case State::kLastAck:
      return tracked == State::kClosed;
    case State::kFinWait2:
      // Both FINs were under way: which of the peer's FIN and its ACK came first is not seen.
      return tracked == State::kClosing;
    default:
      return false;
  }
}

// What an endpoint sends again it sends because it has no answer, or because that is under way: then it is
// believed to be where it was, until its peer speaks again.
bool IsTakenBack(State known, State tracked) {
  return (known == State::kEstablished && tracked == State::kSynRcvd) ||
         (known == State::kFinWait2 && tracked == State::kFinWait1) ||
         (known == State::kTimeWait && tracked == State::kClosing) ||
         (known == State::kClosed && tracked == State::kLastAck);
}

}  // namespace

std::optional<WireSegment> Conversation::Take(Queue* queue, bool weather) {
  if (queue->empty()) return std::nullopt;
  size_t at = 0;
  if (weather && Chance(weather_.reorder)) at = Below(std::min<uint32_t>(4, queue->size()));
  const WireSegment s = (*queue)[at];
  queue->erase(queue->begin() + static_cast<ptrdiff_t>(at));
  if (weather && Chance(weather_.lose)) {
    const bool before_box = queue == &before_box_[s.from_client];
    if (s.rst) (before_box ? reset_unseen_ : reset_undelivered_)[s.from_client] = true;
    return std::nullopt;
  }
  return s;
}

// Exceptions, each a matter of what lies between the box and the endpoints:
//   - answers to what is over: an endpoint that knows of no connection resets what it gets, at the
//     number that it gets, and such a RST is only as good as that number;
//   - in TIME_WAIT, old data is an old duplicate by definition (TCP.md 17);
//   - a segment that was overtaken by more than a window, or by the sender's own FIN or RST;
//   - a RST behind the hole that such a segment leaves;
//   - a timestamp that is old for its receiver too;
//   - an old SYN+ACK.
bool Conversation::MayBeInvalid(const WireSegment& s, tcp::Invalid reason) const {
  const bool newest = s.serial > newest_[s.from_client];
  switch (reason) {
    case tcp::Invalid::kRstSequence:
      // At the next number of its sender, if all before it was seen.
      return (s.rst && !(s.aborts && passed_[s.from_client] + 1 == s.serial)) || !newest ||
             refused_[s.from_client];
    case tcp::Invalid::kSynAckAck:
      return s.rst || !newest;
    case tcp::Invalid::kTimeWaitDuplicate:
      return true;
    case tcp::Invalid::kTimeWaitSyn:
      return true;
    case tcp::Invalid::kPaws:
      return !newest && s.timestamp && To(s).NewerThan(*s.timestamp);
    case tcp::Invalid::kSequenceLow:
    case tcp::Invalid::kAckLow:
      return !newest;
    default:
      return false;
  }
}

bool Conversation::AgreesWithFastPath(const TcpHeader& tcp, Direction d,
                                      const tcp::Connection& before, const tcp::Outcome& outcome) {
  const auto nothing_in_mind = [](const tcp::Connection& c) {
    return c.half[0].heard() && c.half[1].heard() && !c.facts.fin_pending[0] &&
           !c.facts.fin_pending[1] && c.facts.unanswered == 0 && c.facts.mind.empty();
  };
  const auto plain = [](uint8_t flags) {
    return (flags & (tcp_flag::kSyn | tcp_flag::kRst | tcp_flag::kAck)) == tcp_flag::kAck;
  };
  if (!nothing_in_mind(before) || !plain(tcp.flags)) return true;
  const auto half_is = [this](const tcp::Half& h, unsigned i) {
    const tcp::Half& want = connection_.half[i];
    return std::tuple(h.end, h.max_end, h.ack, h.ts_recent, h.max_window, h.scale, h.state) ==
           std::tuple(want.end, want.max_end, want.ack, want.ts_recent, want.max_window, want.scale,
                      want.state);
  };
  const auto agrees = [&](const tcp::Connection& fast, uint16_t notes) {
    return outcome.invalid == tcp::Invalid::kNone && outcome.action == tcp::Action::kNone &&
           outcome.notes == notes && outcome.refresh && half_is(fast.half[0], 0) &&
           half_is(fast.half[1], 1) && nothing_in_mind(connection_) &&
           outcome.timeout == tcp::TimeoutClassOf(fast.states()) &&
           outcome.moved == !(before.states() == fast.states());
  };
  const auto established = [](const tcp::Connection& c) {
    return c.half[0].state == State::kEstablished && c.half[1].state == State::kEstablished;
  };
  tcp::Connection fast = before;
  if (established(before) && before.facts.assured && (tcp.flags & tcp_flag::kFin) == 0 &&
      tcp::IsInOrder(tcp, fast.half[Raw(d)], fast.half[Raw(Opposite(d))])) {
    tcp::MoveInOrder(tcp, fast.half[Raw(d)], fast.half[Raw(Opposite(d))]);
    ++in_order_;
    if (!agrees(fast, 0)) return false;
  }
  fast = before;
  tcp::Half& sender = fast.half[Raw(d)];
  tcp::Half& receiver = fast.half[Raw(Opposite(d))];
  const bool from_responder = d != fast.originator;
  const uint8_t pair = tcp::Code(fast.states());
  const tcp::Step step = tcp::CheckStep(tcp, pair, from_responder, sender, receiver);
  if (!step.known()) return true;
  tcp::MoveStep(tcp, pair, from_responder, sender, receiver);
  const tcp::StatePair after = tcp::PairOf(step.pair);
  const State receiver_before = receiver.state;
  sender.state = from_responder ? after.responder : after.originator;
  receiver.state = from_responder ? after.originator : after.responder;
  if (step.receiver_moves != (receiver.state != receiver_before)) return false;
  ++steps_;
  const bool opened = before.half[Raw(d)].state == State::kSynSent;
  return agrees(fast, opened ? tcp::note::kOpened : 0) &&
         connection_.facts.assured == (before.facts.assured || established(fast));
}

void Conversation::Deliver(const WireSegment& s) {
  To(s).Receive(s);
  if (s.rst && To(s).state() != State::kClosed) reset_undelivered_[s.from_client] = true;
}

bool Conversation::PassBox(const WireSegment& s) {
  if (weather_.only_client && *weather_.only_client != s.from_client) return true;
  if (unseen_ < weather_.unseen) {
    ++unseen_;
    return true;
  }
  ++compared_;
  if (weather_.mutate != 0) {
    last_passed_.push_back(s);
    if (last_passed_.size() > 4) last_passed_.pop_front();
  }
  const Header header(s);
  const Direction d = s.from_client ? Direction::kForward : Direction::kReverse;
  log_.push_back(Describe(s));
  if (log_.size() > kLogLines) log_.erase(log_.begin());
  const bool next = s.seq == connection_.half[s.from_client ? 0 : 1].end;
  tcp::Outcome outcome;
  if (!open_) {
    if (!tcp::Open(header.tcp, d, {}, &connection_, &outcome)) return true;
    open_ = true;
  } else {
    const tcp::Connection before = connection_;
    outcome = tcp::Track(header.tcp, d, {}, &connection_);
    if (!AgreesWithFastPath(header.tcp, d, before, outcome)) return Fail("the fast path differs");
    // A SYN may open another flow here: for one connection that is the end.
    if (outcome.action == tcp::Action::kNewConnection) {
      if (witness_) witness_(s, outcome, connection_);
      return true;
    }
    if (outcome.invalid != tcp::Invalid::kNone &&
        (outcome.refresh || !(before.states() == connection_.states())))
      return Fail("an invalid segment moved a state or the deadline");
  }
  Note(tcp::Name(Tracked(true)));
  Note(tcp::Name(Tracked(false)));
  Note(tcp::Name(outcome.invalid));
  if (witness_) witness_(s, outcome, connection_);
  if (outcome.invalid != tcp::Invalid::kNone && !MayBeInvalid(s, outcome.invalid))
    return Fail("a genuine segment is invalid");
  refused_[s.from_client] |= outcome.invalid != tcp::Invalid::kNone;
  const bool newest = s.serial > newest_[s.from_client];
  if (newest) newest_[s.from_client] = s.serial;
  if (newest && next && s.timestamp && s.echo != 0) echoed_[s.from_client] = s.echo;
  if (s.rst) {
    const bool believed = outcome.invalid == tcp::Invalid::kNone;
    if (s.aborts && newest && believed && passed_[s.from_client] + 1 == s.serial) ++resets_;
    (believed ? reset_passed_ : reset_unseen_)[s.from_client] = true;
  }
  const bool all_seen = ++passed_[s.from_client] == s.serial;
  const bool moves = s.fin || (s.syn && s.has_ack);
  const uint32_t end = s.seq + s.length + 1;
  repeated_[s.from_client] |= moves && last_move_[s.from_client] == end;
  if (moves) last_move_[s.from_client] = end;
  const auto waits = [](State state) {
    return state == State::kSynRcvd || state == State::kFinWait1 || state == State::kClosing ||
           state == State::kLastAck;
  };
  if (!waits(Tracked(!s.from_client))) repeated_[!s.from_client] = false;
  if (weather_.only_client) return true;  // what the other side acknowledged is not seen
  if (!newest || !all_seen || outcome.invalid != tcp::Invalid::kNone) return true;
  const State tracked = Tracked(s.from_client);
  // The peer's RST has passed: whether it arrived is not known.
  if (reset_passed_[!s.from_client] && tracked == State::kClosed) return true;
  if (repeated_[s.from_client] && IsTakenBack(s.sender_state, tracked)) return true;
  if (tracked != s.sender_state && !IsProvisional(s.sender_state, tracked) &&
      !IsOutOfOrder(s.from_client, s.sender_state, tracked))
    return Fail("the sender is elsewhere");
  return true;
}

bool Conversation::PassForged() {
  if (!open_) return true;
  WireSegment s;
  s.from_client = Below(2) != 0;
  // Far from what is expected: near it, one number in 2^32 / window is right by chance.
  s.seq = connection_.half[s.from_client ? 0 : 1].end + (1u << 21) + Below(0u - (1u << 22));
  s.ack = random_();
  s.has_ack = Below(8) != 0;
  s.window = static_cast<uint16_t>(random_());
  s.length = Below(3) == 0 ? Below(1460) : 0;
  switch (Below(5)) {
    case 0:
      s.syn = true;
      break;
    case 1:
      s.fin = true;
      break;
    case 2:
      s.rst = true;
      break;
    default:
      break;
  }
  // A forged opening before anyone has answered is as good as the real one.
  if (s.syn && !(connection_.half[0].state >= State::kEstablished &&
                 connection_.half[1].state >= State::kEstablished))
    return true;
  if (connection_.half[0].state == State::kClosed && connection_.half[1].state == State::kClosed)
    return true;
  const auto before = connection_.states();
  const Header header(s);
  log_.push_back(Describe(s).append(" forged"));
  const auto outcome = tcp::Track(
      header.tcp, s.from_client ? Direction::kForward : Direction::kReverse, {}, &connection_);
  Note(tcp::Name(outcome.invalid));
  if (witness_) witness_(s, outcome, connection_);
  return before == connection_.states() || Fail("a forged segment moved a state");
}

// Nothing is under way: what the box has seen has been taken, or was lost.
bool Conversation::IsSettled() const {
  for (const bool side : {false, true}) {
    if (!before_box_[side].empty() || !behind_box_[side].empty()) return false;
  }
  return client_.outbox.empty() && server_.outbox.empty();
}

WireSegment Conversation::Mutate(WireSegment s) {
  const auto shift = [this, &s](uint32_t number) {
    const auto window = static_cast<uint32_t>(std::min<int64_t>(To(s).window(), 1 << 30));
    const uint32_t by = 1 + Below(Below(2) == 0 ? 3 : window);
    return Below(2) == 0 ? number + by : number - by;
  };
  const uint32_t what = 1 + Below(31);
  if ((what & 1) != 0) s.seq = shift(s.seq);
  if ((what & 2) != 0) s.ack = shift(s.ack);
  if ((what & 4) != 0) {
    switch (Below(4)) {
      case 0:
        s.syn = !s.syn;
        break;
      case 1:
        s.rst = !s.rst;
        break;
      case 2:
        s.has_ack = !s.has_ack;
        break;
      default:
        s.fin = !s.fin;
        break;
    }
  }
  if ((what & 8) != 0 && s.timestamp)
    *s.timestamp -= 2 + (Below(2) == 0 ? Below(10) : Below(0x7ffffffe));
  if ((what & 16) != 0) s.length = Below(2) == 0 ? 0 : 1 + Below(100);
  return s;
}

// What the box cannot know, for it has not seen what its receiver knows:
//   - a RST is believed at the numbers that its sender may have, or its receiver expect, as far as was
//     seen. Its receiver may be further, miss what is before it (RFC 5961), or be in TIME_WAIT (RFC 1337).
//     Some stacks do not count the FIN that they have sent. While closing, in the window is enough (TCP.md 6);
//   - a timestamp that is old for its receiver, which has not echoed a newer one since; of a pure ACK
//     also somewhat older, for stacks take it where RFC 7323 5.3 does not;
//   - an ACK of the receiver's FIN is the word of its sender, though it comes with data that is had. The
//     receiver takes it, unless all was acknowledged before (RFC 9293 3.10.7.4) as far as was seen; in a copy
//     of what came last stacks take it too (TCP.md 39);
//   - a FIN at the very edge of the window, as the probe of a closed one: some senders do not wait. The
//     edge is rounded up by an eighth (sequence.h);
//   - a FIN in the place of the last byte, which its receiver has, but the ACK of it was lost; or of the FIN: it
//     is sent again for the same reason;
//   - a SYN+ACK again, as if the third ACK had been lost;
//   - a FIN at the next number with an ACK of what was not seen: the box may have missed it (TCP.md 37).
bool Conversation::MayMoveThoughIgnored(const WireSegment& s, const tcp::Connection& before) const {
  const tcp::Half& sender = before.half[s.from_client ? 0 : 1];
  const tcp::Half& receiver = before.half[s.from_client ? 1 : 0];
  if (s.rst) {
    const auto closing = [](State state) { return state > State::kEstablished; };
    const bool uncounted_fin = HasSentFin(From(s).state()) && s.seq == sender.end - 1;
    const tcp::Scoreboard& board = before.facts.mind.boards[s.from_client ? 0 : 1];
    const bool left_edge = !board.empty() && s.seq == board.next();
    return s.seq == sender.end || s.seq == receiver.ack || left_edge || uncounted_fin ||
           closing(sender.state) || closing(receiver.state);
  }
  if (s.syn) return s.has_ack && s.seq + 1 == receiver.ack;
  if (s.timestamp && To(s).NewerThan(*s.timestamp)) {
    const auto& echoed = echoed_[!s.from_client];
    const bool pure_ack = s.length == 0 && !s.fin;
    return !echoed || static_cast<int32_t>(*s.timestamp - *echoed) >= (pure_ack ? -4096 : -1);
  }
  const uint32_t end = s.seq + s.length + (s.fin ? 1 : 0);
  const bool fin_counted = !HasSentFin(sender.state) && HasSentFin(Tracked(s.from_client));
  const bool had = static_cast<int32_t>(end - receiver.ack) < 0;  // as far as was seen
  if (s.ack == To(s).next() && !fin_counted && (!had || Tracked(!s.from_client) == receiver.state))
    return true;
  if (s.fin && s.seq - To(s).edge() <= To(s).window() / 8 + 8) return true;
  if (s.fin && s.seq == sender.end && static_cast<int32_t>(s.ack - receiver.end) > 0) return true;
  return s.fin && end == sender.end;
}

// What cannot be told from genuine: the sender moves by its FIN, RST, or ACK of the other FIN; the
// receiver to where the segment would take it, or less.
bool Conversation::MayMove(const WireSegment& s, const Endpoint& after,
                           const tcp::Connection& before) const {
  const State sender_before = before.half[s.from_client ? 0 : 1].state;
  const State receiver_before = before.half[s.from_client ? 1 : 0].state;
  const bool speaks_of_fin = s.fin || s.ack == To(s).next();
  if (Tracked(s.from_client) != sender_before && !s.rst && !speaks_of_fin) return false;
  const State receiver = Tracked(!s.from_client);
  // LAST_ACK is believed where it may have been CLOSING (TCP.md 14).
  if (receiver == State::kClosed && after.state() == State::kTimeWait) return true;
  // It moves to FIN_WAIT_2 by the ACK, and on by the FIN: not while that waits behind a hole.
  if (receiver == State::kFinWait2 && after.state() == State::kTimeWait) return true;
  return receiver == receiver_before || receiver == after.state() ||
         IsProvisional(after.state(), receiver);
}

bool Conversation::PassMutated() {
  if (!open_ || last_passed_.empty()) return true;
  const WireSegment s = Mutate(last_passed_[Below(static_cast<uint32_t>(last_passed_.size()))]);
  const tcp::Connection before = connection_;
  const Header header(s);
  const Direction d = s.from_client ? Direction::kForward : Direction::kReverse;
  log_.push_back(Describe(s).append(" mutated"));
  const auto outcome = tcp::Track(header.tcp, d, {}, &connection_);
  Note(tcp::Name(Tracked(true)));
  Note(tcp::Name(Tracked(false)));
  Note(tcp::Name(outcome.invalid));
  if (!AgreesWithFastPath(header.tcp, d, before, outcome)) return Fail("the fast path differs");
  const bool moved = !(before.states() == connection_.states());
  // What lies beyond the window by less than another is remembered, to let ACKs of it pass (TCP.md 22):
  // forged, it would widen what is believed. So it is not left to stand.
  const bool remembered = outcome.invalid == tcp::Invalid::kOverrun;
  if (outcome.invalid != tcp::Invalid::kNone && !remembered) {
    if (witness_) witness_(s, outcome, connection_);
    return (!moved && !outcome.refresh) || Fail("an invalid segment moved a state or the deadline");
  }
  // Before both are open, what answers a SYN is as good as the real answer; and of an endpoint that has
  // closed, the box may not know.
  const auto is_open = [](State state) { return state >= State::kEstablished; };
  bool holds = true;
  if (IsSettled() && is_open(client_.state()) && is_open(server_.state()) &&
      is_open(before.half[0].state) && is_open(before.half[1].state)) {
    ++mutated_;
    Endpoint receiver = To(s);
    receiver.Receive(s);
    // To where they are is never wrong: it may show a FIN that waits behind a hole.
    const auto is_right = [&](unsigned i, const Endpoint& e) {
      const State state = connection_.half[i].state;
      return state == before.half[i].state || state == e.state();
    };
    const bool right = is_right(0, client_) && is_right(1, server_);
    holds = right || (receiver.IsWhere(To(s)) ? MayMoveThoughIgnored(s, before)
                                              : MayMove(s, receiver, before));
    if (!holds) Note(receiver.IsWhere(To(s)) ? "ignored" : tcp::Name(receiver.state()));
  }
  // It was valid, so the box goes by it; it was not sent, so the conversation does not.
  connection_ = before;
  return holds || Fail("a mutated segment moved a state");
}

// What order the endpoint saw is not known where segments were overtaken:
//   - a FIN behind a hole counts when it is acknowledged (TCP.md 15);
//   - whether an ACK of the other FIN was older than a FIN that it has overtaken (TCP.md 14);
//   - of a FIN with the ACK of the other FIN, the ACK counts at once where it lies behind a hole.
bool Conversation::IsOutOfOrder(bool client, State known, State tracked) const {
  const bool fin_waits = connection_.facts.fin_pending[client ? 0 : 1];
  if (weather_.lose == 0 && weather_.reorder == 0) return false;
  switch (known) {
    case State::kFinWait1:
      return fin_waits && tracked == State::kEstablished;
    case State::kFinWait2:
      return tracked == State::kFinWait1;
    case State::kClosing:
      return (fin_waits && tracked == State::kCloseWait) || tracked == State::kLastAck ||
             tracked == State::kClosed;
    case State::kTimeWait:
      return tracked == State::kClosed;
    case State::kLastAck:
      return fin_waits && tracked == State::kCloseWait;
    default:
      return false;
  }
}

void Conversation::Act(Endpoint* endpoint) {
  switch (Below(12)) {
    case 0:
      endpoint->Retransmit();
      break;
    case 1:
      if (Below(20) == 0) endpoint->Close();
      break;
    case 2:
      if (Below(10) == 0) endpoint->KeepAlive();
      break;
    case 3:
      if (weather_.abort != 0 && endpoint->state() >= State::kEstablished &&
          Below(100'000) < static_cast<uint32_t>(weather_.abort)) {
        endpoint->Abort();
      }
      break;
    default:
      endpoint->SendSomething(&random_);
      break;
  }
}

bool Conversation::Run() {
  client_.Open();
  if (weather_.simultaneous_open) server_.Open();
  for (int step = 0; step < 3000; ++step) {
    Collect();
    const bool side = Below(2) != 0;
    switch (Below(5)) {
      case 0:
        Act(side ? &client_ : &server_);
        break;
      case 1:
      case 2:
        if (const auto s = Take(&before_box_[side], true)) {
          if (!PassBox(*s)) return false;
          behind_box_[side].push_back(*s);
        }
        break;
      default:
        if (const auto s = Take(&behind_box_[side], true)) Deliver(*s);
        break;
    }
    if (Chance(weather_.forge) && !PassForged()) return false;
    if (Chance(weather_.mutate) && !PassMutated()) return false;
  }
  return Drain();
}

// Everything arrives, both applications close: then there is nothing left to be provisional.
bool Conversation::Drain() {
  for (int round = 0; round < 3000; ++round) {
    if (round > 50) {
      client_.Finish();
      server_.Finish();
    }
    Collect();
    bool idle = true;
    for (const bool side : {false, true}) {
      while (const auto s = Take(&before_box_[side], false)) {
        idle = false;
        if (!PassBox(*s)) return false;
        behind_box_[side].push_back(*s);
      }
      while (const auto s = Take(&behind_box_[side], false)) {
        idle = false;
        Deliver(*s);
      }
    }
    Collect();
    if (!before_box_[0].empty() || !before_box_[1].empty()) continue;
    if (idle && client_.Quiet() && server_.Quiet() && round > 60) break;
    for (Endpoint* e : {&client_, &server_}) {
      e->Retransmit();
      e->SendSomething(&random_);
    }
  }
  if (!client_.Quiet() || !server_.Quiet()) return Fail("the model did not come to rest");
  // A FIN may have passed before the box looked.
  if (!open_ || weather_.only_client || weather_.unseen != 0) return true;
  // A RST that was lost before the box, or is behind data that was, closed its sender all the same, and nobody asks again for what else was
  // lost there. One that was lost behind it, or refused, closed nobody else.
  // A FIN that was lost before the box, or overtaken: whether the sender's ACK of the other FIN was
  // older is not seen, and LAST_ACK is believed where it was CLOSING (TCP.md 14).
  const bool clear = weather_.lose == 0 && weather_.reorder == 0;
  const auto same = [this, clear](bool client) {
    const State known = (client ? client_ : server_).state();
    const State tracked = Tracked(client);
    return known == tracked || (!clear && known == State::kTimeWait && tracked == State::kClosed) ||
           reset_unseen_[0] || reset_unseen_[1] ||
           (known == State::kClosed && tracked == State::kTimeWait && reset_passed_[!client]) ||
           (weather_.lose != 0 && repeated_[client] && IsTakenBack(known, tracked)) ||
           (!clear && known == State::kTimeWait && tracked == State::kLastAck) ||
           (tracked == State::kClosed && reset_undelivered_[!client]);
  };
  if (!same(true) || !same(false)) {
    Note(tcp::Name(client_.state()));
    Note(tcp::Name(server_.state()));
    return Fail("at rest, the endpoints are elsewhere");
  }
  return true;
}

}  // namespace coretrack::testing
