#include "dataplane/timer/timer_wheel.h"

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/timer/wheel_fixture.h"

namespace coretrack {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WheelEntry kA{3};
constexpr WheelEntry kB{5};
constexpr uint32_t kHourMs = 3600 * 1000;
constexpr uint32_t kDayMs = 24 * kHourMs;

// Starts that put every kind of boundary just ahead: none, of a unit, of a unit of the top level,
// of the 32 bits.
const std::vector<uint32_t> kStarts = {
    0,          1000,       TimerWheel::UnitMs(1) - 1, TimerWheel::UnitMs(2) - 1,
    0x7fffffff, 0xffffffff, 0xffffffff - 100};

TEST(TimerWheelTest, CarvesWhatItSays) {
  for (const uint32_t capacity : {1u, 1000u, 100000u}) {
    WheelFixture f(capacity, Tick(0));
    EXPECT_EQ(f.arena.used_bytes(), TimerWheel::ArenaBytes(capacity));
  }
}

TEST(TimerWheelTest, NearDeadlineIsHandedOutAtItsTickNeitherEarlierNorLater) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t ahead : {1u, 2u, 63u, 64u, 65u, 1000u, TimerWheel::ExactMs()}) {
      WheelFixture f(10, Tick(start));
      f.wheel.Schedule(kA, Tick(start) + ahead);
      for (uint32_t ms = 0; ms < ahead; ++ms) {
        ASSERT_THAT(f.Advance(Tick(start) + ms, 4), IsEmpty()) << start << '+' << ms;
        ASSERT_TRUE(f.wheel.IsFiled(kA));
      }
      EXPECT_THAT(f.Advance(Tick(start) + ahead, 4), ElementsAre(kA)) << start << '+' << ahead;
      EXPECT_FALSE(f.wheel.IsFiled(kA));
      EXPECT_EQ(f.wheel.filed(), 0u);
    }
  }
}

// An owner whose entry's deadline does not move: files it again until it is due.
TEST(TimerWheelTest, FarDeadlineIsHandedOutOnTimeAfterAtMostOneCascadePerLevel) {
  for (const uint32_t start : kStarts) {
    for (const uint32_t ahead :
         {TimerWheel::UnitMs(1) + 1, 2 * TimerWheel::UnitMs(1), 120000u, TimerWheel::UnitMs(2),
          2 * TimerWheel::UnitMs(2), 5 * kDayMs, kMaxTimeoutMs}) {
      WheelFixture f(10, Tick(start));
      const Tick deadline = Tick(start) + ahead;
      f.wheel.Schedule(kA, deadline);
      uint32_t hand_outs = 0;
      Tick now(start);
      // Step finely near the end, coarsely before it.
      while (f.wheel.filed() != 0) {
        const uint32_t left = static_cast<uint32_t>(deadline - now);
        now = now + (left > kHourMs ? 977 : left > 5000 ? 61 : 1);
        ASSERT_TRUE(now.AtOrBefore(deadline)) << "late: " << start << '+' << ahead;
        for (const WheelEntry entry : f.Advance(now, 4)) {
          ++hand_outs;
          if (now.Before(deadline)) f.wheel.Schedule(entry, deadline);
        }
      }
      EXPECT_EQ(now, deadline);
      EXPECT_LE(hand_outs, TimerWheel::kLevels);
    }
  }
}

TEST(TimerWheelTest, PassedDeadlineIsHandedOutByTheNextTake) {
  WheelFixture f(10, Tick(5));
  f.wheel.Schedule(kA, Tick(5));
  f.wheel.Schedule(kB, Tick(5) - 1000);
  EXPECT_EQ(f.Advance(Tick(5), 4).size(), 2u);
}

TEST(TimerWheelTest, CancelledEntryIsNotHandedOutAndMayBeFiledAgain) {
  WheelFixture f(10, Tick(0));
  f.wheel.Cancel(kA);
  f.wheel.Schedule(kA, Tick(10));
  f.wheel.Schedule(kB, Tick(10));
  f.wheel.Cancel(kA);
  f.wheel.Cancel(kA);
  EXPECT_EQ(f.wheel.filed(), 1u);
  EXPECT_THAT(f.Advance(Tick(10), 4), ElementsAre(kB));
  f.wheel.Schedule(kA, Tick(20));
  EXPECT_THAT(f.Advance(Tick(20), 4), ElementsAre(kA));
}

TEST(TimerWheelTest, ClockThatGoesBackMovesNothing) {
  WheelFixture f(10, Tick(1000));
  f.wheel.Schedule(kA, Tick(1010));
  EXPECT_THAT(f.Advance(Tick(900), 4), IsEmpty());
  EXPECT_EQ(f.wheel.lag_ms(), 0u);
  EXPECT_THAT(f.Advance(Tick(1010), 4), ElementsAre(kA));
}

TEST(TimerWheelTest, LagIsWhatTheBudgetDidNotReach) {
  WheelFixture f(10, Tick(0));
  f.wheel.Schedule(kA, Tick(10));
  f.wheel.Schedule(kB, Tick(20));
  EXPECT_THAT(f.Advance(Tick(100), 1), ElementsAre(kA));
  EXPECT_EQ(f.wheel.lag_ms(), 90u);
  EXPECT_THAT(f.Advance(Tick(100), 1), ElementsAre(kB));
  EXPECT_THAT(f.Advance(Tick(100), 1), IsEmpty());
  EXPECT_EQ(f.wheel.lag_ms(), 0u);
}

// Two ticks may be compared when less than 2^31 ms lie between them; a wheel that lags must cope
// with timeouts from `now`, which are further than that from its own clock.
TEST(TimerWheelTest, LongTimeoutWhileTheWheelLagsFarBehind) {
  WheelFixture f(10, Tick(0));
  f.wheel.Schedule(kA, Tick(10));
  f.wheel.Schedule(WheelEntry{4}, Tick(10));
  const Tick now(0x7ffffff0);
  EXPECT_EQ(f.Advance(now, 1).size(), 1u);
  const Tick deadline = now + kMaxTimeoutMs;
  f.wheel.Schedule(kB, deadline);
  EXPECT_EQ(f.Advance(now, 4).size(), 1u);
  EXPECT_THAT(f.Advance(now, 4), IsEmpty());
  EXPECT_TRUE(f.wheel.IsFiled(kB));
  EXPECT_THAT(f.Advance(deadline - 3 * TimerWheel::UnitMs(2), 4), IsEmpty());
  EXPECT_THAT(f.Advance(deadline, 4), ElementsAre(kB));
}

// A loop per tick would take minutes over this many jumps; the test's time limit is the check.
TEST(TimerWheelTest, JumpsCostNothingPerTick) {
  WheelFixture f(10, Tick(0));
  Tick now(0);
  for (uint32_t i = 0; i < 200000; ++i) {
    f.wheel.Schedule(kA, now + 5 * kDayMs);
    now = now + 5 * kDayMs;
    ASSERT_THAT(f.Advance(now, 2), ElementsAre(kA));
  }
}

TEST(TimerWheelTest, HerdInOneTickIsHandedOutOnceEachUnderASmallBudget) {
  constexpr uint32_t kEntries = 100000;
  constexpr uint32_t kBudget = 33;
  WheelFixture f(kEntries, Tick(0xfffffff0));
  const Tick tick = Tick(0xfffffff0) + 40;
  for (uint32_t i = 0; i < kEntries; ++i) f.wheel.Schedule(WheelEntry{i}, tick);
  std::vector<uint32_t> seen(kEntries);
  uint32_t calls = 0;
  while (f.wheel.filed() != 0) {
    for (const WheelEntry entry : f.Advance(tick + calls, kBudget)) ++seen[Raw(entry)];
    ++calls;
    ASSERT_LE(calls, kEntries / kBudget + 1);
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1u), kEntries);
}

// Entries that share a coarse slot come at an even pace before it, and none of them delays a entry
// that is due.
TEST(TimerWheelTest, CascadeOfACoarseSlotIsSpreadOverItsUnit) {
  constexpr uint32_t kEntries = 100000;
  WheelFixture f(kEntries + 1, Tick(0));
  const Tick deadline = Tick(0) + 10 * TimerWheel::UnitMs(1) + 7;
  for (uint32_t i = 0; i < kEntries; ++i) f.wheel.Schedule(WheelEntry{i}, deadline);
  const WheelEntry other{kEntries};
  size_t most = 0;
  for (Tick now(0); now.Before(deadline); now = now + 1) {
    f.wheel.Schedule(other, now + 1);
    const auto due = f.Advance(now + 1, kEntries + 1);
    if (now + 1 == deadline) {
      EXPECT_EQ(due.size(), kEntries + 1);
      break;
    }
    ASSERT_THAT(due, ::testing::Contains(other));
    most = std::max(most, due.size());
    for (const WheelEntry entry : due) {
      if (entry != other) f.wheel.Schedule(entry, deadline);
    }
  }
  EXPECT_LE(most, 1 + kEntries / TimerWheel::UnitMs(1) + 1);
  EXPECT_GT(most, 1u);
}

TEST(TimerWheelTest, NeverRunsOutOfChunksWithCapacityFlowsInAsManySlotsAsPossible) {
  constexpr uint32_t kEntries = 40000;
  WheelFixture f(kEntries, Tick(77));
  // Deadlines that double in distance fill every slot of the fine levels and many of the top.
  for (uint32_t i = 0; i < kEntries; ++i) {
    const uint32_t ahead = i % 3 == 0 ? i % 4096 : i % 3 == 1 ? i * 211 : i * 43200;
    f.wheel.Schedule(WheelEntry{i}, Tick(77) + ahead % kMaxTimeoutMs);
  }
  EXPECT_EQ(f.wheel.filed(), kEntries);
  const auto due = f.Advance(Tick(77) + kMaxTimeoutMs, kEntries + 1);
  EXPECT_EQ(due.size(), kEntries);
}

}  // namespace
}  // namespace coretrack
