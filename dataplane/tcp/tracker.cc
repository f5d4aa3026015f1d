#include "dataplane/tcp/tracker.h"

#include "dataplane/tcp/internal.h"

namespace coretrack::tcp {

using namespace tcp_flag;

bool Open(const TcpHeader& segment, Direction direction, const Policy& policy, Connection* c,
          Outcome* outcome) {
  *outcome = {};
  c->facts.provisional[Raw(Opposite(direction))] = true;
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
  c->facts.midstream = true;
  for (Half& half : c->half) {
    half.state = State::kEstablished;
    half.scale = kUnknownScale;
  }
  *outcome = TrackSegment(segment, direction, policy, c);
  outcome->moved = true;
  return true;
}

namespace {

Outcome TrackByFlags(const TcpHeader& segment, Direction direction, const Policy& policy,
                     Connection* c) {
  if (!FlagsAreLegal(segment.flags)) [[unlikely]]
    return Invalidate(Invalid::kFlags);
  if ((segment.flags & (kSyn | kRst)) == 0) [[likely]]
    return TrackSegment(segment, direction, policy, c);
  if ((segment.flags & kRst) != 0) return TrackRst(segment, direction, c);
  if ((segment.flags & kAck) != 0) return TrackSynAck(segment, direction, c);
  return TrackSyn(segment, direction, c);
}

// Does a segment say less of its sender than the state that the sender is in? Whoever is CLOSED sends nothing
// but a RST, and a SYN+ACK is sent in SYN_RCVD.
bool IsBelievedOnly(const TcpHeader& segment, State state) {
  if ((segment.flags & kRst) != 0) return false;
  return state == State::kClosed || ((segment.flags & kSyn) != 0 && state == State::kEstablished);
}

}  // namespace

Outcome Track(const TcpHeader& segment, Direction direction, const Policy& policy, Connection* c) {
  const unsigned receiver = Raw(Opposite(direction));
  const State before = c->half[receiver].state;
  const Outcome outcome = TrackByFlags(segment, direction, policy, c);
  if (outcome.invalid == Invalid::kNone && (outcome.notes & note::kChallenged) == 0) {
    c->facts.provisional[Raw(direction)] = IsBelievedOnly(segment, c->half[Raw(direction)].state);
    if (c->half[receiver].state != before) c->facts.provisional[receiver] = true;
  }
  return outcome;
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
