// FlowTable against std::unordered_map over random operations, at loads up to full tables.
#include <gtest/gtest.h>

#include <deque>
#include <ostream>
#include <random>
#include <unordered_map>
#include <vector>

#include "tests/flow/test_table.h"

namespace coretrack {
namespace {

struct Case {
  uint32_t capacity;
  bool ipv6;
  double load;         // of the slots, held by inserting below it and erasing above it
  uint64_t hash_mask;  // fewer bits: more equal tags, steps and homes
  uint32_t operations;
};
void PrintTo(const Case& c, std::ostream* os) {
  *os << c.capacity << (c.ipv6 ? " v6 load " : " v4 load ") << c.load;
}

struct KeyHasher {
  size_t operator()(const FlowKey& key) const { return Mix(PlainHash(key).value); }
};

class Model : public testing::TestWithParam<Case> {
 protected:
  FlowHash HashOf(const FlowKey& key) const {
    return {(PlainHash(key).value & GetParam().hash_mask) | 1};
  }
  // All the ways to ask agree with the model; the slot's contents are the flow's own.
  void Check(const FlowKey& key, uint32_t id) {
    const FlowHash hash = HashOf(key);
    const auto it = flows_.find(key);
    const FlowIndex expected = it == flows_.end() ? FlowIndex::kNone : it->second;
    ASSERT_EQ(table_->Find(key, hash), expected);
    ASSERT_EQ(table_->Find(key, hash, table_->LineOrNull(table_->Candidate(hash))), expected);
    ASSERT_EQ(table_->Find(key, hash, table_->LineOrNull(stale_)), expected);
    ASSERT_EQ(table_->Find(key, hash, table_->LineOrNull(table_->FartherCandidate(hash))),
              expected);
    if (expected == FlowIndex::kNone) return;
    ASSERT_EQ(table_->line(expected).LoadOwned<FlowLine>().protocol_words[7], id);
    ASSERT_EQ(table_->KeyAt(expected), key);
    stale_ = expected;
  }
  void Insert(const FlowKey& key, uint32_t id) {
    const FlowIndex index = table_->Insert(key, HashOf(key));
    if (index == FlowIndex::kNone) {
      ++refusals_;
      // A table of kMaxProbe buckets or fewer is searched whole.
      if (FlowTable::PlanFor(GetParam().capacity).buckets() <= FlowTable::kMaxProbe) {
        ASSERT_EQ(table_->size(), table_->slots());
      }
      return;
    }
    ASSERT_TRUE(table_->Contains(index));
    bool& taken = taken_[Raw(index) - table_->first_index()];
    ASSERT_FALSE(taken);
    taken = true;
    Publish(*table_, index, id);
    flows_[key] = index;
  }
  void Erase(const FlowKey& key) {
    const auto it = flows_.find(key);
    table_->Erase(it->second, HashOf(key));
    taken_[Raw(it->second) - table_->first_index()] = false;
    flows_.erase(it);
  }

  TestTable table_{{.capacity = GetParam().capacity, .ipv6 = GetParam().ipv6, .first_index = 1000}};
  std::unordered_map<FlowKey, FlowIndex, KeyHasher> flows_;
  std::deque<bool> taken_ = std::deque<bool>(table_->slots());
  FlowIndex stale_ = FlowIndex::kNone;
  uint64_t refusals_ = 0;
};

TEST_P(Model, AgreesOverRandomOperations) {
  const Case& c = GetParam();
  std::mt19937_64 random(20260101);
  const uint32_t slots = table_->slots();
  const uint32_t universe = slots + slots / 2 + 8;
  const auto wanted = static_cast<uint32_t>(c.load * slots);
  for (uint32_t n = 0; n < c.operations; ++n) {
    const auto id = static_cast<uint32_t>(random() % universe);
    const FlowKey key = KeyOf(id, c.ipv6);
    const bool present = flows_.contains(key);
    const uint64_t dice = random() % 8;
    if (!present && dice >= 3 && (flows_.size() < wanted || dice == 3)) {
      Insert(key, id);
    } else if (present && dice >= 3 && (flows_.size() >= wanted || dice == 3)) {
      Erase(key);
    } else {
      Check(key, id);
    }
    if (HasFatalFailure()) return;
    ASSERT_EQ(table_->size(), flows_.size());
  }
  EXPECT_GE(flows_.size(), c.load < 1 ? wanted * 9 / 10 : wanted * 8 / 10);
  if (c.load >= 1) {
    EXPECT_GT(refusals_, 0u);
  }
  for (uint32_t id = 0; id < universe && !HasFatalFailure(); ++id) Check(KeyOf(id, c.ipv6), id);
  while (!flows_.empty()) Erase(FlowKey(flows_.begin()->first));
  EXPECT_EQ(table_->size(), 0u);
  EXPECT_EQ(table_->OverflowSum(), 0u);
}

constexpr uint64_t kAll = ~uint64_t{0};
constexpr uint64_t kFewTags = 0xffff'ffff'ffff'0003;
constexpr uint64_t kFewOfAll = 0xf800'0000'8000'0001;
INSTANTIATE_TEST_SUITE_P(
    , Model,
    testing::Values(
        Case{1, false, 1.1, kAll, 200'000}, Case{1, true, 0.5, kAll, 200'000},
        Case{200, false, 1.1, kAll, 500'000}, Case{420, true, 1.2, kFewTags, 500'000},
        Case{20'000, false, 0.5, kAll, 1'500'000}, Case{20'000, true, 0.85, kAll, 2'000'000},
        Case{20'000, false, 0.85, kFewTags, 1'500'000}, Case{20'000, false, 1.01, kAll, 3'000'000},
        Case{20'000, true, 0.997, kAll, 1'500'000}, Case{130'000, false, 0.9, kAll, 3'000'000},
        Case{130'000, true, 1.01, kAll, 3'000'000}, Case{2'000, false, 1.0, kFewOfAll, 500'000},
        Case{2'000, true, 1.0, kFewTags, 500'000}));

}  // namespace
}  // namespace coretrack
