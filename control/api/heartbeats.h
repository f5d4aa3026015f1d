// Heartbeats: do the workers live? A worker's `polls` counter advances with every turn of its loop.
//
// Threads  One owner calls Look(); all_alive() and alive() may be asked from any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "dataplane/worker/dataplane.h"

namespace coretrack {

class Heartbeats {
 public:
  using Clock = std::chrono::steady_clock;
  // A worker that has not polled for so long is not alive: far above any sleep and any burst.
  static constexpr std::chrono::milliseconds kLimit{3'000};

  // Reads every worker's counter. Call it every second or so.
  void Look(const Dataplane& dataplane, Clock::time_point now);

  bool alive(uint32_t worker) const { return alive_.at(worker).load(std::memory_order_relaxed); }
  // There are workers and each is alive.
  bool all_alive() const { return all_alive_.load(std::memory_order_relaxed); }

 private:
  struct Beat {
    uint64_t polls = 0;
    Clock::time_point changed;
    bool known = false;
  };
  std::array<Beat, kMaxWorkers> beats_;
  std::array<std::atomic<bool>, kMaxWorkers> alive_{};
  std::atomic<bool> all_alive_{false};
};

}  // namespace coretrack
