#include "control/config/units.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>

namespace coretrack {
namespace {

TEST(Units, Durations) {
  EXPECT_EQ(*ParseDuration("500us"), 500u);
  EXPECT_EQ(*ParseDuration("500ms"), 500'000u);
  EXPECT_EQ(*ParseDuration("30s"), 30'000'000u);
  EXPECT_EQ(*ParseDuration("2m"), 120'000'000u);
  EXPECT_EQ(*ParseDuration("1h"), 3'600'000'000u);
  EXPECT_EQ(*ParseDuration("5d"), 432'000'000'000u);
  EXPECT_EQ(*ParseDuration("0s"), 0u);
  EXPECT_EQ(FormatDuration(60'000'000), "60s");
  EXPECT_EQ(FormatDuration(120'000'000), "2m");
  EXPECT_EQ(FormatDuration(1'500), "1500us");
}

TEST(Units, SizesAndCountsGoBy1024) {
  EXPECT_EQ(*ParseSize("512B"), 512u);
  EXPECT_EQ(*ParseSize("64K"), 65'536u);
  EXPECT_EQ(*ParseSize("1G"), uint64_t{1} << 30);
  EXPECT_EQ(*ParseCount("1000"), 1000u);
  EXPECT_EQ(*ParseCount("1M"), 1'048'576u);
  EXPECT_EQ(*ParsePercent("25%"), 25u);
}

TEST(Units, EveryWrongTextIsRefusedWithAWayOut) {
  for (const char* text : {"", "s", "30", "-1s", "+1s", "1.5s", " 30s", "30s ", "30 s", "30S",
                           "30x", "1e3s", "0x10s", "30ss"}) {
    const auto parsed = ParseDuration(text);
    EXPECT_FALSE(parsed.ok()) << text;
    EXPECT_FALSE(parsed.status().message().empty());
  }
  for (const char* text : {"", "16", "16m", "16MB", "-16M", "1.5G", " 16M", "16M "})
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  for (const char* text : {"", "k", "1k", "-1", "1 M", "1.0"})
    EXPECT_FALSE(ParseCount(text).ok()) << text;
  for (const char* text : {"", "25", "%", "-5%", "2.5%", "25 %"})
    EXPECT_FALSE(ParsePercent(text).ok()) << text;
}

TEST(Units, OverflowIsRefusedNotWrapped) {
  EXPECT_FALSE(ParseDuration("18446744073709551616us").ok());
  EXPECT_FALSE(ParseDuration("18446744073709551615d").ok());
  EXPECT_FALSE(ParseSize("18446744073709551615T").ok());
  EXPECT_FALSE(ParseCount("99999999999999999999999").ok());
  EXPECT_EQ(*ParseCount("18446744073709551615"), std::numeric_limits<uint64_t>::max());
}

TEST(Units, WhatIsFormattedParsesToTheSame) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t value = random() >> (random() % 64);
    ASSERT_EQ(*ParseDuration(FormatDuration(value)), value);
    ASSERT_EQ(*ParseSize(FormatSize(value)), value);
    ASSERT_EQ(*ParseCount(FormatCount(value)), value);
    ASSERT_EQ(*ParsePercent(FormatPercent(value)), value);
  }
}

}  // namespace
}  // namespace coretrack
