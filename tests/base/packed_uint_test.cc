#include "dataplane/base/packed_uint.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace coretrack {
namespace {

static_assert(sizeof(PackedUint<3>) == 3 && alignof(PackedUint<3>) == 1);
static_assert(sizeof(PackedUint<5>) == 5 && alignof(PackedUint<8>) == 1);
static_assert(PackedUint<1>::kMax == 255 && PackedUint<6>::kMax == 0xffffffffffff);
static_assert(PackedUint<8>::kMax == 0xffffffffffffffff);

template <typename T>
class PackedUintTest : public ::testing::Test {};
using Sizes = ::testing::Types<PackedUint<1>, PackedUint<2>, PackedUint<3>, PackedUint<4>,
                               PackedUint<5>, PackedUint<6>, PackedUint<7>, PackedUint<8>>;
TYPED_TEST_SUITE(PackedUintTest, Sizes);

TYPED_TEST(PackedUintTest, KeepsEveryBitUpToItsMaximum) {
  TypeParam packed;
  for (uint64_t bit = 1; bit != 0 && bit <= TypeParam::kMax; bit <<= 1) {
    packed.Set(bit);
    ASSERT_EQ(packed.Get(), bit);
    packed.Set(TypeParam::kMax - bit);
    ASSERT_EQ(packed.Get(), TypeParam::kMax - bit);
  }
  packed.Set(TypeParam::kMax);
  EXPECT_EQ(packed.Get(), TypeParam::kMax);
}

TYPED_TEST(PackedUintTest, Saturates) {
  TypeParam packed;
  packed.Set(~uint64_t{0});
  EXPECT_EQ(packed.Get(), TypeParam::kMax);
  if (TypeParam::kMax != ~uint64_t{0}) {
    packed.Set(TypeParam::kMax + 1);
    EXPECT_EQ(packed.Get(), TypeParam::kMax);
  }
}

TYPED_TEST(PackedUintTest, TouchesNoNeighbour) {
  struct {
    uint8_t before;
    TypeParam packed;
    uint8_t after;
  } r;
  r.before = 0xa5;
  r.after = 0x5a;
  for (const uint64_t v : {uint64_t{0}, ~uint64_t{0}, uint64_t{0x0102030405060708}}) {
    r.packed.Set(v);
    EXPECT_EQ(r.before, 0xa5);
    EXPECT_EQ(r.after, 0x5a);
  }
}

}  // namespace
}  // namespace coretrack
