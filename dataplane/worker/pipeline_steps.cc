// TCP segments in order that are not plain: the third ACK, the first of a kind, the steps of closing. Most
// of what a short connection consists of.
//
// Why       The general path (pipeline_tcp.cc) unpacks line and detail, and packs them again. Here a few
//           fields are loaded, moved and stored, as on the established path. What is not this simple is
//           left alone, and the general path decides.
// Layout    FlowLine's halves (established_path.h); detail_word:: (flow/flow_detail.h).
// Twin      step_lanes.cc does the same for sixteen segments at once: what changes here changes there.
// Cost      bench: Pipeline/lifecycle
#include <algorithm>
#include <bit>

#include "dataplane/tcp/steps.h"
#include "dataplane/worker/established_lanes.h"
#include "dataplane/worker/established_path.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/opening_lanes.h"
#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/step_lanes.h"
#include "dataplane/worker/tcp_binding.h"
#include "dataplane/worker/timeouts.h"

namespace coretrack {
namespace {

using namespace tcp_flag;
using namespace detail_word;

// The step that the segment is, by its line. In a function of its own, as MoveInLine() is: together they need
// more registers than there are.
[[gnu::noinline]] tcp::Step StepOf(const PacketMeta& meta, AtomicLine& line, Tick now) {
  using namespace established;
  const TcpHeader& s = meta.tcp;
  const unsigned d = Raw(meta.direction);
  const auto state = static_cast<uint8_t>(Head(line) >> 8);
  if ((s.flags & (kSyn | kRst | tcp_flag::kAck)) != tcp_flag::kAck || !IsTcpState(state)) return {};
  const HalfInLine sender(line, d), receiver(line, 1 - d);
  if (!now.Before(Deadline(line)) || !sender.HasRoom(meta.ip_bytes)) return {};
  return tcp::CheckStep(s, PairCodeOf(state), d != Raw(OriginatorOf(state)), sender, receiver);
}

// Ends the write.
[[gnu::noinline]] void MoveInLine(const PacketMeta& meta, AtomicLine& line, uint32_t head,
                                  uint8_t state_after, Tick deadline) {
  using namespace established;
  const unsigned d = Raw(meta.direction);
  const auto state = static_cast<uint8_t>(head >> 8);
  HalfInLine sender(line, d), receiver(line, 1 - d);
  tcp::MoveStep(meta.tcp, PairCodeOf(state), d != Raw(OriginatorOf(state)), sender, receiver);
  sender.bytes = static_cast<uint16_t>(sender.bytes + meta.ip_bytes);
  EndWrite(line, (head & 0xffff00ff) | uint32_t{state_after} << 8, d, deadline);
}

// Adds what the segment is to the history in a detail's `word1`, and marks it as seen in `zone_flags`.
void AddToHistory(Histories& histories, const PacketMeta& meta, bool from_responder,
                  uint64_t* word1, uint32_t* zone_flags) {
  const bool fin = (meta.tcp.flags & kFin) != 0;
  const bool data = meta.tcp.payload_bytes != 0;
  const Letter letter = data ? Letter::kData : fin ? Letter::kFin : Letter::kAck;
  if (letter == Letter::kData) *zone_flags |= flow_flag::DataSeen(meta.direction);
  if (letter == Letter::kAck) *zone_flags |= flow_flag::AckSeen(meta.direction);
  uint16_t history = *word1 & kHistoryMask;
  histories.Add(letter, from_responder, &history);
  if (data && fin) histories.Add(Letter::kFin, from_responder, &history);
  *word1 = (*word1 & ~kHistoryMask) | history;
}

}  // namespace

// The first data or ACK of a direction, what is the first that an endpoint says after it was moved, and what is
// plain but that the line's deltas have no room for it, or for a deadline beyond a timeout that was shortened since.
// REQUIRES: both ends are ESTABLISHED; of SYN, FIN, RST and ACK the segment has ACK alone.
bool Pipeline::TrackFirst(const PacketMeta& meta, AtomicLine& line, Now now) {
  using namespace established;
  FlowTable& table = TableOf(meta.key.ipv6);
  const FlowIndex index = table.IndexOf(line);
  AtomicDetail& detail = table.detail(index);
  const uint64_t word0_before = detail.words[0].load(std::memory_order_relaxed);
  uint64_t word1 = detail.words[1].load(std::memory_order_relaxed);
  const unsigned d = Raw(meta.direction);
  HalfInLine sender(line, d), receiver(line, 1 - d);
  const Tick old_deadline = Deadline(line);
  if (!now.tick.Before(old_deadline) || meta.ip_bytes > HalfInLine::kMostBytes ||
      sender.max_window == 0 || receiver.max_window == 0 ||
      !tcp::IsInOrder(meta.tcp, sender, receiver) ||
      (word0_before >> kFlagsShift & detail_flag::kKept) != 0)
    return false;
  uint32_t head = Head(line);
  uint32_t flags = ZoneFlags(line) & ~uint32_t{flow_flag::kAttention};
  const bool from_responder = d != Raw(OriginatorOf(static_cast<uint8_t>(head >> 8)));
  AddToHistory(*histories_, meta, from_responder, &word1, &flags);
  constexpr uint64_t kAssured = uint64_t{detail_flag::kAssured} << kFlagsShift;
  constexpr uint64_t kProvisional = uint64_t{detail_small::Provisional(0)} << kSmallShift;
  const uint64_t word0 = (word0_before & ~(kProvisional << d)) | kAssured;
  if ((word0 & 3 * kProvisional) != 0) flags |= flow_flag::kAttention;
  const Tick deadline = now.tick + EstablishedMs();

  BeginWrite(line, head);
  detail.words[0].store(word0, std::memory_order_release);
  detail.words[1].store(word1, std::memory_order_release);
  if (!sender.HasRoom(meta.ip_bytes)) head = Spill(table, index, line, head, d);
  ZoneFlags(line) = static_cast<uint8_t>(flags);
  tcp::MoveInOrder(meta.tcp, sender, receiver);
  sender.bytes = static_cast<uint16_t>(sender.bytes + meta.ip_bytes);
  EndWrite(line, head, d, deadline);
  if ((word0_before & kAssured) == 0) NotUnassured(table, index);
  Reschedule(index, old_deadline, deadline, false, now);
  return true;
}

// Spills the deltas of those flows of `packets` (bit i: first + i) that would not hold a chunk of the packet's kind. True:
// there was one. What it is about need not be the packet's flow: a flow's sums are the same before and after.
bool Pipeline::SpillAhead(const Burst& burst, uint32_t first, uint32_t packets) {
  using namespace established;
  bool spilled = false;
  for (packets &= burst.segments.plain[first / kLanes]; packets != 0; packets &= packets - 1) {
    const uint32_t i = first + static_cast<uint32_t>(std::countr_zero(packets));
    AtomicLine* const line = burst.candidate[i];
    if (line == nullptr) continue;
    const uint32_t head = Head(*line);
    const unsigned d = SegmentLanes::Has(burst.segments.reverse, i);
    const auto state = static_cast<uint8_t>(head >> 8);
    if ((state & kStateCodeMask) != kBothEstablished && !IsPlainDatagramFor(state, d)) continue;
    HalfInLine sender(*line, d);
    const uint32_t bytes =
        std::min(kLanes * burst.segments.ip_bytes[i], HalfInLine::kMostBytes / 2);
    if (sender.HasRoom(bytes) && sender.packets + kLanes <= HalfInLine::kMostPackets) continue;
    FlowTable& table = TableOf(burst.IsIpv6(i));
    BeginWrite(*line, head);
    const uint32_t after = Spill(table, table.IndexOf(*line), *line, head, d);
    line->halves[0].store((after & 0xffffff00) | NextEvenVersion(head), std::memory_order_release);
    spilled = true;
  }
  return spilled;
}

// Sixteen of them at once, or SYN+ACKs, whose flows are `table`'s. Bit i: first + i was one.
Mask Pipeline::TrackStepsIn(const FlowTable& table, const Burst& burst, uint32_t first,
                            uint32_t packets, Now now) {
  uint32_t left = packets;
  const auto track = [&]<const auto & kTrack>() {
    if (std::popcount(left) < kEnoughForLanes) return;
    StepsTracked steps;
    fetches_.Next();
    kTrack(burst.segments, burst.words, burst.hash.data(), burst.candidate.data(), table,
           histories_.get(), first, static_cast<Mask>(left), now, tunables_.tcp_timeout_ms, &steps);
    fetches_.Next();
    if (steps.tracked != 0) FileSteps(burst, first, table, steps, now);
    left &= ~uint32_t{steps.tracked};
  };
  track.template operator()<TrackStepLanes>();
  track.template operator()<TrackAnswerLanes>();
  return static_cast<Mask>(packets ^ left);
}

// Tells the wheel and the counters what has become of `steps`.
void Pipeline::FileSteps(const Burst& burst, uint32_t first, const FlowTable& table,
                         const StepsTracked& steps, Now now) {
  if ((steps.sooner | steps.last | steps.assured) != 0) {
    alignas(kCacheLine) std::array<FlowIndex, kLanes> flows;
    table.IndexesOf(&burst.candidate[first], flows.data());
    for (uint32_t left = steps.sooner | steps.last; left != 0;) {
      const auto i = static_cast<uint32_t>(std::countr_zero(left));
      const uint32_t same = left & SameAs(steps.deadlines, i);
      const Tick filed_for = FiledFor(table, Tick(steps.deadlines[i]), now);
      if ((same & steps.last) != 0) wheel_->Refile(flows.data(), same & steps.last, filed_for);
      if ((same & ~steps.last) != 0) wheel_->Hasten(flows.data(), same & ~steps.last, filed_for);
      left ^= same;
    }
    for (uint32_t left = steps.assured; left != 0; left &= left - 1)
      NotUnassured(table, flows[static_cast<uint32_t>(std::countr_zero(left))]);
  }
  // Those that made the same move are counted together.
  for (uint32_t left = steps.moved; left != 0;) {
    const auto i = static_cast<uint32_t>(std::countr_zero(left));
    const uint32_t same = left & SameAs(steps.moves, i);
    CountState(static_cast<uint8_t>(steps.moves[i] >> 8), static_cast<uint8_t>(steps.moves[i]),
               static_cast<uint64_t>(std::popcount(same)));
    left ^= same;
  }
}

bool Pipeline::TrackStep(const Burst& burst, uint32_t i, AtomicLine& line, Now now) {
  const PacketMeta& meta = burst.meta[i];
  if ((meta.tcp.flags & kSyn) != 0) return TrackAnswer(burst, i, line, now);
  if ((meta.tcp.flags & (kFin | kRst | tcp_flag::kAck)) == tcp_flag::kAck &&
      (established::Head(line) >> 8 & kStateCodeMask) == established::kBothEstablished)
    return TrackFirst(meta, line, now);
  FlowTable& table = TableOf(meta.key.ipv6);
  const FlowIndex index = table.IndexOf(line);
  AtomicDetail& detail = table.detail(index);
  const tcp::Step step = StepOf(meta, line, now.tick);
  if (!step.known()) return false;
  const uint64_t word0_before = detail.words[0].load(std::memory_order_relaxed);
  uint64_t word1 = detail.words[1].load(std::memory_order_relaxed);
  if ((word0_before >> kFlagsShift & detail_flag::kKept) != 0) return false;

  const uint32_t head = established::Head(line);
  const auto state_before = static_cast<uint8_t>(head >> 8);
  const unsigned d = Raw(meta.direction);
  const bool from_responder = d != Raw(OriginatorOf(state_before));
  uint32_t flags = established::ZoneFlags(line) & ~uint32_t{flow_flag::kAttention};
  AddToHistory(*histories_, meta, from_responder, &word1, &flags);

  constexpr uint64_t kAssured = uint64_t{detail_flag::kAssured} << kFlagsShift;
  constexpr uint64_t kProvisional = uint64_t{detail_small::Provisional(0)} << kSmallShift;
  uint64_t word0 = word0_before & ~(kProvisional << d);
  if (step.receiver_moves) word0 |= kProvisional << (1 - d);
  if (step.pair == PairCodeOf(established::kBothEstablished)) word0 |= kAssured;
  if ((word0 & kAssured) == 0 || (word0 & 3 * kProvisional) != 0) flags |= flow_flag::kAttention;

  const Tick old_deadline = established::Deadline(line);
  const Tick deadline = now.tick + TimeoutMs(step.pair);
  const auto state_after =
      static_cast<uint8_t>((step.pair + 1) | (state_before & kOriginatorReverse));
  if (tcp::EndsHandshake(PairCodeOf(state_before), from_responder)) [[unlikely]] {
    word1 =
        WithAnswerTime(d, now.unix_us, table.origin(index).load(std::memory_order_relaxed), word1);
  }
  established::BeginWrite(line, head);
  detail.words[0].store(word0, std::memory_order_release);
  detail.words[1].store(word1, std::memory_order_release);
  established::ZoneFlags(line) = static_cast<uint8_t>(flags);
  MoveInLine(meta, line, head, state_after, deadline);
  if ((word0 & ~word0_before & kAssured) != 0) NotUnassured(table, index);

  Reschedule(index, old_deadline, deadline, IsLastTimeout(state_after), now);
  if (state_before == state_after) return true;
  CountState(state_before, state_after);
  if (listener_ != nullptr) [[unlikely]]
    TellChange(i, index, now);
  return true;
}

}  // namespace coretrack
