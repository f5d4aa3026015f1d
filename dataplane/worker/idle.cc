#include "dataplane/worker/idle.h"

#include <sys/prctl.h>

#include <ctime>

namespace coretrack {

void SleepNs(uint64_t ns) {
  const timespec time{.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
                      .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
  // A signal ends it early, which is as good.
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

void LowerTimerSlack() { prctl(PR_SET_TIMERSLACK, 1'000ul, 0ul, 0ul, 0ul); }

}  // namespace coretrack
