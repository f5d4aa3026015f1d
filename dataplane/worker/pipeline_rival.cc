// A flow and its rival (rival.h): kept, tried, and put in the flow's place.
#include "dataplane/tcp/moves.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {
namespace {

using namespace tcp_flag;
using enum tcp::State;

void Pack(const tcp::Connection& c, FlowImage* image) {
  PackLine(c, &image->line);
  PackFacts(c.facts, &image->line, &image->detail);
}

tcp::Connection Unpack(const FlowImage& image) {
  tcp::Connection c;
  UnpackLine(image.line, &c);
  UnpackFacts(image.detail, &c.facts);
  return c;
}

// Has either end shown that it got what the other has sent?
bool IsAnswered(const tcp::Connection& c) {
  const bool both_heard = c.half[0].heard() && c.half[1].heard();
  return both_heard && !(c.half[0].state == kSynSent && c.half[1].state == kSynSent);
}

// Is a sequence number near what this end has sent, if that is known?
bool IsNear(uint32_t number, const tcp::Half& half) {
  constexpr uint32_t kReach = 1 << 16;
  return half.state == kListen || number - half.end + kReach <= 2 * kReach;
}

// Is it what an incarnation expects?
bool Fits(const tcp::Outcome& outcome) {
  return outcome.invalid == tcp::Invalid::kNone && outcome.action == tcp::Action::kNone &&
         (outcome.notes & tcp::note::kChallenged) == 0;
}

// Does the window check say little of what Direction `d` sends? Where the other end is not seen, or both
// are done.
bool IsLoose(const tcp::Connection& c, unsigned d) {
  return !c.half[1 - d].heard() || (c.half[0].state == kClosed && c.half[1].state == kClosed);
}

// Had its ends, as far as they are seen, closed it?
bool IsClosed(const FlowLine& line) {
  tcp::Connection c;
  UnpackLine(line, &c);
  const auto done = [](const tcp::Half& half) {
    return !half.heard() || tcp::HasSentFin(half.state) || half.state == kClosed;
  };
  return done(c.half[0]) && done(c.half[1]);
}

// `image` in the place of the flow that has just been admitted.
void TakePlace(const FlowImage& image, FlowImage* flow) {
  const FlowLine id = flow->line;
  *flow = image;
  flow->line.version = id.version;
  flow->line.context = id.context;
  flow->line.zone_flags = static_cast<uint8_t>((id.zone_flags & flow_flag::kZoneMask) |
                                               (image.line.zone_flags & ~flow_flag::kZoneMask));
  flow->line.address = id.address;
  flow->line.ports = id.ports;
}

}  // namespace

// Packet `i` may open another incarnation beside the flow of `slot`, which is at `c`.
void Pipeline::KeepRival(Burst& burst, uint32_t i, const Slot& slot, const tcp::Connection& c,
                         Now now) {
  const PacketMeta& meta = burst.meta[i];
  const TcpHeader& s = meta.tcp;
  const bool answer = (s.flags & kAck) != 0;
  const Direction caller = answer ? Opposite(meta.direction) : meta.direction;
  Rival rival;
  rival.opener = meta.direction;
  rival.same_opening = c.half[Raw(caller)].state == kSynSent;
  tcp::Connection other;
  tcp::Outcome outcome;
  tcp::Open(s, meta.direction, tunables_.tcp, &other, &outcome);
  Pack(other, &rival);
  rival.detail.start_us = now.unix_us & FlowDetail::kStartMask;
  if (other.originator != meta.direction)
    histories_->Add(Letter::kFlipped, false, &rival.detail.history);
  NoteTcp(burst, i, rival, 0, outcome, now);
  const uint32_t generation = GenerationOf(slot.detail.start_us);
  if (!c.facts.rival) rivals_.Put(slot.index, generation, {});
  Rivals& rivals = *rivals_.Find(slot.index, generation);
  // Once there are several attempts, whatever comes before the third ACK is one more.
  for (const Rival& other_attempt : rivals.each) rival.same_opening |= other_attempt.same_opening;
  rivals.newest = rivals.each[rivals.newest].line.state == 0 ? rivals.newest : 1 - rivals.newest;
  rivals.each[rivals.newest] = rival;
}

// A segment of a flow that was at `c` before it, and says `of_flow` to it. True: it is of one of the flow's
// rivals, and all is done.
bool Pipeline::TrackRivals(Burst& burst, uint32_t i, Slot& slot, const tcp::Connection& c,
                           const tcp::Outcome& of_flow, Now now, Tally& tally) {
  const TcpHeader& s = burst.meta[i].tcp;
  const unsigned d = Raw(burst.meta[i].direction);
  Rivals& rivals = *rivals_.Find(slot.index, GenerationOf(slot.detail.start_us));
  Rival* const newest_first[] = {&rivals.each[rivals.newest], &rivals.each[1 - rivals.newest]};
  if ((of_flow.notes & tcp::note::kReset) != 0) {
    // Of several attempts one is given up: another goes on.
    for (Rival* rival : newest_first) {
      if (rival->line.state == 0 || !rival->same_opening ||
          c.half[Raw(rival->opener)].state != kSynSent)
        continue;
      const tcp::Connection other = Unpack(*rival);
      ++tally.tracked;
      const tcp::Outcome outcome{
          .moved = true, .refresh = true, .timeout = tcp::TimeoutClassOf(other.states())};
      SwapWithRival(burst, i, slot, c, *rival, other, outcome, now);
      return true;
    }
    return false;
  }
  if (Fits(of_flow) && !(IsLoose(c, d) && !IsNear(s.seq, c.half[d]))) return false;
  // A SYN that is too old to open anything (RFC 6191) opens nothing from the other side either; and one that
  // opens another flow needs no rival.
  const bool opens = of_flow.action == tcp::Action::kNewConnection && (s.flags & kAck) == 0;
  if (opens || of_flow.invalid == tcp::Invalid::kTimeWaitSyn) return false;
  for (Rival* rival : newest_first) {
    if (rival->line.state != 0 && TrackRival(burst, i, slot, c, rivals, *rival, now, tally))
      return true;
  }
  return false;
}

// One of them.
bool Pipeline::TrackRival(Burst& burst, uint32_t i, Slot& slot, const tcp::Connection& c,
                          Rivals& rivals, Rival& rival, Now now, Tally& tally) {
  const PacketMeta& meta = burst.meta[i];
  const TcpHeader& s = meta.tcp;
  const unsigned d = Raw(meta.direction);
  tcp::Connection other = Unpack(rival);
  // Of an end that has not spoken in it, and of what that has offered, little else is checked.
  const bool goes_on = (s.flags & kAck) != 0;
  if ((s.flags & kRst) == 0) {
    const bool live = tcp::TimeoutClassOf(c.states()) != tcp::TimeoutClass::kTimeWait;
    if (live && !other.half[1 - d].heard() && tcp::After(s.seq, other.half[d].end)) return false;
    if (!IsNear(s.seq, other.half[d]) || (goes_on && !IsNear(s.ack, other.half[1 - d])))
      return false;
    // Its SYN+ACK was missed: then it said what that of the flow did.
    if (rival.same_opening && goes_on && !other.half[1 - d].heard() && c.half[1 - d].heard() &&
        !IsNear(s.ack, c.half[1 - d]))
      return false;
  }
  const tcp::Outcome outcome = tcp::Track(s, meta.direction, tunables_.tcp, &other);
  other.facts.mind = {};
  const bool ended = (outcome.notes & tcp::note::kReset) != 0;
  // Whoever has not spoken in it must acknowledge what the other has sent.
  if (!Fits(outcome) || !(other.half[d].heard() || ended)) return false;
  ++tally.tracked;
  if (ended) {  // refused, which is no fault, and nothing to the flow
    rival = {};
    tcp::Facts facts = c.facts;
    facts.rival = !rivals.empty();
    PackFacts(facts, &slot.line, &slot.detail);
    FinishTcp(burst, i, slot, {}, now);
    return true;
  }
  const bool one_way = !c.half[Raw(Opposite(rival.opener))].heard();
  if (rival.same_opening && goes_on) {
    SwapWithRival(burst, i, slot, c, rival, other, outcome, now);
  } else if (!rival.same_opening && (IsAnswered(other) || (one_way && goes_on))) {
    Replace(burst, i, slot, rival, other, outcome, now, tally);
  } else {  // nothing that shows which of them counts
    const uint8_t state_before = rival.line.state;
    Pack(other, &rival);
    NoteTcp(burst, i, rival, state_before, outcome, now);
    CountPacket(slot, meta.direction, meta.ip_bytes);
    Store(slot);
  }
  return true;
}

// Two attempts at one connection: `other`, the rival as it is with packet `i`, is what the flow is from now
// on, and `c` stands beside it, until the third ACK.
void Pipeline::SwapWithRival(Burst& burst, uint32_t i, Slot& slot, tcp::Connection c, Rival& rival,
                             tcp::Connection other, tcp::Outcome outcome, Now now) {
  c.facts.rival = false;
  c.facts.mind = {};
  Pack(c, &rival);
  other.originator = c.originator;
  other.facts.rival = true;
  outcome.moved = true;
  // The flow began with another SYN than this answers.
  outcome.notes &= static_cast<uint16_t>(~tcp::note::kSynAnswered);
  Pack(other, &slot);
  FinishTcp(burst, i, slot, outcome, now);
}

// The flow of `old` is over; `other`, its rival as it is with packet `i`, is a flow of its own.
void Pipeline::Replace(Burst& burst, uint32_t i, Slot& old, Rival rival, tcp::Connection other,
                       const tcp::Outcome& outcome, Now now, Tally& tally) {
  // What was the rival's was counted to the flow when it passed.
  Uncount(old, rival);
  Store(old);
  End end = EndOf(old.line.state);
  if (end == End::kTimeout) end = IsClosed(old.line) ? End::kClosed : End::kReset;
  EndFlow(old.index, burst.hash[i], end, now);

  const FlowIndex index = Admit(burst.meta[i].key, burst.hash[i], false, now);
  if (index == FlowIndex::kNone) {
    --tally.tracked;
    return NoFlow(burst, i, Untracked::kTableFull, tally);
  }
  const uint8_t state_before = rival.line.state;
  Pack(other, &rival);
  NoteTcp(burst, i, rival, state_before, outcome, now);
  Slot slot;
  Load(index, &slot);
  TakePlace(rival, &slot);
  StoreNew(slot, rival.detail.start_us, now);
  if (listener_ != nullptr) TellChange(i, index, now);
}

}  // namespace coretrack
