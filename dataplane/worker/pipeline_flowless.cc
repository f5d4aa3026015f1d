// Packets that move no flow: those without one, malformed ones, and ICMP errors about one.
#include "dataplane/worker/history.h"
#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {

void Pipeline::NoFlow(Burst& /*burst*/, uint32_t /*i*/, Untracked reason, Tally& tally) {
  ++tally.untracked[static_cast<size_t>(reason)];
}

void Pipeline::Malformed(Burst& burst, uint32_t i, Tally& tally) {
  const coretrack::Malformed reason = burst.meta[i].malformed;
  counters_.malformed[static_cast<size_t>(reason)].Add(1);
  NoFlow(burst, i, Untracked::kMalformed, tally);
  if (tunables_.drop_invalid) burst.verdict[i] = Verdict::kDropMalformed;
  if (listener_ != nullptr) listener_->OnInvalid(i, Name(reason));
}

// A TCP segment whose flow is known by its ports, but whose header cannot be believed: it counts,
// and moves nothing.
void Pipeline::BadSegment(Burst& burst, uint32_t i, Now now, Tally& tally) {
  const PacketMeta& meta = burst.meta[i];
  counters_.malformed[static_cast<size_t>(meta.malformed)].Add(1);
  CountInvalid(burst, i, tcp::Invalid::kHeader, Name(meta.malformed));
  const FlowIndex index = FindLive(burst, i, now);
  if (index == FlowIndex::kNone) return NoFlow(burst, i, Untracked::kUnknownInvalid, tally);
  ++tally.tracked;
  Slot slot;
  Load(index, &slot);
  CountPacket(slot, meta.direction, meta.ip_bytes);
  if (meta.malformed == Malformed::kBadTcpChecksum) {
    const bool responder = meta.direction != OriginatorOf(slot.line.state);
    histories_->Add(Letter::kBadChecksum, responder, &slot.detail.history);
  }
  Store(slot);
}

// ICMP errors belong to the flow they quote and never move it (TCP.md 32).
void Pipeline::RelatedIcmp(Burst& burst, uint32_t i, Now now, Tally& tally) {
  const FlowIndex index = FindLive(burst, i, now);
  if (index == FlowIndex::kNone) return NoFlow(burst, i, Untracked::kUnrelatedIcmp, tally);
  ++tally.tracked;
  counters_.related_icmp.Add(1);
  Slot slot;
  Load(index, &slot);
  if (slot.detail.related_icmp == FlowDetail::kMaxRelatedIcmp) return;
  ++slot.detail.related_icmp;
  Store(slot);
}

void Pipeline::CountInvalid(Burst& burst, uint32_t i, tcp::Invalid reason, std::string_view word) {
  counters_.invalid[static_cast<size_t>(reason)].Add(1);
  if (tunables_.drop_invalid) burst.verdict[i] = Verdict::kDropInvalid;
  if (listener_ != nullptr) listener_->OnInvalid(i, word);
}

}  // namespace coretrack
