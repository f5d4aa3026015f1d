// Hashes chosen by an enemy: bounded work, refusals that are said, nothing lost, nothing left over.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/flow/test_table.h"

namespace coretrack {
namespace {

struct Placed {
  uint32_t id;
  FlowHash hash;
  FlowIndex index;
};

void ExpectAllThere(TestTable& table, const std::vector<Placed>& placed, bool ipv6) {
  for (const Placed& p : placed) {
    ASSERT_EQ(table->Find(KeyOf(p.id, ipv6), p.hash), p.index);
    ASSERT_EQ(table->line(p.index).LoadOwned<FlowLine>().protocol_words[7], p.id);
  }
}

void ExpectEmpty(TestTable& table) {
  EXPECT_EQ(table->size(), 0u);
  EXPECT_EQ(table->OverflowSum(), 0u);
  for (uint32_t i = 0; i < table->slots(); ++i) ASSERT_TRUE(table->LooksEmpty(FlowIndex{i}));
}

class EqualHashes : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Ipv, EqualHashes, testing::Bool(), IpVersionName);

TEST_P(EqualHashes, FillTheirBucketsAndNoMore) {
  constexpr uint32_t kRoom = FlowTable::kMaxProbe * Bucket::kFlows;
  TestTable table({.capacity = 100000, .ipv6 = GetParam()});
  for (const uint64_t value : {uint64_t{0}, ~uint64_t{0}, uint64_t{0x8000'0000'ffff'0001}}) {
    const FlowHash hash{value | 1};
    std::vector<Placed> placed;
    for (uint32_t id = 0; id < kRoom; ++id) {
      const FlowIndex index = table->Insert(KeyOf(id, GetParam()), hash);
      ASSERT_NE(index, FlowIndex::kNone) << id;
      Publish(*table, index, id);
      placed.push_back({id, hash, index});
    }
    const uint64_t sum = table->OverflowSum();
    EXPECT_EQ(sum,
              uint64_t{Bucket::kFlows} * FlowTable::kMaxProbe * (FlowTable::kMaxProbe - 1) / 2);
    for (uint32_t id = kRoom; id < kRoom + 100; ++id) {
      ASSERT_EQ(table->Insert(KeyOf(id, GetParam()), hash), FlowIndex::kNone);
      ASSERT_EQ(table->Find(KeyOf(id, GetParam()), hash), FlowIndex::kNone);
    }
    EXPECT_EQ(table->size(), kRoom);
    EXPECT_EQ(table->OverflowSum(), sum);  // a refusal changes nothing
    ExpectAllThere(table, placed, GetParam());
    std::shuffle(placed.begin(), placed.end(), std::mt19937(7));
    while (!placed.empty()) {
      table->Erase(placed.back().index, hash);
      placed.pop_back();
      if (placed.size() % 64 == 0) ExpectAllThere(table, placed, GetParam());
    }
    ExpectEmpty(table);
  }
}

TEST(Region, ThatIsFullRefusesAndTheOthersDoNot) {
  constexpr uint32_t kCapacity = 128'000;
  TestTable table({.capacity = kCapacity});
  const FlowTable::Plan plan = FlowTable::PlanFor(kCapacity);
  ASSERT_EQ(plan.regions, 2u);
  ASSERT_GT(plan.region_slots, 65'000u);
  std::mt19937_64 random(3);
  std::vector<Placed> placed;
  uint32_t refused = 0;
  const auto insert = [&](uint32_t id, FlowHash hash) {
    const FlowIndex index = table->Insert(KeyOf(id, false), hash);
    if (index == FlowIndex::kNone) {
      ++refused;
      return;
    }
    Publish(*table, index, id);
    placed.push_back({id, hash, index});
  };
  for (uint32_t id = 0; id < 80'000; ++id) insert(id, FlowHash{random() >> 1 | 1});
  EXPECT_EQ(placed.size(), plan.region_slots);
  EXPECT_EQ(refused + placed.size(), 80'000u);
  const uint64_t sum = table->OverflowSum();
  for (uint32_t id = 80'000; id < 80'100; ++id) {
    ASSERT_EQ(table->Insert(KeyOf(id, false), FlowHash{random() >> 1 | 1}), FlowIndex::kNone);
  }
  EXPECT_EQ(table->OverflowSum(), sum) << "a refusal changes nothing";
  for (uint32_t id = 80'000; id < 81'000; ++id)
    insert(id, FlowHash{uint64_t{1} << 63 | random() | 1});
  EXPECT_EQ(placed.size(), plan.region_slots + 1000);
  ExpectAllThere(table, placed, false);
  std::shuffle(placed.begin(), placed.end(), random);
  for (const Placed& p : placed) table->Erase(p.index, p.hash);
  ExpectEmpty(table);
}

}  // namespace
}  // namespace coretrack
