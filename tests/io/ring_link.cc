#include "tests/io/ring_link.h"

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <cstring>
#include <stdexcept>

#include "dataplane/worker/packet_order.h"

namespace coretrack::testing {

rte_mempool* TestPool::Get() {
  static rte_mempool* const pool = rte_pktmbuf_pool_create(
      "test_packets", kPackets, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) throw std::runtime_error("no memory for test packets");
  return pool;
}

uint32_t TestPool::Missing() { return kPackets - rte_mempool_avail_count(Get()); }

RingLink::RingLink(const std::string& name, uint32_t queues, uint32_t ring_packets)
    : device_("net_ring_" + name) {
  const auto make = [&](const char* way, uint32_t queue) {
    const std::string ring_name = name + way + std::to_string(queue);
    rte_ring* ring = rte_ring_create(ring_name.c_str(), ring_packets, SOCKET_ID_ANY,
                                     RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr) throw std::runtime_error("no memory for ring " + ring_name);
    return ring;
  };
  for (uint32_t q = 0; q < queues; ++q) {
    in_.push_back(make("_in", q));
    out_.push_back(make("_out", q));
  }
  if (rte_eth_from_rings(name.c_str(), in_.data(), queues, out_.data(), queues, 0) < 0) {
    throw std::runtime_error("no port over rings " + name);
  }
}

RingLink::~RingLink() {
  for (uint32_t q = 0; q < out_.size(); ++q) Drain(q);
  rte_vdev_uninit(device_.c_str());
  for (rte_ring* ring : in_) {
    void* packet;
    while (rte_ring_dequeue(ring, &packet) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    rte_ring_free(ring);
  }
  for (rte_ring* ring : out_) rte_ring_free(ring);
}

bool RingLink::Inject(const Bytes& frame, uint32_t queue) {
  return InjectInSegments(frame, {}, queue);
}

bool RingLink::InjectInSegments(const Bytes& frame, const std::vector<size_t>& lengths,
                                uint32_t queue) {
  rte_mbuf* head = nullptr;
  size_t at = 0;
  for (size_t s = 0; s <= lengths.size(); ++s) {
    const size_t bytes = s < lengths.size() ? lengths[s] : frame.size() - at;
    rte_mbuf* segment = rte_pktmbuf_alloc(TestPool::Get());
    if (segment == nullptr) throw std::runtime_error("test packets have leaked");
    AfterTaking(&segment, 1);
    std::memcpy(rte_pktmbuf_append(segment, static_cast<uint16_t>(bytes)), frame.data() + at,
                bytes);
    at += bytes;
    if (head == nullptr) {
      head = segment;
    } else {
      rte_pktmbuf_chain(head, segment);
    }
  }
  BeforeGiving(&head, 1);
  if (rte_ring_enqueue(in_.at(queue), head) == 0) return true;
  rte_pktmbuf_free(head);
  return false;
}

std::vector<Bytes> RingLink::Collect(uint32_t queue) {
  std::vector<Bytes> frames;
  segments_.clear();
  void* object;
  while (rte_ring_dequeue(out_.at(queue), &object) == 0) {
    auto* packet = static_cast<rte_mbuf*>(object);
    AfterTaking(&packet, 1);
    Bytes& frame = frames.emplace_back(packet->pkt_len);
    const void* data = rte_pktmbuf_read(packet, 0, packet->pkt_len, frame.data());
    if (data != frame.data()) std::memcpy(frame.data(), data, frame.size());
    segments_.push_back(packet->nb_segs);
    rte_pktmbuf_free(packet);
  }
  return frames;
}

uint32_t RingLink::Drain(uint32_t queue) {
  uint32_t count = 0;
  void* object;
  while (rte_ring_dequeue(out_.at(queue), &object) == 0) {
    auto* packet = static_cast<rte_mbuf*>(object);
    AfterTaking(&packet, 1);
    BeforeGiving(&packet, 1);
    rte_pktmbuf_free(packet);
    ++count;
  }
  return count;
}

}  // namespace coretrack::testing
