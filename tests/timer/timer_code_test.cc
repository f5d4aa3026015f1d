#include "dataplane/timer/timer_code.h"

#include <random>
#include <vector>

#include "dataplane/base/limits.h"
#include "gtest/gtest.h"

namespace coretrack {
namespace {

// Clocks at the edges of units of every level, and where the tick wraps.
std::vector<uint32_t> Clocks() {
  std::vector<uint32_t> clocks = {0, 1, 12345678, 0x7fffffff};
  for (const uint32_t shift : TimerCodes::kShift) {
    for (const uint32_t edge : {5u << shift, 0u - (1u << shift), 0u - (64u << shift)}) {
      for (const uint32_t by : {0u, 1u, 2u}) clocks.push_back(edge + by - 1);
    }
  }
  return clocks;
}

TEST(TimerCodeTest, NeverTheCodeOfWhatIsNotFiled) {
  for (const uint32_t clock : Clocks()) {
    const TimerCodes codes{Tick(clock)};
    for (uint32_t ahead = 0; ahead < 300000; ++ahead) {
      ASSERT_NE(codes.FilingFor(Tick(clock) + ahead).code, TimerCodes::kNotFiled) << clock;
    }
  }
}

TEST(TimerCodeTest, UnitHasTheDeadlineUnlessThatIsOutOfReach) {
  std::mt19937 random(1);
  for (const uint32_t clock : Clocks()) {
    const TimerCodes codes{Tick(clock)};
    for (int i = 0; i < 20000; ++i) {
      const uint32_t ahead = random() % (2u << random() % 31) % kMaxTimeoutMs;
      const TimerCodes::Filing filing = codes.FilingFor(Tick(clock) + ahead);
      const TimerCode relative = codes.Relative(filing.code);
      const Tick start = codes.StartOf(relative);
      const uint32_t width = 1u << TimerCodes::kShift[filing.code >> TimerCodes::kNumberBits];
      ASSERT_LT(static_cast<uint32_t>(filing.tick - start), width) << clock << '+' << ahead;
      if (ahead <= TimerCodes::kReachMs) {
        ASSERT_EQ(filing.tick, Tick(clock) + ahead);
      } else {
        ASSERT_LE(filing.tick.ms() - clock, ahead);
        ASSERT_GT(filing.tick.ms() - clock, TimerCodes::kReachMs) << clock << '+' << ahead;
      }
    }
  }
}

// From filing until it is due, a code means the same unit, whatever the clock.
TEST(TimerCodeTest, MeansTheSameUnitUntilItIsDue) {
  std::mt19937 random(2);
  for (const uint32_t start : Clocks()) {
    for (int i = 0; i < 2000; ++i) {
      const uint32_t ahead = random() % (2u << random() % 24);
      const TimerCodes at_filing{Tick(start)};
      const TimerCodes::Filing filing = at_filing.FilingFor(Tick(start) + ahead);
      const Tick unit = at_filing.StartOf(at_filing.Relative(filing.code));
      for (int step = 0; step < 50; ++step) {
        const uint32_t on = random() % (filing.tick.ms() - start + 1);
        // Of levels 2 and 3 it has been handed out before the deadline's unit of level 2.
        if (filing.code >> TimerCodes::kNumberBits >= 2 &&
            (start + on) >> TimerCodes::kShift[2] == filing.tick.ms() >> TimerCodes::kShift[2])
          continue;
        const TimerCodes later{Tick(start) + on};
        const TimerCode relative = later.Relative(filing.code);
        ASSERT_EQ(later.StartOf(relative), unit) << start << '+' << ahead << " at +" << on;
        ASSERT_FALSE(filing.tick.Before(unit));
        ASSERT_FALSE(later.SeenBy(relative).Before(unit));
      }
    }
  }
}

// Filed anew when it is due, an unmoved deadline gets a code of a lower level, or has come.
TEST(TimerCodeTest, GoesDownALevelEachTime) {
  std::mt19937 random(3);
  for (const uint32_t start : Clocks()) {
    for (int i = 0; i < 20000; ++i) {
      const Tick deadline = Tick(start) + random() % (2u << random() % 23) % TimerCodes::kReachMs;
      TimerCode code = TimerCodes{Tick(start)}.FilingFor(deadline).code;
      for (Tick clock(start);;) {
        const uint32_t level = code >> TimerCodes::kNumberBits;
        // Any tick at which it is due and before the deadline, as the wheel may choose it.
        const uint32_t left = static_cast<uint32_t>(deadline - clock);
        const Tick tick = clock + (left == 0 ? 0 : random() % (left + 1));
        const TimerCodes codes{tick};
        if ((codes.Relative(code) & TimerCodes::kNumberMask) != 0) continue;
        clock = tick;
        if (clock == deadline) break;
        const TimerCode next = codes.FilingFor(deadline).code;
        ASSERT_LT(next >> TimerCodes::kNumberBits, level) << start << ' ' << deadline.ms();
        code = next;
      }
    }
  }
}

}  // namespace
}  // namespace coretrack
