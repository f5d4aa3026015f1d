#include "control/api/heartbeats.h"

namespace coretrack {

void Heartbeats::Look(const Dataplane& dataplane, Clock::time_point now) {
  bool all = true;
  uint32_t count = 0;
  for (const WorkerInfo& worker : dataplane.workers()) {
    if (count == kMaxWorkers) break;
    Beat& beat = beats_[count];
    const uint64_t polls = worker.pipeline->counters().polls.Read();
    if (!beat.known || polls != beat.polls) beat = {.polls = polls, .changed = now, .known = true};
    // One that has never polled has not started.
    const bool alive = polls != 0 && now - beat.changed < kLimit;
    alive_[count].store(alive, std::memory_order_relaxed);
    all = all && alive;
    ++count;
  }
  all_alive_.store(all && count != 0, std::memory_order_relaxed);
}

}  // namespace coretrack
