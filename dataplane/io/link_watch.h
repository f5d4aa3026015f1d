// LinkWatch: a thread that asks each port every kPeriodMs whether its link is up.
//
// What for  Asking a device may take long, so neither a worker nor an API call does it. Workers
//           read Wiring::port_down and drop with Drop::kPortDown at once, rather than wait for a
//           queue that will not drain.
// Rule      Drivers that never report a link up (some virtual ones) are never down: a port is down
//           when it has been up and no longer is.
// Threads   Owns one thread; Read() from any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/io/dpdk_log.h"
#include "dataplane/worker/wiring.h"

namespace coretrack {

class LinkWatch {
 public:
  static constexpr int kPeriodMs = 200;

  struct Link {
    bool up = false;
    uint32_t speed_mbps = 0;  // 0: unknown
  };

  // All outlive it. The state of every port is known when this returns.
  LinkWatch(std::vector<uint16_t> ports, Wiring* wiring, DpdkLog* log);
  ~LinkWatch();
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;

  Link Read(uint16_t port) const;

 private:
  void Run();
  void Look(uint16_t port);

  const std::vector<uint16_t> ports_;
  Wiring* const wiring_;
  DpdkLog* const log_;
  // Written by the watch's thread (and by the constructor), read by any: up << 32 | speed_mbps.
  std::array<std::atomic<uint64_t>, kMaxPorts> link_{};
  std::array<bool, kMaxPorts> was_up_{};  // the watch's thread only

  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace coretrack
