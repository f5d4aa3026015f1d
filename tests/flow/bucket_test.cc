#include "dataplane/flow/bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "dataplane/base/lanes.h"
#include "dataplane/flow/bucket_lanes.h"
#include "dataplane/flow/flow_slot.h"

namespace coretrack {
namespace {

struct alignas(32) Numbers {
  std::array<uint16_t, 16> of{};
};

template <typename Isa>
class MatchTest : public testing::Test {};

using Isas = testing::Types<MatchPortable
#if defined(__SSE2__)
                            ,
                            MatchSse2
#endif
                            >;
TYPED_TEST_SUITE(MatchTest, Isas);

TYPED_TEST(MatchTest, EachPositionAlone) {
  for (uint32_t i = 0; i < 16; ++i) {
    Numbers numbers;
    numbers.of[i] = 0xbeef;
    EXPECT_EQ(TypeParam::Sixteen(numbers.of.data(), 0xbeef), 1u << i);
    EXPECT_EQ(TypeParam::Sixteen(numbers.of.data(), 0), 0xffffu ^ 1u << i);
  }
}

TYPED_TEST(MatchTest, ComparesBothBytes) {
  Numbers numbers;
  numbers.of[3] = 0x01ff;
  numbers.of[4] = 0xff01;
  EXPECT_EQ(TypeParam::Sixteen(numbers.of.data(), 0x01ff), 1u << 3);
  EXPECT_EQ(TypeParam::Sixteen(numbers.of.data(), 0xff01), 1u << 4);
  EXPECT_EQ(TypeParam::Sixteen(numbers.of.data(), 0xffff), 0u);
  EXPECT_EQ(TypeParam::Sixteen(numbers.of.data(), 0x0101), 0u);
}

TYPED_TEST(MatchTest, RandomNumbersAgainstAPlainLoop) {
  std::mt19937 random(1);
  for (int round = 0; round < 100000; ++round) {
    Numbers numbers;
    for (uint16_t& number : numbers.of) number = static_cast<uint16_t>(random() % 5 * 0x3fff);
    const auto wanted = static_cast<uint16_t>(random() % 5 * 0x3fff);
    uint32_t expected = 0;
    for (uint32_t i = 0; i < 16; ++i) expected |= uint32_t{numbers.of[i] == wanted} << i;
    ASSERT_EQ(TypeParam::Sixteen(numbers.of.data(), wanted), expected);
  }
}

TEST(Bucket, AnOverflowCountIsNoTagAndAnErasedSlotNobodys) {
  Bucket bucket{};
  bucket.overflow = 7;
  EXPECT_TRUE(bucket.MayBePassed());
  EXPECT_EQ(EmptyIn(bucket), Bucket::kAll);
  EXPECT_EQ(WithTag(bucket, 7), 0u);
  EXPECT_EQ(SlotWithTag(bucket, 7), 0u);
  bucket.tags[14] = 7;
  bucket.slots[14] = 65'472;
  EXPECT_EQ(EmptyIn(bucket), Bucket::kAll >> 1);
  EXPECT_EQ(WithTag(bucket, 7), 1u << 14);
  EXPECT_EQ(SlotWithTag(bucket, 7), 65'472u);
  EXPECT_EQ(WithTagAndSlot(bucket, 7, 65'471), 1u << 14);
  EXPECT_EQ(WithTagAndSlot(bucket, 7, 65'472), 0u);
  EXPECT_EQ(WithTagAndSlot(bucket, 9, 65'471), 0u);
  bucket.overflow = 0;
  EXPECT_TRUE(bucket.MayBePassed()) << "it may be full";
  bucket.tags[14] = 0;
  EXPECT_FALSE(bucket.MayBePassed());
  EXPECT_EQ(SlotWithTag(bucket, 7), 0u);
  EXPECT_EQ(WithTagAndSlot(bucket, 7, 65'471), 0u);
}

#ifdef CORETRACK_LANES
// Many at once say what one says: with one tag, with several equal ones, without.
TEST(Bucket, SlotsOfManyAreTheSlotsOfEach) {
  std::mt19937_64 random(2);
  uint32_t found = 0, several = 0;
  for (uint32_t round = 0; round < 160'000 / kLanes; ++round) {
    std::array<Bucket, kLanes> buckets{};
    alignas(64) std::array<const AtomicLine*, kLanes> at;
    alignas(64) std::array<FlowHash, kLanes> hashes;
    for (uint32_t i = 0; i < kLanes; ++i) {
      const uint32_t kinds = i % 2 == 0 ? 8 : 64;
      const auto tag = [&] { return static_cast<uint16_t>(random() % kinds * 0x0422 | 1); };
      for (uint32_t entry = 0; entry < Bucket::kFlows; ++entry) {
        if (random() % 4 != 0) buckets[i].tags[entry] = tag();
        buckets[i].slots[entry] = static_cast<uint16_t>(random() % 65'472 + 1);
      }
      hashes[i] = FlowHash{random() << 16 | tag()};
      // A count that is the tag, or none.
      if (random() % 2 != 0) buckets[i].overflow = static_cast<uint16_t>(hashes[i].value);
      at[i] = reinterpret_cast<const AtomicLine*>(&buckets[i]);
    }
    alignas(64) std::array<uint32_t, kLanes> slots;
    lanes::Store(bucket_lanes::SlotsWithTags(at.data(), hashes.data()), slots.data());
    const Mask passed = bucket_lanes::MayBePassed(at.data());
    for (uint32_t i = 0; i < kLanes; ++i) {
      const auto tag = static_cast<uint16_t>(hashes[i].value);
      uint32_t expected = 0, count = 0;
      for (uint32_t entry = 0; entry < Bucket::kFlows; ++entry) {
        if (buckets[i].tags[entry] != tag) continue;
        expected = std::max<uint32_t>(expected, buckets[i].slots[entry]);
        ++count;
      }
      ASSERT_EQ(SlotWithTag(buckets[i], tag), expected);
      ASSERT_EQ(slots[i], expected);
      ASSERT_EQ((passed >> i & 1) != 0, buckets[i].MayBePassed());
      found += count != 0;
      several += count > 1;
    }
  }
  EXPECT_GT(found, 50'000u);
  EXPECT_LT(found, 150'000u);
  EXPECT_GT(several, 10'000u);
}
#endif

}  // namespace
}  // namespace coretrack
