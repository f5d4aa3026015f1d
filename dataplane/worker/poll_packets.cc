// The stages of a poll that handle packets one by one.
#include <rte_atomic.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include <algorithm>

#include "dataplane/worker/packet_order.h"
#include "dataplane/worker/poll_loop.h"

namespace coretrack {
namespace {

// Looks at the whole array, which says the same of what is behind the burst: a loop that may stop goes one by one.
bool AllForwarded(const Burst& burst) {
  unsigned dropped = 0;
  for (const Verdict verdict : burst.verdict) dropped |= static_cast<unsigned>(verdict);
  return dropped == 0;
}

bool HasKey(const PacketMeta& meta) {
  return meta.kind != PacketKind::kNotIp && meta.kind != PacketKind::kMalformed;
}

uint32_t OwnerOf(const Burst& burst, uint32_t i, const OwnerMap& owners, uint32_t of_no_flow) {
  if (SegmentLanes::Has(burst.segments.common, i)) {
    FlowKey key;
    burst.words.Get(i, &key);
    return owners.OwnerOf(key);
  }
  return HasKey(burst.meta[i]) ? owners.OwnerOf(burst.meta[i].key) : of_no_flow;
}

}  // namespace

// Takes packets whose flow belongs to another worker out of the prepared burst, and closes the
// gaps.
void PollLoop::GiveAwayForeign(Batch& batch) {
  auto& [burst, packets, headers, filled] = batch;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < burst.count; ++i) {
    const uint32_t owner = OwnerOf(burst, i, wiring_->owners, worker_);
    const bool has_meta = !SegmentLanes::Has(burst.segments.common, i);
    if (owner != worker_) {
      filled.bytes -= burst.wire_bytes[i];
      if (has_meta && burst.meta[i].kind == PacketKind::kWhole && !NoteWhole(batch, i)) continue;
      Outgoing& out = to_owner_[owner];
      out.packets[out.count++] = packets[i];
      if (out.count == kMaxBurst) FlushRing(wiring_->to_owner.get(), owner, &out);
      continue;
    }
    if (kept != i) {
      packets[kept] = packets[i];
      burst.data[kept] = burst.data[i];
      burst.bytes[kept] = burst.bytes[i];
      burst.wire_bytes[kept] = burst.wire_bytes[i];
      burst.zone[kept] = burst.zone[i];
      burst.checksum_known_good[kept] = burst.checksum_known_good[i];
      burst.segments.Move(i, kept);
      burst.words.Move(i, kept);
      if (has_meta) burst.meta[kept] = burst.meta[i];
      burst.hash[kept] = burst.hash[i];
      burst.candidate[kept] = burst.candidate[i];
    }
    ++kept;
  }
  burst.count = kept;
}

// The fragments that are left in the burst are ours to follow; a datagram that one of them completes
// may be another worker's.
void PollLoop::FollowFragments(Batch& batch, Now now) {
  if (pipeline_->FollowFragments(&batch.burst, now) && wiring_->to_owner != nullptr) {
    GiveAwayForeign(batch);
  }
}

// Packet `i` completes a datagram of another worker's flow. False: there is no way to say so; it was
// dropped, and the datagram's other fragments end untracked.
bool PollLoop::NoteWhole(Batch& batch, uint32_t i) {
  rte_mbuf* packet = batch.packets[i];
  if (whole_note_.Put(pipeline_->whole(i), packet)) return true;
  counters_->untracked[static_cast<size_t>(Untracked::kFragment)].Add(
      batch.burst.meta[i].fragments);
  Discard({&packet, 1}, Drop::kHandoverFull);
  return false;
}

// Packets whose datagram another worker has followed to its end.
void PollLoop::TakeWholes(Batch& batch) {
  auto& [burst, packets, headers, filled] = batch;
  DatagramFollower::Whole whole;
  for (uint32_t i = 0; i < burst.count; ++i) {
    if (whole_note_.Take(packets[i], &whole)) pipeline_->AdoptWhole(&burst, i, whole);
  }
}

// Verdicts -> where each packet goes.
void PollLoop::Dispatch(Batch& batch) {
  auto& [burst, packets, headers, filled] = batch;
  if (burst.count == 0) return;
  const uint16_t peer = wiring_->ports[packets[0]->port].peer;
  if (!filled.one_port || peer == PollPort::kNoPeer || !AllForwarded(burst)) [[unlikely]]
    return DispatchEach(batch);
  // Sending reads them, and they may have gone to L2 in the meantime.
  for (uint32_t i = 0; i < burst.count; ++i) rte_mbuf_prefetch_part1(packets[i]);
  Send({packets.data(), burst.count}, filled.bytes, filled.segmented, peer);
}

// Neighbours that came from one port and pass go on together.
void PollLoop::DispatchEach(Batch& batch) {
  auto& [burst, packets, headers, filled] = batch;
  // By verdict; what a monitor port would forward ends there.
  constexpr std::array kReason = {Drop::kMonitor, Drop::kInvalid, Drop::kMalformed,
                                  Drop::kFragment};
  static_assert(static_cast<int>(Verdict::kForward) == 0 &&
                static_cast<int>(Verdict::kDropInvalid) == 1 &&
                static_cast<int>(Verdict::kDropMalformed) == 2 &&
                static_cast<int>(Verdict::kDropFragment) == 3);
  std::array<std::array<rte_mbuf*, kMaxBurst>, kReason.size()> ended;
  std::array<uint32_t, kReason.size()> count{};
  const auto bytes_of = [&b = burst](uint32_t first, uint32_t last) {
    uint64_t bytes = 0;
    for (uint32_t i = first; i < last; ++i) bytes += b.wire_bytes[i];
    return bytes;
  };
  for (uint32_t i = 0; i < burst.count;) {
    const uint16_t port = packets[i]->port;
    const uint16_t peer = wiring_->ports[port].peer;
    const uint32_t first = i;
    if (peer != PollPort::kNoPeer) {
      while (i < burst.count && burst.verdict[i] == Verdict::kForward && packets[i]->port == port)
        ++i;
    }
    if (i != first) {
      Send({&packets[first], i - first}, bytes_of(first, i), filled.segmented, peer);
      continue;
    }
    const size_t reason = peer == PollPort::kNoPeer ? 0 : static_cast<size_t>(burst.verdict[i]);
    ended[reason][count[reason]++] = packets[i];
    ++i;
  }
  for (size_t r = 0; r < ended.size(); ++r) Discard({ended[r].data(), count[r]}, kReason[r]);
}

// `bytes`: of all of them; `segmented`: some may be chains.  REQUIRES: at most kMaxBurst packets.
void PollLoop::Send(std::span<rte_mbuf*> packets, uint64_t bytes, bool segmented, uint16_t port) {
  if (wiring_->port_down[port].load(std::memory_order_relaxed)) [[unlikely]] {
    return Discard(packets, Drop::kPortDown);
  }
  const PollPort& to = wiring_->ports[port];
  const uint32_t sender = Wiring::SenderOf(to, worker_);
  Outgoing& out = sender == worker_ ? to_port_[port] : to_sender_[sender];
  const auto flush = [&] {
    if (sender == worker_) {
      FlushPort(port);
    } else {
      FlushRing(wiring_->to_sender.get(), sender, &out);
    }
  };
  if (out.count + packets.size() > kMaxBurst) flush();
  out.bytes += bytes;
  if (!segmented || to.sends_segments) [[likely]] {
    std::copy(packets.begin(), packets.end(), out.packets.begin() + out.count);
    out.count += static_cast<uint32_t>(packets.size());
  } else {
    for (rte_mbuf* packet : packets) {
      if (packet->nb_segs > 1 && rte_pktmbuf_linearize(packet) != 0) [[unlikely]] {
        out.bytes -= packet->pkt_len;
        Discard({&packet, 1}, Drop::kTxFull);
        continue;
      }
      out.packets[out.count++] = packet;
    }
  }
  if (out.count == kMaxBurst) flush();
}

void PollLoop::FlushPort(uint16_t port) {
  Outgoing& out = to_port_[port];
  if (out.count == 0) return;
  BeforeGiving(out.packets.data(), out.count);
  uint32_t sent = 0;
  for (uint32_t fruitless = 0; sent < out.count && fruitless < kSendTries;) {
    const uint32_t taken =
        rte_eth_tx_burst(port, static_cast<uint16_t>(worker_), &out.packets[sent],
                         static_cast<uint16_t>(out.count - sent));
    sent += taken;
    if (taken == 0) {
      ++fruitless;
      rte_pause();
    }
  }
  // Of those that are still ours to look at.
  for (uint32_t i = sent; i < out.count; ++i) out.bytes -= out.packets[i]->pkt_len;
  rte_smp_wmb();
  counters_->forwarded.Add(sent);
  counters_->forwarded_bytes.Add(out.bytes);
  Discard({&out.packets[sent], out.count - sent}, Drop::kTxFull);
  out.count = 0;
  out.bytes = 0;
}

void PollLoop::FlushRing(Handover* rings, uint32_t to, Outgoing* out) {
  if (out->count == 0) return;
  const uint32_t given = rings->Give(worker_, to, out->packets.data(), out->count);
  counters_->handed_over.Add(given);
  Discard({&out->packets[given], out->count - given}, Drop::kHandoverFull);
  out->count = 0;
}

void PollLoop::Discard(std::span<rte_mbuf*> packets, Drop reason) {
  if (packets.empty()) return;
  BeforeGiving(packets.data(), static_cast<uint32_t>(packets.size()));
  rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(packets.size()));
  rte_smp_wmb();
  counters_->dropped[static_cast<size_t>(reason)].Add(packets.size());
}

}  // namespace coretrack
