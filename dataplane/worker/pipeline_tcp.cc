// TCP segments: the established path, and everything else.
#include <algorithm>
#include <limits>
#include <optional>

#include "dataplane/worker/established_path.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/tcp_binding.h"
#include "dataplane/worker/timeouts.h"

namespace coretrack {
namespace {

using namespace tcp_flag;

// What the segment's first of its kind adds to the history.
void AddLetters(const TcpHeader& s, bool responder, const tcp::Outcome& outcome,
                Histories* histories, uint16_t* history) {
  const auto add = [&](Letter letter, bool from_responder) {
    histories->Add(letter, from_responder, history);
  };
  if ((s.flags & kSyn) != 0) add((s.flags & kAck) != 0 ? Letter::kSynAck : Letter::kSyn, responder);
  if ((outcome.notes & tcp::note::kGap) != 0) add(Letter::kGap, !responder);
  if ((s.flags & kRst) != 0) add(Letter::kRst, responder);
  if (s.payload_bytes != 0) add(Letter::kData, responder);
  if ((s.flags & kFin) != 0) add(Letter::kFin, responder);
  if (s.payload_bytes == 0 && (s.flags & (kSyn | kFin | kRst)) == 0) add(Letter::kAck, responder);
  if (s.window == 0 && (s.flags & kRst) == 0) add(Letter::kZeroWindow, responder);
  if ((outcome.notes & tcp::note::kRetransmission) != 0 && s.payload_bytes != 0) {
    add(Letter::kRetransmission, responder);
  }
}

// Flags that no TCP sends, as far as there is a letter for them.
void AddFlagLetter(uint8_t flags, bool responder, Histories* histories, uint16_t* history) {
  if ((flags & kSyn) != 0 && (flags & (kFin | kRst)) != 0) {
    histories->Add(Letter::kMultiFlag, responder, history);
  } else if ((flags & (kFin | kRst)) == (kFin | kRst)) {
    histories->Add(Letter::kInconsistent, responder, history);
  }
}

template <typename T>
void Increment(T* count) {
  if (*count != std::numeric_limits<T>::max()) ++*count;
}

void IncrementSmall(uint8_t* small, int shift) {
  if (detail_small::Count(*small, shift) != detail_small::kMaxCount)
    *small = static_cast<uint8_t>(*small + (1 << shift));
}

bool IsOutOfWindow(tcp::Invalid reason) {
  using enum tcp::Invalid;
  return reason == kSequenceHigh || reason == kSequenceLow || reason == kAckHigh ||
         reason == kAckLow || reason == kOverrun;
}

// A late copy of the SYN or SYN+ACK that opened this connection: its number lies inside what its sender has sent
// since. (In SYN_SENT nothing has been sent; a SYN in TIME_WAIT that may open another has been looked at.)
bool IsOldDuplicate(const TcpHeader& s, const tcp::Connection& c, Direction d,
                    const tcp::Outcome& outcome, const FlowImage& flow) {
  const tcp::Half& sender = c.half[Raw(d)];
  const bool time_wait = tcp::TimeoutClassOf(c.states()) == tcp::TimeoutClass::kTimeWait;
  const bool newer = time_wait && (s.flags & kAck) == 0 && outcome.action == tcp::Action::kKeep;
  if (sender.state == tcp::State::kSynSent || newer) return false;
  const uint64_t sent_bytes = flow.detail.bytes[Raw(d)] + flow.line.bytes[Raw(d)];
  return sender.end - (s.seq + 1) <= sent_bytes;
}

// Mid-stream, who opened it is a guess: a well-known port is more likely to have been called than
// to call.
bool GuessOriginatorIsSender(const FlowKey& key, Direction sender) {
  const auto port = [&key](unsigned endpoint) {
    const auto raw = static_cast<uint16_t>(key.ports >> (16 * endpoint));
    return static_cast<uint16_t>(raw << 8 | raw >> 8);
  };
  const uint16_t from = port(Raw(sender));
  const uint16_t to = port(Raw(Opposite(sender)));
  return !(from < 1024 && to >= 1024);
}

}  // namespace

void Pipeline::TrackTcp(Burst& burst, uint32_t i, Now now, Tally& tally) {
  const PacketMeta& meta = burst.meta[i];
  const FlowIndex index = FindLive(burst, i, now);
  if (index == FlowIndex::kNone) [[unlikely]]
    return OpenTcp(burst, i, now, tally);

  // With the candidate Track() has tried this, but for a datagram in fragments.
  AtomicLine& line = TableOf(meta.key.ipv6).line(index);
  if (&line != burst.candidate[i] && options_.shortcuts &&
      (TrackEstablished(line, meta, now.tick, EstablishedMs()) || TrackStep(burst, i, line, now))) {
    ++tally.tracked;
    return;
  }
  // Whatever is left: with the facts of the flow's detail.
  const TcpHeader& s = meta.tcp;
  Slot slot;
  Load(index, &slot);
  tcp::Connection c;
  UnpackLine(slot.line, &c);
  UnpackFacts(slot.detail, &c.facts);
  const uint32_t generation = GenerationOf(slot.detail.start_us);
  if ((slot.detail.flags & detail_flag::kInMind) != 0) [[unlikely]] {
    if (const tcp::KeptInMind* mind = minds_.Find(index, generation)) c.facts.mind = *mind;
  }
  if (c.facts.rival && rivals_.Find(index, generation) == nullptr) [[unlikely]]
    c.facts.rival = false;  // forgotten
  std::optional<tcp::Connection> before;
  if (c.facts.rival) [[unlikely]]
    before = c;
  tcp::Outcome outcome = tcp::Track(s, meta.direction, tunables_.tcp, &c);
  if (before && TrackRivals(burst, i, slot, *before, outcome, now, tally)) [[unlikely]]
    return;
  if (!c.facts.mind.empty()) [[unlikely]]
    minds_.Put(index, generation, c.facts.mind);
  if (outcome.action == tcp::Action::kNewConnection) return ReopenTcp(burst, i, index, now, tally);
  if ((s.flags & kSyn) != 0 && IsOldDuplicate(s, c, meta.direction, outcome, slot)) [[unlikely]] {
    if (tcp::TimeoutClassOf(c.states()) == tcp::TimeoutClass::kTimeWait)
      outcome.notes |= tcp::note::kOldDuplicate;
  } else if (outcome.action == tcp::Action::kKeep) {
    KeepRival(burst, i, slot, c, now);
    c.facts.rival = true;
  }
  ++tally.tracked;
  PackLine(c, &slot.line);
  PackFacts(c.facts, &slot.line, &slot.detail);
  FinishTcp(burst, i, slot, outcome, now);
}

// What a segment and its outcome add to a flow: counters, history, deadline. `state_before` 0: it is the
// first.
void Pipeline::NoteTcp(Burst& burst, uint32_t i, FlowImage& flow, uint8_t state_before,
                       const tcp::Outcome& outcome, Now now) {
  const PacketMeta& meta = burst.meta[i];
  const unsigned d = Raw(meta.direction);
  FlowLine& line = flow.line;
  FlowDetail& detail = flow.detail;
  const bool responder = meta.direction != OriginatorOf(line.state);

  CountPacket(flow, meta.direction, meta.ip_bytes);
  if (outcome.invalid != tcp::Invalid::kNone) {
    if (IsOutOfWindow(outcome.invalid)) Increment(&detail.out_of_window[d]);
    if (outcome.invalid == tcp::Invalid::kTimeWaitDuplicate ||
        (outcome.notes & tcp::note::kOldDuplicate) != 0) {
      IncrementSmall(&detail.small, detail_small::kDuplicatesShift);
      counters_.time_wait_duplicates.Add(1);
    }
    if (outcome.invalid == tcp::Invalid::kFlags) {
      AddFlagLetter(meta.tcp.flags, responder, histories_.get(), &detail.history);
    }
    CountInvalid(burst, i, outcome.invalid, tcp::Name(outcome.invalid));
  } else if (outcome.action != tcp::Action::kKeep) {
    // (What may open another incarnation is of that one's history.)
    AddLetters(meta.tcp, responder, outcome, histories_.get(), &detail.history);
    if (meta.tcp.payload_bytes != 0) line.zone_flags |= flow_flag::DataSeen(meta.direction);
    if (meta.tcp.payload_bytes == 0 && (meta.tcp.flags & (kSyn | kFin | kRst)) == 0)
      line.zone_flags |= flow_flag::AckSeen(meta.direction);
  }
  if ((outcome.notes & tcp::note::kRetransmission) != 0) {
    Increment(&detail.retransmits[d]);
    counters_.retransmissions.Add(1);
  }
  if ((outcome.notes & tcp::note::kChallenged) != 0) counters_.challenged_syns.Add(1);
  if ((outcome.notes & tcp::note::kWindowObserved) != 0) {
    Increment(&detail.out_of_window[d]);
    counters_.window_observed.Add(1);
  }
  if ((outcome.notes & tcp::note::kFinAgain) != 0) {
    IncrementSmall(&detail.small, detail_small::kFinsShift);
    counters_.time_wait_fins.Add(1);
  }
  // Handshake RTTs, from this box to either side; a retransmission makes them ambiguous (Karn and
  // Partridge, SIGCOMM'87).
  const uint64_t since_start_us = SinceStartUs(detail.start_us, now.unix_us);
  const auto time = [](uint64_t us) {
    return static_cast<uint32_t>(std::clamp<uint64_t>(us, 1, FlowDetail::kMaxRtt));
  };
  const bool ambiguous = detail.retransmits[0] != 0 || detail.retransmits[1] != 0 ||
                         (detail.flags & detail_flag::kRival) != 0;
  if ((outcome.notes & tcp::note::kSynAnswered) != 0 && !ambiguous && state_before != 0) {
    detail.handshake_rtt_us[d] = time(since_start_us);
  }
  if ((outcome.notes & tcp::note::kOpened) != 0 && !ambiguous) {
    const uint64_t answer_us = detail.handshake_rtt_us[1 - d];
    if (answer_us != 0 && since_start_us >= answer_us) {
      detail.handshake_rtt_us[d] = time(since_start_us - answer_us);
    }
  }

  if (outcome.refresh || state_before == 0) {
    line.deadline_ms =
        (now.tick + TcpTimeoutMs(tunables_, outcome.timeout, PairOf(line.state))).ms();
  }
}

// The end of a segment: noted, and the flow is stored.
void Pipeline::FinishTcp(Burst& burst, uint32_t i, Slot& slot, const tcp::Outcome& outcome,
                         Now now) {
  const uint8_t state_before =
      StateIn(slot.table->line(slot.index).words[0].load(std::memory_order_relaxed));
  const Tick old_deadline = slot.line.deadline();
  NoteTcp(burst, i, slot, state_before, outcome, now);
  if (state_before == 0) {
    StoreNew(slot, now.unix_us, now);
  } else {
    Store(slot);
    Reschedule(slot.index, old_deadline, slot.line.deadline(), IsLastTimeout(slot.line.state), now);
    CountState(state_before, slot.line.state);
  }
  if (listener_ != nullptr && (outcome.moved || state_before == 0)) TellChange(i, slot.index, now);
}

// A segment of no known flow.
void Pipeline::OpenTcp(Burst& burst, uint32_t i, Now now, Tally& tally) {
  if (options_.shortcuts && OpenPlainly(burst, i, now, tally)) return;
  const PacketMeta& meta = burst.meta[i];
  tcp::Connection c;
  tcp::Outcome outcome;
  if (!tcp::Open(meta.tcp, meta.direction, tunables_.tcp, &c, &outcome)) {
    if (outcome.invalid != tcp::Invalid::kNone) {
      CountInvalid(burst, i, outcome.invalid, tcp::Name(outcome.invalid));
      return NoFlow(burst, i, Untracked::kUnknownInvalid, tally);
    }
    const bool reset = (meta.tcp.flags & kRst) != 0;
    return NoFlow(burst, i, reset ? Untracked::kUnknownReset : Untracked::kNoPickup, tally);
  }
  const FlowIndex index = Admit(meta.key, burst.hash[i], c.facts.midstream, now);
  if (index == FlowIndex::kNone) return NoFlow(burst, i, Untracked::kTableFull, tally);
  ++tally.tracked;
  if (c.facts.midstream) {
    counters_.midstream_pickups.Add(1);
    if (!GuessOriginatorIsSender(meta.key, meta.direction)) c.originator = Opposite(meta.direction);
  }
  Slot slot;
  Load(index, &slot);
  PackLine(c, &slot.line);
  PackFacts(c.facts, &slot.line, &slot.detail);
  if (c.originator != meta.direction)
    histories_->Add(Letter::kFlipped, false, &slot.detail.history);
  FinishTcp(burst, i, slot, outcome, now);
}

// The old flow on these ports is over, and this SYN or SYN+ACK opens another.
void Pipeline::ReopenTcp(Burst& burst, uint32_t i, FlowIndex old, Now now, Tally& tally) {
  const End end = EndOf(StateIn(TableOf(old).line(old).words[0].load(std::memory_order_relaxed)));
  // Not by time, and where nobody has reset it, its sender had closed.
  EndFlow(old, burst.hash[i], end == End::kTimeout ? End::kClosed : end, now);
  OpenTcp(burst, i, now, tally);
}

}  // namespace coretrack
