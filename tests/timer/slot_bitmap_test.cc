#include "dataplane/timer/slot_bitmap.h"

#include <random>
#include <set>

#include "gtest/gtest.h"

namespace coretrack {
namespace {

template <uint32_t kBits>
void CompareWithSet(uint32_t steps) {
  SlotBitmap<kBits> bitmap;
  std::set<uint32_t> model;
  std::mt19937 random(kBits);
  for (uint32_t step = 0; step < steps; ++step) {
    const uint32_t i = random() % kBits;
    // Long runs of setting, then of clearing: empty, sparse and full maps are all met.
    if (random() % 8 != 0) {
      if (step / 1000 % 2 == 0) {
        bitmap.Set(i);
        model.insert(i);
      } else {
        bitmap.Clear(i);
        model.erase(i);
      }
    }
    ASSERT_EQ(bitmap.Test(i), model.contains(i));
    const uint32_t from = random() % (kBits + 1);
    const auto next = model.lower_bound(from);
    ASSERT_EQ(bitmap.FindFrom(from), next == model.end() ? SlotBitmap<kBits>::kNone : *next);
  }
}

TEST(SlotBitmapTest, AgreesWithSet) {
  CompareWithSet<64>(20000);
  CompareWithSet<4096>(50000);
  CompareWithSet<32768>(50000);
}

TEST(SlotBitmapTest, DistanceGoesRoundTheCircle) {
  SlotBitmap<4096> bitmap;
  EXPECT_EQ(bitmap.DistanceAfter(5, 4096), 0u);
  bitmap.Set(5);
  EXPECT_EQ(bitmap.DistanceAfter(5, 4096), 0u) << "only the slot itself";
  EXPECT_EQ(bitmap.DistanceAfter(4, 4096), 1u);
  EXPECT_EQ(bitmap.DistanceAfter(6, 4096), 4095u);
  EXPECT_EQ(bitmap.DistanceAfter(6, 1024), 1023u) << "a smaller circle in the same map";
  bitmap.Set(4095);
  EXPECT_EQ(bitmap.DistanceAfter(5, 4096), 4090u);
  EXPECT_EQ(bitmap.DistanceAfter(4095, 4096), 6u);
}

}  // namespace
}  // namespace coretrack
