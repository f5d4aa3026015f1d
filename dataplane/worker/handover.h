// Handover: rings of packets from every worker to every other one.
//
// What for  A packet whose flow another worker owns, and a packet that leaves by a port on which
//           this worker has no tx queue.
// Layout    One block of huge-page memory with a ring (rte_ring, one producer, one consumer) per
//           ordered pair. The bytes of a ring are rte_ring_get_memsize(ring_packets).
// Threads   Give() on `from`'s thread, Take() on `to`'s; made and destroyed while no worker runs.
// Limits    ring_packets - 1 packets a pair. What does not fit stays the caller's, to be counted.
// Cost      One release store a batch; an empty ring costs its reader one shared cache line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

struct rte_mbuf;
struct rte_ring;

namespace coretrack {

class Handover {
 public:
  static constexpr uint32_t kDefaultRingPackets = 1024;

  // REQUIRES: EAL runs; ring_packets is a power of two.
  static absl::StatusOr<std::unique_ptr<Handover>> Create(
      uint32_t workers, uint32_t ring_packets = kDefaultRingPackets);
  ~Handover();  // frees what is still inside
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  // How many of the first packets were taken over; the others stay the caller's.
  uint32_t Give(uint32_t from, uint32_t to, rte_mbuf** packets, uint32_t count);
  uint32_t Take(uint32_t to, uint32_t from, rte_mbuf** packets, uint32_t max);

 private:
  Handover(uint32_t workers, size_t ring_bytes, std::byte* memory)
      : workers_(workers), ring_bytes_(ring_bytes), memory_(memory) {}
  rte_ring* Ring(uint32_t from, uint32_t to) const {
    return reinterpret_cast<rte_ring*>(memory_ + (size_t{from} * workers_ + to) * ring_bytes_);
  }

  uint32_t workers_;
  size_t ring_bytes_;
  std::byte* memory_;
};

}  // namespace coretrack
