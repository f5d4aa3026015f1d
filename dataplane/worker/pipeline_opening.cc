// A plain opening: the SYN of an unknown flow, and the SYN+ACK that answers it, without data in them.
//
// Why       As pipeline_steps.cc: the general path makes a tcp::Connection of line and detail and packs that
//           again. Here their words are put together from what the segment says. What is not this simple is
//           left alone.
// Twin      opening_lanes.h does the same for sixteen segments at once: what changes here changes there.
// Layout    FlowLine's fields (established_path.h); detail_word:: (flow/flow_detail.h).
// Cost      bench: Pipeline/lifecycle
#include <bit>
#include <limits>

#include "dataplane/tcp/syn_options.h"
#include "dataplane/worker/established_path.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/opening_lanes.h"
#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {
namespace {

using namespace tcp_flag;
using namespace detail_word;

constexpr uint8_t kSynSentState = StateCode({tcp::State::kSynSent, tcp::State::kListen});
constexpr uint8_t kSynRcvdState = StateCode({tcp::State::kSynSent, tcp::State::kSynRcvd});

// What a SYN of direction `d` says, in word 0 of a detail; nothing of the other direction.
uint64_t SaidInWord0(const tcp::SynSays& says, unsigned d) {
  unsigned flags = detail_flag::SynSeen(d);
  if (says.sack) flags |= detail_flag::Sack(d);
  if (says.timestamps) flags |= detail_flag::Timestamps(d);
  return uint64_t{says.mss} << MssShift(d) | uint64_t{flags} << kFlagsShift |
         uint64_t{says.offered_scale} << OfferedScaleShift(d);
}
// The bits that it has a say in.
constexpr uint64_t SayInWord0(unsigned d) {
  constexpr uint64_t kMss = 0xffff, kScale = 0xf;
  constexpr uint64_t kFlags =
      detail_flag::SynSeen(0) | detail_flag::Sack(0) | detail_flag::Timestamps(0);
  return kMss << MssShift(d) | kFlags << d << kFlagsShift | kScale << OfferedScaleShift(d);
}

tcp::SynSays Says(const PacketMeta& meta) {
  return meta.syn.known() ? tcp::SaysOf(meta.syn, meta.tcp.options) : tcp::ReadSyn(meta.tcp);
}

bool IsPlain(const TcpHeader& s, uint8_t flags) {
  return (s.flags & (kSyn | kFin | kRst | tcp_flag::kAck)) == flags && s.payload_bytes == 0 &&
         s.window != 0;
}

}  // namespace

bool Pipeline::OpenPlainly(Burst& burst, uint32_t i, Now now, Tally& tally) {
  using namespace established;
  const PacketMeta& meta = burst.meta[i];
  const TcpHeader& s = meta.tcp;
  // More bytes than the line's delta holds: of a datagram with all its fragments.
  if (!IsPlain(s, kSyn) || meta.ip_bytes > std::numeric_limits<uint16_t>::max()) return false;
  const FlowIndex index = Admit(meta.key, burst.hash[i], false, now);
  if (index == FlowIndex::kNone) {
    NoFlow(burst, i, Untracked::kTableFull, tally);
    return true;
  }
  ++tally.tracked;
  const unsigned d = Raw(meta.direction);
  FlowTable& table = TableOf(meta.key.ipv6);
  AtomicLine& line = table.line(index);
  AtomicDetail& detail = table.detail(index);
  const tcp::SynSays says = Says(meta);
  const uint64_t word0 = SaidInWord0(says, d) |
                         uint64_t{tcp::kNoScale} << OfferedScaleShift(1 - d) |
                         uint64_t{detail_small::Provisional(1 - d)} << kSmallShift;
  const uint64_t start_us = table.StartIn(index, now.unix_us);
  // What Insert() has left in this word.
  const uint64_t zone = ZoneFlags(line);
  const uint32_t head = Head(line);
  const Tick deadline = now.tick + TimeoutMs(PairCodeOf(kSynSentState));
  const auto state = static_cast<uint8_t>(
      kSynSentState | (meta.direction == Direction::kReverse ? kOriginatorReverse : 0));

  BeginWrite(line, head);
  detail.words[0].store(word0, std::memory_order_release);
  detail.words[1].store(Histories::kSyn, std::memory_order_release);
  table.origin(index).store(start_us, std::memory_order_release);
  line.words[3].store(zone | flow_flag::kAttention |
                          uint64_t{tcp::kUnknownScale} << line_word::ScaleShift(d) |
                          uint64_t{tcp::EncodeWindow(s.window)} << line_word::MaxWindowShift(d) |
                          uint64_t{meta.ip_bytes} << line_word::BytesShift(d),
                      std::memory_order_release);
  HalfInLine sender(line, d);
  sender.end = s.seq + 1;
  sender.max_end = s.seq + 1;
  sender.ts_recent = says.timestamp;
  EndWrite(line, head | uint32_t{state} << 8, d, deadline);

  FileNew(table, index, GenerationOf(start_us), deadline, state, false, now);
  if (listener_ != nullptr) [[unlikely]]
    TellChange(i, index, now);
  return true;
}

// What is left of a chunk, where it is much (bit i: first + i): perhaps plain SYNs. These come last: who confirms itself in the same
// sixteen does not give way to them. Who listens hears of one packet after the other.
[[gnu::noinline]] void Pipeline::TrackOpenings(Burst* burst, uint32_t first, uint32_t left, Now now,
                                               Tally& tally) {
  Openings openings;
  Mask opening = 0;
  if (listener_ == nullptr) {
    opening = ComposeOpenings(burst->segments, burst->words, burst->hash.data(), first,
                              static_cast<Mask>(left), &openings);
  }
  if (left != opening) TrackEach(burst, first, left ^ opening, now, tally);
  if (opening == 0) return;
  const uint32_t ipv6 = burst->Ipv6Of(first);
  Mask there = 0;
  for (FlowTable* table : {ipv4_.get(), ipv6_.get()}) {
    const auto of_table = static_cast<Mask>(opening & (table->ipv6() ? ipv6 : ~ipv6));
    if (of_table != 0) there |= Open(*burst, first, of_table, openings, *table, now, tally);
  }
  if (there != 0) TrackEach(burst, first, there, now, tally);
}

// Opens the flows of `opening`, which are `table`'s, each another (ComposeOpenings()), and counts their packets. Bit i: the flow of packet first + i is there, and
// nothing was done. As AdmitBare() and StoreNew() would, but first slots are taken, then all flows stored and filed. AdmitBare() is
// called where somebody may have to give way, or the home bucket is full, or the region.
Mask Pipeline::Open(Burst& burst, uint32_t first, Mask opening, const Openings& openings,
                    FlowTable& table, Now now, Tally& tally) {
  UnassuredQueue& queue = *unassured_[table.ipv6()][0];
  const auto table_room = [&] {
    return table.capacity() - std::min(table.size(), table.capacity());
  };
  const auto room = [&] { return std::min(queue.places(), table_room()); };
  // Entries of others, one for each that enters: what MakePlace() would do. (In a full table, MakeRoom() counts them.)
  const auto most = static_cast<uint32_t>(std::popcount(opening));
  if (queue.places() < most && table_room() >= most)
    queue.Drop(CountNotUnassured(queue.After(0, most - queue.places())));
  uint32_t left_room = room();
  Mask there = 0;
  TakenSlots taken;
  for (uint32_t left = opening; left != 0; left &= left - 1) {
    const auto n = static_cast<uint32_t>(std::countr_zero(left));
    const uint32_t i = first + n;
    const FlowHash hash = burst.hash[i];
    const FlowTable::Home home = table.LookAtHome(hash);
    if (!home.absent) [[unlikely]] {
      FlowKey key;
      burst.words.Get(i, &key);
      // Its SYN again, or of a connection that is over.
      if (table.Find(key, hash, burst.candidate[i]) != FlowIndex::kNone) {
        there |= static_cast<Mask>(left & -left);
        continue;
      }
    }
    FlowIndex index = FlowIndex::kNone;
    if (home.empty != 0 && left_room != 0) [[likely]] {
      index = table.Take(hash, home);
      --left_room;
    }
    if (index == FlowIndex::kNone) [[unlikely]] {
      StoreOpened(burst, first, openings, taken, table, now);  // one of them may give way
      taken.count = 0;
      index = AdmitBare(table, hash, now);
      left_room = std::max(room(), 1u) - 1;
      if (index == FlowIndex::kNone) {
        NoFlow(burst, i, Untracked::kTableFull, tally);
        continue;
      }
    }
    ++tally.tracked;
    taken.index[taken.count] = index;
    taken.packet[taken.count++] = n;
  }
  StoreOpened(burst, first, openings, taken, table, now);
  if (queue.places() < kLanes) {
    // What the next ones look at.
    for (const auto& next : queue.After(kLanes, kLanes)) is_unassured_->Prefetch(next.index);
    for (const auto& next : queue.After(0, kLanes))
      if (is_unassured_->Test(next.index)) table.PrefetchOrigin(next.index);
  }
  return there;
}

// Of a queue's oldest entries: how many come before the first one whose flow is unassured?
uint32_t Pipeline::CountNotUnassured(std::span<const UnassuredQueue::Entry> oldest) const {
  uint32_t count = 0;
  while (count < oldest.size() && !is_unassured_->Test(oldest[count].index)) ++count;
  return count;
}

// What Open() has taken slots for: stored, filed, counted.
void Pipeline::StoreOpened(const Burst& burst, uint32_t first, const Openings& openings,
                           const TakenSlots& taken, FlowTable& table, Now now) {
  using namespace established;
  if (taken.count == 0) return;
  const bool ipv6 = table.ipv6();
  const Tick deadline = now.tick + TimeoutMs(PairCodeOf(kSynSentState));
  UnassuredQueue& queue = *unassured_[ipv6][0];
  for (uint32_t k = 0; k < taken.count; ++k) {
    const FlowIndex index = taken.index[k];
    const uint32_t n = taken.packet[k], i = first + n;
    AtomicLine& line = table.line(index);
    AtomicDetail& detail = table.detail(index);
    AtomicOrigin& origin = table.origin(index);
    const uint64_t start_us =
        FlowTable::StartAfter(origin.load(std::memory_order_relaxed), now.unix_us);
    const uint32_t head = Head(line);
    BeginWrite(line, head);
    const auto store = [](auto& to, size_t word, uint64_t value) {
      to.words[word].store(value, std::memory_order_release);
    };
    store(detail, 0, openings.detail_word0[n]);
    store(detail, 1, Histories::kSyn);
    store(detail, 2, 0);
    store(detail, 3, 0);
    origin.store(start_us, std::memory_order_release);
    FlowTable::StoreKey(burst.words, i, burst.hash[i], &line);
    store(line, 3, openings.line_word3[n]);
    store(line, 4, openings.end[n]);
    store(line, 5, openings.end[n]);
    store(line, 6, 0);
    store(line, 7, openings.timestamp[n]);
    store(line, 0, uint64_t{deadline.ms()} << 32 | openings.head[n] | NextEvenVersion(head));
    is_unassured_->Set(index);
    queue.Push({.index = index, .generation = GenerationOf(start_us)});
  }
  unassured_flows_[ipv6] += taken.count;
  wheel_->Schedule(taken.index.data(), AllOf(taken.count), FiledFor(table, deadline, now));
  CountNew(ipv6, kSynSentState, taken.count);  // as all of openings.head say
}

bool Pipeline::TrackAnswer(const Burst& burst, uint32_t i, AtomicLine& line, Now now) {
  using namespace established;
  const PacketMeta& meta = burst.meta[i];
  const TcpHeader& s = meta.tcp;
  const unsigned d = Raw(meta.direction);
  const uint32_t head = Head(line);
  const auto state_before = static_cast<uint8_t>(head >> 8);
  if (!IsPlain(s, kSyn | tcp_flag::kAck) || (state_before & kStateCodeMask) != kSynSentState ||
      Raw(OriginatorOf(state_before)) == d)
    return false;
  HalfInLine sender(line, d), receiver(line, 1 - d);
  const Tick old_deadline = Deadline(line);
  if (s.ack != receiver.end || s.ack != receiver.max_end || sender.max_window != 0 ||
      receiver.max_window == 0 || !now.tick.Before(old_deadline) || !sender.HasRoom(meta.ip_bytes))
    return false;
  FlowTable& table = TableOf(meta.key.ipv6);
  const FlowIndex index = table.IndexOf(line);
  AtomicDetail& detail = table.detail(index);
  const auto word = [&detail](size_t n) { return detail.words[n].load(std::memory_order_relaxed); };
  uint64_t word0 = word(0);
  const auto flags_before = static_cast<uint16_t>(word0 >> kFlagsShift);
  constexpr uint16_t kSynsSeen = detail_flag::SynSeen(0) | detail_flag::SynSeen(1);
  if ((flags_before & detail_flag::kKept) != 0 ||
      (flags_before & kSynsSeen) != detail_flag::SynSeen(1 - d))
    return false;
  const uint64_t word1 = word(1);
  uint16_t history = word1 & kHistoryMask;
  histories_->Add(Letter::kSynAck, true, &history);

  const tcp::SynSays says = Says(meta);
  word0 = (word0 & ~SayInWord0(d)) | SaidInWord0(says, d);
  word0 &= ~(uint64_t{detail_small::Provisional(d)} << kSmallShift);
  // A window scale is in force only if both SYNs carry it, and so is PAWS (RFC 7323 1.3).
  const auto offered = static_cast<uint8_t>(word0 >> OfferedScaleShift(0));
  const bool scaled = (offered & 0xf) != tcp::kNoScale && offered >> 4 != tcp::kNoScale;
  constexpr uint16_t kStamped = detail_flag::Timestamps(0) | detail_flag::Timestamps(1);
  const bool stamped = (word0 >> kFlagsShift & kStamped) == kStamped;
  const Tick deadline = now.tick + TimeoutMs(PairCodeOf(kSynRcvdState));
  const auto state_after =
      static_cast<uint8_t>(kSynRcvdState | (state_before & kOriginatorReverse));

  BeginWrite(line, head);
  detail.words[0].store(word0, std::memory_order_release);
  detail.words[1].store(
      WithSynAckTime(d, now.unix_us, table.origin(index).load(std::memory_order_relaxed),
                     (word1 & ~kHistoryMask) | history),
      std::memory_order_release);
  Scales(line) = scaled ? offered : 0;
  sender.end = s.seq + 1;
  sender.max_end = s.seq + 1 + tcp::DecodeHeardWindow(receiver.max_window);
  sender.ack = s.ack;
  sender.max_window = tcp::EncodeWindow(s.window);
  sender.bytes = static_cast<uint16_t>(sender.bytes + meta.ip_bytes);
  sender.ts_recent = stamped ? says.timestamp : 0;
  receiver.ack = s.seq;  // one below the first number it can acknowledge
  if (!stamped) receiver.ts_recent = 0;
  EndWrite(line, (head & 0xffff00ff) | uint32_t{state_after} << 8, d, deadline);

  Reschedule(index, old_deadline, deadline, false, now);
  CountState(state_before, state_after);
  if (listener_ != nullptr) [[unlikely]]
    TellChange(i, index, now);
  return true;
}

}  // namespace coretrack
