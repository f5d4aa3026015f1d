// WorkerClock: a worker's time: starts at the wall clock, advances with the TSC.
//
// Invariants 1. Now().tick is Now().unix_us / 1000 modulo 2^32.
//            2. It never goes back, and one Advance() goes at most kMaxStepUs (of TSC) further. So
//            a process
//               that was stopped for ten minutes, or a TSC that jumped, costs a flow one second of
//               its timeout and no more; jumps() counts such steps.
//            3. Steer() pulls it toward the wall clock by at most 1 part in kMaxSlew: a timeout is
//               exact to half a percent while an offset (a wrong TSC frequency, a past jump) fades.
// Threads    One owner.
// Cost       A multiplication per Advance(); the caller reads the TSC.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/base/types.h"

namespace coretrack {

class WorkerClock {
 public:
  static constexpr int64_t kMaxStepUs = 1'000'000;
  static constexpr int64_t kMaxSlew = 256;

  // `tsc` was read at the wall clock's `unix_us`.
  WorkerClock(uint64_t tsc_hz, uint64_t tsc, uint64_t unix_us)
      : per_tsc_((uint64_t{1'000'000} << kFraction) / tsc_hz),
        max_step_tsc_(tsc_hz * kMaxStepUs / 1'000'000),
        last_tsc_(tsc),
        now_us_(unix_us) {}

  Now Advance(uint64_t tsc) {
    uint64_t step = tsc - last_tsc_;
    last_tsc_ = tsc;
    if (step > max_step_tsc_) [[unlikely]] {
      ++jumps_;
      // Backward is no step at all: the difference wrapped.
      step = step > UINT64_MAX / 2 ? 0 : max_step_tsc_;
    }
    fraction_ += step * rate_;
    now_us_ += fraction_ >> kFraction;
    fraction_ &= (uint64_t{1} << kFraction) - 1;
    return now();
  }

  Now now() const { return {Tick(static_cast<uint32_t>(now_us_ / 1000)), now_us_}; }
  uint64_t jumps() const { return jumps_; }

  // Tells the wall clock. Call it about once a second: it sets the rate until the next call.
  void Steer(uint64_t unix_us) {
    const int64_t error_us = std::clamp<int64_t>(static_cast<int64_t>(unix_us - now_us_),
                                                 -kMaxStepUs / kMaxSlew, kMaxStepUs / kMaxSlew);
    rate_ = per_tsc_ + static_cast<int64_t>(per_tsc_) * error_us / kMaxStepUs;
  }

  // Starts again after a pause that was ours (waiting for the others to start): no jump.
  void Resume(uint64_t tsc, uint64_t unix_us) {
    last_tsc_ = tsc;
    now_us_ = std::max(now_us_, unix_us);
  }

 private:
  static constexpr int kFraction = 32;  // bits behind the microsecond

  uint64_t per_tsc_;  // microseconds per TSC step, kFraction bits behind the point
  uint64_t rate_ = per_tsc_;
  uint64_t max_step_tsc_;
  uint64_t last_tsc_;
  uint64_t now_us_;
  uint64_t fraction_ = 0;
  uint64_t jumps_ = 0;
};

// CLOCK_REALTIME in microseconds (vDSO: no system call).
uint64_t WallClockUs();

}  // namespace coretrack
