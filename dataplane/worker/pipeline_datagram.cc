// UDP, ICMP echo, SCTP and every other protocol: flows with timeouts and without TCP state (TCP.md
// 33).
//
// Why so often  As pipeline_opening.cc: TrackDatagram() alone would do, but makes structs of line and detail and packs them again. What is
//               common (nothing new, the first of a flow, the first answer) is put together from a few words.
// Twin          TrackDatagram() is the general path of both: what changes here changes there.
// Layout        FlowLine's fields (established_path.h); detail_word:: (flow/flow_detail.h).
// Cost          bench: Pipeline/established_udp, Pipeline/lifecycle_dns
#include "dataplane/worker/established_path.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/tcp_binding.h"
#include "dataplane/worker/timeouts.h"

namespace coretrack {

// One that is nothing new to its flow, on the flow's line. (established_lanes.h: sixteen of them.) False: nothing was touched; also of a
// flow that is past its deadline, or gone, or whose deadline comes nearer.
bool Pipeline::TrackKnownDatagram(const PacketMeta& meta, AtomicLine& line, Tick now) {
  using namespace established;
  const unsigned d = Raw(meta.direction);
  uint32_t head = Head(line);
  const auto state = static_cast<uint8_t>(head >> 8);
  if (!IsPlainDatagramFor(state, d) || meta.ip_bytes > HalfInLine::kMostBytes) return false;
  const DatagramClass of =
      DatagramClassOf(meta.key.protocol(), (state & kStateCodeMask) == kDatagramAnswered);
  const uint32_t timeout_ms = tunables_.datagram_timeout_ms[static_cast<int>(of)];
  if (Deadline(line).ms() - now.ms() - 1 >= timeout_ms) return false;
  HalfInLine sender(line, d);
  BeginWrite(line, head);
  if (!sender.HasRoom(meta.ip_bytes)) {
    FlowTable& table = TableOf(meta.key.ipv6);
    head = Spill(table, table.IndexOf(line), line, head, d);
  }
  sender.bytes = static_cast<uint16_t>(sender.bytes + meta.ip_bytes);
  EndWrite(line, head, d, now + timeout_ms);
  return true;
}

// The first answer to a flow that nobody has answered yet: it is assured from here on. False: nothing was touched.
bool Pipeline::TrackAnsweringDatagram(const Burst& burst, uint32_t i, AtomicLine& line, Now now) {
  using namespace established;
  using namespace detail_word;
  const PacketMeta& meta = burst.meta[i];
  const unsigned d = Raw(meta.direction);
  const uint32_t head = Head(line);
  const auto state = static_cast<uint8_t>(head >> 8);
  const Tick old_deadline = Deadline(line);
  HalfInLine sender(line, d);
  if ((state & kStateCodeMask) != kDatagramNew || Raw(OriginatorOf(state)) == d ||
      !now.tick.Before(old_deadline) || !sender.HasRoom(meta.ip_bytes))
    return false;
  FlowTable& table = TableOf(meta.key.ipv6);
  const FlowIndex index = table.IndexOf(line);
  AtomicDetail& detail = table.detail(index);
  const uint64_t word1 = detail.words[1].load(std::memory_order_relaxed);
  uint16_t history = word1 & kHistoryMask;
  histories_->Add(Letter::kData, true, &history);
  constexpr uint64_t kAssured = uint64_t{detail_flag::kAssured} << kFlagsShift;
  const uint64_t word0 = detail.words[0].load(std::memory_order_relaxed) | kAssured;
  const auto state_after = static_cast<uint8_t>(kDatagramAnswered | (state & kOriginatorReverse));
  const auto of = static_cast<int>(DatagramClassOf(meta.key.protocol(), true));
  const Tick deadline = now.tick + tunables_.datagram_timeout_ms[of];

  BeginWrite(line, head);
  detail.words[0].store(word0, std::memory_order_release);
  detail.words[1].store((word1 & ~kHistoryMask) | history, std::memory_order_release);
  sender.bytes = static_cast<uint16_t>(sender.bytes + meta.ip_bytes);
  EndWrite(line, (head & 0xffff00ff) | uint32_t{state_after} << 8, d, deadline);

  NotUnassured(table, index);
  Reschedule(index, old_deadline, deadline, true, now);
  CountState(state, state_after);
  if (listener_ != nullptr) [[unlikely]]
    TellChange(i, index, now);
  return true;
}

// The first of a flow. True: it is tracked, or there was no room. False: it has more bytes than a line's delta holds, as a datagram with all
// its fragments may, or a very long one over IPv6, and nothing was touched.
// REQUIRES: the flow is not there.
bool Pipeline::OpenByDatagram(Burst& burst, uint32_t i, Now now, Tally& tally) {
  using namespace established;
  const PacketMeta& meta = burst.meta[i];
  if (meta.ip_bytes > HalfInLine::kMostBytes) return false;
  const FlowHash hash = burst.hash[i];
  FlowTable& table = TableOf(meta.key.ipv6);
  const FlowIndex index = AdmitBare(table, hash, now);
  if (index == FlowIndex::kNone) {
    NoFlow(burst, i, Untracked::kTableFull, tally);
    return true;
  }
  ++tally.tracked;
  const unsigned d = Raw(meta.direction);
  uint16_t history = Histories::kEmpty;
  histories_->Add(Letter::kData, false, &history);
  const auto state = static_cast<uint8_t>(
      kDatagramNew | (meta.direction == Direction::kReverse ? kOriginatorReverse : 0));
  const auto of = static_cast<int>(DatagramClassOf(meta.key.protocol(), false));
  const Tick deadline = now.tick + tunables_.datagram_timeout_ms[of];
  const uint64_t start_us = table.StartIn(index, now.unix_us);

  AtomicLine& line = table.line(index);
  const uint32_t head = Head(line);
  BeginWrite(line, head);
  StoreReleased(DetailWords{0, history, 0, 0}, &table.detail(index));
  table.origin(index).store(start_us, std::memory_order_release);
  FlowTable::StoreKey(meta.key, hash, &line);
  line.words[3].store(meta.key.zone | uint64_t{meta.ip_bytes} << line_word::BytesShift(d),
                      std::memory_order_release);
  for (size_t word = 4; word < line.words.size(); ++word)
    line.words[word].store(0, std::memory_order_release);
  EndWrite(line, (head & 0xff) | uint32_t{state} << 8, d, deadline);

  FileNew(table, index, GenerationOf(start_us), deadline, state, false, now);
  if (listener_ != nullptr) [[unlikely]]
    TellChange(i, index, now);
  return true;
}

void Pipeline::TrackDatagram(Burst& burst, uint32_t i, Now now, Tally& tally) {
  const PacketMeta& meta = burst.meta[i];
  const FlowIndex known = FindLive(burst, i, now);
  if (known == FlowIndex::kNone && options_.shortcuts && OpenByDatagram(burst, i, now, tally))
    return;
  Slot slot;
  if (known == FlowIndex::kNone) {
    const FlowIndex index = Admit(meta.key, burst.hash[i], false, now);
    if (index == FlowIndex::kNone) return NoFlow(burst, i, Untracked::kTableFull, tally);
    Load(index, &slot);
    slot.line.state = static_cast<uint8_t>(
        kDatagramNew | (meta.direction == Direction::kReverse ? kOriginatorReverse : 0));
  } else {
    Load(known, &slot);
  }
  ++tally.tracked;
  const uint8_t before = slot.line.state;
  const bool answered = known != FlowIndex::kNone && meta.direction != OriginatorOf(before);
  if (answered && (before & kStateCodeMask) == kDatagramNew) {
    slot.line.state = static_cast<uint8_t>(kDatagramAnswered | (before & kOriginatorReverse));
    slot.detail.flags |= detail_flag::kAssured;
  }
  if (known == FlowIndex::kNone || before != slot.line.state)
    histories_->Add(Letter::kData, answered, &slot.detail.history);
  const Tick old_deadline = slot.line.deadline();
  const Tick deadline = now.tick + TimeoutMsOf(slot.line, slot.detail, tunables_);
  slot.line.deadline_ms = deadline.ms();
  CountPacket(slot, meta.direction, meta.ip_bytes);
  if (known == FlowIndex::kNone) {
    StoreNew(slot, now.unix_us, now);
  } else {
    Store(slot);
    Reschedule(slot.index, old_deadline, deadline, before != slot.line.state, now);
    CountState(before, slot.line.state);
  }
  if (listener_ != nullptr && (known == FlowIndex::kNone || before != slot.line.state)) {
    listener_->OnChange(i, RecordOf(slot.index, now));
  }
}

}  // namespace coretrack
