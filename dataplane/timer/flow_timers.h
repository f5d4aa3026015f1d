// FlowTimers: finds the flows whose deadline may have passed. One per worker.
//
// What for   A packet only writes its flow's deadline; nothing moves here. Each flow is handed out by the
//            tick it was filed under; the owner compares the flow's real deadline and either ends the
//            flow or files it again. So a flow costs a few filings per timeout, not one per packet.
// Layout     Slots of flows in groups of 31, which are mostly flows that began one after the other (flow/slot_pool.h).
//            A wheel (timer_wheel.h) files groups, each at the first tick at
//            which one of its flows must be looked at. Of each flow there is a byte:
//              group  | code 0 | code 1 | ... | code 30 | of the group |      timer_code.h; 0: not filed
//            The group's own code says by when the wheel will have handed it out: a flow that is filed for later
//            does not touch the wheel.
// Way        Advance() takes groups from the wheel, some more than it looks at ("in hand") so that their lines are on
//            their way, hands out those of their flows whose code is due, and files the group for the first of the
//            others. Files its owner flows of it again, with exact deadlines, that hastens the group.
// Invariants 1. A flow is filed at most once, and handed out only while it is filed.
//            2. A group with a filed flow is in hand, or in the wheel for the flow's deadline or for the start of its
//               code's unit or before, whichever is later. Its own code says no earlier than that, or is kNotFiled. (It
//               may be in the wheel for nothing: Cancel() leaves it. That costs a look.)
//            3. While groups are in hand, the wheel's clock stands at the tick that they are due at.
//            4. Never late: when Advance(now, due) says that it has caught up, no filing for `now` or
//               before is left. Called every tick with budget to spare, an expired flow is
//               therefore handed out within 1 ms of its deadline.
//            5. Early only within the unit that its code names, or the one before: a deadline that does not move is
//               handed out at most kMaxHandOuts times (the last at its tick), and once more for each
//               TimerCodes::kReachMs that it was farther ahead.
// Threads    One owner.
// Limits     Deadlines up to kMaxTimeoutMs + kSlackMs ahead of the last `now`; calls of Advance() less than
//            2^31 ms apart. A call looks at due.size() groups at most, whether their flows are due or not, also
//            across empty stretches.
// Errors     REQUIRES lines are asserted in debug builds.
// Cost       32 bytes a group and what the wheel takes for one. bench: FlowTimers/*
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/arena.h"
#include "dataplane/base/limits.h"
#include "dataplane/base/types.h"
#include "dataplane/timer/code_scan.h"
#include "dataplane/timer/timer_code.h"
#include "dataplane/timer/timer_wheel.h"

namespace coretrack {

class FlowTimers {
 public:
  static constexpr uint32_t kGroupFlows = kGroupCodes;
  static constexpr uint32_t kMaxHandOuts = TimerCodes::kLevels;

  // A deadline far ahead whose flow may also end a little later is filed for `deadline` + kSlackMs: if it does not move, and is
  // no farther than level 2 reaches, the flow is handed out once, when the deadline has passed, in place of once a level before it.
  // (The unit of level 2 that a filing lies in begins less than a unit before it, and is handed out during the unit before
  // that.) From level 3 a flow may come back with less than kFarMs left: that saves a hand-out or none.
  static constexpr uint32_t kSlackMs = 2u << TimerCodes::kShift[2];
  // So far: the slack is a sixteenth of that at most.
  static constexpr uint32_t kFarMs = 16 * kSlackMs;
  static constexpr Tick WithSlack(Tick deadline, Tick now) {
    return deadline - now >= int32_t{kFarMs} ? deadline + kSlackMs : deadline;
  }

  // Bytes of arena that timers of flows 0 .. slots-1 carve.
  static size_t ArenaBytes(uint32_t slots);
  // Starts at `now`. REQUIRES: `arena` has ArenaBytes(slots) left and outlives them; slots is 1 to
  // kMaxFlowsPerWorker.
  FlowTimers(uint32_t slots, Tick now, Arena* arena);

  // Files `flow` to be handed out at `deadline` (by the next Advance() when that has passed).
  // REQUIRES: `flow` is not filed.
  void Schedule(FlowIndex flow, Tick deadline) { Schedule(&flow, 1, deadline); }
  // For a deadline that came nearer: files `flow` anew, unless it is filed for `deadline` or before.
  void Hasten(FlowIndex flow, Tick deadline) { Hasten(&flow, 1, deadline); }
  // For a deadline that will hardly move again: files `flow` anew, whatever it was filed for, so that it is not handed out for
  // that. (Its group may still be looked at then.) No effect when it is not filed.
  void Refile(FlowIndex flow, Tick deadline) { Refile(&flow, 1, deadline); }
  // The same of several flows, for one deadline: flows[i] for each bit i of `which`. What is found of one is not looked up again
  // for the next: most have been filed alike, and lie in its group.
  void Schedule(const FlowIndex* flows, uint32_t which, Tick deadline);
  void Hasten(const FlowIndex* flows, uint32_t which, Tick deadline);
  void Refile(const FlowIndex* flows, uint32_t which, Tick deadline);
  // Takes `flow` out.  No effect when it is not filed.
  void Cancel(FlowIndex flow);
  bool IsFiled(FlowIndex flow) const { return CodeOf(flow) != TimerCodes::kNotFiled; }
  struct Advanced {
    uint32_t count;  // flows written to `due`
    bool caught_up;  // with `now`; else call again, now or in the next poll
  };
  // Moves the clock towards `now` and writes up to due.size() flows whose code is due into `due`; they
  // are no longer filed. The owner may prefetch all of them, then ends those whose deadline is at or
  // before `now` and files the others again.
  Advanced Advance(Tick now, std::span<FlowIndex> due);

  // How far the clock is behind the last `now` that Advance() was given, in whole ms. A metric: 0
  // when the budget suffices.
  uint32_t lag_ms() const { return wheel_.lag_ms(); }
  uint32_t filed() const { return filed_; }

 private:
  struct alignas(32) Group {
    std::array<TimerCode, kGroupFlows> flow;
    TimerCode own;
  };
  static_assert(sizeof(Group) == 32);

  // Groups in hand, and how many more are taken when there are no more than that.
  static constexpr uint32_t kHand = 32, kAhead = 16;

  // What flows are filed for, one after the other, and what was found of the last one.
  struct OneDeadline {
    TimerCodes::Filing filing;
    // A flow that is filed as `code`: may it not have been looked at by then, and does its unit begin later?
    uint32_t code = kNone;
    bool is_late = true, begins_later = true;
    // Is seen to; and so are the groups that are filed as this.
    uint32_t group = kNone, groups_code = kNone;
  };
  static constexpr uint32_t kNone = ~uint32_t{0};
  OneDeadline For(Tick deadline) const {
    return {.filing = codes_.FilingFor(wheel_.NotPassed(deadline))};
  }

  static uint32_t GroupsOf(uint32_t slots) { return (slots + kGroupFlows - 1) / kGroupFlows; }
  // A division in two instructions; the compiler does not know how few flows there are, and takes six.
  static uint32_t GroupOf(FlowIndex flow) {
    constexpr uint32_t kShift = 36;
    constexpr uint64_t kFactor = (uint64_t{1} << kShift) / kGroupFlows + 1;
    static_assert((kFactor * kGroupFlows - (uint64_t{1} << kShift)) * kMaxFlowsPerWorker <
                  uint64_t{1} << kShift);
    return static_cast<uint32_t>(Raw(flow) * kFactor >> kShift);
  }
  // Of a flow of `group`. (A group is a byte longer than the codes of its flows.)
  TimerCode& CodeOf(FlowIndex flow, uint32_t group) const {
    static_assert(sizeof(Group) == kGroupFlows + 1 && offsetof(Group, flow) == 0);
    return reinterpret_cast<TimerCode*>(groups_)[size_t{Raw(flow)} + group];
  }
  TimerCode& CodeOf(FlowIndex flow) const { return CodeOf(flow, GroupOf(flow)); }
  // Will the wheel have handed a group out by `tick` that is filed as `own`?
  bool IsSeenBy(TimerCode own, Tick tick) const {
    return own != TimerCodes::kNotFiled &&
           !codes_.IsBefore(tick, codes_.SeenBy(codes_.Relative(own)));
  }
  // What `deadline` has to say of flows that are filed as `code`, or not filed.
  void Compare(TimerCode code, OneDeadline* deadline) const {
    if (code == deadline->code) [[likely]]
      return;
    deadline->code = code;
    deadline->is_late = deadline->begins_later = true;
    if (code == TimerCodes::kNotFiled) return;
    const TimerCode relative = codes_.Relative(code);
    deadline->is_late = codes_.IsBefore(deadline->filing.tick, codes_.SeenBy(relative));
    deadline->begins_later = codes_.IsBefore(deadline->filing.tick, codes_.StartOf(relative));
  }
  // Sees to it that `group` is looked at by `deadline` or before.
  void FileGroup(uint32_t group, OneDeadline* deadline) {
    if (group == deadline->group) return;
    const TimerCode own = groups_[group].own;
    if (own == deadline->groups_code) [[likely]]
      return;
    deadline->group = group;
    if (IsSeenBy(own, deadline->filing.tick)) {
      deadline->groups_code = own;
    } else {
      HastenGroup(group, deadline->filing);
    }
  }
  void HastenGroup(uint32_t group, TimerCodes::Filing filing);
  template <typename Use>
  void ForEach(const FlowIndex* flows, uint32_t which, const Use& use);
  bool IsHandEmpty() const { return taken_ == looked_at_; }
  void TakeGroups();
  bool FindGroups();
  uint32_t LookAt(uint32_t group, std::span<FlowIndex> due, bool* all);

  TimerWheel wheel_;
  TimerCodes codes_;  // at the wheel's clock
  Group* groups_;
  uint32_t filed_ = 0;
  // In hand: what has been taken from the wheel and not looked at, modulo kHand.
  uint32_t taken_ = 0, looked_at_ = 0;
  std::array<WheelEntry, kHand> hand_;
  [[maybe_unused]] uint32_t slots_;
};

}  // namespace coretrack
