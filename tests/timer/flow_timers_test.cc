#include "dataplane/timer/flow_timers.h"

#include <algorithm>
#include <map>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/timer/timers_fixture.h"

namespace coretrack {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr uint32_t kGroup = FlowTimers::kGroupFlows;
// Three of one group, and one of the next.
constexpr FlowIndex kA{3}, kB{5}, kC{30};
constexpr FlowIndex kOther{kGroup};
constexpr uint32_t kFine = 64;        // a unit of the codes' level 1
constexpr uint32_t kUnit = 1u << 11;  // of level 2, and of the wheel's level 1
constexpr uint32_t kCoarse = 1u << 17;
constexpr uint32_t kDayMs = 24 * 3600 * 1000;

// Starts that put every kind of boundary just ahead.
const std::vector<uint32_t> kStarts = {0,           1000,       kFine - 1,        kUnit - 1,
                                       kCoarse - 1, 0x7fffffff, 0xffffffff - 100, 0xffffffff};

// An owner of flows whose deadlines do not move: what is handed out early is filed again.
class Owner {
 public:
  Owner(TimersFixture* f, Tick now) : f_(f), now_(now) {}

  void Open(FlowIndex flow, Tick deadline) {
    deadlines_[flow] = deadline;
    hand_outs_[flow] = 0;
    f_->timers.Schedule(flow, deadline);
  }
  void Refile(FlowIndex flow, Tick deadline) {
    deadlines_[flow] = deadline;
    f_->timers.Refile(flow, deadline);
  }
  // Polls at `now`. No flow may be left that is due.
  void PollAt(Tick now) {
    now_ = now;
    do {
      for (const FlowIndex flow : f_->Advance(now, 16)) {
        ++hand_outs_[flow];
        ASSERT_TRUE(deadlines_.contains(flow)) << "not filed: " << Raw(flow);
        if (now.Before(deadlines_[flow])) {
          f_->timers.Schedule(flow, deadlines_[flow]);
        } else {
          ended_.push_back(flow);
          deadlines_.erase(flow);
        }
      }
    } while (!f_->caught_up);
    for (const auto& [flow, deadline] : deadlines_) {
      ASSERT_TRUE(now.Before(deadline)) << "late: " << Raw(flow);
    }
  }
  // Each ms until then.
  void PollUntil(Tick end) {
    while (now_ != end && !::testing::Test::HasFatalFailure()) PollAt(now_ + 1);
  }
  int HandOuts(FlowIndex flow) { return hand_outs_[flow]; }
  size_t living() const { return deadlines_.size(); }
  const std::vector<FlowIndex>& ended() const { return ended_; }

 private:
  TimersFixture* f_;
  Tick now_;
  std::map<FlowIndex, Tick> deadlines_;
  std::map<FlowIndex, int> hand_outs_;
  std::vector<FlowIndex> ended_;
};

// --- Memory

TEST(FlowTimersTest, CarvesWhatItSays) {
  for (const uint32_t slots : {1u, 31u, 32u, 1000u, 100000u}) {
    TimersFixture f(slots, Tick(0));
    EXPECT_EQ(f.arena.used_bytes(), FlowTimers::ArenaBytes(slots));
  }
}

TEST(FlowTimersTest, TakesLittleMoreThanAByteASlot) {
  EXPECT_LT(static_cast<double>(FlowTimers::ArenaBytes(20'000'000)) / 20'000'000, 1.5);
  EXPECT_LT(static_cast<double>(FlowTimers::ArenaBytes(1'240'000)) / 1'240'000, 3.9);
}

TEST(FlowTimersTest, FirstAndLastSlot) {
  for (const uint32_t slots : {1u, 30u, 31u, 32u, 62u, 63u}) {
    TimersFixture f(slots, Tick(0));
    for (uint32_t i = 0; i < slots; ++i) f.timers.Schedule(FlowIndex{i}, Tick(10));
    EXPECT_EQ(f.timers.filed(), slots);
    std::vector<FlowIndex> all = f.AdvanceFully(Tick(10));
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), slots);
    EXPECT_EQ(all.front(), FlowIndex{0});
    EXPECT_EQ(all.back(), FlowIndex{slots - 1});
    EXPECT_EQ(f.timers.filed(), 0u);
  }
}

// --- Never late

TEST(FlowTimersTest, NearDeadlineOfAFlowAloneIsHandedOutAtItsTick) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t ahead : {1u, 2u, 63u, 64u, 65u, 1000u, kUnit}) {
      TimersFixture f(100, Tick(start));
      f.timers.Schedule(kA, Tick(start) + ahead);
      for (uint32_t ms = 0; ms < ahead; ++ms) {
        ASSERT_THAT(f.Advance(Tick(start) + ms, 4), IsEmpty()) << start << '+' << ms;
        ASSERT_TRUE(f.caught_up);
        ASSERT_TRUE(f.timers.IsFiled(kA));
      }
      EXPECT_THAT(f.Advance(Tick(start) + ahead, 4), ElementsAre(kA)) << start << '+' << ahead;
      EXPECT_FALSE(f.timers.IsFiled(kA));
      EXPECT_EQ(f.timers.filed(), 0u);
    }
  }
}

// All 31 flows of a group end within one unit, each at another tick; polled each ms, each ends at its own.
TEST(FlowTimersTest, FlowsOfAGroupSpreadOverAUnitEndAtTheirTicks) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t apart : {1u, 3u, kFine - 1, kFine}) {
      TimersFixture f(kGroup, Tick(start));
      Owner owner(&f, Tick(start));
      const Tick first = Tick(start) + 3 * kUnit;
      // Not in the order of their slots.
      for (uint32_t i = 0; i < kGroup; ++i) {
        owner.Open(FlowIndex{i * 7 % kGroup}, first + i * apart);
      }
      owner.PollUntil(first + kGroup * apart);
      ASSERT_EQ(owner.ended().size(), kGroup);
      for (uint32_t i = 0; i < kGroup; ++i) EXPECT_EQ(owner.ended()[i], FlowIndex{i * 7 % kGroup});
    }
  }
}

TEST(FlowTimersTest, PassedDeadlineIsHandedOutByTheNextAdvance) {
  TimersFixture f(100, Tick(5));
  f.timers.Schedule(kA, Tick(5));
  f.timers.Schedule(kB, Tick(5) - 1000);
  EXPECT_THAT(f.Advance(Tick(5), 4), UnorderedElementsAre(kA, kB));
  EXPECT_TRUE(f.caught_up);
}

TEST(FlowTimersTest, JumpHandsOutAllThatIsDueAndLeavesTheRest) {
  for (const uint32_t start : kStarts) {
    TimersFixture f(100, Tick(start));
    f.timers.Schedule(kA, Tick(start) + 50);
    f.timers.Schedule(kB, Tick(start) + 50'000);
    f.timers.Schedule(kOther, Tick(start) + 60'000);
    f.timers.Schedule(kC, Tick(start) + 5 * kDayMs);
    EXPECT_THAT(f.AdvanceFully(Tick(start) + 60'000), UnorderedElementsAre(kA, kB, kOther));
    EXPECT_TRUE(f.timers.IsFiled(kC));
    EXPECT_THAT(f.AdvanceFully(Tick(start) + 5 * kDayMs), ElementsAre(kC));
  }
}

// --- Filed once, handed out while filed

TEST(FlowTimersTest, CancelledFlowIsNotHandedOutAndMayBeFiledAgain) {
  TimersFixture f(100, Tick(0));
  f.timers.Cancel(kA);
  f.timers.Schedule(kA, Tick(10));
  f.timers.Schedule(kB, Tick(10));
  f.timers.Cancel(kA);
  f.timers.Cancel(kA);
  EXPECT_EQ(f.timers.filed(), 1u);
  EXPECT_THAT(f.AdvanceFully(Tick(10)), ElementsAre(kB));
  f.timers.Schedule(kA, Tick(20));
  EXPECT_THAT(f.AdvanceFully(Tick(20)), ElementsAre(kA));
}

TEST(FlowTimersTest, FlowOfAGroupInHandMayBeCancelledOrHastened) {
  TimersFixture f(100, Tick(0));
  for (const FlowIndex flow : {kA, kB, kC}) f.timers.Schedule(flow, Tick(10));
  f.timers.Schedule(kOther, Tick(5000));
  EXPECT_THAT(f.Advance(Tick(10), 1), ElementsAre(kA));
  f.timers.Cancel(kB);
  f.timers.Schedule(kA, Tick(9));
  f.timers.Hasten(kOther, Tick(10));
  EXPECT_THAT(f.AdvanceFully(Tick(10)), UnorderedElementsAre(kA, kC, kOther));
  EXPECT_EQ(f.timers.filed(), 0u);
}

TEST(FlowTimersTest, HastenedFlowIsHandedOutForTheNearerDeadline) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t filed : {30u, 100u, 3000u, 50'000u, 500'000u, 5 * kDayMs}) {
      for (const uint32_t hastened : {5u, 29u, 99u, 2999u, 49'000u, 499'999u, 4 * kDayMs}) {
        TimersFixture f(100, Tick(start));
        f.timers.Schedule(kA, Tick(start) + filed);
        f.timers.Hasten(kA, Tick(start) + hastened);
        EXPECT_EQ(f.timers.filed(), 1u);
        Tick now = Tick(start) + std::min(filed, hastened);
        EXPECT_THAT(f.AdvanceFully(now), ElementsAre(kA)) << filed << ' ' << hastened;
      }
    }
  }
}

TEST(FlowTimersTest, HastenFilesWhatIsNot) {
  TimersFixture f(100, Tick(0));
  f.timers.Hasten(kA, Tick(10));
  EXPECT_EQ(f.timers.filed(), 1u);
  EXPECT_THAT(f.AdvanceFully(Tick(10)), ElementsAre(kA));
}

TEST(FlowTimersTest, RefiledFlowIsHandedOutForItsNewDeadlineAlone) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t filed : {1u, 63u, 64u, 100u, 3000u, 50'000u, 500'000u, 5 * kDayMs}) {
      for (const uint32_t refiled : {5u, 63u, 1000u, kUnit, 49'000u, 499'999u, kDayMs}) {
        TimersFixture f(100, Tick(start));
        Owner owner(&f, Tick(start));
        owner.Open(kA, Tick(start) + filed);
        owner.Open(kB, Tick(start) + filed);  // has the group looked at
        owner.Refile(kA, Tick(start) + refiled);
        EXPECT_EQ(f.timers.filed(), 2u);
        if (filed + 2 * kCoarse < refiled) {
          owner.PollAt(Tick(start) + filed);
          EXPECT_EQ(owner.HandOuts(kA), 0) << filed << ' ' << refiled;
        }
        if (refiled > 10'000) owner.PollAt(Tick(start) + refiled - 10'000);
        owner.PollUntil(Tick(start) + refiled);
        EXPECT_THAT(owner.ended(), Contains(kA)) << filed << ' ' << refiled;
        EXPECT_LE(owner.HandOuts(kA), int{FlowTimers::kMaxHandOuts + 1}) << filed << ' ' << refiled;
      }
    }
  }
}

TEST(FlowTimersTest, RefileDoesNotFileWhatIsNot) {
  TimersFixture f(100, Tick(0));
  f.timers.Refile(kA, Tick(10));
  EXPECT_EQ(f.timers.filed(), 0u);
  EXPECT_THAT(f.AdvanceFully(Tick(10)), IsEmpty());
}

// --- Early hand-outs are few

// Whoever files with slack hears of a flow once: when its deadline has passed, and not long ago.
TEST(FlowTimersTest, WithSlackAFarDeadlineIsHandedOutOnceWhenItHasPassed) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t ahead :
         {FlowTimers::kFarMs, FlowTimers::kFarMs + 1, 100'000u, 119'999u, 120'000u, 123'000u}) {
      TimersFixture f(kGroup, Tick(start));
      // Its neighbours make the group be looked at all the time.
      for (uint32_t i = 0; i < kGroup; ++i) {
        f.timers.Schedule(FlowIndex{i},
                          FlowTimers::WithSlack(Tick(start) + ahead + i * 97, Tick(start)));
      }
      std::vector<uint32_t> hand_outs(kGroup);
      for (uint32_t ms = ahead - 9000; ms < ahead + 31 * 97 + FlowTimers::kSlackMs; ++ms) {
        for (const FlowIndex flow : f.AdvanceFully(Tick(start) + ms)) {
          ++hand_outs[Raw(flow)];
          EXPECT_GE(ms, ahead + Raw(flow) * 97) << start << '+' << ahead;
          EXPECT_LT(ms, ahead + Raw(flow) * 97 + FlowTimers::kSlackMs) << start << '+' << ahead;
        }
      }
      EXPECT_THAT(hand_outs, ::testing::Each(1u)) << start << '+' << ahead;
    }
  }
}

// From the codes' level 3 a flow comes back once or several times, but neither early at last nor too late.
TEST(FlowTimersTest, WithSlackAVeryFarDeadlineIsNoMoreThanSoLate) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t ahead : {128'000u, 150'000u, 180'000u, 240'000u, 300'000u, 900'000u}) {
      TimersFixture f(kGroup, Tick(start));
      const Tick deadline = Tick(start) + ahead;
      f.timers.Schedule(kA, FlowTimers::WithSlack(deadline, Tick(start)));
      uint32_t hand_outs = 0;
      Tick now(start);
      for (bool ended = false; !ended; now = now + (now.Before(deadline - 5000) ? 53 : 1)) {
        ASSERT_TRUE(now.Before(deadline + FlowTimers::kSlackMs)) << start << '+' << ahead;
        for (const FlowIndex flow : f.AdvanceFully(now)) {
          ++hand_outs;
          ended = !now.Before(deadline);
          if (!ended) f.timers.Schedule(flow, FlowTimers::WithSlack(deadline, now));
        }
      }
      EXPECT_LE(hand_outs, FlowTimers::kMaxHandOuts) << start << '+' << ahead;
    }
  }
}

TEST(FlowTimersTest, NearDeadlinesHaveNoSlack) {
  EXPECT_EQ(FlowTimers::WithSlack(Tick(5) + FlowTimers::kFarMs - 1, Tick(5)),
            Tick(5) + FlowTimers::kFarMs - 1);
  EXPECT_EQ(FlowTimers::WithSlack(Tick(5), Tick(5)), Tick(5));
  EXPECT_EQ(FlowTimers::WithSlack(Tick(3), Tick(5)), Tick(3));  // passed
  EXPECT_EQ(FlowTimers::WithSlack(Tick(5) + kMaxTimeoutMs, Tick(5)),
            Tick(5) + kMaxTimeoutMs + FlowTimers::kSlackMs);
}

TEST(FlowTimersTest, UnmovedDeadlineIsHandedOutFourTimesAtMost) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t ahead : {63u, 64u, 65u, kUnit, 2 * kUnit, 120'000u, 64 * kUnit, 65 * kUnit,
                                 66 * kUnit, 600'000u, TimerCodes::kReachMs}) {
      TimersFixture f(kGroup, Tick(start));
      Owner owner(&f, Tick(start));
      // Its neighbours make the group be looked at all the time.
      for (uint32_t i = 0; i < kGroup; ++i) {
        const uint32_t sooner = std::min(ahead, i == 3 ? 0 : i * i * 7 + i);
        owner.Open(FlowIndex{i}, Tick(start) + ahead - sooner);
      }
      if (ahead > 10'000) owner.PollAt(Tick(start) + ahead - 10'000);
      owner.PollUntil(Tick(start) + ahead);
      EXPECT_EQ(owner.living(), 0u);
      for (uint32_t i = 0; i < kGroup; ++i) {
        EXPECT_LE(owner.HandOuts(FlowIndex{i}), int{FlowTimers::kMaxHandOuts})
            << start << '+' << ahead;
      }
    }
  }
}

TEST(FlowTimersTest, FartherThanTheCodesReachTakesOneMoreForEachReach) {
  for (const uint32_t start : kStarts) {
    TimersFixture f(kGroup, Tick(start));
    Owner owner(&f, Tick(start));
    const Tick deadline = Tick(start) + kMaxTimeoutMs;
    owner.Open(kA, deadline);
    for (Tick now(start); now.Before(deadline - 10'000); now = now + 7777) owner.PollAt(now);
    owner.PollAt(deadline - 10'000);
    owner.PollUntil(deadline);
    EXPECT_EQ(owner.living(), 0u);
    EXPECT_GT(owner.HandOuts(kA), 1);
    EXPECT_LE(owner.HandOuts(kA),
              int{FlowTimers::kMaxHandOuts} + int{(kMaxTimeoutMs - 1) / TimerCodes::kReachMs});
  }
}

// --- Work is bounded

TEST(FlowTimersTest, HerdInOneTickIsHandedOutOnceEachUnderASmallBudget) {
  constexpr uint32_t kFlows = 100'000;
  for (const uint32_t budget : {1u, 16u, 33u, 400u}) {
    TimersFixture f(kFlows, Tick(0xfffffff0));
    const Tick tick = Tick(0xfffffff0) + 40;
    for (uint32_t i = 0; i < kFlows; ++i) f.timers.Schedule(FlowIndex{i}, tick);
    std::vector<uint32_t> seen(kFlows);
    uint32_t calls = 0;
    do {
      const auto due = f.Advance(tick + calls / 8, budget);
      EXPECT_TRUE(due.size() == budget || f.caught_up);
      for (const FlowIndex flow : due) ++seen[Raw(flow)];
      ASSERT_LE(++calls, kFlows / budget + 1);
    } while (!f.caught_up);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1u), kFlows);
  }
}

// A look at a group of which nothing is due counts as well.
TEST(FlowTimersTest, CancelledHerdIsLookedAtInPieces) {
  constexpr uint32_t kGroups = 1000, kBudget = 4;
  TimersFixture f(kGroups * kGroup, Tick(0));
  for (uint32_t i = 0; i < kGroups; ++i) {
    f.timers.Schedule(FlowIndex{i * kGroup}, Tick(10));
    f.timers.Cancel(FlowIndex{i * kGroup});
  }
  uint32_t calls = 0;
  do {
    EXPECT_THAT(f.Advance(Tick(10), kBudget), IsEmpty());
    ++calls;
  } while (!f.caught_up);
  EXPECT_EQ(calls, kGroups / kBudget);
}

TEST(FlowTimersTest, NoRoomNoWork) {
  TimersFixture f(100, Tick(0));
  f.timers.Schedule(kA, Tick(10));
  EXPECT_THAT(f.Advance(Tick(10), 0), IsEmpty());
  EXPECT_FALSE(f.caught_up);
  EXPECT_THAT(f.Advance(Tick(10), 1), ElementsAre(kA));
}

// A loop per tick would take minutes over this many jumps; the test's time limit is the check.
TEST(FlowTimersTest, JumpsCostNothingPerTick) {
  TimersFixture f(100, Tick(0));
  Tick now(0);
  for (uint32_t i = 0; i < 200000; ++i) {
    f.timers.Schedule(kA, now + TimerCodes::kReachMs);
    now = now + TimerCodes::kReachMs;
    ASSERT_THAT(f.AdvanceFully(now), ElementsAre(kA));
  }
}

// Flows that share a unit come at an even pace before it, and none of them delays a flow that is due.
TEST(FlowTimersTest, CascadeIsSpreadOverItsUnit) {
  constexpr uint32_t kFlows = 3100 * kGroup;
  for (const uint32_t units : {10u, 100u}) {
    TimersFixture f(kFlows + kGroup, Tick(0));
    const Tick deadline = Tick(0) + units * kUnit + kCoarse / 4 * 3;
    for (uint32_t i = 0; i < kFlows; ++i) f.timers.Schedule(FlowIndex{i}, deadline);
    const FlowIndex other{kFlows};
    size_t most = 0;
    for (Tick now(0); now.Before(deadline); now = now + 1) {
      f.timers.Schedule(other, now + 1);
      const auto due = f.AdvanceFully(now + 1);
      if (now + 1 == deadline) {
        EXPECT_EQ(due.size(), kFlows + 1);
        break;
      }
      ASSERT_THAT(due, Contains(other));
      most = std::max(most, due.size());
      for (const FlowIndex flow : due) {
        if (flow != other) f.timers.Schedule(flow, deadline);
      }
    }
    EXPECT_LE(most, 1 + (3100 / kUnit + 1) * kGroup);
    EXPECT_GT(most, 1u);
  }
}

// --- The clock

TEST(FlowTimersTest, ClockThatGoesBackMovesNothing) {
  TimersFixture f(100, Tick(1000));
  f.timers.Schedule(kA, Tick(1010));
  EXPECT_THAT(f.Advance(Tick(900), 4), IsEmpty());
  EXPECT_EQ(f.timers.lag_ms(), 0u);
  EXPECT_THAT(f.Advance(Tick(1010), 4), ElementsAre(kA));
}

TEST(FlowTimersTest, LagIsWhatTheBudgetDidNotReach) {
  TimersFixture f(100, Tick(0));
  f.timers.Schedule(kA, Tick(10));
  f.timers.Schedule(kOther, Tick(20));
  EXPECT_THAT(f.Advance(Tick(100), 1), ElementsAre(kA));
  EXPECT_EQ(f.timers.lag_ms(), 80u) << "it knows what comes next";
  EXPECT_THAT(f.Advance(Tick(100), 1), ElementsAre(kOther));
  EXPECT_TRUE(f.caught_up);
  EXPECT_EQ(f.timers.lag_ms(), 0u);
}

// Two ticks may be compared when less than 2^31 ms lie between them; a clock that lags must cope with timeouts from
// `now`, which are further than that from itself.
TEST(FlowTimersTest, LongTimeoutWhileTheClockLagsFarBehind) {
  TimersFixture f(100, Tick(0));
  f.timers.Schedule(kA, Tick(10));
  f.timers.Schedule(kC, Tick(10));
  const Tick now(0x7ffffff0);
  EXPECT_THAT(f.Advance(now, 1), ElementsAre(kA));
  const Tick deadline = now + kMaxTimeoutMs;
  f.timers.Schedule(kB, deadline);
  EXPECT_THAT(f.Advance(now, 1), ElementsAre(kC));
  uint32_t hand_outs = 0;
  for (Tick clock = now; clock.Before(deadline); clock = clock + kDayMs / 9) {
    for (const FlowIndex flow : f.AdvanceFully(clock)) {
      ASSERT_EQ(flow, kB);
      f.timers.Schedule(flow, deadline);
      ++hand_outs;
    }
    ASSERT_TRUE(f.timers.IsFiled(kB));
  }
  EXPECT_GT(hand_outs, 1u);
  EXPECT_THAT(f.AdvanceFully(deadline), ElementsAre(kB));
}

}  // namespace
}  // namespace coretrack
