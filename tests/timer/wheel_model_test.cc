// The wheel against a slow and obvious model: a std::multimap from deadline (64-bit ms, which never
// wraps) to entry.
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "tests/timer/wheel_fixture.h"

namespace coretrack {
namespace {

class ModelTest {
 public:
  ModelTest(uint32_t entries, uint64_t start, uint32_t seed)
      : random_(seed),
        now_ms_(start),
        wheel_(entries, TickOf(start)),
        where_(entries, model_.end()),
        filed_ahead_ms_(entries) {}

  // `operations` schedules, cancels and hand-outs.
  void Run(uint64_t operations) {
    while (operations_ < operations && !::testing::Test::HasFatalFailure()) {
      const uint32_t dice = random_() % 16;
      if (dice < 10) {
        ScheduleOrCancel(WheelEntry{static_cast<uint32_t>(random_() % where_.size())});
      } else {
        AdvanceOnce();
      }
    }
    EXPECT_GT(early_, operations / 1000) << "the run must meet cascades";
    EXPECT_GT(exhausted_, 100u) << "the run must meet exhausted budgets";
    EXPECT_GT(caught_up_, 1000u);
  }

  uint64_t wraps() const { return now_ms_ >> 32; }

 private:
  using Model = std::multimap<uint64_t, WheelEntry>;
  static Tick TickOf(uint64_t ms) { return Tick(static_cast<uint32_t>(ms)); }

  // Timeouts and jumps of every magnitude: all levels and both sides of their edges.
  uint64_t AnyMs(uint64_t limit) {
    const uint64_t ms = random_() % (uint64_t{2} << (random_() % 31));
    return std::min(ms, limit);
  }

  void File(WheelEntry entry, uint64_t deadline_ms) {
    wheel_.wheel.Schedule(entry, TickOf(deadline_ms));
    where_[Raw(entry)] = model_.emplace(deadline_ms, entry);
    const uint64_t clock_ms = now_ms_ - wheel_.wheel.lag_ms();
    filed_ahead_ms_[Raw(entry)] = deadline_ms - std::min(deadline_ms, clock_ms);
    ++operations_;
  }

  void ScheduleOrCancel(WheelEntry entry) {
    ASSERT_EQ(wheel_.wheel.IsFiled(entry), where_[Raw(entry)] != model_.end());
    if (where_[Raw(entry)] == model_.end()) {
      const bool passed = random_() % 32 == 0;
      File(entry, passed ? now_ms_ - AnyMs(std::min<uint64_t>(now_ms_, 100000))
                         : now_ms_ + AnyMs(kMaxTimeoutMs));
    } else if (const auto dice = random_() % 4; dice == 0) {
      Hasten(entry, now_ms_ + AnyMs(kMaxTimeoutMs));
    } else if (dice == 1) {
      wheel_.wheel.Cancel(entry);
      ASSERT_FALSE(wheel_.wheel.IsFiled(entry));
      Forget(entry);
    }
  }

  // Filed for the nearer of both from here on.
  void Hasten(WheelEntry entry, uint64_t deadline_ms) {
    wheel_.wheel.Hasten(entry, TickOf(deadline_ms));
    ASSERT_TRUE(wheel_.wheel.IsFiled(entry));
    const uint64_t filed_ms = where_[Raw(entry)]->first;
    if (deadline_ms >= filed_ms) return;
    Forget(entry);
    where_[Raw(entry)] = model_.emplace(deadline_ms, entry);
    // It may have stayed in a slot of a higher level that starts before.
    const uint64_t clock_ms = now_ms_ - wheel_.wheel.lag_ms();
    filed_ahead_ms_[Raw(entry)] =
        std::max(filed_ahead_ms_[Raw(entry)], deadline_ms - std::min(deadline_ms, clock_ms));
  }

  void Forget(WheelEntry entry) {
    model_.erase(where_[Raw(entry)]);
    where_[Raw(entry)] = model_.end();
    ++operations_;
  }

  void AdvanceOnce() {
    // Mostly small steps; now and then a jump of minutes to days.
    const uint32_t dice = random_() % 4096;
    if (dice == 0) {
      now_ms_ += AnyMs(kMaxTimeoutMs);
    } else if (dice < 64) {
      now_ms_ += AnyMs(600000);
    } else {
      now_ms_ += random_() % 4;
    }
    const uint32_t budget = random_() % 4 == 0 ? 1 + random_() % 3 : 1 + random_() % 400;
    const auto due = wheel_.Advance(TickOf(now_ms_), budget);
    for (const WheelEntry entry : due) HandedOut(entry);
    ASSERT_EQ(wheel_.wheel.filed(), model_.size());
    if (due.size() < budget) {
      ++caught_up_;
      ASSERT_EQ(wheel_.wheel.lag_ms(), 0u);
      ASSERT_TRUE(model_.empty() || model_.begin()->first > now_ms_) << "left a due entry filed";
    } else {
      ++exhausted_;
    }
    // As an owner does: what came early goes back in, half of it with a deadline that moved on.
    for (const auto& [entry, deadline_ms] : refile_) {
      File(entry, random_() % 2 == 0 ? deadline_ms : now_ms_ + AnyMs(kMaxTimeoutMs));
    }
    refile_.clear();
  }

  void HandedOut(WheelEntry entry) {
    ASSERT_NE(where_[Raw(entry)], model_.end()) << "handed out twice, or after Cancel()";
    const uint64_t deadline_ms = where_[Raw(entry)]->first;
    Forget(entry);
    if (deadline_ms <= now_ms_) return;
    ++early_;
    const uint64_t ahead_ms = filed_ahead_ms_[Raw(entry)];
    ASSERT_GT(ahead_ms, TimerWheel::ExactMs()) << "early, though filed near";
    const uint32_t level = ahead_ms > TimerWheel::UnitMs(2) ? 2 : 1;
    ASSERT_LT(deadline_ms - now_ms_, 2 * TimerWheel::UnitMs(level));
    refile_.emplace_back(entry, deadline_ms);
  }

  std::mt19937_64 random_;
  uint64_t now_ms_;
  WheelFixture wheel_;
  Model model_;
  std::vector<Model::iterator> where_;    // model_.end(): not filed
  std::vector<uint64_t> filed_ahead_ms_;  // of the wheel's clock, when it was filed
  std::vector<std::pair<WheelEntry, uint64_t>> refile_;
  uint64_t operations_ = 0;
  uint64_t early_ = 0, exhausted_ = 0, caught_up_ = 0;
};

TEST(WheelModelTest, FewEntries) { ModelTest(50, 0, 1).Run(2'000'000); }

TEST(WheelModelTest, ManyFlowsAcrossManyWraps) {
  ModelTest model(20000, 0xffffff00, 2);
  model.Run(12'000'000);
  EXPECT_GT(model.wraps(), 10u) << "the 32-bit tick must wrap often";
}

TEST(WheelModelTest, StartsAtTheTopOfTheTick) { ModelTest(3000, 0xffffffff, 3).Run(3'500'000); }

}  // namespace
}  // namespace coretrack
