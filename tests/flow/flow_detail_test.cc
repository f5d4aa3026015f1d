// What is kept of a flow in 40 bytes, and what becomes of counts that are too large for these.
#include "dataplane/flow/flow_detail.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

#include "tests/flow/test_table.h"

namespace coretrack {
namespace {

using namespace detail_word;

constexpr uint64_t kMostPackets = PackedUint<5>::kMax, kMostBytes = PackedUint<6>::kMax;

// All that a flow may have that is not wide.
FlowDetail Largest() {
  FlowDetail detail;
  detail.mss = {65495, 65535};
  detail.flags = 0xffff;
  detail.offered_scales = 0xff;
  detail.small = 0xff;
  detail.history = 0x7fff;
  detail.related_icmp = 15;
  detail.handshake_rtt_us = {FlowDetail::kMaxRtt, FlowDetail::kMaxRtt};
  detail.retransmits = {63, 63};
  detail.out_of_window = {15, 15};
  detail.packets = {kMaxPackets, kMaxPackets};
  detail.bytes = {kMaxBytes, kMaxBytes};
  detail.start_us = FlowDetail::kStartMask;
  return detail;
}

// Over what was there before.
FlowDetail Unpacked(const PackedDetail& packed) {
  FlowDetail detail = Largest();
  Unpack(packed, &detail);
  return detail;
}

TEST(FlowDetail, HoldsTheLargestOfEachFieldAndOneOfThemAlone) {
  ASSERT_TRUE(FitsNarrow(Largest()));
  EXPECT_EQ(Unpacked(Pack(Largest())), Largest());
  EXPECT_EQ(Unpacked(Pack({})), FlowDetail());
  EXPECT_EQ(Pack(FlowDetail()).words, DetailWords{});
  // A field of one of them, all others of the other: they do not touch.
  const auto mixed = [](int field, const FlowDetail& of, FlowDetail into) {
    int n = 0;
    const auto take = [&](auto FlowDetail::*member) {
      if (n++ == field) into.*member = of.*member;
    };
    const auto take_each = [&](auto FlowDetail::*member) {
      for (size_t d = 0; d < 2; ++d) {
        if (n++ == field) (into.*member)[d] = (of.*member)[d];
      }
    };
    take(&FlowDetail::flags);
    take(&FlowDetail::offered_scales);
    take(&FlowDetail::small);
    take(&FlowDetail::history);
    take(&FlowDetail::related_icmp);
    take(&FlowDetail::start_us);
    take_each(&FlowDetail::mss);
    take_each(&FlowDetail::handshake_rtt_us);
    take_each(&FlowDetail::retransmits);
    take_each(&FlowDetail::out_of_window);
    take_each(&FlowDetail::packets);
    take_each(&FlowDetail::bytes);
    EXPECT_GT(n, field);
    return into;
  };
  for (int field = 0; field < 18; ++field) {
    for (const FlowDetail& detail :
         {mixed(field, Largest(), {}), mixed(field, FlowDetail(), Largest())}) {
      EXPECT_EQ(Unpacked(Pack(detail)), detail) << field;
    }
  }
}

TEST(FlowDetail, WhatDoesNotFitSaturates) {
  FlowDetail much = Largest();
  much.related_icmp = 200;
  much.handshake_rtt_us = {~0u, FlowDetail::kMaxRtt + 1};
  much.retransmits = {64, 65535};
  much.out_of_window = {16, 65535};
  much.packets = {kMaxPackets + 1, kMostPackets};
  much.bytes = {kMaxBytes + 1, kMostBytes};
  EXPECT_EQ(Unpacked(Pack(much)), Largest());
}

class WideFlows : public testing::TestWithParam<bool> {
 protected:
  FlowKey Key(uint32_t id) const { return KeyOf(id, GetParam()); }
  FlowIndex Open(uint32_t id) {
    const FlowIndex index = table_->Insert(Key(id), PlainHash(Key(id)));
    EXPECT_NE(index, FlowIndex::kNone);
    Publish(*table_, index, id);
    return index;
  }
  void Store(FlowIndex index, const FlowDetail& detail) {
    AtomicLine& line = table_->line(index);
    const auto value = line.LoadOwned<FlowLine>();
    BeginWrite(line);
    table_->StoreDetail(index, detail);
    EndWrite(line, value);
  }
  // What the owner sees, and what others do.
  FlowDetail Seen(FlowIndex index) {
    EXPECT_TRUE(table_->Read(index, &copy_));
    EXPECT_EQ(copy_.detail, DetailOf(*table_, index));
    return copy_.detail;
  }
  TestTable table_{{.capacity = 10'000, .ipv6 = GetParam(), .first_index = 62}};
  FlowCopy copy_{};  // one for all, as a scan has: nothing of the flow before may stay
};
INSTANTIATE_TEST_SUITE_P(Ipv, WideFlows, testing::Bool(), IpVersionName);

TEST_P(WideFlows, EachCountMakesAFlowWideAndItsOtherFieldsStay) {
  std::vector<FlowDetail> wide;
  const auto add = [&](auto change) {
    for (size_t d = 0; d < 2; ++d) {
      wide.push_back(Largest());
      change(wide.back(), d);
    }
  };
  add([](FlowDetail& detail, size_t d) { ++detail.retransmits[d]; });
  add([](FlowDetail& detail, size_t d) { ++detail.out_of_window[d]; });
  add([](FlowDetail& detail, size_t d) { ++detail.packets[d]; });
  add([](FlowDetail& detail, size_t d) { ++detail.bytes[d]; });
  add([](FlowDetail& detail, size_t) {
    detail.retransmits = detail.out_of_window = {65535, 65535};
    detail.packets = {kMostPackets, kMostPackets};
    detail.bytes = {kMostBytes, kMostBytes};
  });
  std::vector<FlowIndex> flows;
  for (uint32_t id = 0; id < wide.size(); ++id) {
    flows.push_back(Open(id));
    Store(flows[id], wide[id]);
  }
  EXPECT_EQ(table_->wide().used(), wide.size());
  for (uint32_t id = 0; id < wide.size(); ++id) EXPECT_EQ(Seen(flows[id]), wide[id]) << id;
  // It stays wide, in the same record, when the counts are small again.
  for (uint32_t id = 0; id < wide.size(); ++id) Store(flows[id], FlowDetail());
  for (uint32_t id = 0; id < wide.size(); ++id) EXPECT_EQ(Seen(flows[id]), FlowDetail());
  EXPECT_EQ(table_->wide().used(), wide.size());
  for (uint32_t id = 0; id < wide.size(); ++id) table_->Erase(flows[id], PlainHash(Key(id)));
  EXPECT_EQ(table_->wide().used(), 0u);
  EXPECT_EQ(table_->wide().missed(), 0u);
}

TEST_P(WideFlows, AddedCountsAreExactAcrossTheLimit) {
  const FlowIndex index = Open(1);
  FlowDetail detail;
  detail.mss = {1, 2};
  detail.out_of_window = {3, 4};
  detail.retransmits = {5, 6};
  detail.packets = {kMaxPackets - 300, kMaxPackets};
  detail.bytes = {kMaxBytes - 100'000, 0};
  Store(index, detail);
  EXPECT_EQ(table_->wide().used(), 0u);
  for (int round = 0; round < 10; ++round) {
    for (const unsigned d : {0u, 1u}) {
      table_->AddCounts(index, d, 255, 65'535);
      detail.packets[d] += 255;
      detail.bytes[d] += 65'535;
      ASSERT_EQ(Seen(index), detail) << round;
    }
  }
  EXPECT_EQ(table_->wide().used(), 1u);
  // Just below it, at it, above it.
  for (const uint64_t over : {0, 1, 2}) {
    for (const unsigned d : {0u, 1u}) {
      for (const bool packets : {false, true}) {
        const FlowIndex other = Open(static_cast<uint32_t>(2 + over * 4 + d * 2 + packets));
        FlowDetail sums{.out_of_window = {3, 4}};
        (packets ? sums.packets : sums.bytes)[d] =
            packets ? kMaxPackets - 255 - 1 + over : kMaxBytes - 65'535 - 1 + over;
        Store(other, sums);
        table_->AddCounts(other, d, 255, 65'535);
        sums.packets[d] += 255;
        sums.bytes[d] += 65'535;
        EXPECT_EQ(Seen(other), sums) << over << d << packets;
      }
    }
  }
  EXPECT_EQ(table_->wide().used(), 1u + 4);
  // And at the last that anything holds.
  detail.packets[0] = kMostPackets - 10;
  detail.bytes[0] = kMostBytes;
  Store(index, detail);
  table_->AddCounts(index, 0, 255, 65'535);
  detail.packets[0] = kMostPackets;
  EXPECT_EQ(Seen(index), detail);
}

// As a reader may find a flow that becomes wide: the mark, and no record's number yet.
TEST_P(WideFlows, ANumberOfNoRecordIsNotLookedAt) {
  const FlowIndex index = Open(1);
  table_->detail(index).words[1] = kWide;
  table_->detail(index).words[2] = 0xffffffff;
  FlowCopy copy;
  EXPECT_TRUE(table_->Read(index, &copy));
}

TEST_P(WideFlows, WhoIsOutOfWindowOftenLeavesHalfOfTheRecordsToWhoHasManyBytes) {
  const uint32_t records = table_->wide().size();
  ASSERT_GE(records, 4096u);
  ASSERT_LE(records, 10'000u / 2);
  FlowDetail out_of_window, bytes;
  out_of_window.out_of_window[0] = 16;
  bytes.bytes[1] = kMaxBytes + 1;
  std::vector<FlowIndex> flows;
  for (uint32_t id = 0; id < records + 2; ++id) flows.push_back(Open(id));
  uint32_t id = 0;
  for (; id < records / 2; ++id) Store(flows[id], out_of_window);
  EXPECT_EQ(table_->wide().used(), records / 2);
  Store(flows[id], out_of_window);
  EXPECT_EQ(Seen(flows[id]).out_of_window[0], 15);
  EXPECT_EQ(table_->wide().missed(), 1u);
  for (; id < records; ++id) {
    Store(flows[id], bytes);
    ASSERT_EQ(Seen(flows[id]), bytes);
  }
  // None is left: what fits is kept.
  Store(flows[id], bytes);
  EXPECT_EQ(Seen(flows[id]).bytes[1], kMaxBytes);
  EXPECT_EQ(table_->wide().missed(), 2u);
  // One that ends leaves its record to the next.
  table_->Erase(flows[7], PlainHash(Key(7)));
  Store(flows[id], bytes);
  EXPECT_EQ(Seen(flows[id]), bytes);
  for (id = 0; id < records; ++id) {
    if (id == 7) continue;
    ASSERT_EQ(Seen(flows[id]), id < records / 2 ? out_of_window : bytes) << id;
  }
}

// Random flows against what they should hold, in and out of records.
TEST_P(WideFlows, AreWhatWasStored) {
  std::mt19937_64 random(GetParam());
  constexpr uint32_t kFlows = 500;
  std::vector<FlowIndex> flows(kFlows, FlowIndex::kNone);
  std::vector<FlowDetail> held(kFlows);
  for (int round = 0; round < 200'000; ++round) {
    const auto id = static_cast<uint32_t>(random() % kFlows);
    if (flows[id] == FlowIndex::kNone) {
      flows[id] = Open(id);
      held[id] = DetailOf(*table_, flows[id]);
      ASSERT_EQ(held[id], (FlowDetail{.start_us = held[id].start_us}));
    }
    const auto up_to = [&](int bits) { return random() >> (64 - 1 - random() % bits); };
    FlowDetail& detail = held[id];
    const size_t d = random() % 2;
    switch (random() % 5) {
      case 0:
        table_->Erase(flows[id], PlainHash(Key(id)));
        flows[id] = FlowIndex::kNone;
        continue;
      case 1:
        detail.packets[d] = up_to(28);
        detail.retransmits[d] = static_cast<uint16_t>(up_to(7));
        break;
      case 2:
        detail.bytes[d] = up_to(36);
        detail.out_of_window[d] = static_cast<uint16_t>(up_to(5));
        break;
      case 3:
        table_->AddCounts(flows[id], static_cast<unsigned>(d), 200, 60'000);
        detail.packets[d] += 200;
        detail.bytes[d] += 60'000;
        ASSERT_EQ(Seen(flows[id]), detail) << round;
        continue;
      default:
        detail.history = static_cast<uint16_t>(up_to(15));
        detail.start_us = up_to(48);
        break;
    }
    Store(flows[id], detail);
    ASSERT_EQ(Seen(flows[id]), detail) << round;
  }
  uint32_t wide = 0;
  for (uint32_t id = 0; id < kFlows; ++id) {
    if (flows[id] == FlowIndex::kNone) continue;
    ASSERT_EQ(Seen(flows[id]), held[id]);
    wide += IsWide(LoadPacked(table_->detail(flows[id]), table_->origin(flows[id])));
  }
  EXPECT_GT(wide, 50u);
  EXPECT_EQ(table_->wide().used(), wide);
}

}  // namespace
}  // namespace coretrack
