// A wheel with its arena, for tests.
#pragma once

#include <span>
#include <vector>

#include "dataplane/base/arena.h"
#include "dataplane/timer/timer_wheel.h"

namespace coretrack {

struct WheelFixture {
  WheelFixture(uint32_t capacity, Tick now)
      : arena(*Arena::Create(TimerWheel::ArenaBytes(capacity), false)),
        wheel(capacity, now, &arena) {}

  // As an owner does who may handle `budget` entries: fewer are handed out when the wheel has caught up.
  std::vector<WheelEntry> Advance(Tick now, uint32_t budget) {
    std::vector<WheelEntry> due(budget);
    uint32_t count = 0;
    wheel.Follow(now);
    while (count < budget) {
      const uint32_t taken = wheel.Take(std::span(due).subspan(count));
      if (taken == 0 && !wheel.Step()) break;
      count += taken;
    }
    due.resize(count);
    return due;
  }

  Arena arena;
  TimerWheel wheel;
};

}  // namespace coretrack
