// FlowTimers with their arena, for tests.
#pragma once

#include <vector>

#include "dataplane/base/arena.h"
#include "dataplane/timer/flow_timers.h"

namespace coretrack {

struct TimersFixture {
  TimersFixture(uint32_t slots, Tick now)
      : arena(*Arena::Create(FlowTimers::ArenaBytes(slots), false)), timers(slots, now, &arena) {}

  // One call of Advance() with room for `budget` flows.
  std::vector<FlowIndex> Advance(Tick now, uint32_t budget) {
    std::vector<FlowIndex> due(budget);
    const FlowTimers::Advanced advanced = timers.Advance(now, due);
    due.resize(advanced.count);
    caught_up = advanced.caught_up;
    return due;
  }
  // As many calls as it takes.
  std::vector<FlowIndex> AdvanceFully(Tick now) {
    std::vector<FlowIndex> all;
    do {
      const auto due = Advance(now, 16);
      all.insert(all.end(), due.begin(), due.end());
    } while (!caught_up);
    return all;
  }

  Arena arena;
  FlowTimers timers;
  bool caught_up = false;  // what the last call of Advance() said
};

}  // namespace coretrack
