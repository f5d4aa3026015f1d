// TimerWheel: finds the flows whose deadline may have passed. One per worker.
//
// What for   A packet only writes its flow's deadline; nothing moves in the wheel. The wheel hands
// out each flow at the tick
//            it was filed under; the owner compares the flow's real deadline and either ends the
//            flow or files it again. So a flow costs one filing per timeout, not per packet.
// Layout     kLevels levels of kSlots slots (Varghese and Lauck, SOSP'87, scheme 7). A slot is a
// chain of fixed chunks of FlowIndex;
//            position_[flow] says where a flow is filed, so that Cancel() is a swap with the slot's
//            last filing: no stale filings, and the chunk pool is exactly bounded.
// Invariants 1. A flow is filed at most once. 2. Filed flows = Schedule() - Cancel() - handed out
// by Advance().
//            3. A flow is never handed out before the tick it was filed under, and at most kLateMs
//            after it provided Advance() is called every tick with budget to spare. (Coarse levels
//            round up to their slot's end: deadlines there are minutes off.)
// Threads    One owner.
// Limits     Deadlines up to kMaxTimeoutMs ahead. Work per Advance() is bounded by its budget, also
// across empty slots. Cost       bench: TimerWheel/*
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "dataplane/base/arena.h"
#include "dataplane/base/types.h"

namespace coretrack {

class TimerWheel {
 public:
  // Bytes of arena that a wheel for flows 0 .. capacity-1 carves.
  static size_t ArenaBytes(uint32_t capacity);
  // Starts at `now`. REQUIRES: `arena` has ArenaBytes(capacity) left.
  TimerWheel(uint32_t capacity, Tick now, Arena* arena);

  // Files `flow` to be handed out at `deadline` (at once when that has passed).  REQUIRES: `flow`
  // is not filed.
  void Schedule(FlowIndex flow, Tick deadline);
  // Takes `flow` out.  No effect when it is not filed.
  void Cancel(FlowIndex flow);
  bool IsFiled(FlowIndex flow) const;

  // Moves the clock towards `now` and writes up to due.size() flows whose filing is due into `due`;
  // they are no longer filed. Answers how many. Fewer than due.size() means: the wheel has caught
  // up with `now`; else call again (lag() > 0 meanwhile).
  uint32_t Advance(Tick now, std::span<FlowIndex> due);

  // How far the wheel is behind the last `now` that Advance() was given, in ms. A metric: 0 when
  // the budget suffices.
  uint32_t lag_ms() const;
  uint32_t filed() const;
};

}  // namespace coretrack
