// UDP, ICMP echo, SCTP and every other protocol: flows with timeouts and without TCP state (TCP.md
// 33).
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

void Pipeline::TrackDatagram(Burst& burst, uint32_t i, Now now, Tally& tally) {
  const PacketMeta& meta = burst.meta[i];
  const FlowIndex known = FindLive(burst, i, now);
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
