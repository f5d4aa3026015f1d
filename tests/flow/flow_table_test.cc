#include "dataplane/flow/flow_table.h"

#include <gtest/gtest.h>

#include <random>

#include <algorithm>
#include <array>
#include <vector>

#include "dataplane/base/fetches.h"
#include "tests/flow/test_table.h"

namespace coretrack {
namespace {

class FlowTableTest : public testing::TestWithParam<bool> {
 protected:
  FlowKey Key(uint32_t id) const { return KeyOf(id, GetParam()); }
  TestTable table_{{.capacity = 3000, .ipv6 = GetParam(), .first_index = 77}};
};
INSTANTIATE_TEST_SUITE_P(Ipv, FlowTableTest, testing::Bool(), IpVersionName);

TEST_P(FlowTableTest, EmptyTableFindsNothing) {
  const FlowHash hash = PlainHash(Key(1));
  EXPECT_EQ(table_->Candidate(hash), FlowIndex::kNone);
  EXPECT_EQ(table_->Find(Key(1), hash), FlowIndex::kNone);
  EXPECT_EQ(table_->Find(Key(1), hash, nullptr), FlowIndex::kNone);
  EXPECT_EQ(table_->size(), 0u);
  FlowCopy copy;
  for (uint32_t i = 0; i < table_->slots(); ++i) {
    const FlowIndex index{table_->first_index() + i};
    EXPECT_TRUE(table_->LooksEmpty(index));
    EXPECT_FALSE(table_->Read(index, &copy));
  }
}

TEST_P(FlowTableTest, InsertFindErase) {
  const FlowHash hash = PlainHash(Key(1));
  const FlowIndex index = table_->Insert(Key(1), hash);
  ASSERT_NE(index, FlowIndex::kNone);
  EXPECT_TRUE(table_->Contains(index));
  EXPECT_EQ(table_->size(), 1u);
  EXPECT_EQ(table_->Candidate(hash), index);
  EXPECT_EQ(table_->Find(Key(1), hash), index);
  EXPECT_EQ(table_->Find(Key(1), hash, table_->LineOrNull(index)), index);
  EXPECT_EQ(table_->KeyAt(index), Key(1));
  EXPECT_FALSE(table_->LooksEmpty(index));
  table_->Erase(index, hash);
  EXPECT_EQ(table_->size(), 0u);
  EXPECT_EQ(table_->Find(Key(1), hash), FlowIndex::kNone);
  EXPECT_TRUE(table_->LooksEmpty(index));
}

TEST_P(FlowTableTest, EveryAttributeOfTheKeyMakesAnotherFlow) {
  // Equal hashes, so that nothing but the comparison of keys tells them apart.
  const FlowHash hash{0x123456789abcdef1};
  std::vector<FlowKey> keys(1, Key(0));
  const auto add = [&](auto change) {
    FlowKey key = Key(0);
    change(key);
    keys.push_back(key);
  };
  for (uint32_t bit = 0; bit < 32; ++bit) {
    add([&](FlowKey& key) { key.ports ^= 1u << bit; });
    add([&](FlowKey& key) { key.context ^= 1u << bit; });
  }
  for (uint8_t zone = 1; zone < kMaxZones; ++zone) add([&](FlowKey& key) { key.zone = zone; });
  for (size_t word = 0; word < (GetParam() ? 4u : 1u); ++word) {
    for (uint32_t bit = 0; bit < 64; ++bit) {
      add([&](FlowKey& key) { key.address[word] ^= uint64_t{1} << bit; });
    }
  }
  std::vector<FlowIndex> indices;
  for (const FlowKey& key : keys) {
    for (const FlowIndex other : indices) {
      ASSERT_EQ(table_->Find(key, hash, table_->LineOrNull(other)), FlowIndex::kNone);
    }
    indices.push_back(table_->Insert(key, hash));
    ASSERT_NE(indices.back(), FlowIndex::kNone);
    Publish(*table_, indices.back(), 0);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(table_->Find(keys[i], hash), indices[i]);
    EXPECT_EQ(table_->KeyAt(indices[i]), keys[i]);
  }
}

TEST_P(FlowTableTest, FlagsBesideTheZoneAreNotTheKey) {
  const FlowHash hash = PlainHash(Key(32));
  const FlowIndex index = table_->Insert(Key(32), hash);
  auto line = table_->line(index).LoadOwned<FlowLine>();
  line.state = 200;
  line.zone_flags |= static_cast<uint8_t>(~flow_flag::kZoneMask);
  line.scales = 0xff;
  line.max_window = {0xff, 0xff};
  line.bytes = {0xffff, 0xffff};
  BeginWrite(table_->line(index));
  EndWrite(table_->line(index), line);
  EXPECT_EQ(table_->Find(Key(32), hash, table_->LineOrNull(index)), index);
  EXPECT_EQ(table_->KeyAt(index), Key(32));
}

TEST_P(FlowTableTest, StaleCandidatesAreHarmless) {
  const FlowHash hash = PlainHash(Key(1));
  FillButOne(*table_);
  const FlowIndex index = table_->Insert(Key(1), hash);
  Publish(*table_, index, 0);
  table_->Erase(index, hash);
  EXPECT_EQ(table_->Find(Key(1), hash, table_->LineOrNull(index)),
            FlowIndex::kNone);                     // erased since
  ASSERT_EQ(table_->Insert(Key(2), hash), index);  // taken by another since
  Publish(*table_, index, 0);
  EXPECT_EQ(table_->Find(Key(1), hash, table_->LineOrNull(index)), FlowIndex::kNone);
  table_->Erase(table_->Find(KeyOf(1'000'000, GetParam()), PlainHash(KeyOf(1'000'000, GetParam()))),
                PlainHash(KeyOf(1'000'000, GetParam())));
  const FlowIndex again = table_->Insert(Key(1), hash);  // inserted elsewhere since
  EXPECT_EQ(table_->Find(Key(1), hash, table_->LineOrNull(index)), again);
  EXPECT_EQ(table_->Find(Key(1), hash, nullptr), again);
}

TEST_P(FlowTableTest, InsertClearsAllButVersionAndStart) {
  const FlowHash hash = PlainHash(Key(1));
  FillButOne(*table_);
  const FlowIndex index = table_->Insert(Key(1), hash);
  EXPECT_EQ(DetailOf(*table_, index), FlowDetail());
  LineWords ones;
  ones.fill(~uint64_t{0});
  auto line = std::bit_cast<FlowLine>(ones);
  constexpr uint64_t kStartUs = 0x123456'abcdef;
  BeginWrite(table_->line(index));
  for (std::atomic<uint64_t>& word : table_->detail(index).words)
    word = ~detail_word::kWide;  // (a record that nobody has taken)
  table_->origin(index) = ~FlowDetail::kStartMask | kStartUs;
  EndWrite(table_->line(index), line);
  const uint8_t version = table_->line(index).LoadOwned<FlowLine>().version;
  table_->Erase(index, hash);
  ASSERT_EQ(table_->Insert(Key(2), hash), index) << "the only one that is free";
  line = table_->line(index).LoadOwned<FlowLine>();
  EXPECT_EQ(line.version, static_cast<uint8_t>(version + 4));  // an erasure and an insertion
  FlowLine expected{};
  expected.version = line.version;
  expected.context = Key(2).context;
  expected.ports = Key(2).ports;
  expected.address = GetParam() ? hash.value : Key(2).address[0];
  EXPECT_EQ(std::bit_cast<LineWords>(line), std::bit_cast<LineWords>(expected));
  // Nothing else survives.
  EXPECT_EQ(DetailOf(*table_, index), (FlowDetail{.start_us = kStartUs}));
}

TEST_P(FlowTableTest, ALaterFlowOfASlotHasAnotherGeneration) {
  const FlowHash hash = PlainHash(Key(1));
  const FlowIndex slot = FillButOne(*table_);
  const auto open = [&](uint64_t now_us) {
    const FlowIndex index = table_->Insert(Key(1), hash);
    EXPECT_EQ(index, slot);
    const uint64_t start_us = table_->StartIn(index, now_us);
    table_->StoreDetail(index, {.start_us = start_us});
    EXPECT_EQ(DetailOf(*table_, index).start_us, start_us);
    table_->Erase(index, hash);
    return start_us;
  };
  constexpr uint64_t kAt = 1'795'000'000'000'007, kLow = kAt & FlowDetail::kStartMask;
  EXPECT_EQ(open(kAt), kLow);
  for (uint64_t n = 1; n < 1000; ++n) ASSERT_EQ(open(kAt), kLow + n) << "in the same microsecond";
  EXPECT_EQ(open(kAt + 1), kLow + 1000) << "and a little later";
  EXPECT_EQ(open(kAt + 2000), kLow + 2000);
  EXPECT_EQ(open(kAt + 2000 + (1 << 24)), kLow + 2000 + (1 << 24) + 1)
      << "equal in the bits that count";
  EXPECT_EQ(open(kAt - 3'600'000'000), kLow - 3'600'000'000) << "the clock was set back";
  EXPECT_EQ(open((uint64_t{7} << 48) - 1), FlowDetail::kStartMask);
  EXPECT_EQ(open((uint64_t{7} << 48) - 1), 0u) << "and within its bits";
}

TEST_P(FlowTableTest, ReadSeesAFlowFromItsFirstEndWriteToItsErasure) {
  const FlowHash hash = PlainHash(Key(9));
  const FlowIndex index = table_->Insert(Key(9), hash);
  FlowCopy copy;
  EXPECT_FALSE(table_->Read(index, &copy));
  Publish(*table_, index, 42);
  ASSERT_TRUE(table_->Read(index, &copy));
  EXPECT_EQ(copy.line.protocol_words[7], 42u);
  EXPECT_EQ(copy.line.ports, Key(9).ports);
  EXPECT_EQ(copy.detail, FlowDetail());
  EXPECT_EQ(copy.ipv6_address, GetParam() ? Key(9).address : (std::array<uint64_t, 4>{}));
  const FlowLine line = copy.line;
  BeginWrite(table_->line(index));
  EXPECT_FALSE(table_->Read(index, &copy));  // stopped inside a write: given up, not waited for
  EndWrite(table_->line(index), line);
  EXPECT_TRUE(table_->Read(index, &copy));
  table_->Erase(index, hash);
  EXPECT_FALSE(table_->Read(index, &copy));
  EXPECT_FALSE(table_->Read(FlowIndex{table_->first_index() - 1}, &copy));
  EXPECT_FALSE(table_->Read(FlowIndex{table_->first_index() + table_->slots()}, &copy));
  EXPECT_FALSE(table_->Read(FlowIndex::kNone, &copy));
}

TEST_P(FlowTableTest, CandidatesOfABurstLeadToTheFlow) {
  // More flows than one bucket holds share a home, so that some are found in the second round.
  std::vector<FlowHash> hashes;
  std::vector<FlowIndex> indices;
  for (uint32_t id = 0; id < kMaxBurst; ++id) {
    const FlowHash hash{uint64_t{0xabcd} << 48 | (id % 2) << 30 | (id + 1) << 1 | 1};
    hashes.push_back(hash);
    indices.push_back(table_->Insert(Key(id), hash));
    Publish(*table_, indices.back(), id);
  }
  std::vector<FlowIndex> candidates(hashes.size());
  for (uint32_t id = 0; id < kMaxBurst; ++id) {
    candidates[id] = table_->Candidate(hashes[id]);
    if (candidates[id] == FlowIndex::kNone) candidates[id] = table_->FartherCandidate(hashes[id]);
  }
  EXPECT_EQ(candidates, indices);
  for (uint32_t id = 0; id < kMaxBurst; ++id) {
    EXPECT_EQ(table_->Find(Key(id), hashes[id], table_->LineOrNull(candidates[id])), indices[id]);
  }
  FlowHash absent{uint64_t{0xabcd} << 48 | 0xfff1};
  EXPECT_EQ(table_->Candidate(absent), FlowIndex::kNone);
  EXPECT_EQ(table_->FartherCandidate(absent), FlowIndex::kNone);
}

// Where the second bucket is that a flow may lie in.
const void* BucketBehindHome(const FlowTable& table, FlowHash hash) {
  const FlowTable::Plan plan = FlowTable::PlanFor(table.capacity());
  const uint64_t steps = std::max<uint64_t>(plan.region_buckets / FlowTable::kMaxProbe, 1);
  const uint64_t of_region = (hash.value >> 32) * plan.regions;
  const uint64_t home = (of_region & 0xffffffff) * plan.region_buckets >> 32;
  const uint64_t step = 1 + ((hash.value >> 16 & 0xffff) * steps >> 16);
  return table.HomeBucket(FlowHash{1}) + (of_region >> 32) * plan.region_buckets +
         (home + step) % plan.region_buckets;
}

// Sixteen at once say what one says: of flows that are there, there in another bucket, and absent.
void ExpectCandidateLinesAreTheCandidates(FlowTable& table) {
  const auto key = [&table](uint32_t id) { return KeyOf(id, table.ipv6()); };
  const uint32_t flows = table.slots() / 20 * 19;
  for (uint32_t id = 0; id < flows; ++id) {
    ASSERT_NE(table.Insert(key(id), PlainHash(key(id))), FlowIndex::kNone);
  }
  uint32_t found = 0, absent = 0, farther = 0, at_home = 0;
  for (uint32_t id = 0; id + kLanes <= 2 * flows; id += kLanes) {
    alignas(kCacheLine) std::array<FlowHash, kLanes> hashes;
    alignas(kCacheLine) std::array<AtomicLine*, kLanes> lines;
    for (uint32_t i = 0; i < kLanes; ++i) hashes[i] = PlainHash(key(id + i));
    Fetches fetches;
    table.FetchBuckets(hashes.data(), lines.data(), &fetches);
    for (uint32_t i = 0; i < kLanes; ++i) {
      ASSERT_EQ(lines[i], table.HomeBucket(hashes[i])) << id + i;
      ASSERT_EQ(fetches.addresses()[i], lines[i]) << id + i;
    }
    fetches.Rest();
    const Mask may_be_farther = table.CandidateLines(hashes.data(), lines.data(), &fetches);
    alignas(kCacheLine) std::array<FlowIndex, kLanes> indexes;
    table.IndexesOf(lines.data(), indexes.data());
    for (uint32_t i = 0; i < kLanes; ++i) {
      ASSERT_EQ(lines[i], table.CandidateLine(hashes[i])) << id + i;
      const AtomicLine* const home = table.HomeBucket(hashes[i]);
      const bool passed = reinterpret_cast<const Bucket*>(home)->MayBePassed();
      ASSERT_EQ(lines[i] == nullptr && passed, (may_be_farther >> i & 1) != 0) << id + i;
      if (lines[i] != nullptr) {
        ASSERT_EQ(fetches.addresses()[i], lines[i]) << id + i;
        ASSERT_EQ(indexes[i], table.IndexOf(*lines[i])) << id + i;
      } else {
        ASSERT_EQ(fetches.addresses()[i], passed ? BucketBehindHome(table, hashes[i]) : home)
            << id + i;
        ++(passed ? farther : at_home);
      }
      ++(lines[i] != nullptr ? found : absent);
    }
  }
  EXPECT_GT(found, flows / 2);
  EXPECT_GT(absent, flows / 2);
  EXPECT_GT(farther, flows / 20);
  EXPECT_GT(at_home, flows / 2);
}

TEST_P(FlowTableTest, CandidateLinesAreTheCandidates) {
  ExpectCandidateLinesAreTheCandidates(*table_);
}

TEST_P(FlowTableTest, AlsoInATableOfSeveralRegions) {
  TestTable large({.capacity = 200'000, .ipv6 = GetParam()});
  ASSERT_GT(FlowTable::PlanFor(200'000).regions, 2u);
  ExpectCandidateLinesAreTheCandidates(*large);
}

// The same of flows of two tables, of different sizes: each in its own.
TEST(FlowTables, CandidateLinesOfBothAreTheCandidatesOfEach) {
  TestTable ipv4({.capacity = 130'000, .ipv6 = false}), ipv6({.capacity = 500, .ipv6 = true});
  const auto table = [&](bool six) -> FlowTable& { return six ? *ipv6 : *ipv4; };
  for (const bool six : {false, true}) {
    for (uint32_t id = 0; id < table(six).slots() / 20 * 19; ++id)
      ASSERT_NE(table(six).Insert(KeyOf(id, six), PlainHash(KeyOf(id, six))), FlowIndex::kNone);
  }
  std::mt19937 random(1);
  uint32_t found[2] = {}, absent[2] = {};
  for (uint32_t round = 0; round < 320'000 / kLanes; ++round) {
    const auto is_ipv6 = static_cast<Mask>(random());
    const auto six = [is_ipv6](uint32_t i) { return (is_ipv6 >> i & 1) != 0; };
    alignas(kCacheLine) std::array<FlowHash, kLanes> hashes;
    alignas(kCacheLine) std::array<AtomicLine*, kLanes> lines;
    for (uint32_t i = 0; i < kLanes; ++i)
      hashes[i] =
          PlainHash(KeyOf(static_cast<uint32_t>(random() % (2 * table(six(i)).slots())), six(i)));
    Fetches fetches;
    FlowTable::FetchBuckets(*ipv4, *ipv6, is_ipv6, hashes.data(), lines.data(), &fetches);
    for (uint32_t i = 0; i < kLanes; ++i) {
      ASSERT_EQ(lines[i], table(six(i)).HomeBucket(hashes[i]));
      ASSERT_EQ(fetches.addresses()[i], lines[i]);
    }
    fetches.Rest();
    const Mask may_be_farther =
        FlowTable::CandidateLines(*ipv4, *ipv6, is_ipv6, hashes.data(), lines.data(), &fetches);
    for (uint32_t i = 0; i < kLanes; ++i) {
      ASSERT_EQ(lines[i], table(six(i)).CandidateLine(hashes[i]));
      // What is fetched is what the table alone has fetched.
      alignas(kCacheLine) std::array<FlowHash, kLanes> same;
      alignas(kCacheLine) std::array<AtomicLine*, kLanes> same_lines;
      same.fill(hashes[i]);
      Fetches alone;
      table(six(i)).FetchBuckets(same.data(), same_lines.data(), &alone);
      alone.Rest();
      const Mask all = table(six(i)).CandidateLines(same.data(), same_lines.data(), &alone);
      ASSERT_EQ(may_be_farther >> i & 1, all & 1u);
      ASSERT_EQ(fetches.addresses()[i], alone.addresses()[0]);
      const auto* const behind = static_cast<const char*>(fetches.addresses()[i]) +
                                 (six(i) && lines[i] != nullptr ? kCacheLine : 0);
      ASSERT_EQ(fetches.seconds()[i], behind);
      ++(lines[i] != nullptr ? found : absent)[six(i)];
    }
  }
  for (const bool six : {false, true}) {
    EXPECT_GT(found[six], 5000u);
    EXPECT_GT(absent[six], 5000u);
  }
}

// A home bucket's overflow count lies beside its tags, and may be the same number as the tag that is looked for.
TEST_P(FlowTableTest, WhatIsAbsentIsNotThere) {
  const uint32_t count = table_->slots() / 20 * 17;
  uint32_t absent = 0, far = 0, equal_tags = 0;
  for (uint32_t id = 0; id < count; ++id) {
    equal_tags += !table_->LookAtHome(PlainHash(Key(id))).absent && table_->OverflowSum() == 0;
    ASSERT_NE(table_->Insert(Key(id), PlainHash(Key(id))), FlowIndex::kNone);
  }
  EXPECT_LT(equal_tags, count / 100) << "1 in some 3,000 meets one in its bucket";
  for (uint32_t id = 0; id < count; ++id) {
    const FlowHash hash = PlainHash(Key(id));
    EXPECT_FALSE(table_->LookAtHome(hash).absent);
    far += table_->Candidate(hash) == FlowIndex::kNone;
    const FlowTable::Home home = table_->LookAtHome(PlainHash(Key(count + id)));
    absent += home.absent;
    const auto* bucket =
        reinterpret_cast<const Bucket*>(table_->HomeBucket(PlainHash(Key(count + id))));
    for (uint32_t i = 0; i < Bucket::kFlows; ++i)
      ASSERT_EQ(home.empty >> i & 1, bucket->tags[i] == 0 ? 1u : 0u);
    ASSERT_EQ(home.empty >> Bucket::kFlows, 0u);
  }
  EXPECT_GT(far, 0u) << "no flow lies past a full bucket";
  EXPECT_GT(absent, count / 2);
}

TEST_P(FlowTableTest, TheOverflowCountIsNoTag) {
  for (uint32_t id = 0; id <= Bucket::kFlows; ++id) {
    // All of bucket 0, one more than it has room for; none with the tag 1.
    ASSERT_NE(table_->Insert(Key(id), FlowHash{uint64_t{id} << 1 | 0x101}), FlowIndex::kNone);
  }
  ASSERT_EQ(table_->OverflowSum(), 1u);
  alignas(kCacheLine) std::array<FlowHash, kLanes> hashes;
  hashes.fill(FlowHash{1});
  alignas(kCacheLine) std::array<AtomicLine*, kLanes> lines;
  Fetches fetches;
  table_->FetchBuckets(hashes.data(), lines.data(), &fetches);
  fetches.Rest();
  EXPECT_EQ(table_->CandidateLines(hashes.data(), lines.data(), &fetches), kEach);
  for (uint32_t i = 0; i < kLanes; ++i) {
    EXPECT_EQ(lines[i], nullptr);
    EXPECT_EQ(table_->CandidateLine(hashes[i]), nullptr);
  }
}

}  // namespace
}  // namespace coretrack
