// Tells ThreadSanitizer what it cannot see: DPDK's queues and pools order one thread's use of a
// packet before the next one's, but its libraries are not instrumented. Nothing in other builds.
#pragma once

#include <cstdint>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

struct rte_mbuf;

namespace coretrack {

// A device or a pool gave us these packets.
inline void AfterTaking([[maybe_unused]] rte_mbuf* const* packets,
                        [[maybe_unused]] uint32_t count) {
#ifdef __SANITIZE_THREAD__
  for (uint32_t i = 0; i < count; ++i) __tsan_acquire(packets[i]);
#endif
}

// We are about to give these packets to a device or a pool.
inline void BeforeGiving([[maybe_unused]] rte_mbuf* const* packets,
                         [[maybe_unused]] uint32_t count) {
#ifdef __SANITIZE_THREAD__
  for (uint32_t i = 0; i < count; ++i) __tsan_release(packets[i]);
#endif
}

}  // namespace coretrack
