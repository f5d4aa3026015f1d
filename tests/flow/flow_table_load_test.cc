// How full it gets, and sizes at both ends of the range.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/flow/test_table.h"

namespace coretrack {
namespace {

TEST(Load, NothingIsRefusedUpToCapacity) {
  std::vector<uint32_t> capacities = {1u << 16, 100'000, 1u << 20};
  for (uint32_t c = 1; c < 1200; c += c < 64 ? 1 : 37) capacities.push_back(c);
  uint32_t id = 0;
  for (const uint32_t capacity : capacities) {
    for (int round = 0; round < (capacity < 10000 ? 20 : 1); ++round) {
      TestTable table({.capacity = capacity});
      for (uint32_t i = 0; i < capacity; ++i) {
        const FlowKey key = KeyOf(++id, false);
        ASSERT_NE(table->Insert(key, PlainHash(key)), FlowIndex::kNone) << i << " of " << capacity;
      }
      EXPECT_EQ(table->size(), capacity);
    }
  }
}

TEST(Load, GoesOnPastCapacityWhileThereIsRoom) {
  TestTable table({.capacity = 1u << 16});
  uint32_t id = 0;
  for (uint32_t refused = 0; refused == 0; ++id) {
    const FlowKey key = KeyOf(id, false);
    if (table->Insert(key, PlainHash(key)) == FlowIndex::kNone) ++refused;
  }
  EXPECT_GT(table->size(), FlowTable::kDesignLoad * table->slots());
}

TEST(Load, FewFlowsLieAwayFromHome) {
  TestTable table({.capacity = 1u << 20});
  uint32_t id = 0;
  const auto fill = [&](double load) {
    for (; id < load * table->slots(); ++id) {
      const FlowKey key = KeyOf(id, false);
      ASSERT_NE(table->Insert(key, PlainHash(key)), FlowIndex::kNone);
    }
  };
  fill(0.85);
  EXPECT_LT(table->OverflowSum(), 0.04 * table->size());
  fill(FlowTable::kDesignLoad);
  EXPECT_LT(table->OverflowSum(), 0.2 * table->size());
}

TEST(Shape, RegionsHaveRoomForTheCapacityAndForChance) {
  EXPECT_EQ(FlowTable::PlanFor(1).slots(), 64u);
  EXPECT_EQ(FlowTable::PlanFor(62).slots(), 64u);
  EXPECT_EQ(FlowTable::PlanFor(63).slots(), 128u);
  for (const uint32_t capacity :
       {1u, 100u, 64'000u, 64'001u, 1u << 20, 123456789u, FlowTable::kMaxCapacity}) {
    const FlowTable::Plan plan = FlowTable::PlanFor(capacity);
    const uint64_t slots = plan.slots();
    EXPECT_EQ(plan.region_slots % SlotPool::kWordSlots, 0u);
    EXPECT_LE(plan.region_slots, SlotPool::kMostSlots);
    EXPECT_GE(slots * FlowTable::kDesignLoad, capacity);
    EXPECT_GE(plan.buckets() * uint64_t{FlowTable::kSlotsPerBucket}, slots);
    const double share = 1.0 * capacity / plan.regions;
    if (plan.regions > 1) {
      EXPECT_GE(plan.region_slots, share + 4.99 * std::sqrt(share));
    }
    if (plan.regions == 1 || plan.regions > 3) {
      EXPECT_LT(slots, 1.002 * capacity / FlowTable::kDesignLoad + SlotPool::kWordSlots + 1);
    }
    EXPECT_LT(slots, Raw(FlowIndex::kNone));
    const auto whole_lines = [](size_t bytes) { return (bytes + 63) / 64 * 64; };
    const uint64_t records = std::max(slots / 32, std::min<uint64_t>(slots, 4096));
    const size_t both = size_t{plan.buckets()} * 64 + whole_lines(slots / 64 * 16) +
                        size_t{plan.regions} * 192 + whole_lines(slots * 8) +
                        whole_lines((slots + 63) / 64 * 8) + whole_lines(records * 32);
    EXPECT_EQ(FlowTable::ArenaBytes({.capacity = capacity}),
              both + slots * 64 + whole_lines(slots * 32));
    EXPECT_EQ(FlowTable::ArenaBytes({.capacity = capacity, .ipv6 = true}), both + slots * 128);
  }
}

TEST(Shape, TheLargestTableReachesItsLastSlots) {
  const FlowTable::Shape shape{.capacity = FlowTable::kMaxCapacity, .ipv6 = true};
  absl::StatusOr<Arena> arena = Arena::Create(FlowTable::ArenaBytes(shape), false);
  if (!arena.ok()) GTEST_SKIP() << "needs 250 GB of address space: " << arena.status();
  FlowTable table(shape, &*arena);
  std::vector<FlowIndex> indices;
  const std::vector<FlowHash> hashes = {{0x1}, {~uint64_t{0}}, {0x8000'0000'0000'0007}};
  for (uint32_t id = 0; id < 3 * 17; ++id) {  // two buckets from the first, the last and the middle
    indices.push_back(table.Insert(KeyOf(id, true), hashes[id % 3]));
    ASSERT_TRUE(table.Contains(indices.back()));
    Publish(table, indices.back(), id);
  }
  EXPECT_GT(Raw(*std::max_element(indices.begin(), indices.end())), 1u << 30);
  FlowCopy copy;
  for (uint32_t id = 0; id < indices.size(); ++id) {
    ASSERT_EQ(table.Find(KeyOf(id, true), hashes[id % 3]), indices[id]);
    ASSERT_TRUE(table.Read(indices[id], &copy));
    EXPECT_EQ(copy.line.protocol_words[7], id);
    EXPECT_EQ(copy.ipv6_address, KeyOf(id, true).address);
  }
}

}  // namespace
}  // namespace coretrack
