#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "control/query/flow_lines.h"
#include "control/query/flow_table_text.h"
#include "control/query/human.h"
#include "control/query/top_flows.h"
#include "tests/query/sample_flows.h"

namespace coretrack {
namespace {

using testing::SampleFlow;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string Table(FlowTableText::Options options, const std::vector<FlowRecord>& flows) {
  options.now_us = SampleFlow().start_us + 61'000'000;
  FlowTableText table(options);
  std::string text;
  for (const FlowRecord& flow : flows) table.Add(flow, &text);
  table.Finish(&text);
  return text;
}

TEST(Csv, HasAsManyFieldsAsItsHeader) {
  std::string line;
  AppendCsv(SampleFlow(), &line);
  EXPECT_EQ(std::ranges::count(line, ','), std::ranges::count(CsvHeader(), ','));
  EXPECT_EQ(line,
            "0300001234000007,3,tcp,,0,10.0.0.1,40312,TIME_WAIT,6,412,1460,7,true,true,"
            "10.0.0.2,80,CLOSED,5,5000,,,false,false,2026-01-01T00:00:00.000000Z,"
            "2026-01-01T00:00:01.234000Z,118200,true,false,active,ShADadFf,120,,0,0,0,0,false,0,0,"
            "false,true,2");
}

TEST(Conntrack, LooksLikeTheKernels) {
  std::string line;
  AppendConntrack(SampleFlow(), &line);
  EXPECT_EQ(
      line,
      "tcp      6 118 TIME_WAIT src=10.0.0.1 dst=10.0.0.2 sport=40312 dport=80 packets=6 "
      "bytes=412 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40312 packets=5 bytes=5000 "
      "[ASSURED] mark=0 zone=0 use=1 "
      "end=active related_icmp=2 history=ShADadFf rtt_us=120/- retransmits=0/0 out_of_window=0/0");
  FlowRecord echo = testing::Flow("1.1.1.1", 77, "2.2.2.2", 77, 1);
  echo.originator.packets = 1;
  line.clear();
  AppendConntrack(echo, &line);
  EXPECT_THAT(line, ::testing::StartsWith("icmp     1 0 src=1.1.1.1 dst=2.2.2.2 type=8 code=0 "
                                          "id=77 packets=1 bytes=0 [UNREPLIED] src=2.2.2.2"));
}

TEST(Table, FitsTheTerminalByLeavingColumnsOut) {
  for (const uint32_t width : {80u, 120u}) {
    for (const std::string& line : Lines(Table({.width_chars = width}, {SampleFlow()}))) {
      EXPECT_LE(line.size(), width) << line;
    }
  }
  EXPECT_THAT(Lines(Table({.width_chars = 120}, {SampleFlow()}))[0], ::testing::HasSubstr("AGE"));
  EXPECT_THAT(Lines(Table({.width_chars = 60}, {SampleFlow()}))[0],
              ::testing::Not(::testing::HasSubstr("AGE")));
}

TEST(Table, EveryRowIsThereOverManyBlocks) {
  const std::vector<FlowRecord> flows(2 * FlowTableText::kBlockRows + 3, SampleFlow());
  const auto lines = Lines(Table({}, flows));
  ASSERT_EQ(lines.size(), flows.size() + 1);
  EXPECT_EQ(lines[1], lines.back());
  EXPECT_EQ(lines[1],
            "tcp    10.0.0.1:40312  10.0.0.2:80  TIME_WAIT/CLOSED       11   5.3K  1m01s  59.7s");
}

TEST(Table, VlanAndZoneAppearWithTheFirstFlowThatHasOne) {
  std::vector<FlowRecord> flows(FlowTableText::kBlockRows + 1, SampleFlow());
  flows.back().vlan_count = 2;
  flows.back().vlan = {100, 7};
  const auto lines = Lines(Table({}, flows));
  ASSERT_EQ(lines.size(), flows.size() + 2);
  EXPECT_THAT(lines[0], ::testing::StartsWith("PROTO"));
  EXPECT_THAT(lines[lines.size() - 2], ::testing::StartsWith("VLAN   PROTO"));
  EXPECT_THAT(lines.back(), ::testing::StartsWith("100/7  tcp"));
  flows.assign(2, SampleFlow());
  flows[1].zone = 3;
  const auto zones = Lines(Table({}, flows));
  EXPECT_THAT(zones[0], ::testing::StartsWith("ZONE  PROTO"));
  EXPECT_THAT(zones[1], ::testing::StartsWith("   -  tcp"));
  EXPECT_THAT(zones[2], ::testing::StartsWith("   3  tcp"));
}

TEST(Table, AnEmptyAnswerIsItsHeader) {
  EXPECT_EQ(Lines(Table({}, {})).size(), 1u);
  EXPECT_EQ(Lines(Table({.wide = true}, {SampleFlow()})).size(), 2u);
}

TEST(Human, Numbers) {
  EXPECT_EQ(HumanCount(999), "999");
  EXPECT_EQ(HumanCount(1000), "1.0k");
  EXPECT_EQ(HumanCount(999'949), "999.9k");
  EXPECT_EQ(HumanCount(999'951), "1.0M");
  EXPECT_EQ(HumanBytes(1000), "1.0K");
  EXPECT_EQ(HumanBytes(10 << 20), "10.0M");
  EXPECT_EQ(HumanDuration(0), "0us");
  EXPECT_EQ(HumanDuration(1'500), "1ms");
  EXPECT_EQ(HumanDuration(59'999'999), "59.9s");
  EXPECT_EQ(HumanDuration(3'600'000'000), "1h00m");
  EXPECT_EQ(HumanDuration(5ull * 24 * 3600 * 1'000'000), "5d00h");
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(1'234'567), "1,234,567");
  EXPECT_EQ(Grouped(123'456), "123,456");
}

TEST(TopFlows, EqualsSortingThemAll) {
  std::mt19937_64 random(3);
  for (const SortBy by : {SortBy::kBytes, SortBy::kPackets, SortBy::kAge, SortBy::kIdle}) {
    TopFlows top(by, 50);
    std::vector<FlowRecord> all;
    for (uint32_t i = 0; i < 2000; ++i) {
      FlowRecord f = SampleFlow();
      f.id.index = FlowIndex{i};
      f.originator.bytes = random() % 500;
      f.originator.packets = random() % 500;
      f.start_us = random() % 500;
      f.last_us = random() % 500;
      all.push_back(f);
      top.Add(f);
    }
    std::ranges::stable_sort(all, [by](const FlowRecord& a, const FlowRecord& b) {
      switch (by) {
        case SortBy::kBytes:
          return a.originator.bytes > b.originator.bytes;
        case SortBy::kPackets:
          return a.originator.packets > b.originator.packets;
        case SortBy::kAge:
          return a.start_us < b.start_us;
        default:
          return a.last_us < b.last_us;
      }
    });
    const std::vector<FlowRecord> kept = top.Take();
    ASSERT_EQ(kept.size(), 50u);
    for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i].id, all[i].id) << i;
  }
}

TEST(TopFlows, FewerThanAsked) {
  TopFlows top(SortBy::kBytes, 5);
  top.Add(SampleFlow());
  EXPECT_EQ(top.Take().size(), 1u);
}

}  // namespace
}  // namespace coretrack
