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

struct Kind {
  bool ipv6, tagged, udp;
};
constexpr Kind kKinds[] = {{false, false, false}, {false, false, true}, {false, true, false},
                           {false, true, true},   {true, false, false}, {true, false, true},
                           {true, true, false},   {true, true, true}};

Bytes Packet(const Kind& kind, uint32_t payload) {
  PacketBuilder builder;
  builder.Ethernet();
  if (kind.tagged) builder.Vlan(7);
  if (kind.ipv6) {
    builder.Ipv6("fd00::1", "fd00::2");
  } else {
    builder.Ipv4("10.0.0.1", "10.0.0.2");
  }
  if (kind.udp) return builder.Udp(4000, 80).Payload(payload).Build();
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
  EXPECT_NE(meta.malformed, Malformed::kBadIpv4Checksum);
  EXPECT_NE(meta.malformed, Malformed::kBadTcpChecksum);
  EXPECT_EQ(meta.malformed, Parsed(frame, false).malformed);
  EXPECT_TRUE(SameMeta(meta, Parsed(frame, false)));
  return true;
}

TEST(ChecksumsAreRight, OfWholeSegmentsWithAnyPayloadAndPadding) {
  for (const Kind& kind : kKinds) {
    for (uint32_t payload = 0; payload < 1500; payload += payload < 70 ? 1 : 97) {
      Bytes frame = Packet(kind, payload);
      EXPECT_TRUE(Check(frame)) << payload;
      frame.insert(frame.end(), payload % 7, 0xff);
      EXPECT_TRUE(Check(frame)) << payload;
    }
  }
}

TEST(ChecksumsAreRight, NotOfOneThatIsCutOff) {
  for (const Kind& kind : kKinds) {
    for (Bytes frame = Packet(kind, 30); !frame.empty();) {
      frame.pop_back();
      // A datagram's header is all that is looked at.
      EXPECT_TRUE(!Check(frame) || kind.udp) << frame.size();
    }
  }
}

TEST(ChecksumsAreRight, OneOrTwoBitsAreSeenWhereTheGeneralWaySeesThem) {
  for (const Kind& kind : kKinds) {
    const Bytes frame = Packet(kind, 5);
    uint32_t right = 0, wrong = 0;
    for (size_t first = 0; first < frame.size() * 8; ++first) {
      for (size_t second = first; second < frame.size() * 8; second += 1 + first % 5) {
        Bytes other = frame;
        other[first / 8] ^= static_cast<uint8_t>(1 << first % 8);
        if (second != first) other[second / 8] ^= static_cast<uint8_t>(1 << second % 8);
        ++(Check(other) ? right : wrong);
      }
    }
    // Addresses of Ethernet, two bits that make up for each other, what UDP has; and all others.
    EXPECT_GT(right, 1000u);
    EXPECT_GT(wrong, kind.udp ? 1000u : 10'000u);
  }
}

TEST(ChecksumsAreRight, SaysNothingOfWhatIsNotCommon) {
  EXPECT_FALSE(IsRight(
      PacketBuilder().Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Sctp(53, 53).Payload(40).Build()));
  EXPECT_FALSE(IsRight({}));
}

}  // namespace
}  // namespace coretrack::testing
