// What the parts of the tracker share: syn.cc, reset.cc, segment.cc, tracker.cc.
#pragma once

#include <algorithm>
#include <optional>

#include "dataplane/packet/tcp_options.h"
#include "dataplane/tcp/moves.h"
#include "dataplane/tcp/tracker.h"
#include "dataplane/tcp/validate.h"

namespace coretrack::tcp {

// The segment's place in sequence space: SYN and FIN count one each (RFC 9293 3.4).
inline uint32_t LengthOf(const TcpHeader& s) {
  return s.payload_bytes + ((s.flags & tcp_flag::kSyn) != 0 ? 1 : 0) +
         ((s.flags & tcp_flag::kFin) != 0 ? 1 : 0);
}

// Does `ack` acknowledge this SYN, with or without the data in it?
inline bool AnswersSyn(uint32_t ack, const TcpHeader& syn) {
  return After(ack, syn.seq) && AtOrBefore(ack, syn.seq + LengthOf(syn));
}

// Is all of it below what `receiver` has acknowledged, and not the latest of `sender`? Then the
// segment is dropped, with the ACK in it (RFC 9293 3.10.7.4, first).
inline bool IsOld(const TcpHeader& s, const Half& sender, const Half& receiver) {
  const uint32_t end = s.seq + LengthOf(s);
  return receiver.heard() && Before(end, receiver.ack) && Before(end, sender.end);
}

// The segment itself, out of the window.
inline Suspicion Seen(const TcpHeader& s, Direction sender) {
  return {.kind = Suspicion::Kind::kSegment,
          .fin = (s.flags & tcp_flag::kFin) != 0,
          .sender = sender,
          .first = s.seq,
          .ack = s.ack,
          .end = s.seq + LengthOf(s)};
}

// `d` acknowledges up to `ack`, which was not seen of the other side.
inline Suspicion AckedUnseen(uint32_t ack, Direction d, const Connection& c) {
  return {.kind = Suspicion::Kind::kAcked,
          .fin = HasSentFin(c.half[Raw(d)].state),
          .sender = Opposite(d),
          .first = ack};
}

// Does it begin where the other side has acknowledged what was not seen of it?
inline bool IsWhereAcked(const TcpHeader& s, Direction d, const Connection& c) {
  const Suspicion& suspicion = c.facts.mind.suspicion;
  return suspicion.Is(Suspicion::Kind::kAcked, d) && s.seq == suspicion.first;
}

// A segment of `d` among what was seen of it.  REQUIRES: its sender's `end` does not include it yet.
inline void NoteOnBoard(const TcpHeader& s, Direction d, Connection* c) {
  const Half& sender = c->half[Raw(d)];
  const Half& receiver = c->half[Raw(Opposite(d))];
  Scoreboard& board = c->facts.mind.boards[Raw(d)];
  const uint32_t end = s.seq + LengthOf(s);
  if (!board.empty()) return board.Add(s.seq, end);
  if (!sender.heard() || !receiver.heard() || IsWhereAcked(s, d, *c)) return;
  const uint32_t next = Later(sender.end, receiver.ack);
  if (After(s.seq, next)) board.Open(next, s.seq, end);
}

// The other side of `d` is acknowledged up to `ack`. True: what was missing there was not seen.
inline bool AcknowledgeOnBoard(uint32_t ack, Direction d, Connection* c) {
  Scoreboard& board = c->facts.mind.boards[Raw(Opposite(d))];
  if (board.empty() || !After(ack, board.next())) return false;
  board.Advance(ack);
  return true;
}

// The next number of `d` that its receiver can expect, if it has got what was seen: the left edge of a hole.
inline uint32_t NextInOrder(Direction d, const Connection& c) {
  const Scoreboard& board = c.facts.mind.boards[Raw(d)];
  return board.empty() ? c.half[Raw(d)].end : board.next();
}

// A FIN of `d` behind a hole, up to `end`: it counts when it is acknowledged.
inline void NoteFin(uint32_t end, Direction d, Connection* c) {
  c->facts.fin_pending[Raw(d)] = true;
  c->facts.hole_filled = false;
  c->half[Raw(d)].end = end;
}

inline Outcome Invalidate(Invalid reason) { return {.invalid = reason}; }

// The state-dependent part of an outcome, once `c` has moved from `before`.
inline Outcome Conclude(const Connection& c, StatePair before, bool refresh, uint16_t notes) {
  const StatePair after = c.states();
  Outcome outcome{.moved = !(after == before),
                  .refresh = refresh,
                  .timeout = TimeoutClassOf(after),
                  .notes = notes};
  const bool both_heard = c.half[0].heard() && c.half[1].heard();
  if (!both_heard && (outcome.timeout == TimeoutClass::kEstablished ||
                      outcome.timeout == TimeoutClass::kHalfClosed)) {
    outcome.timeout = TimeoutClass::kMidstream;
  }
  if (c.facts.unanswered >= 3 && RetransmissionShortens(outcome.timeout)) {
    outcome.timeout = TimeoutClass::kRetransmission;
  }
  return outcome;
}

// One kind of segment each. REQUIRES: FlagsAreLegal(s.flags).
Outcome TrackSyn(const TcpHeader& s, Direction d, Connection* c);
Outcome TrackSynAck(const TcpHeader& s, Direction d, Connection* c);
Outcome TrackRst(const TcpHeader& s, Direction d, Connection* c);
// What is wrong with a segment of TrackSegment(), or how it ends without a move; nothing: it is
// valid. Also adds to `notes`, and follows the timestamps of what passes.
std::optional<Outcome> Judge(const TcpHeader& s, Direction d, const Policy& policy, Connection* c,
                             uint16_t* notes);
Outcome TrackSegment(const TcpHeader& s, Direction d, const Policy& policy, Connection* c);
// The SYN+ACK is the first that is seen: who it goes to is the originator, and has sent a SYN.
Outcome OpenWithSynAck(const TcpHeader& s, Direction d, Connection* c);

}  // namespace coretrack::tcp
