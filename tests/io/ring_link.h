// RingLink: a net_ring port whose cable ends in the test. What the test injects the port receives,
// what the port sends the test collects; nothing is lost on the way and every mbuf can be counted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/packet/packet_builder.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

namespace coretrack::testing {

// The pool that injected packets come from; one per process.
class TestPool {
 public:
  static constexpr uint32_t kPackets = 16'383;
  static rte_mempool* Get();
  // Packets that are neither in the pool nor in an lcore's cache: 0 when none has leaked.
  static uint32_t Missing();
};

class RingLink {
 public:
  // `queues` rings of room for ring_packets - 1 each way.
  RingLink(const std::string& name, uint32_t queues, uint32_t ring_packets = 1024);
  ~RingLink();
  RingLink(const RingLink&) = delete;
  RingLink& operator=(const RingLink&) = delete;

  const std::string& device() const { return device_; }

  // False: the ring is full; the frame is not taken.
  bool Inject(const Bytes& frame, uint32_t queue = 0);
  // In segments of these lengths, the rest in the last one.
  bool InjectInSegments(const Bytes& frame, const std::vector<size_t>& lengths, uint32_t queue = 0);

  // What has left by a queue, oldest first.
  std::vector<Bytes> Collect(uint32_t queue = 0);
  // Segments of each of the packets that the last Collect() gave.
  const std::vector<uint32_t>& segments() const { return segments_; }
  // The same without looking: how many there were.
  uint32_t Drain(uint32_t queue = 0);

 private:
  std::string device_;
  std::vector<rte_ring*> in_;
  std::vector<rte_ring*> out_;
  std::vector<uint32_t> segments_;
};

}  // namespace coretrack::testing
