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

bool NicVouches(const rte_mbuf& packet) {
  constexpr uint64_t kGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  constexpr uint64_t kMask = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
  return (packet.ol_flags & kMask) == kGood;
}

bool HasKey(const PacketMeta& meta) {
  return meta.kind != PacketKind::kNotIp && meta.kind != PacketKind::kMalformed;
}

}  // namespace

void PollLoop::CountReceived(uint16_t port, uint32_t count) {
  AfterTaking(packets_.data(), count);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count; ++i) {
    bytes += packets_[i]->pkt_len;
    packets_[i]->port = port;  // net_ring hands mbufs on with that of whoever filled them
  }
  counters_->received.Add(count);
  counters_->received_bytes.Add(bytes);
}

// packets_ -> the inputs of burst_.
void PollLoop::Fill(uint32_t count) {
  burst_.count = count;
  for (uint32_t i = 0; i < count; ++i) {
    const rte_mbuf* packet = packets_[i];
    const auto* data = rte_pktmbuf_mtod(packet, const uint8_t*);
    uint32_t bytes = packet->data_len;
    if (packet->nb_segs > 1 && bytes < kHeaderBytes) [[unlikely]] {
      bytes = std::min(packet->pkt_len, kHeaderBytes);
      data = static_cast<const uint8_t*>(rte_pktmbuf_read(packet, 0, bytes, headers_[i].data()));
    } else {
      rte_prefetch0(data);
    }
    burst_.data[i] = data;
    burst_.bytes[i] = bytes;
    burst_.wire_bytes[i] = packet->pkt_len;
    burst_.zone[i] = wiring_->ports[packet->port].zone;
    burst_.checksum_known_good[i] = NicVouches(*packet);
  }
}

// Takes packets whose flow belongs to another worker out of the prepared burst, and closes the
// gaps.
void PollLoop::GiveAwayForeign() {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < burst_.count; ++i) {
    const PacketMeta& meta = burst_.meta[i];
    const uint32_t owner = HasKey(meta) ? wiring_->owners.OwnerOf(meta.key) : worker_;
    if (owner != worker_) {
      if (meta.kind == PacketKind::kWhole && !NoteWhole(i)) continue;
      Batch& batch = to_owner_[owner];
      batch.packets[batch.count++] = packets_[i];
      if (batch.count == kMaxBurst) FlushRing(wiring_->to_owner.get(), owner, &batch);
      continue;
    }
    if (kept != i) {
      packets_[kept] = packets_[i];
      burst_.data[kept] = burst_.data[i];
      burst_.bytes[kept] = burst_.bytes[i];
      burst_.wire_bytes[kept] = burst_.wire_bytes[i];
      burst_.zone[kept] = burst_.zone[i];
      burst_.checksum_known_good[kept] = burst_.checksum_known_good[i];
      burst_.meta[kept] = burst_.meta[i];
      burst_.hash[kept] = burst_.hash[i];
    }
    ++kept;
  }
  burst_.count = kept;
}

// The fragments that are left in the burst are ours to follow; a datagram that one of them completes
// may be another worker's.
void PollLoop::FollowFragments(Now now) {
  if (pipeline_->FollowFragments(&burst_, now) && wiring_->to_owner != nullptr) GiveAwayForeign();
}

// Packet `i` completes a datagram of another worker's flow. False: there is no way to say so; it was
// dropped, and the datagram's other fragments end untracked.
bool PollLoop::NoteWhole(uint32_t i) {
  if (whole_note_.Put(pipeline_->whole(i), packets_[i])) return true;
  counters_->untracked[static_cast<size_t>(Untracked::kFragment)].Add(burst_.meta[i].fragments);
  Discard({&packets_[i], 1}, Drop::kHandoverFull);
  return false;
}

// Packets whose datagram another worker has followed to its end.
void PollLoop::TakeWholes() {
  DatagramFollower::Whole whole;
  for (uint32_t i = 0; i < burst_.count; ++i) {
    if (whole_note_.Take(packets_[i], &whole)) pipeline_->AdoptWhole(&burst_, i, whole);
  }
}

// Verdicts -> where each packet goes.
void PollLoop::Dispatch() {
  // By verdict; what a monitor port would forward ends there.
  constexpr std::array kReason = {Drop::kMonitor, Drop::kInvalid, Drop::kMalformed,
                                  Drop::kFragment};
  static_assert(static_cast<int>(Verdict::kForward) == 0 &&
                static_cast<int>(Verdict::kDropInvalid) == 1 &&
                static_cast<int>(Verdict::kDropMalformed) == 2 &&
                static_cast<int>(Verdict::kDropFragment) == 3);
  std::array<std::array<rte_mbuf*, kMaxBurst>, kReason.size()> ended;
  std::array<uint32_t, kReason.size()> count{};
  for (uint32_t i = 0; i < burst_.count; ++i) {
    const uint16_t peer = wiring_->ports[packets_[i]->port].peer;
    if (peer != PollPort::kNoPeer && burst_.verdict[i] == Verdict::kForward) [[likely]] {
      Send(packets_[i], peer);
      continue;
    }
    const size_t reason = peer == PollPort::kNoPeer ? 0 : static_cast<size_t>(burst_.verdict[i]);
    ended[reason][count[reason]++] = packets_[i];
  }
  for (size_t r = 0; r < ended.size(); ++r) Discard({ended[r].data(), count[r]}, kReason[r]);
}

void PollLoop::Send(rte_mbuf* packet, uint16_t port) {
  if (wiring_->port_down[port].load(std::memory_order_relaxed)) [[unlikely]] {
    return Discard({&packet, 1}, Drop::kPortDown);
  }
  const PollPort& out = wiring_->ports[port];
  const uint32_t sender = Wiring::SenderOf(out, worker_);
  Batch& batch = sender == worker_ ? to_port_[port] : to_sender_[sender];
  if (packet->nb_segs > 1 && !out.sends_segments && rte_pktmbuf_linearize(packet) != 0)
      [[unlikely]] {
    return Discard({&packet, 1}, Drop::kTxFull);
  }
  batch.packets[batch.count++] = packet;
  if (batch.count < kMaxBurst) return;
  if (sender == worker_) {
    FlushPort(port);
  } else {
    FlushRing(wiring_->to_sender.get(), sender, &batch);
  }
}

void PollLoop::FlushPort(uint16_t port) {
  Batch& batch = to_port_[port];
  if (batch.count == 0) return;
  uint64_t bytes = 0;  // before sending: a packet that was sent is not ours to look at
  for (uint32_t i = 0; i < batch.count; ++i) bytes += batch.packets[i]->pkt_len;
  BeforeGiving(batch.packets.data(), batch.count);
  uint32_t sent = 0;
  for (uint32_t fruitless = 0; sent < batch.count && fruitless < kSendTries;) {
    const uint32_t taken =
        rte_eth_tx_burst(port, static_cast<uint16_t>(worker_), &batch.packets[sent],
                         static_cast<uint16_t>(batch.count - sent));
    sent += taken;
    if (taken == 0) {
      ++fruitless;
      rte_pause();
    }
  }
  for (uint32_t i = sent; i < batch.count; ++i) bytes -= batch.packets[i]->pkt_len;
  rte_smp_wmb();
  counters_->forwarded.Add(sent);
  counters_->forwarded_bytes.Add(bytes);
  Discard({&batch.packets[sent], batch.count - sent}, Drop::kTxFull);
  batch.count = 0;
}

void PollLoop::FlushRing(Handover* rings, uint32_t to, Batch* batch) {
  if (batch->count == 0) return;
  const uint32_t given = rings->Give(worker_, to, batch->packets.data(), batch->count);
  counters_->handed_over.Add(given);
  Discard({&batch->packets[given], batch->count - given}, Drop::kHandoverFull);
  batch->count = 0;
}

void PollLoop::Discard(std::span<rte_mbuf*> packets, Drop reason) {
  if (packets.empty()) return;
  BeforeGiving(packets.data(), static_cast<uint32_t>(packets.size()));
  rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(packets.size()));
  rte_smp_wmb();
  counters_->dropped[static_cast<size_t>(reason)].Add(packets.size());
}

}  // namespace coretrack
