#include "dataplane/timer/flow_timers.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace coretrack {

size_t FlowTimers::ArenaBytes(uint32_t slots) {
  return TimerWheel::ArenaBytes(GroupsOf(slots)) + Arena::SizeOf<Group>(GroupsOf(slots));
}

FlowTimers::FlowTimers(uint32_t slots, Tick now, Arena* arena)
    : wheel_(GroupsOf(slots), now, arena),
      codes_(now),
      groups_(arena->Carve<Group>(GroupsOf(slots))),
      slots_(slots) {
  static_assert(TimerWheel::UnitMs(1) == 1u << TimerCodes::kShift[2],
                "what the wheel's first cascade hands out a unit ahead, codes do too");
  assert(slots >= 1 && slots <= kMaxFlowsPerWorker);
}

// Calls `use(code, group)` for each.
template <typename Use>
[[gnu::always_inline]] inline void FlowTimers::ForEach(const FlowIndex* flows, uint32_t which,
                                                       const Use& use) {
  for (; which != 0; which &= which - 1) {
    const FlowIndex flow = flows[std::countr_zero(which)];
    assert(Raw(flow) < slots_);
    const uint32_t group = GroupOf(flow);
    use(CodeOf(flow, group), group);
  }
}

void FlowTimers::Schedule(const FlowIndex* flows, uint32_t which, Tick deadline) {
  OneDeadline one = For(deadline);
  filed_ += static_cast<uint32_t>(std::popcount(which));
  ForEach(flows, which, [&](TimerCode& code, uint32_t group) {
    assert(code == TimerCodes::kNotFiled);
    code = one.filing.code;
    FileGroup(group, &one);
  });
}

void FlowTimers::Hasten(const FlowIndex* flows, uint32_t which, Tick deadline) {
  OneDeadline one = For(deadline);
  ForEach(flows, which, [&](TimerCode& code, uint32_t group) {
    Compare(code, &one);
    // Else it will have been looked at by then, whatever the group is filed for.
    if (!one.is_late) return;
    filed_ += code == TimerCodes::kNotFiled;
    if (one.begins_later) code = one.filing.code;
    FileGroup(group, &one);
  });
}

void FlowTimers::Refile(const FlowIndex* flows, uint32_t which, Tick deadline) {
  OneDeadline one = For(deadline);
  ForEach(flows, which, [&](TimerCode& code, uint32_t group) {
    if (code == TimerCodes::kNotFiled) return;
    Compare(code, &one);
    code = one.filing.code;
    if (one.is_late) FileGroup(group, &one);
  });
}

void FlowTimers::Cancel(FlowIndex flow) {
  assert(Raw(flow) < slots_);
  TimerCode& code = CodeOf(flow);
  filed_ -= code != TimerCodes::kNotFiled;
  code = TimerCodes::kNotFiled;
}

void FlowTimers::HastenGroup(uint32_t group, TimerCodes::Filing filing) {
  wheel_.Hasten(WheelEntry{group}, filing.tick);
  groups_[group].own = filing.code;
}

FlowTimers::Advanced FlowTimers::Advance(Tick now, std::span<FlowIndex> due) {
  wheel_.Follow(now);
  uint32_t count = 0;
  for (uint32_t looks = 0; looks < due.size() && count < due.size(); ++looks) {
    if (taken_ - looked_at_ <= kHand - kAhead) TakeGroups();
    if (IsHandEmpty() && !FindGroups()) return {count, true};
    bool all = false;
    count += LookAt(Raw(hand_[looked_at_ % kHand]), due.subspan(count), &all);
    looked_at_ += all;
  }
  // The next ones' lines are on their way until the next call.
  return {count, IsHandEmpty() && !FindGroups()};
}

// Of the clock's tick, up to kAhead more.
void FlowTimers::TakeGroups() {
  const uint32_t first = taken_ % kHand;
  const auto room = std::span(hand_).subspan(first, std::min(kAhead, kHand - first));
  const uint32_t count = wheel_.Take(room);
  for (const WheelEntry group : room.first(count)) {
    __builtin_prefetch(&groups_[Raw(group)], 1);
    wheel_.Prefetch(group);
  }
  taken_ += count;
}

// Moves the clock on until groups are in hand. False: there are none that are due.
// REQUIRES: there are none in hand.
bool FlowTimers::FindGroups() {
  for (;;) {
    TakeGroups();
    if (!IsHandEmpty()) break;
    if (!wheel_.Step()) return false;
    codes_ = TimerCodes(wheel_.clock());
  }
  return true;
}

// Hands out what is due of `group`; answers how many. `all`: and nothing is left of that, so that the
// group is in the wheel for what comes next.
uint32_t FlowTimers::LookAt(uint32_t group, std::span<FlowIndex> due, bool* all) {
  Group& g = groups_[group];
  const ScannedCodes scanned = CodeScan::Scan(g.flow.data(), codes_);
  uint32_t count = 0;
  for (uint32_t left = scanned.due; left != 0; left &= left - 1) {
    if (count == due.size()) {
      filed_ -= count;
      return count;
    }
    const auto i = static_cast<uint32_t>(std::countr_zero(left));
    g.flow[i] = TimerCodes::kNotFiled;
    due[count++] = FlowIndex{group * kGroupFlows + i};
  }
  filed_ -= count;
  *all = true;
  g.own = TimerCodes::kNotFiled;
  if (scanned.waiting == 0) return count;
  TimerCode first = scanned.least;
  if (scanned.least_above != ScannedCodes::kNone &&
      codes_.IsBefore(codes_.StartOf(scanned.least_above), codes_.StartOf(first))) {
    first = scanned.least_above;
  }
  g.own = codes_.FromRelative(first);
  // Where it is in the wheel already, an owner has filed a flow of it while it was in hand.
  wheel_.Hasten(WheelEntry{group}, codes_.StartOf(first));
  return count;
}

}  // namespace coretrack
