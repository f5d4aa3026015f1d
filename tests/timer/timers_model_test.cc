// FlowTimers against a slow and obvious model: a map from flow to the deadline (64-bit ms, which never
// wraps) that it is filed for.
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/timer/timers_fixture.h"

namespace coretrack {
namespace {

constexpr uint64_t kUnitMs = TimerWheel::UnitMs(1);

class ModelTest {
 public:
  ModelTest(uint32_t flows, uint64_t start, uint32_t seed)
      : random_(seed), now_ms_(start), flows_(flows), f_(flows, TickOf(start)) {}

  // `operations` filings, cancels and hand-outs.
  void Run(uint64_t operations) {
    while (operations_ < operations && !::testing::Test::HasFatalFailure()) {
      if (random_() % 16 < 10) {
        if (random_() % 16 == 0) {
          ChangeMany();
        } else {
          Change(AnyFlow());
        }
      } else {
        AdvanceOnce();
      }
    }
    EXPECT_GT(early_, operations / 1000) << "the run must meet early hand-outs";
    EXPECT_GT(exhausted_, 100u) << "the run must meet exhausted budgets";
    EXPECT_GT(caught_up_, 1000u);
    EXPECT_GT(refiled_, operations / 100);
    EXPECT_GT(far_, 100u) << "the run must meet what is out of the codes' reach";
  }
  uint64_t wraps() const { return now_ms_ >> 32; }

 private:
  struct Filed {
    uint64_t deadline_ms;
    uint64_t ahead_ms;       // of the clock, when it was first filed for this deadline
    uint64_t last_ahead_ms;  // when it was last filed
    uint32_t hand_outs;      // since then
    bool hastened;
  };
  static Tick TickOf(uint64_t ms) { return Tick(static_cast<uint32_t>(ms)); }

  // Often of one group for a while.
  FlowIndex AnyFlow() {
    if (random_() % 256 == 0) group_ = random_();
    const uint64_t flow = random_() % 4 == 0 ? random_() : group_ * 31 + random_() % 31;
    return FlowIndex{static_cast<uint32_t>(flow % flows_)};
  }
  // Timeouts and jumps of every magnitude: all levels and both sides of their edges.
  uint64_t AnyMs(uint64_t limit) {
    return std::min(random_() % (uint64_t{2} << (random_() % 31)), limit);
  }
  // Often in one unit for a while, or at an edge of one.
  uint64_t AnyDeadline() {
    const auto dice = random_() % 8;
    constexpr uint64_t kMost = kMaxTimeoutMs + FlowTimers::kSlackMs;
    if (random_() % 128 == 0) common_ms_ = now_ms_ + AnyMs(kMost);
    if (dice < 3 && common_ms_ > now_ms_) {
      return std::min(common_ms_ / kUnitMs * kUnitMs + random_() % kUnitMs, now_ms_ + kMost);
    }
    const uint64_t ms = now_ms_ + AnyMs(kMost);
    if (dice > 3) return ms;
    const uint32_t shift = TimerCodes::kShift[random_() % TimerCodes::kLevels];
    const uint64_t edge = (ms >> shift << shift) + random_() % 3 - 1;
    return std::min(std::max(edge, now_ms_), now_ms_ + kMost);
  }
  uint64_t ClockMs() const { return now_ms_ - f_.timers.lag_ms(); }
  uint64_t Ahead(uint64_t deadline_ms) const {
    return deadline_ms - std::min(deadline_ms, ClockMs());
  }

  void Put(FlowIndex flow, const Filed& filed) {
    filed_[flow] = filed;
    by_deadline_.insert({filed.deadline_ms, flow});
    ++operations_;
  }
  void Forget(FlowIndex flow) {
    by_deadline_.erase({filed_.at(flow).deadline_ms, flow});
    filed_.erase(flow);
    ++operations_;
  }
  void File(FlowIndex flow, uint64_t deadline_ms, uint32_t hand_outs, uint64_t ahead_ms,
            bool hastened) {
    f_.timers.Schedule(flow, TickOf(deadline_ms));
    ASSERT_TRUE(f_.timers.IsFiled(flow));
    far_ += Ahead(deadline_ms) > TimerCodes::kReachMs;
    Put(flow, {deadline_ms, ahead_ms, Ahead(deadline_ms), hand_outs, hastened});
  }

  void Change(FlowIndex flow) {
    ASSERT_EQ(f_.timers.IsFiled(flow), filed_.contains(flow));
    const auto dice = random_() % 8;
    if (dice == 0) {
      const uint64_t deadline_ms = AnyDeadline();
      f_.timers.Hasten(flow, TickOf(deadline_ms));
      HaveHastened(flow, deadline_ms);
    } else if (dice == 2) {
      const uint64_t deadline_ms = AnyDeadline();
      f_.timers.Refile(flow, TickOf(deadline_ms));
      HaveRefiled(flow, deadline_ms);
    } else if (!filed_.contains(flow)) {
      const uint64_t deadline_ms = random_() % 32 == 0
                                       ? now_ms_ - AnyMs(std::min<uint64_t>(now_ms_, 100'000))
                                       : AnyDeadline();
      File(flow, deadline_ms, 0, Ahead(deadline_ms), false);
    } else if (dice == 1) {
      f_.timers.Cancel(flow);
      ASSERT_FALSE(f_.timers.IsFiled(flow));
      Forget(flow);
    }
  }

  // Several, mostly of a group or two, for one deadline: some of an array, of which some are told again.
  void ChangeMany() {
    const uint64_t deadline_ms = AnyDeadline();
    const Tick deadline = TickOf(deadline_ms);
    std::array<FlowIndex, 32> flows;
    for (FlowIndex& flow : flows) flow = AnyFlow();
    auto which = static_cast<uint32_t>(random_() & random_());
    const auto kind = random_() % 3;
    if (kind == 2) {
      std::set<FlowIndex> before;
      for (uint32_t i = 0; i < flows.size(); ++i) {
        if (filed_.contains(flows[i]) || !before.insert(flows[i]).second) which &= ~(1u << i);
      }
    }
    if (kind == 0) f_.timers.Hasten(flows.data(), which, deadline);
    if (kind == 1) f_.timers.Refile(flows.data(), which, deadline);
    if (kind == 2) f_.timers.Schedule(flows.data(), which, deadline);
    for (uint32_t i = 0; i < flows.size(); ++i) {
      if ((which >> i & 1) == 0) continue;
      if (kind == 0) HaveHastened(flows[i], deadline_ms);
      if (kind == 1) HaveRefiled(flows[i], deadline_ms);
      if (kind == 2) Put(flows[i], {deadline_ms, Ahead(deadline_ms), Ahead(deadline_ms), 0, false});
    }
  }

  // Filed for the nearer of both from here on.
  void HaveHastened(FlowIndex flow, uint64_t deadline_ms) {
    ASSERT_TRUE(f_.timers.IsFiled(flow));
    const uint64_t ahead_ms = Ahead(deadline_ms);
    if (const auto old = filed_.find(flow); old != filed_.end()) {
      if (deadline_ms >= old->second.deadline_ms) return;
      Forget(flow);
    }
    Put(flow, {deadline_ms, ahead_ms, ahead_ms, 0, true});
  }

  // Filed for that alone from here on.
  void HaveRefiled(FlowIndex flow, uint64_t deadline_ms) {
    ASSERT_EQ(f_.timers.IsFiled(flow), filed_.contains(flow));
    if (!filed_.contains(flow)) return;
    Forget(flow);
    ++refiled_;
    Put(flow, {deadline_ms, Ahead(deadline_ms), Ahead(deadline_ms), 0, false});
  }

  void AdvanceOnce() {
    // Mostly small steps; now and then a jump of minutes to days.
    const uint32_t dice = random_() % 4096;
    if (dice == 0) {
      now_ms_ += AnyMs(kMaxTimeoutMs);
    } else if (dice < 64) {
      now_ms_ += AnyMs(600'000);
    } else {
      now_ms_ += random_() % 4;
    }
    const uint32_t budget = random_() % 4 == 0 ? 1 + random_() % 3 : 1 + random_() % 400;
    refile_.clear();
    for (const FlowIndex flow : f_.Advance(TickOf(now_ms_), budget)) HandedOut(flow);
    ASSERT_EQ(f_.timers.filed(), filed_.size());
    if (f_.caught_up) {
      ++caught_up_;
      ASSERT_EQ(f_.timers.lag_ms(), 0u);
      ASSERT_TRUE(by_deadline_.empty() || by_deadline_.begin()->first > now_ms_)
          << "left a due flow filed";
    } else {
      ++exhausted_;
    }
    // As an owner does: what came early goes back in, half of it with a deadline that moved on.
    for (const auto& [flow, was] : refile_) {
      if (random_() % 2 == 0) {
        File(flow, was.deadline_ms, was.hand_outs, was.ahead_ms, was.hastened);
      } else {
        const uint64_t deadline_ms = AnyDeadline();
        File(flow, deadline_ms, 0, Ahead(deadline_ms), false);
      }
    }
  }

  void HandedOut(FlowIndex flow) {
    ASSERT_TRUE(filed_.contains(flow)) << "handed out twice, or after Cancel()";
    ASSERT_FALSE(f_.timers.IsFiled(flow));
    Filed was = filed_.at(flow);
    Forget(flow);
    ++was.hand_outs;
    // What was hastened may have kept its code.
    const uint64_t reaches = (was.ahead_ms - (was.ahead_ms != 0)) / TimerCodes::kReachMs;
    ASSERT_LE(was.hand_outs, FlowTimers::kMaxHandOuts + reaches + was.hastened);
    if (was.deadline_ms <= now_ms_) return;
    ++early_;
    if (!was.hastened) {
      const uint64_t early_ms = was.deadline_ms - now_ms_, ahead_ms = was.last_ahead_ms;
      ASSERT_GE(ahead_ms, 64u) << "early, though filed near";
      if (ahead_ms <= kUnitMs) {
        ASSERT_LT(early_ms, 64u);
      } else if (ahead_ms <= 64 * kUnitMs) {
        ASSERT_LT(early_ms, 2 * kUnitMs);
      } else if (ahead_ms <= TimerCodes::kReachMs) {
        ASSERT_LT(early_ms, 65 * kUnitMs);
      }
    }
    refile_.emplace_back(flow, was);
  }

  std::mt19937_64 random_;
  uint64_t now_ms_;
  uint32_t flows_;
  TimersFixture f_;
  std::map<FlowIndex, Filed> filed_;
  std::set<std::pair<uint64_t, FlowIndex>> by_deadline_;
  std::vector<std::pair<FlowIndex, Filed>> refile_;
  uint64_t group_ = 0, common_ms_ = 0;
  uint64_t operations_ = 0;
  uint64_t early_ = 0, exhausted_ = 0, caught_up_ = 0, far_ = 0, refiled_ = 0;
};

TEST(TimersModelTest, FewGroups) { ModelTest(100, 0, 1).Run(2'000'000); }

TEST(TimersModelTest, ManyFlowsAcrossManyWraps) {
  ModelTest model(20000, 0xffffff00, 2);
  model.Run(10'000'000);
  EXPECT_GT(model.wraps(), 10u) << "the 32-bit tick must wrap often";
}

TEST(TimersModelTest, StartsAtTheTopOfTheTick) { ModelTest(3000, 0xffffffff, 3).Run(2'000'000); }

}  // namespace
}  // namespace coretrack
