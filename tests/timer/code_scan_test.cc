#include "dataplane/timer/code_scan.h"

#include <array>
#include <bit>
#include <random>

#include "gtest/gtest.h"

namespace coretrack {
namespace {

struct alignas(32) Codes : std::array<TimerCode, 32> {};

template <typename Isa>
class CodeScanTest : public testing::Test {};

using Isas = testing::Types<CodeScanPortable
#if defined(__AVX2__)
                            ,
                            CodeScanAvx2
#endif
                            >;
TYPED_TEST_SUITE(CodeScanTest, Isas);

TYPED_TEST(CodeScanTest, NothingFiled) {
  Codes group{};
  group[31] = 77;
  for (uint32_t clock = 0; clock < 5000; ++clock) {
    EXPECT_EQ(TypeParam::Scan(group.data(), TimerCodes{Tick(clock)}), ScannedCodes{});
  }
}

TYPED_TEST(CodeScanTest, EachPositionAloneDueOrWaiting) {
  const Tick clock(10'000'000);
  const TimerCodes codes{clock};
  for (uint32_t i = 0; i < kGroupCodes; ++i) {
    for (int code = 1; code < 256; ++code) {
      Codes group{};
      group[i] = static_cast<TimerCode>(code);
      const TimerCode relative = codes.Relative(group[i]);
      const bool due = relative % TimerCodes::kNumbers == 0;
      const ScannedCodes scanned = TypeParam::Scan(group.data(), codes);
      ASSERT_EQ(scanned.due, due ? 1u << i : 0);
      ASSERT_EQ(scanned.waiting, due ? 0 : 1u << i);
      ASSERT_EQ(scanned.least, due ? ScannedCodes::kNone : relative);
      ASSERT_EQ(scanned.least_above, ScannedCodes::kNone);
    }
  }
}

TYPED_TEST(CodeScanTest, LeastOfTwoLevels) {
  const Tick clock(10'000'000);
  const TimerCodes codes{clock};
  Codes group{};
  const auto file = [&](uint32_t i, uint32_t ahead) {
    group[i] = codes.FilingFor(clock + ahead).code;
  };
  file(3, 3'000'000);
  file(30, 2'000'000);
  EXPECT_EQ(TypeParam::Scan(group.data(), codes).least, codes.Relative(group[30]));
  file(7, 100'000);
  file(8, 90'000);
  ScannedCodes scanned = TypeParam::Scan(group.data(), codes);
  EXPECT_EQ(scanned.least, codes.Relative(group[8]));
  EXPECT_EQ(scanned.least_above, codes.Relative(group[30]));
  file(0, 1500);
  file(1, 13);
  scanned = TypeParam::Scan(group.data(), codes);
  EXPECT_EQ(scanned.least, codes.Relative(group[1]));
  EXPECT_EQ(scanned.least_above, codes.Relative(group[0]));
  EXPECT_EQ(std::popcount(scanned.waiting), 6);
}

TYPED_TEST(CodeScanTest, RandomCodesAgainstThePortableScan) {
  std::mt19937 random(5);
  for (int round = 0; round < 200000; ++round) {
    const TimerCodes codes{Tick(static_cast<uint32_t>(random()))};
    Codes group;
    const uint32_t levels = 1 + random() % 4, empty = random() % 4;
    for (TimerCode& code : group) {
      code = random() % 4 < empty ? TimerCodes::kNotFiled
                                  : static_cast<TimerCode>(random() % (levels * 64));
    }
    ASSERT_EQ(TypeParam::Scan(group.data(), codes), CodeScanPortable::Scan(group.data(), codes));
  }
}

}  // namespace
}  // namespace coretrack
