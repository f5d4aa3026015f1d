#include "dataplane/worker/clock.h"

#include <gtest/gtest.h>

namespace coretrack {
namespace {

constexpr uint64_t kHz = 2'600'000'000;
constexpr uint64_t kStartUs = 1'700'000'000'123'456;

TEST(WorkerClock, AdvancesWithTheTsc) {
  WorkerClock clock(kHz, 5, kStartUs);
  EXPECT_EQ(clock.now().unix_us, kStartUs);
  EXPECT_EQ(clock.now().tick, Tick(static_cast<uint32_t>(kStartUs / 1000)));
  uint64_t tsc = 5;
  for (int i = 0; i < 100'000; ++i) clock.Advance(tsc += kHz / 10'000);
  EXPECT_NEAR(static_cast<double>(clock.now().unix_us - kStartUs), 10e6, 10);
  EXPECT_EQ(clock.jumps(), 0u);
}

TEST(WorkerClock, LosesNothingToManySmallSteps) {
  WorkerClock clock(kHz, 0, kStartUs);
  for (uint64_t tsc = 0; tsc <= kHz / 10; tsc += 100) clock.Advance(tsc);
  EXPECT_NEAR(static_cast<double>(clock.now().unix_us - kStartUs), 1e5, 2);
}

TEST(WorkerClock, AStoppedProcessLosesOneSecondAndIsCounted) {
  WorkerClock clock(kHz, 0, kStartUs);
  const Now before = clock.Advance(kHz / 2);
  const Now after = clock.Advance(kHz / 2 + 600 * kHz);
  EXPECT_NEAR(static_cast<double>(after.unix_us - before.unix_us), 1e6, 2);
  EXPECT_EQ(clock.jumps(), 1u);
  // And goes on from there.
  EXPECT_NEAR(static_cast<double>(clock.Advance(kHz / 2 + 601 * kHz).unix_us - after.unix_us), 1e6,
              2);
  EXPECT_EQ(clock.jumps(), 1u);
}

TEST(WorkerClock, NeverGoesBack) {
  WorkerClock clock(kHz, 10 * kHz, kStartUs);
  EXPECT_EQ(clock.Advance(9 * kHz).unix_us, kStartUs);
  EXPECT_EQ(clock.jumps(), 1u);
  EXPECT_NEAR(static_cast<double>(clock.Advance(9 * kHz + kHz / 2).unix_us - kStartUs), 5e5, 2);
}

TEST(WorkerClock, SteersTowardTheWallClockSlowlyAndBothWays) {
  for (const int64_t offset_us : {-100'000'000, 100'000'000, 500, -500}) {
    WorkerClock clock(kHz, 0, kStartUs);
    uint64_t tsc = 0;
    for (int second = 1; second <= 100; ++second) {
      const uint64_t wall_us = kStartUs + offset_us + second * 1'000'000;
      const Now before = clock.now();
      clock.Advance(tsc += kHz);
      const auto step_us = static_cast<int64_t>(clock.now().unix_us - before.unix_us);
      ASSERT_NEAR(static_cast<double>(step_us), 1e6, 1e6 / WorkerClock::kMaxSlew + 2);
      clock.Steer(wall_us);
    }
    const auto error_us =
        static_cast<int64_t>(kStartUs + offset_us + 100'000'000 - clock.now().unix_us);
    // Small offsets are gone; of large ones 99 steps at the greatest rate are.
    const double left =
        std::max(0.0, std::abs(static_cast<double>(offset_us)) - 99e6 / WorkerClock::kMaxSlew);
    EXPECT_NEAR(std::abs(static_cast<double>(error_us)), left, 200) << offset_us;
    EXPECT_EQ(clock.jumps(), 0u);
  }
}

TEST(WorkerClock, ResumesAtTheWallClockWithoutAJump) {
  WorkerClock clock(kHz, 0, kStartUs);
  clock.Resume(100 * kHz, kStartUs + 90'000'000);
  EXPECT_EQ(clock.now().unix_us, kStartUs + 90'000'000);
  clock.Resume(200 * kHz, kStartUs);  // the wall clock was set back
  EXPECT_EQ(clock.now().unix_us, kStartUs + 90'000'000);
  clock.Advance(200 * kHz + 1);
  EXPECT_EQ(clock.jumps(), 0u);
}

}  // namespace
}  // namespace coretrack
