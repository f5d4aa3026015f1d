#include "dataplane/base/arena.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "gtest/gtest.h"

namespace coretrack {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

struct Odd {
  char bytes[65];
};

TEST(ArenaTest, RoundsUpToAHugePageAndStartsOnOne) {
  for (const size_t bytes : {size_t{1}, kHugePage, kHugePage + 1, 3 * kHugePage}) {
    auto arena = Arena::Create(bytes, false);
    ASSERT_TRUE(arena.ok()) << arena.status();
    EXPECT_EQ(arena->bytes(), (bytes + kHugePage - 1) / kHugePage * kHugePage);
    EXPECT_EQ(arena->used_bytes(), 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(arena->Carve<char>(1)) % kHugePage, 0u);
  }
}

TEST(ArenaTest, CarvesZeroedLinesThatDoNotOverlap) {
  auto arena = Arena::Create(kHugePage, false);
  ASSERT_TRUE(arena.ok());
  char* first = arena->Carve<char>(1);
  Odd* second = arena->Carve<Odd>(3);
  uint64_t* third = arena->Carve<uint64_t>(8);
  EXPECT_EQ(reinterpret_cast<char*>(second) - first, 64);
  EXPECT_EQ(reinterpret_cast<char*>(third) - reinterpret_cast<char*>(second), 256);
  EXPECT_EQ(arena->used_bytes(), 64u + 256 + 64);
  EXPECT_TRUE(std::all_of(first, first + arena->used_bytes(), [](char c) { return c == 0; }));
}

TEST(ArenaTest, SizeOfIsWhatCarveTakes) {
  auto arena = Arena::Create(kHugePage, false);
  ASSERT_TRUE(arena.ok());
  for (const size_t count : {0u, 1u, 15u, 16u, 17u, 1000u}) {
    const size_t before = arena->used_bytes();
    arena->Carve<uint32_t>(count);
    EXPECT_EQ(arena->used_bytes() - before, Arena::SizeOf<uint32_t>(count)) << count;
  }
}

TEST(ArenaTest, EveryByteCanBeWritten) {
  auto arena = Arena::Create(2 * kHugePage, true);
  ASSERT_TRUE(arena.ok());
  char* all = arena->Carve<char>(arena->bytes());
  std::fill(all, all + arena->bytes(), 'x');
  EXPECT_EQ(arena->used_bytes(), arena->bytes());
}

TEST(ArenaDeathTest, CarvingPastTheEndAborts) {
  auto arena = Arena::Create(kHugePage, false);
  ASSERT_TRUE(arena.ok());
  arena->Carve<char>(kHugePage - 64);
  EXPECT_DEATH(arena->Carve<char>(65), "no room for 128 more");
}

TEST(ArenaTest, MoreThanTheAddressSpaceIsAnErrorThatNamesTheCure) {
  const auto arena = Arena::Create(size_t{1} << 52, false);
  ASSERT_FALSE(arena.ok());
  EXPECT_EQ(arena.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(arena.status().ToString().find("lower flows.capacity"), std::string::npos);
}

TEST(ArenaTest, MovesItsMemory) {
  auto arena = Arena::Create(kHugePage, false);
  ASSERT_TRUE(arena.ok());
  int* p = arena->Carve<int>(1);
  *p = 7;
  Arena other = *std::move(arena);
  EXPECT_EQ(*p, 7);
  EXPECT_EQ(other.used_bytes(), 64u);
  Arena third;
  third = std::move(other);
  EXPECT_EQ(*p, 7);
  EXPECT_EQ(third.bytes(), kHugePage);
}

}  // namespace
}  // namespace coretrack
