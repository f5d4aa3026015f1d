// What ChecksumsAreRight() lets through is what ParseGeneral() finds right as well.
#include "dataplane/packet/tcp_checksum.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "dataplane/packet/layers.h"
#include "tests/packet/packet_builder.h"
#include "tests/packet/parse_helpers.h"

namespace coretrack::testing {
namespace {

Bytes Segment(bool ipv6, uint32_t payload) {
  PacketBuilder builder;
  builder.Ethernet();
  if (ipv6) {
    builder.Ipv6("fd00::1", "fd00::2");
  } else {
    builder.Ipv4("10.0.0.1", "10.0.0.2");
  }
  return builder.Tcp({.source_port = 4000, .destination_port = 80, .seq = 7, .ack = 9})
      .Payload(payload)
      .Build();
}

// Of a block of exactly that size: AddressSanitizer sees more being read.
bool IsRight(const Bytes& frame) {
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[frame.size()]);
  if (!frame.empty()) std::memcpy(exact.get(), frame.data(), frame.size());
  return ChecksumsAreRight(exact.get(), static_cast<uint32_t>(frame.size()));
}

PacketMeta Parsed(const Bytes& frame, bool verify) {
  PacketMeta meta{};
  const auto bytes = static_cast<uint32_t>(frame.size());
  ParseGeneral({frame.data(), bytes, bytes}, {.verify_checksums = verify}, &meta);
  return meta;
}

// Answers whether it is right.
bool Check(const Bytes& frame) {
  if (!IsRight(frame)) return false;
  const PacketMeta meta = Parsed(frame, true);
  EXPECT_TRUE(meta.kind == PacketKind::kTcp || meta.kind == PacketKind::kBadSegment);
  EXPECT_EQ(meta.malformed, Parsed(frame, false).malformed);
  EXPECT_TRUE(SameMeta(meta, Parsed(frame, false)));
  return true;
}

TEST(ChecksumsAreRight, OfWholeSegmentsWithAnyPayloadAndPadding) {
  for (const bool ipv6 : {false, true}) {
    for (uint32_t payload = 0; payload < 1500; payload += payload < 70 ? 1 : 97) {
      Bytes frame = Segment(ipv6, payload);
      EXPECT_TRUE(Check(frame)) << payload;
      frame.insert(frame.end(), payload % 7, 0xff);
      EXPECT_TRUE(Check(frame)) << payload;
    }
  }
}

TEST(ChecksumsAreRight, NotOfOneThatIsCutOff) {
  for (const bool ipv6 : {false, true}) {
    for (Bytes frame = Segment(ipv6, 30); !frame.empty();) {
      frame.pop_back();
      EXPECT_FALSE(IsRight(frame)) << frame.size();
    }
  }
}

TEST(ChecksumsAreRight, OneOrTwoBitsAreSeenWhereTheGeneralWaySeesThem) {
  for (const bool ipv6 : {false, true}) {
    const Bytes frame = Segment(ipv6, 5);
    uint32_t right = 0, wrong = 0;
    for (size_t first = 0; first < frame.size() * 8; ++first) {
      for (size_t second = first; second < frame.size() * 8; second += 1 + first % 5) {
        Bytes other = frame;
        other[first / 8] ^= static_cast<uint8_t>(1 << first % 8);
        if (second != first) other[second / 8] ^= static_cast<uint8_t>(1 << second % 8);
        ++(Check(other) ? right : wrong);
      }
    }
    // Addresses of Ethernet, two bits that make up for each other; and all others.
    EXPECT_GT(right, 1000u);
    EXPECT_GT(wrong, 10'000u);
  }
}

TEST(ChecksumsAreRight, SaysNothingOfWhatIsNotCommon) {
  EXPECT_FALSE(IsRight(
      PacketBuilder().Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Udp(53, 53).Payload(40).Build()));
  EXPECT_FALSE(IsRight({}));
}

}  // namespace
}  // namespace coretrack::testing
