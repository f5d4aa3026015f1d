// TimerWheel: finds the entries that must be looked at. FlowTimers files groups of flows in it.
//
// What for   The wheel hands out each entry by the tick it was filed under; the owner looks at it and
//            files it again where it is still ahead.
// Layout     kLevels circles of slots (Varghese and Lauck, SOSP'87, scheme 7): a slot of level l is
//            1 << (l * kUnitBits) ms wide, so one of level 0 is a tick. A slot is a stack of flows
//            (slot_stacks.h); Cancel() puts the slot's newest entry in the cancelled one's place: no
//            stale filings, and the chunk pool is exactly bounded. A bitmap per level
//            (slot_bitmap.h) lets the clock jump.
// Cascade    A slot of level 1 and up is handed out, like due entries, during the unit of its level
//            before its own: each tick its even share, after the tick's own entries. The owner sees
//            that the deadline is still ahead and files the entry again, now at a lower level. So a
//            slot that a million entries share delays nobody.
// Invariants 1. An entry is filed at most once. 2. Filed entries = Schedule() - Cancel() - handed out
//            by Take().
//            3. Never late: the clock moves on when Take() has answered 0. When Step() is false after that, no
//               filing for the tick of Follow() or before is left.
//            4. Early only when filed far ahead: a filing up to ExactMs() ahead of the wheel's clock
//               is handed out at its tick or after. One of level l comes less than 2 units of level
//               l early, and each hand-out moves it to a lower level: at most kLevels hand-outs for
//               a deadline that does not move.
//            5. After the ticks up to the clock are handed out, no slot of level l > 0 for the
//               clock's unit holds a filing; Schedule() puts nothing there or in the unit after.
// Threads    One owner.
// Limits     Deadlines up to kMaxTimeoutMs ahead of the last Follow(), whose ticks are less than
//            2^31 ms apart. Empty stretches cost nothing: every step of the clock but the last leads to at least one
//            entry.
// Cost       bench: TimerWheel/*
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/arena.h"
#include "dataplane/base/limits.h"
#include "dataplane/base/types.h"
#include "dataplane/timer/slot_bitmap.h"
#include "dataplane/timer/slot_stacks.h"

namespace coretrack {

class TimerWheel {
 public:
  // Bytes of arena that a wheel for entries 0 .. capacity-1 carves.
  static size_t ArenaBytes(uint32_t capacity);
  // Starts at `now`. REQUIRES: `arena` has ArenaBytes(capacity) left; capacity is at most
  // kMaxFlowsPerWorker.
  TimerWheel(uint32_t capacity, Tick now, Arena* arena);

  // Files `entry` to be handed out at `deadline` (by the next Take() when that has passed).
  // REQUIRES: `entry` is not filed.
  void Schedule(WheelEntry entry, Tick deadline);
  // Files `entry`, unless it is filed for `deadline` or before.
  void Hasten(WheelEntry entry, Tick deadline);
  // Takes `entry` out.  No effect when it is not filed.
  void Cancel(WheelEntry entry);
  bool IsFiled(WheelEntry entry) const { return stacks_.IsFiled(entry); }

  // Starts loading what Schedule(), Hasten() and Cancel() of `entry` touch first.
  [[gnu::always_inline]] void Prefetch(WheelEntry entry) const { stacks_.Prefetch(entry); }

  // Time is `now`, unless it was later already.
  void Follow(Tick now) {
    if (target_.Before(now)) target_ = now;
  }
  // Writes up to due.size() entries whose filing is due at the clock's tick, or whose cascade is, into
  // `due`; they are no longer filed. Answers how many; 0: there are none.  REQUIRES: `due` is not empty.
  uint32_t Take(std::span<WheelEntry> due);
  // Moves the clock on, towards the tick of Follow(), to where there is something to do. False: it is there.
  // REQUIRES: Take() has just answered 0.
  bool Step();

  // All ticks before it are handed out.
  Tick clock() const { return clock_; }
  // `deadline`, or the clock where that is later.
  Tick NotPassed(Tick deadline) const { return IsPast(deadline) ? clock_ : deadline; }
  // How far the clock is behind Follow()'s, in whole ms.
  uint32_t lag_ms() const { return target_.ms() - clock_.ms(); }
  uint32_t filed() const { return stacks_.filed(); }

  // A filing up to this far ahead of the wheel's clock is handed out exactly at its tick.
  static constexpr uint32_t ExactMs() { return UnitMs(1); }
  // The width of a slot of `level`.
  static constexpr uint32_t UnitMs(uint32_t level) { return 1u << Shift(level); }

  static constexpr uint32_t kUnitBits = 11;
  static constexpr uint32_t kLevels = 3;

 private:
  // A level below the top must reach two units of the next: the clock's own and the one after.
  static constexpr uint32_t kSlots = 2u << kUnitBits;
  static constexpr uint32_t Shift(uint32_t level) { return level * kUnitBits; }
  // The slots in use of a level. The top's are all its units in 2^32 ms, so that ticks may wrap.
  static constexpr uint32_t Circle(uint32_t level) {
    return level + 1 < kLevels ? kSlots : 1u << (32 - Shift(kLevels - 1));
  }

  // The unit of `level` that `tick` lies in, modulo the circle.
  static constexpr uint32_t Unit(uint32_t level, Tick tick) {
    return (tick.ms() >> Shift(level)) & (Circle(level) - 1);
  }
  static constexpr uint32_t SlotId(uint32_t level, uint32_t unit) { return level * kSlots + unit; }

  // Before our clock. Ahead of the owner's clock is ahead of ours, however far ours lags; else the two
  // ticks are near enough to compare.
  bool IsPast(Tick deadline) const {
    return deadline.AtOrBefore(target_) && deadline.Before(clock_);
  }
  uint32_t Drain(uint32_t level, uint32_t unit, std::span<WheelEntry> due, uint32_t limit);
  uint32_t CascadeShare(uint32_t level) const;

  Tick clock_;
  Tick target_;                                   // Follow()'s
  std::array<uint32_t, kLevels> cascade_left_{};  // of this tick's share; [0] is unused
  SlotStacks stacks_;
  std::array<SlotBitmap<kSlots>, kLevels> occupied_{};
};

}  // namespace coretrack
