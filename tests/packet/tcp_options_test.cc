#include "dataplane/packet/tcp_options.h"

#include <gtest/gtest.h>

#include <vector>

#include "dataplane/packet/tcp_header.h"
#include "tests/packet/packet_builder.h"

namespace coretrack {
namespace {

using namespace coretrack::testing;

struct Read {
  bool sound;
  TcpOptions options;
};
Read ReadAll(const Bytes& bytes) {
  Read read;
  read.sound = ReadTcpOptions(bytes.data(), static_cast<uint32_t>(bytes.size()), &read.options);
  return read;
}

TEST(TcpOptions, NothingIsInvented) {
  for (const Bytes& bytes : {Bytes{}, Bytes{0}, Bytes{1, 1, 1, 1}, Bytes{99, 4, 0, 0}}) {
    const Read read = ReadAll(bytes);
    EXPECT_TRUE(read.sound);
    EXPECT_FALSE(read.options.mss || read.options.window_scale || read.options.timestamps ||
                 read.options.sack_permitted || read.options.highest_sack);
  }
}

TEST(TcpOptions, OfAUsualSyn) {
  const Read read = ReadAll(Join({MssOption(1460), SackPermittedOption(),
                                  TimestampsOption(0x01020304, 0xa0b0c0d0), WindowScaleOption(7)}));
  EXPECT_TRUE(read.sound);
  EXPECT_EQ(read.options.mss, 1460);
  EXPECT_EQ(read.options.window_scale, 7);
  EXPECT_TRUE(read.options.sack_permitted);
  ASSERT_TRUE(read.options.timestamps);
  EXPECT_EQ(read.options.timestamps->value, 0x01020304u);
  EXPECT_EQ(read.options.timestamps->echo, 0xa0b0c0d0u);
}

TEST(TcpOptions, TheShiftIsAsSent) {
  EXPECT_EQ(ReadAll(WindowScaleOption(200)).options.window_scale, 200);
}

TEST(TcpOptions, NothingBehindTheEndCounts) {
  const Read read = ReadAll(Join({{0}, MssOption(1460), {2, 0}}));
  EXPECT_TRUE(read.sound);
  EXPECT_FALSE(read.options.mss);
}

TEST(TcpOptions, OfARepeatedOneTheLastCounts) {
  EXPECT_EQ(ReadAll(Join({MssOption(1), MssOption(2)})).options.mss, 2);
}

TEST(TcpOptions, HighestSackWrapsAround) {
  Bytes sack = {5, 26};
  sack.resize(26);
  Set32(&sack, 6, 0xfffffff0);
  Set32(&sack, 14, 0x00000010);  // beyond the wrap: higher
  Set32(&sack, 22, 0xfffffff8);
  EXPECT_TRUE(ReadAll(sack).sound);
  EXPECT_EQ(ReadAll(sack).options.highest_sack, 0x10u);
}

TEST(TcpOptions, WrongLengths) {
  for (const Bytes& bad :
       {Bytes{2}, Bytes{2, 0}, Bytes{2, 1}, Bytes{2, 4, 5}, Bytes{2, 3, 5}, Bytes{2, 5, 5, 5, 5},
        Bytes{3, 2}, Bytes{3, 4, 7, 7}, Bytes{4, 3, 0}, Bytes{5, 2},
        Bytes{5, 9, 0, 0, 0, 0, 0, 0, 0}, Bytes{8, 9, 0, 0, 0, 0, 0, 0, 0}, Bytes{99, 0},
        Bytes{99, 1}, Bytes{99, 3}, Bytes{1, 99}}) {
    EXPECT_FALSE(ReadAll(bad).sound) << unsigned{bad[0]} << ", " << bad.size() << " bytes";
  }
}

TEST(TcpOptions, WhatWasReadBeforeAnErrorIsKept) {
  const Read read = ReadAll(Join({MssOption(536), {3, 0}, SackPermittedOption()}));
  EXPECT_FALSE(read.sound);
  EXPECT_EQ(read.options.mss, 536);
  EXPECT_FALSE(read.options.sack_permitted);
}

TEST(TcpOptions, TimestampsInAnyLayout) {
  const Bytes usual = TimestampsOption(11, 12);
  const Bytes bare(usual.begin() + 2, usual.end());
  const Bytes sack = {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  for (const Bytes& bytes :
       {usual, bare, Join({bare, {1, 1}}), Join({sack, usual}), Join({usual, sack}),
        Join({{1}, bare, {0}}), Join({MssOption(1), usual})}) {
    TcpOptions::Timestamps stamps;
    ASSERT_TRUE(ReadTimestamps(bytes.data(), static_cast<uint32_t>(bytes.size()), &stamps));
    EXPECT_EQ(stamps.value, 11u);
    EXPECT_EQ(stamps.echo, 12u);
  }
  for (const Bytes& bytes : {Bytes{}, sack, Bytes(40, 1), Bytes{1, 1, 8, 10, 0, 0, 0, 0}}) {
    TcpOptions::Timestamps stamps{5, 6};
    EXPECT_FALSE(ReadTimestamps(bytes.data(), static_cast<uint32_t>(bytes.size()), &stamps));
    EXPECT_EQ(stamps.value, 5u);
  }
}

// What goes without a walk a walk finds sound; and it is what it claims to be.
TEST(TcpOptions, TheUsualOnesAreSound) {
  std::vector<Bytes> usual = {Bytes(), TimestampsOption(7, 8)};
  for (uint32_t blocks = 1; blocks <= 4; ++blocks) {
    usual.push_back(SackOption(blocks, 99));
    if (blocks < 4) usual.push_back(Join({TimestampsOption(7, 8), SackOption(blocks, 99)}));
  }
  const auto is_usual = [](const Bytes& options) {
    return HasUsualOptions(options.data(), static_cast<uint32_t>(options.size()));
  };
  for (const Bytes& options : usual) {
    EXPECT_TRUE(is_usual(options)) << options.size();
    const Read read = ReadAll(options);
    EXPECT_TRUE(read.sound);
    const bool stamped = options.size() >= 12 && options[2] == 8;
    EXPECT_EQ(read.options.timestamps.has_value(), stamped);
    EXPECT_EQ(read.options.highest_sack.has_value(), options.size() > (stamped ? 12u : 0u));
  }
  // One byte changed, or some of them cut off or added.
  for (const Bytes& options : usual) {
    for (size_t at = 0; at < options.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        Bytes other = options;
        other[at] = static_cast<uint8_t>(value);
        EXPECT_TRUE(!is_usual(other) || ReadAll(other).sound);
      }
    }
    for (size_t bytes = 0; bytes <= 44; bytes += 4) {
      Bytes other = options;
      other.resize(bytes);
      EXPECT_TRUE(!is_usual(other) || ReadAll(other).sound);
    }
  }
  const Bytes none;
  for (const uint32_t bytes : {41u, 44u, 0u - 4, 0u - 20})
    EXPECT_FALSE(HasUsualOptions(none.data(), bytes)) << "an offset that is less than a header";
}

}  // namespace
}  // namespace coretrack
