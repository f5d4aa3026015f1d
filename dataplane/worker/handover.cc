// Acquire and release as C11 has them instead of rte_ring's own barriers: the same instructions on
// x86, and ThreadSanitizer can see that the rings order what is in the packets.
#define RTE_USE_C11_MEM_MODEL 1

#include "dataplane/worker/handover.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "absl/strings/str_cat.h"
#include "dataplane/base/limits.h"

namespace coretrack {

absl::StatusOr<std::unique_ptr<Handover>> Handover::Create(uint32_t workers,
                                                           uint32_t ring_packets) {
  const ssize_t raw_bytes = rte_ring_get_memsize(ring_packets);
  if (raw_bytes < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a hand-over ring of ", ring_packets, " packets: not a power of two"));
  }
  // Neighbouring rings have different writers: none shares a line.
  const size_t ring_bytes =
      (static_cast<size_t>(raw_bytes) + 2 * kCacheLine - 1) / (2 * kCacheLine) * (2 * kCacheLine);
  const size_t bytes = ring_bytes * workers * workers;
  auto* memory = static_cast<std::byte*>(rte_zmalloc("handover", bytes, 2 * kCacheLine));
  if (memory == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("hand-over rings between ", workers,
                                                     " workers need ", bytes >> 20,
                                                     " MiB; raise memory.size"));
  }
  std::unique_ptr<Handover> rings(new Handover(workers, ring_bytes, memory));
  for (uint32_t from = 0; from < workers; ++from) {
    for (uint32_t to = 0; to < workers; ++to) {
      rte_ring_init(rings->Ring(from, to), "handover", ring_packets, RING_F_SP_ENQ | RING_F_SC_DEQ);
    }
  }
  return rings;
}

Handover::~Handover() {
  rte_mbuf* packets[kMaxBurst];
  for (uint32_t from = 0; from < workers_; ++from) {
    for (uint32_t to = 0; to < workers_; ++to) {
      while (const uint32_t count = Take(to, from, packets, kMaxBurst)) {
        rte_pktmbuf_free_bulk(packets, count);
      }
    }
  }
  rte_free(memory_);
}

uint32_t Handover::Give(uint32_t from, uint32_t to, rte_mbuf** packets, uint32_t count) {
  return rte_ring_sp_enqueue_burst(Ring(from, to), reinterpret_cast<void**>(packets), count,
                                   nullptr);
}

uint32_t Handover::Take(uint32_t to, uint32_t from, rte_mbuf** packets, uint32_t max) {
  return rte_ring_sc_dequeue_burst(Ring(from, to), reinterpret_cast<void**>(packets), max, nullptr);
}

}  // namespace coretrack
