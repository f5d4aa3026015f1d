#include "dataplane/worker/idle.h"

#include <gtest/gtest.h>

namespace coretrack {
namespace {

TEST(Idle, SpinningNeverSleeps) {
  Idle idle(IdlePolicy::kSpin, 1000);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(idle.SleepNsAfter(false), 0u);
}

TEST(Idle, SleepsLongerAndLongerUpToTheLimit) {
  Idle idle(IdlePolicy::kBackoff, 100);
  for (uint32_t i = 0; i < Idle::kSpinPolls; ++i) ASSERT_EQ(idle.SleepNsAfter(false), 0u);
  uint64_t expected = Idle::kFirstSleepNs;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(idle.SleepNsAfter(false), std::min<uint64_t>(expected, 100'000));
    expected *= 2;
  }
}

TEST(Idle, WorkWakesItAndItSpinsAgainFirst) {
  Idle idle(IdlePolicy::kBackoff, 1000);
  for (uint32_t i = 0; i < Idle::kSpinPolls + 5; ++i) idle.SleepNsAfter(false);
  EXPECT_EQ(idle.SleepNsAfter(true), 0u);
  for (uint32_t i = 0; i < Idle::kSpinPolls; ++i) ASSERT_EQ(idle.SleepNsAfter(false), 0u);
  EXPECT_EQ(idle.SleepNsAfter(false), Idle::kFirstSleepNs);
}

TEST(Idle, ALimitBelowTheFirstSleepHolds) {
  Idle idle(IdlePolicy::kBackoff, 1);
  for (uint32_t i = 0; i < Idle::kSpinPolls; ++i) idle.SleepNsAfter(false);
  EXPECT_EQ(idle.SleepNsAfter(false), 1'000u);
  EXPECT_EQ(idle.SleepNsAfter(false), 1'000u);
}

}  // namespace
}  // namespace coretrack
