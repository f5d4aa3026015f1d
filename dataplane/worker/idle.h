// Idle: what a worker does when a poll found nothing.
//
// What for  An idle box must not burn a core; a busy one must not sleep. IdlePolicy::kSpin keeps
//           polling. kBackoff spins for kSpinPolls empty polls, then sleeps from kFirstSleepNs on,
//           twice as long each time, up to the configured longest sleep: also the most that it
//           delays a first packet, and the most that it delays the expiry of a flow.
// Threads   One owner.
#pragma once

#include <algorithm>
#include <cstdint>

namespace coretrack {

enum class IdlePolicy : uint8_t { kSpin, kBackoff };

class Idle {
 public:
  static constexpr uint32_t kSpinPolls = 256;
  static constexpr uint32_t kFirstSleepNs = 4'000;

  Idle(IdlePolicy policy, uint32_t sleep_max_us)
      : sleep_max_ns_(policy == IdlePolicy::kSpin ? 0 : sleep_max_us * 1'000ull) {}

  // How long to sleep after this poll; 0: not at all.
  uint64_t SleepNsAfter(bool busy) {
    if (busy || sleep_max_ns_ == 0) {
      empty_polls_ = 0;
      sleep_ns_ = kFirstSleepNs;
      return 0;
    }
    if (empty_polls_ < kSpinPolls) {
      ++empty_polls_;
      return 0;
    }
    const uint64_t sleep_ns = std::min(sleep_ns_, sleep_max_ns_);
    sleep_ns_ = 2 * sleep_ns;
    return sleep_ns;
  }

 private:
  uint64_t sleep_max_ns_;
  uint64_t sleep_ns_ = kFirstSleepNs;
  uint32_t empty_polls_ = 0;
};

// Sleeps. Call LowerTimerSlack() first on the thread: the kernel adds 50 us to every sleep
// otherwise.
void SleepNs(uint64_t ns);
void LowerTimerSlack();

}  // namespace coretrack
