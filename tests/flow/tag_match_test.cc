#include "dataplane/flow/tag_match.h"

#include <gtest/gtest.h>

#include <random>

namespace coretrack {
namespace {

struct alignas(64) Tags {
  std::array<uint16_t, 32> tag{};
};

template <typename Isa>
class TagMatchTest : public testing::Test {};

using Isas = testing::Types<TagMatchPortable
#if defined(__SSE2__)
                            ,
                            TagMatchSse2
#endif
#if defined(__AVX2__)
                            ,
                            TagMatchAvx2
#endif
#if defined(__AVX512BW__)
                            ,
                            TagMatchAvx512
#endif
                            >;
TYPED_TEST_SUITE(TagMatchTest, Isas);

TYPED_TEST(TagMatchTest, EachPositionAloneAndNeverTheOverflowWord) {
  for (uint32_t i = 0; i < 32; ++i) {
    Tags tags;
    tags.tag[i] = 0xbeef;
    EXPECT_EQ(TypeParam::Match(&tags, 0xbeef), i == 31 ? 0 : 1u << i);
    EXPECT_EQ(TypeParam::Match(&tags, 0), (~0u ^ 1u << i) & kTagMask);
  }
}

TYPED_TEST(TagMatchTest, ComparesBothBytes) {
  Tags tags;
  tags.tag[3] = 0x01ff;
  tags.tag[4] = 0xff01;
  EXPECT_EQ(TypeParam::Match(&tags, 0x01ff), 1u << 3);
  EXPECT_EQ(TypeParam::Match(&tags, 0xff01), 1u << 4);
  EXPECT_EQ(TypeParam::Match(&tags, 0xffff), 0u);
  EXPECT_EQ(TypeParam::Match(&tags, 0x0101), 0u);
}

TYPED_TEST(TagMatchTest, RandomTagsAgainstAPlainLoop) {
  std::mt19937 random(1);
  for (int round = 0; round < 100000; ++round) {
    Tags tags;
    for (uint16_t& tag : tags.tag) tag = static_cast<uint16_t>(random() % 5 * 0x3fff);
    const auto wanted = static_cast<uint16_t>(random() % 5 * 0x3fff);
    uint32_t expected = 0;
    for (uint32_t i = 0; i < 31; ++i) {
      if (tags.tag[i] == wanted) expected |= 1u << i;
    }
    ASSERT_EQ(TypeParam::Match(&tags, wanted), expected);
  }
}

#if defined(__AVX512BW__) || defined(__AVX2__)
TEST(TagMatchTwoTest, IsBothSideBySide) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 10000; ++round) {
    Tags first, second;
    for (uint16_t& tag : first.tag) tag = static_cast<uint16_t>(random() % 3);
    for (uint16_t& tag : second.tag) tag = static_cast<uint16_t>(random() % 3);
    const auto wanted = static_cast<uint16_t>(random() % 3);
    const auto other = static_cast<uint16_t>(random() % 3);
    using Vector = uint64_t __attribute__((vector_size(32)));
    const uint64_t both =
        TagMatch::InOrder(Vector{} + TagMatch::MatchTwo(&first, wanted, &second, other))[round % 4];
    ASSERT_EQ(both & kTagMask, TagMatchPortable::Match(&first, wanted));
    ASSERT_EQ(both >> 32 & kTagMask, TagMatchPortable::Match(&second, other));
  }
}
#endif

}  // namespace
}  // namespace coretrack
