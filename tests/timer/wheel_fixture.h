// A wheel with its arena, for tests.
#pragma once

#include <vector>

#include "dataplane/base/arena.h"
#include "dataplane/timer/timer_wheel.h"

namespace coretrack {

struct WheelFixture {
  WheelFixture(uint32_t capacity, Tick now)
      : arena(*Arena::Create(TimerWheel::ArenaBytes(capacity), false)),
        wheel(capacity, now, &arena) {}

  // One call of Advance() with room for `budget` flows.
  std::vector<FlowIndex> Advance(Tick now, uint32_t budget) {
    std::vector<FlowIndex> due(budget);
    due.resize(wheel.Advance(now, due));
    return due;
  }

  Arena arena;
  TimerWheel wheel;
};

}  // namespace coretrack
