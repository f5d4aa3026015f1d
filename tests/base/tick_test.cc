#include <cstdint>

#include "dataplane/base/limits.h"
#include "dataplane/base/types.h"
#include "gtest/gtest.h"

namespace coretrack {
namespace {

TEST(TickTest, ComparesAcrossTheWrap) {
  for (const uint32_t start : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xfffffff0u, 0xffffffffu}) {
    const Tick now(start);
    for (const uint32_t ms : {1u, 1000u, kMaxTimeoutMs, 0x7fffffffu}) {
      const Tick later = now + ms;
      EXPECT_TRUE(now.Before(later)) << start << '+' << ms;
      EXPECT_TRUE(now.AtOrBefore(later));
      EXPECT_FALSE(later.Before(now));
      EXPECT_FALSE(later.AtOrBefore(now));
      EXPECT_EQ(later - now, static_cast<int32_t>(ms));
      EXPECT_EQ(now - later, -static_cast<int32_t>(ms));
      EXPECT_EQ(later - ms, now);
    }
    EXPECT_FALSE(now.Before(now));
    EXPECT_TRUE(now.AtOrBefore(now));
  }
}

TEST(TickTest, LongestTimeoutStaysComparable) {
  static_assert(kMaxTimeoutMs < uint32_t{1} << 31);
  static_assert(Tick(0xffffffff) + 1 == Tick(0));
  static_assert(Tick(0).Before(Tick(0) + kMaxTimeoutMs));
}

TEST(DirectionTest, OppositeIsAnInvolution) {
  static_assert(Opposite(Direction::kForward) == Direction::kReverse);
  static_assert(Opposite(Direction::kReverse) == Direction::kForward);
  static_assert(Raw(Direction::kForward) == 0 && Raw(Direction::kReverse) == 1);
}

TEST(FlowIndexTest, NoneIsNoSlot) { EXPECT_GE(Raw(FlowIndex::kNone), kMaxFlowsPerWorker); }

}  // namespace
}  // namespace coretrack
