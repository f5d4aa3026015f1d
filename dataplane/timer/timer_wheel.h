// TimerWheel: finds the flows whose deadline may have passed. One per worker.
//
// What for   A packet only writes its flow's deadline; nothing moves in the wheel. The wheel hands
//            out each flow by the tick it was filed under; the owner compares the flow's real
//            deadline and either ends the flow or files it again. So a flow costs a few filings per
//            timeout, not one per packet.
// Layout     kLevels circles of slots (Varghese and Lauck, SOSP'87, scheme 7): a slot of level l is
//            1 << (l * kUnitBits) ms wide, so one of level 0 is a tick. A slot is a stack of flows
//            (slot_stacks.h); Cancel() puts the slot's newest flow in the cancelled one's place: no
//            stale filings, and the chunk pool is exactly bounded. A bitmap per level
//            (slot_bitmap.h) lets the clock jump.
// Cascade    A slot of level 1 and up is handed out, like due flows, during the unit of its level
//            before its own: each tick its even share, after the tick's own flows. The owner sees
//            that the deadline is still ahead and files the flow again, now at a lower level. So a
//            slot that a million flows share delays nobody.
// Invariants 1. A flow is filed at most once. 2. Filed flows = Schedule() - Cancel() - handed out
//            by Advance().
//            3. Never late: when Advance(now, due) answers fewer than due.size(), no filing for
//               `now` or before is left. Called every tick with budget to spare, an expired flow
//               is therefore handed out within 1 ms of its deadline.
//            4. Early only when filed far ahead: a filing up to ExactMs() ahead of the wheel's
//            clock
//               is handed out at its tick or after. One of level l comes less than 2 units of level
//               l early, and each hand-out moves it to a lower level: at most kLevels hand-outs for
//               a deadline that does not move.
//            5. After the ticks up to the clock are handed out, no slot of level l > 0 for the
//               clock's unit holds a filing; Schedule() puts nothing there or in the unit after.
// Threads    One owner.
// Limits     Deadlines up to kMaxTimeoutMs ahead of the last `now`; calls of Advance() less than
//            2^31 ms apart. A call's work is bounded by due.size(), also across empty stretches:
//            every step of the clock but the last hands out at least one flow.
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
  // Bytes of arena that a wheel for flows 0 .. capacity-1 carves.
  static size_t ArenaBytes(uint32_t capacity);
  // Starts at `now`. REQUIRES: `arena` has ArenaBytes(capacity) left; capacity is at most
  // kMaxFlowsPerWorker.
  TimerWheel(uint32_t capacity, Tick now, Arena* arena);

  // Files `flow` to be handed out at `deadline` (by the next Advance() when that has passed).
  // REQUIRES: `flow` is not filed.
  void Schedule(FlowIndex flow, Tick deadline);
  // For a deadline that came nearer: files `flow` anew, unless it is filed for `deadline` or before.
  void Hasten(FlowIndex flow, Tick deadline);
  // Takes `flow` out.  No effect when it is not filed.
  void Cancel(FlowIndex flow);
  bool IsFiled(FlowIndex flow) const { return stacks_.IsFiled(flow); }
  // Starts loading what Schedule() and Cancel() of `flow` touch first.
  [[gnu::always_inline]] void Prefetch(FlowIndex flow) const { stacks_.Prefetch(flow); }

  // Moves the clock towards `now` and writes up to due.size() flows whose filing is due, or whose
  // cascade is, into `due`; they are no longer filed. The owner may prefetch all of them, then ends
  // those whose deadline is at or before `now` and files the others again. Answers how many. Fewer
  // than due.size() means: the wheel has caught up with `now`; else call again, now or in the next
  // poll.
  uint32_t Advance(Tick now, std::span<FlowIndex> due);

  // How far the wheel is behind the last `now` that Advance() was given, in whole ms. A metric: 0
  // when the budget suffices.
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
  uint32_t Drain(uint32_t level, uint32_t unit, std::span<FlowIndex> due, uint32_t limit);
  void Step();
  uint32_t CascadeShare(uint32_t level) const;

  Tick clock_;                                    // all ticks before it are handed out
  Tick target_;                                   // the last `now`
  std::array<uint32_t, kLevels> cascade_left_{};  // of this tick's share; [0] is unused
  SlotStacks stacks_;
  std::array<SlotBitmap<kSlots>, kLevels> occupied_{};
};

}  // namespace coretrack
