#include "dataplane/worker/pipeline.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "dataplane/worker/chunk.h"
#include "dataplane/worker/established_lanes.h"
#include "dataplane/worker/established_path.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {
namespace {

// Are the plain packets of a chunk probably such of established flows? The first and the last are looked at.
bool LooksEstablished(const Burst& burst, uint32_t first) {
  const auto is_plain = [&burst](uint32_t i) {
    using namespace established;
    AtomicLine* line = burst.candidate[i];
    if (line == nullptr) return false;
    const unsigned d = SegmentLanes::Has(burst.segments.reverse, i);
    const uint32_t head = Head(*line);
    return IsPlainFor(*line, head, d, burst.segments.payload_bytes[i]) ||
           (SegmentLanes::Has(burst.segments.udp, i) &&
            IsPlainDatagramFor(static_cast<uint8_t>(head >> 8), d));
  };
  const uint16_t plain = burst.segments.plain[first / kLanes];
  return plain != 0 && (is_plain(first + static_cast<uint32_t>(std::countr_zero(plain))) ||
                        is_plain(first + static_cast<uint32_t>(std::bit_width(plain)) - 1));
}

}  // namespace

Pipeline::Pipeline(const Options& options)
    : options_(options), hasher_(options.secret), tunables_(options.tunables) {}

absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Create(const Options& options, Now start) {
  const FlowTable::Shape ipv4{.capacity = options.capacity_ipv4, .ipv6 = false, .first_index = 0};
  const uint64_t ipv4_slots = FlowTable::PlanFor(options.capacity_ipv4).slots();
  const FlowTable::Shape ipv6{.capacity = options.capacity_ipv6,
                              .ipv6 = true,
                              .first_index = static_cast<uint32_t>(ipv4_slots)};
  const uint64_t slots = ipv4_slots + FlowTable::PlanFor(options.capacity_ipv6).slots();
  if (options.capacity_ipv4 == 0 || options.capacity_ipv6 == 0 || slots > kMaxFlowsPerWorker) {
    return absl::InvalidArgumentError(absl::StrCat("a worker holds 1 to ", kMaxFlowsPerWorker,
                                                   " flow slots, not ", slots,
                                                   "; lower flows.capacity or add workers"));
  }
  auto arena = Arena::Create(FlowTable::ArenaBytes(ipv4) + FlowTable::ArenaBytes(ipv6) +
                                 FlowTimers::ArenaBytes(static_cast<uint32_t>(slots)) +
                                 SlotBits::ArenaBytes(static_cast<uint32_t>(slots)) +
                                 Histories::ArenaBytes(),
                             options.allow_hugetlb);
  if (!arena.ok()) return arena.status();
  std::unique_ptr<Pipeline> p(new Pipeline(options));
  p->arena_ = *std::move(arena);
  p->ipv4_ = std::make_unique<FlowTable>(ipv4, &p->arena_);
  p->ipv6_ = std::make_unique<FlowTable>(ipv6, &p->arena_);
  p->histories_ = std::make_unique<Histories>(&p->arena_);
  p->wheel_ = std::make_unique<FlowTimers>(static_cast<uint32_t>(slots), start.tick, &p->arena_);
  p->is_unassured_ = std::make_unique<SlotBits>(static_cast<uint32_t>(slots), &p->arena_);
  // Each table has its share of the quota: a flow of one cannot make room in the other.
  for (const bool v6 : {false, true}) {
    for (const bool midstream : {false, true}) {
      const uint64_t quota = midstream ? options.midstream_quota : options.half_open_quota;
      const uint64_t share = quota * p->TableOf(v6).slots() / slots;
      p->unassured_[v6][midstream] =
          std::make_unique<UnassuredQueue>(static_cast<uint32_t>(std::max<uint64_t>(share, 1)));
    }
  }
  return p;
}

void Pipeline::Process(Burst* burst, Now now) {
  Prepare(burst);
  if (burst->fragments) [[unlikely]]
    FollowFragments(burst, now);
  Locate(burst);
  Track(burst, now);
}

// The packets from `first` on, as many as go through a stage together. (What goes chunk by chunk is inlined: README.md.)
[[gnu::always_inline]] inline void Pipeline::LocateChunk(Burst* burst, uint32_t first) {
  static_assert(kMaxBurst <= 64);
  fetches_.Rest();
  if (!Together(first, std::min(first + kChunk, burst->count))) [[unlikely]]
    return LocateEach(burst, first);
  const uint32_t ipv6 = burst->Ipv6Of(first);
  const FlowHash* const hashes = &burst->hash[first];
  AtomicLine** const lines = &burst->candidate[first];
  const uint64_t farther = ipv6 == 0 || ipv6 == AllOf(kChunk)
                               ? TableOf(ipv6 != 0).CandidateLines(hashes, lines, &fetches_)
                               : FlowTable::CandidateLines(*ipv4_, *ipv6_, static_cast<Mask>(ipv6),
                                                           hashes, lines, &fetches_);
  burst->farther |= farther << first;
}

// The same, one after the other.
[[gnu::noinline]] void Pipeline::LocateEach(Burst* burst, uint32_t first) {
  const uint32_t ipv6 = burst->Ipv6Of(first);
  if (ipv6 == 0 || ipv6 == AllOf(std::min(burst->count - first, kChunk))) {
    return LocateEachIn(burst, first,
                        [&table = TableOf(ipv6 != 0)](uint32_t) -> FlowTable& { return table; });
  }
  LocateEachIn(burst, first,
               [burst, tables = std::array{ipv4_.get(), ipv6_.get()}](uint32_t i) -> FlowTable& {
                 return *tables[burst->IsIpv6(i)];
               });
}

// `table_of`: the table of packet i. Of one IP version, what the loops read of the table stays in registers.
template <typename Choose>
void Pipeline::LocateEachIn(Burst* burst, uint32_t first, const Choose& table_of) {
  const uint32_t last = std::min(first + kChunk, burst->count);
  // Of its own: a store to the burst's might change the table, for all that the compiler knows.
  std::array<AtomicLine*, kChunk> lines;
  for (uint32_t i = first; i < last; ++i)
    lines[i - first] = table_of(i).CandidateLine(burst->hash[i]);
  for (uint32_t i = first; i < last; ++i) {
    AtomicLine* const line = lines[i - first];
    burst->candidate[i] = line;
    if (line != nullptr) [[likely]] {
      FlowTable::PrefetchLine(line, table_of(i).ipv6());
    } else if (table_of(i).PrefetchNextBucket(burst->hash[i])) {
      burst->farther |= uint64_t{1} << i;
    }
  }
}

void Pipeline::Locate(Burst* burst) {
  burst->farther = 0;
  for (uint32_t first = 0; first < burst->count; first += kChunk) LocateChunk(burst, first);
}

// Of what has no candidate in its home bucket, which may be passed: that lies farther from home, or will be inserted. A stage after
// Locate(), when the next bucket has come.
void Pipeline::LocateFarther(Burst* burst) {
  for (; burst->farther != 0; burst->farther &= burst->farther - 1) {
    const auto i = static_cast<uint32_t>(std::countr_zero(burst->farther));
    const FlowHash hash = burst->hash[i];
    FlowTable& table = TableOf(burst->IsIpv6(i));
    burst->candidate[i] = table.LineOrNull(table.FartherCandidate(hash));
    if (burst->candidate[i] == nullptr) table.PrefetchInsert(hash);
  }
}

// Leaves those candidates of `packets` (bit i: first + i) that are their packet's flow. All at once: lines that
// have not come yet are waited for together.
void Pipeline::KeepHeld(Burst* burst, uint32_t first, uint32_t packets) {
  const bool all_ipv4 = burst->Ipv6Of(first) == 0;
  for (; packets != 0; packets &= packets - 1) {
    const uint32_t i = first + static_cast<uint32_t>(std::countr_zero(packets));
    const AtomicLine* const line = burst->candidate[i];
    if (line == nullptr ||
        !(all_ipv4 ? FlowTable::HoldsIpv4(*line, burst->meta[i].key)
                   : FlowTable::Holds(*line, burst->meta[i].key, burst->hash[i]))) [[unlikely]]
      burst->candidate[i] = nullptr;
  }
}

// Tracks plain segments from `i` on, in a loop that calls nothing. Answers the first packet that is none,
// or `last`.
uint32_t Pipeline::TrackPlain(const Burst& burst, uint32_t i, uint32_t last, Tick now,
                              uint32_t established_ms) {
  for (; i < last; ++i) {
    const PacketMeta& meta = burst.meta[i];
    AtomicLine* const line = burst.candidate[i];
    if (line == nullptr || meta.kind != PacketKind::kTcp ||
        !TrackEstablished(*line, meta, now, established_ms)) {
      break;
    }
  }
  return i;
}

[[gnu::always_inline]] inline Mask Pipeline::TrackLanes(Burst* burst, uint32_t first,
                                                        uint32_t packets, Now now) {
  const auto udp_ms = [this](DatagramClass of) {
    return tunables_.datagram_timeout_ms[static_cast<int>(of)];
  };
  const PlainTimeouts timeouts{.established_ms = EstablishedMs(),
                               .udp_ms = udp_ms(DatagramClass::kUdp),
                               .udp_answered_ms = udp_ms(DatagramClass::kUdpStream)};
  return TrackEstablishedLanes(burst->segments, burst->words, burst->hash.data(),
                               burst->candidate.data(), first, static_cast<Mask>(packets), now.tick,
                               timeouts, &fetches_);
}

// By IP version; most chunks have one.
[[gnu::always_inline]] inline Mask Pipeline::TrackSteps(const Burst& burst, uint32_t first,
                                                        uint32_t packets, Now now) {
  const uint32_t ipv6 = burst.Ipv6Of(first) & packets;
  if (ipv6 == 0 || ipv6 == packets) [[likely]]
    return TrackStepsIn(TableOf(ipv6 != 0), burst, first, packets, now);
  const Mask tracked = TrackStepsIn(*ipv4_, burst, first, packets ^ ipv6, now);
  return static_cast<Mask>(tracked | TrackStepsIn(*ipv6_, burst, first, ipv6, now));
}

[[gnu::always_inline]] inline void Pipeline::TrackChunk(Burst* burst, uint32_t first, Now now,
                                                        Tally& tally) {
  const uint32_t last = std::min(first + kChunk, burst->count);
  uint32_t left = AllOf(last - first);
  if (Together(first, last) && options_.shortcuts) {
    const bool established = were_established_ || LooksEstablished(*burst, first);
    if (established) {
      left ^= TrackLanes(burst, first, left, now);
      were_established_ = left != AllOf(kChunk);
    }
    if (std::popcount(left) >= kEnoughForLanes) [[unlikely]] {
      if (established) left ^= TrackSpilled(burst, first, left, now);
      // Who listens hears of one packet after the other.
      if (listener_ == nullptr) left ^= TrackSteps(*burst, first, left, now);
    }
    tally.tracked += kChunk - static_cast<uint32_t>(std::popcount(left));
    if (left == 0) return;
    if (std::popcount(left) >= kEnoughForLanes) [[unlikely]]
      return TrackOpenings(burst, first, left, now, tally);
  }
  TrackEach(burst, first, left, now, tally);
}

void Pipeline::Track(Burst* burst, Now now) {
  fetches_.Rest();
  BeginTracking(burst);
  Tally tally;
  for (uint32_t first = 0; first < burst->count; first += kChunk)
    TrackChunk(burst, first, now, tally);
  Count(tally);
}

void Pipeline::TrackAndLocate(Burst* burst, Now now, Burst* next) {
  BeginTracking(burst);
  next->farther = 0;
  Tally tally;
  for (uint32_t first = 0; first < std::max(burst->count, next->count); first += kChunk) {
    if (first < burst->count) TrackChunk(burst, first, now, tally);
    if (first < next->count) LocateChunk(next, first);
  }
  Count(tally);
}

void Pipeline::BeginTracking(Burst* burst) {
  if (burst->farther != 0) LocateFarther(burst);
  burst->verdict.fill(Verdict::kForward);
}

// What TrackLanes() has left, of which there is much: flows without room in their deltas may have taken with them all that they have
// here. Once more, if so.
[[gnu::noinline]] Mask Pipeline::TrackSpilled(Burst* burst, uint32_t first, uint32_t packets,
                                              Now now) {
  return SpillAhead(*burst, first, packets) ? TrackLanes(burst, first, packets, now) : Mask{0};
}

// What is left of the chunk at `first` (bit i: first + i), one after the other.
[[gnu::noinline]] void Pipeline::TrackEach(Burst* burst, uint32_t first, uint32_t left, Now now,
                                           Tally& tally) {
  const uint32_t established_ms = options_.shortcuts ? EstablishedMs() : 0;  // 0: nothing is plain
  fetches_.Rest();
  burst->NeedMetas(first, left);
  KeepHeld(burst, first, left);
  bool changed = false;  // slots, since then
  while (left != 0) {
    const auto skipped = static_cast<uint32_t>(std::countr_zero(left));
    const uint32_t i = first + skipped;
    if (changed) KeepHeld(burst, first, left & -left);
    const auto in_a_row = static_cast<uint32_t>(std::countr_one(left >> skipped));
    const uint32_t end =
        TrackPlain(*burst, i, i + (changed ? 1 : in_a_row), now.tick, established_ms);
    if (end != i) {
      tally.tracked += end - i;
      left &= ~AllOf(end - first);
      continue;
    }
    if (options_.shortcuts && TrackShort(*burst, i, now)) {
      ++tally.tracked;
    } else {
      TrackOne(*burst, i, now, tally);
      changed = true;
    }
    left &= left - 1;
  }
}

// By what the line and a few words of the detail say. False: nothing was touched.
// REQUIRES: packet i's candidate is its flow, or was, or null.
bool Pipeline::TrackShort(const Burst& burst, uint32_t i, Now now) {
  AtomicLine* const line = burst.candidate[i];
  if (line == nullptr) return false;
  switch (burst.meta[i].kind) {
    case PacketKind::kTcp:
      return TrackStep(burst, i, *line, now);
    case PacketKind::kDatagram:
      return TrackKnownDatagram(burst.meta[i], *line, now.tick) ||
             TrackAnsweringDatagram(burst, i, *line, now);
    default:
      return false;
  }
}

void Pipeline::Count(const Tally& tally) {
  counters_.tracked.Add(tally.tracked);
  for (size_t r = 0; r < tally.untracked.size(); ++r) {
    if (tally.untracked[r] != 0) counters_.untracked[r].Add(tally.untracked[r]);
  }
}

void Pipeline::TrackOne(Burst& burst, uint32_t i, Now now, Tally& tally) {
  switch (burst.meta[i].kind) {
    case PacketKind::kTcp:
      return TrackTcp(burst, i, now, tally);
    case PacketKind::kDatagram:
      return TrackDatagram(burst, i, now, tally);
    case PacketKind::kIcmpError:
      return RelatedIcmp(burst, i, now, tally);
    case PacketKind::kFragment:
      return TrackFragment(burst, i, tally);
    case PacketKind::kWhole:
      return TrackWhole(burst, i, now, tally);
    case PacketKind::kNotIp:
      return NoFlow(burst, i, Untracked::kNotIp, tally);
    case PacketKind::kMalformed:
      return Malformed(burst, i, tally);
    case PacketKind::kBadSegment:
      return BadSegment(burst, i, now, tally);
  }
}

// The flow of packet `i`, or kNone. One past its deadline is absent: it is ended here.
FlowIndex Pipeline::FindLive(Burst& burst, uint32_t i, Now now) {
  const PacketMeta& meta = burst.meta[i];
  FlowTable& table = TableOf(meta.key.ipv6);
  const FlowIndex index = table.Find(meta.key, burst.hash[i], burst.candidate[i]);
  if (index == FlowIndex::kNone) return index;
  const auto word0 = table.line(index).words[0].load(std::memory_order_relaxed);
  if (now.tick.Before(Tick(static_cast<uint32_t>(word0 >> 32)))) [[likely]]
    return index;
  EndFlow(index, burst.hash[i], EndOf(StateIn(word0)), now);
  return FlowIndex::kNone;
}

}  // namespace coretrack
