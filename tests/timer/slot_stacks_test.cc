#include "dataplane/timer/slot_stacks.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace coretrack {
namespace {

constexpr uint32_t kPerChunk = SlotStacks::kEntriesPerChunk;

struct Fixture {
  Fixture(uint32_t capacity, uint32_t slots)
      : arena(*Arena::Create(SlotStacks::ArenaBytes(capacity, slots), false)),
        stacks(capacity, slots, &arena) {}
  Arena arena;
  SlotStacks stacks;
};

TEST(SlotStacksTest, CarvesWhatItSays) {
  Fixture f(1000, 64);
  EXPECT_EQ(f.arena.used_bytes(), SlotStacks::ArenaBytes(1000, 64));
}

TEST(SlotStacksTest, PopsEveryEntryOnceInPiecesOfAnySize) {
  const uint32_t capacity = 5 * kPerChunk + 3;
  for (uint32_t piece = 1; piece <= capacity + 1; ++piece) {
    Fixture f(capacity, 4);
    for (uint32_t i = 0; i < capacity; ++i) f.stacks.Push(2, WheelEntry{i});
    EXPECT_EQ(f.stacks.Count(2), capacity);
    std::vector<uint32_t> seen(capacity);
    std::vector<WheelEntry> out(piece);
    uint32_t total = 0;
    while (const uint32_t n = f.stacks.Pop(2, out.data(), piece)) {
      for (uint32_t i = 0; i < n; ++i) {
        ++seen[Raw(out[i])];
        EXPECT_FALSE(f.stacks.IsFiled(out[i]));
      }
      total += n;
      ASSERT_EQ(f.stacks.filed(), capacity - total);
    }
    EXPECT_EQ(total, capacity);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1u), capacity);
    EXPECT_EQ(f.stacks.chunks_in_use(), 0u);
  }
}

TEST(SlotStacksTest, RemoveTakesTheEntryAndNoOther) {
  const uint32_t capacity = 3 * kPerChunk;
  for (uint32_t victim = 0; victim < capacity; ++victim) {
    Fixture f(capacity, 2);
    for (uint32_t i = 0; i < capacity; ++i) f.stacks.Push(1, WheelEntry{i});
    EXPECT_EQ(f.stacks.Remove(WheelEntry{victim}), 1u);
    EXPECT_EQ(f.stacks.Remove(WheelEntry{victim}), SlotStacks::kNoSlot) << "twice";
    for (uint32_t i = 0; i < capacity; ++i) {
      ASSERT_EQ(f.stacks.IsFiled(WheelEntry{i}), i != victim) << i << " without " << victim;
    }
  }
}

TEST(SlotStacksTest, OldWordsOfReusedChunksFileNobody) {
  Fixture f(2 * kPerChunk, 2);
  std::vector<WheelEntry> out(kPerChunk);
  for (uint32_t i = 0; i < kPerChunk; ++i) f.stacks.Push(0, WheelEntry{i});
  ASSERT_EQ(f.stacks.Pop(0, out.data(), kPerChunk), kPerChunk);
  // The same chunk again, for the other slot, part full: the words above its top still name entries.
  f.stacks.Push(1, WheelEntry{kPerChunk});
  for (uint32_t i = 0; i < kPerChunk; ++i) {
    EXPECT_FALSE(f.stacks.IsFiled(WheelEntry{i})) << i;
    EXPECT_EQ(f.stacks.Remove(WheelEntry{i}), SlotStacks::kNoSlot) << i;
  }
  EXPECT_TRUE(f.stacks.IsFiled(WheelEntry{kPerChunk}));
}

// The worst case of invariant 3 takes MaxChunks() chunks, neither more nor fewer.
TEST(SlotStacksTest, WorstCaseReachesThePoolBoundExactly) {
  for (const uint32_t capacity :
       {1u, 7u, 63u, 64u, 65u, 64 + kPerChunk - 1, 64 + kPerChunk, 5000u}) {
    constexpr uint32_t kSlots = 64;
    Fixture f(capacity, kSlots);
    for (uint32_t i = 0; i < capacity; ++i) f.stacks.Push(i < kSlots ? i : 0, WheelEntry{i});
    EXPECT_EQ(f.stacks.chunks_in_use(), SlotStacks::MaxChunks(capacity, kSlots)) << capacity;
  }
}

// However entries come and go, the pool stays within its bound. (Its assertion would end a debug
// build; here the count is compared, so that a release build fails too.)
TEST(SlotStacksTest, ChurnStaysWithinThePoolBound) {
  constexpr uint32_t kSlots = 64;
  constexpr uint32_t kCapacity = 600;
  Fixture f(kCapacity, kSlots);
  std::mt19937 random(3);
  uint32_t most = 0;
  for (uint32_t step = 0; step < 300000; ++step) {
    const WheelEntry entry{static_cast<uint32_t>(random() % kCapacity)};
    const uint32_t skew = step / 10000 % 2 == 0 ? kSlots : 3;
    if (!f.stacks.IsFiled(entry)) {
      f.stacks.Push(random() % skew, entry);
    } else if (random() % 8 == 0) {
      f.stacks.Remove(entry);
    }
    most = std::max(most, f.stacks.chunks_in_use());
    ASSERT_LE(f.stacks.chunks_in_use(), SlotStacks::MaxChunks(kCapacity, kSlots));
  }
  EXPECT_GT(most, kSlots / 2) << "the churn must come near the bound to show anything";
}

}  // namespace
}  // namespace coretrack
