#include "dataplane/timer/timer_wheel.h"

#include <algorithm>
#include <cassert>

namespace coretrack {

size_t TimerWheel::ArenaBytes(uint32_t capacity) {
  return SlotStacks::ArenaBytes(capacity, kLevels * kSlots);
}

TimerWheel::TimerWheel(uint32_t capacity, Tick now, Arena* arena)
    : clock_(now), target_(now), stacks_(capacity, kLevels * kSlots, arena) {
  static_assert(Circle(kLevels - 1) <= kSlots && Circle(kLevels - 1) >= 8);
  // Lag, timeout and the two units that a filing leaves free must not meet on the top's circle.
  static_assert((uint64_t{1} << 31) + kMaxTimeoutMs + 2ull * UnitMs(kLevels - 1) <
                (uint64_t{1} << 32));
}

void TimerWheel::Schedule(WheelEntry entry, Tick deadline) {
  deadline = NotPassed(deadline);
  uint32_t level = 0;
  while (level + 1 < kLevels &&
         (deadline.ms() >> Shift(level + 1)) != (clock_.ms() >> Shift(level + 1)) &&
         (deadline.ms() >> Shift(level + 1)) !=
             (clock_ + UnitMs(level + 1)).ms() >> Shift(level + 1)) {
    ++level;
  }
  const uint32_t unit = Unit(level, deadline);
  stacks_.Push(SlotId(level, unit), entry);
  occupied_[level].Set(unit);
}

void TimerWheel::Cancel(WheelEntry entry) {
  const uint32_t slot = stacks_.Remove(entry);
  if (slot != SlotStacks::kNoSlot && stacks_.Count(slot) == 0) {
    occupied_[slot / kSlots].Clear(slot % kSlots);
  }
}

void TimerWheel::Hasten(WheelEntry entry, Tick deadline) {
  if (const uint32_t slot = stacks_.SlotOf(entry); slot != SlotStacks::kNoSlot) {
    const uint32_t level = slot / kSlots;
    // How many units from the clock's to the slot's, and to the deadline's.
    const uint32_t filed = (slot % kSlots - Unit(level, clock_)) & (Circle(level) - 1);
    const uint32_t wanted = (deadline.ms() >> Shift(level)) - (clock_.ms() >> Shift(level));
    const uint32_t units = wanted & (~uint32_t{0} >> Shift(level));
    if (!IsPast(deadline) && filed <= units) return;
    Cancel(entry);
  }
  Schedule(entry, deadline);
}

uint32_t TimerWheel::Take(std::span<WheelEntry> due) {
  assert(!due.empty());
  uint32_t count = Drain(0, Unit(0, clock_), due, kMaxFlowsPerWorker);
  for (uint32_t level = 1; level < kLevels; ++level) {
    if (cascade_left_[level] == 0) continue;
    const uint32_t next = Unit(level, clock_ + UnitMs(level));
    const uint32_t drained = Drain(level, next, due.subspan(count), cascade_left_[level]);
    cascade_left_[level] -= drained;
    count += drained;
  }
  return count;
}

uint32_t TimerWheel::Drain(uint32_t level, uint32_t unit, std::span<WheelEntry> due,
                           uint32_t limit) {
  if (!occupied_[level].Test(unit)) return 0;
  const uint32_t slot = SlotId(level, unit);
  limit = static_cast<uint32_t>(std::min<size_t>(limit, due.size()));
  const uint32_t count = stacks_.Pop(slot, due.data(), limit);
  if (stacks_.Count(slot) == 0) occupied_[level].Clear(unit);
  return count;
}

// Moves the clock to the next tick with entries of its own, or to the last tick at which a cascade
// must be done, or to the target, whichever comes first.
bool TimerWheel::Step() {
  if (clock_ == target_) return false;
  uint32_t jump_ms = target_.ms() - clock_.ms();
  for (uint32_t level = 0; level < kLevels; ++level) {
    const uint32_t units = occupied_[level].DistanceAfter(Unit(level, clock_), Circle(level));
    if (units == 0) continue;
    const uint32_t start = ((clock_.ms() >> Shift(level)) + units) << Shift(level);
    jump_ms = std::min(jump_ms, start - clock_.ms() - (level > 0 ? 1 : 0));
  }
  assert(jump_ms != 0);
  clock_ = clock_ + jump_ms;
  for (uint32_t level = 1; level < kLevels; ++level) {
    cascade_left_[level] = CascadeShare(level);
  }
  return true;
}

// What the clock's tick owes of `level`'s next slot: that slot's entries spread evenly over the ticks
// of this unit that are left. All of them at its last tick.
uint32_t TimerWheel::CascadeShare(uint32_t level) const {
  const uint32_t entries = stacks_.Count(SlotId(level, Unit(level, clock_ + UnitMs(level))));
  if (entries == 0) return 0;
  const uint32_t left_ms = UnitMs(level) - (clock_.ms() & (UnitMs(level) - 1));
  return (entries - 1) / left_ms + 1;
}

}  // namespace coretrack
