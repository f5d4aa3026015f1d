#include "dataplane/base/counter.h"

#include <atomic>
#include <cstdint>
#include <thread>

#include "gtest/gtest.h"

namespace coretrack {
namespace {

TEST(CounterTest, AddsAndSets) {
  Counter counter;
  EXPECT_EQ(counter.Read(), 0u);
  counter.Add(3);
  counter.Add(uint64_t{1} << 40);
  EXPECT_EQ(counter.Read(), (uint64_t{1} << 40) + 3);
  counter.Set(5);
  EXPECT_EQ(counter.Read(), 5u);
}

// Each half of the value is written by the same Add: a torn read would show halves that differ.
TEST(CounterTest, ReaderSeesGrowingValuesNeverTorn) {
  constexpr uint64_t kBothHalves = (uint64_t{1} << 32) + 1;
  constexpr uint64_t kAdds = 200000;
  Counter counter;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kAdds; ++i) counter.Add(kBothHalves);
  });
  uint64_t last = 0;
  bool torn = false, shrank = false;
  while (last != kAdds * kBothHalves) {
    const uint64_t value = counter.Read();
    torn |= value >> 32 != (value & 0xffffffff);
    shrank |= value < last;
    last = value;
  }
  writer.join();
  EXPECT_FALSE(torn);
  EXPECT_FALSE(shrank);
}

}  // namespace
}  // namespace coretrack
