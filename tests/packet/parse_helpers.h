// What the parser tests share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "dataplane/packet/layers.h"
#include "dataplane/packet/meta_lanes.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/parse_fast.h"
#include "dataplane/packet/parse_lanes.h"
#include "tests/packet/packet_builder.h"

namespace coretrack::testing {

// Equal in all but the hash. `options` compares as a place: both must point into the same packet.
inline bool SameMeta(const PacketMeta& a, const PacketMeta& b) {
  const auto fields = [](const PacketMeta& m) {
    const TcpHeader& t = m.tcp;
    return std::tuple(m.key, t.seq, t.ack, t.payload_bytes, t.window, t.flags, t.option_bytes,
                      t.options, m.ip_bytes, m.kind, m.malformed, m.direction, m.vlan_tags,
                      m.icmp_request);
  };
  return fields(a) == fields(b);
}

// What a short way says of a SYN's options must be what they say, and nothing of other segments.
inline void ExpectSynOptions(const PacketMeta& meta) {
  if ((meta.tcp.flags & tcp_flag::kSyn) == 0) {
    EXPECT_EQ(meta.syn, SynOptions());
    return;
  }
  ASSERT_TRUE(meta.syn.known());
  TcpOptions read;
  EXPECT_TRUE(ReadTcpOptions(meta.tcp.options, meta.tcp.option_bytes, &read));
  EXPECT_EQ(meta.syn.mss(), read.mss.value_or(0));
  EXPECT_EQ(meta.syn.scale(), read.window_scale ? std::min<unsigned>(*read.window_scale, 14) : 15);
  EXPECT_EQ(meta.syn.sack_permitted(), read.sack_permitted);
  EXPECT_EQ(meta.syn.stamp_at() != 0, read.timestamps.has_value());
  if (read.timestamps && meta.syn.stamp_at() != 0) {
    EXPECT_EQ(LoadBe32(meta.tcp.options + meta.syn.stamp_at()), read.timestamps->value);
  }
}

// Are these options of a SYN what lanes read? (ReadSyns(), parse_lanes.cc.)
inline bool LanesReadSyn(const uint8_t* options, uint32_t bytes) {
  if (bytes == 0) return true;
  const auto is = [options](uint32_t at, std::initializer_list<uint8_t> begin) {
    return std::equal(begin.begin(), begin.end(), options + at);
  };
  const auto begins_stamps = [&is](uint32_t at) {
    return is(at, {4, 2, 8, 10}) || is(at, {1, 1, 8, 10});
  };
  if (bytes > 24 || !is(0, {2, 4})) return false;
  for (uint32_t at = 4; at < bytes; at += 4) {
    if (begins_stamps(at)) {
      if (at + 12 > bytes || begins_stamps(at + 4) || begins_stamps(at + 8)) return false;
      at += 8;
    } else if (!is(at, {1, 3, 3}) && !is(at, {1, 1, 4, 2}) &&
               !(at + 4 == bytes && is(at, {4, 2, 0, 0}))) {
      return false;
    }
  }
  return true;
}

// Sixteen frames parsed together, `packet` at `lane`. What they say of it must be what the general path says.
class ParsedTogether {
 public:
  struct Frame {
    const uint8_t* data;
    uint32_t bytes, wire_bytes;
  };
  // The others: the packet again, or frames of all kinds.
  enum class Others { kSame, kAnything };

  // `many`: whether lanes expect frames of several formats.
  ParsedTogether(Frame packet, uint32_t lane, Others others, const ParseOptions& options,
                 bool many = false)
      : lane_(lane) {
    alignas(kCacheLine) std::array<const uint8_t*, kMaxBurst> data{};
    std::array<uint32_t, kLanes> bytes, wire_bytes;
    std::array<uint8_t, kLanes> zone;
    std::array<bool, kLanes> known_good;
    for (uint32_t i = 0; i < kLanes; ++i) {
      const Bytes& neighbour = Neighbour(i, lane);
      const auto length = static_cast<uint32_t>(neighbour.size());
      const Frame frame =
          i == lane || others == Others::kSame ? packet : Frame{neighbour.data(), length, length};
      data[kFirst + i] = frame.data;
      bytes[i] = frame.bytes;
      wire_bytes[i] = frame.wire_bytes;
      zone[i] = i == lane ? options.zone : 0;
      known_good[i] = i != lane || !options.verify_checksums;
    }
    words_->Clear();
    segments_->Clear();
    segments_->many_formats = many;
    Fetches none;
    common_ = ParseLanes({.first = kFirst,
                          .data = &data[kFirst],
                          .bytes = bytes.data(),
                          .wire_bytes = wire_bytes.data(),
                          .zone = zone.data(),
                          .checksum_known_good = known_good.data()},
                         true, words_.get(), segments_.get(), &none);
    EXPECT_EQ(segments_->common[kFirst / kLanes], common_);
    EXPECT_EQ(segments_->plain[kFirst / kLanes] & ~common_, 0);
    if (!common()) return;
    FillMeta(*segments_, *words_, kFirst + lane, packet.data, &meta_);
    FillMetaLanes(*segments_, *words_, kFirst, static_cast<Mask>(1 << lane), data.data(),
                  together_.data());
    EXPECT_TRUE(SameMeta(meta_, together_[kFirst + lane]));
    EXPECT_EQ(meta_.syn, together_[kFirst + lane].syn);
    ExpectSynOptions(meta_);
    for (uint32_t i = 0; i < kMaxBurst; ++i) {
      if (i != kFirst + lane) {
        EXPECT_TRUE(SameMeta(together_[i], PacketMeta{})) << "not asked for";
      }
    }
  }
  bool common() const { return (common_ >> lane_ & 1) != 0; }
  bool plain() const { return SegmentLanes::Has(segments_->plain, kFirst + lane_); }
  const PacketMeta& meta() const { return meta_; }
  bool stamped() const { return SegmentLanes::Has(segments_->stamped, kFirst + lane_); }
  bool many_formats() const { return segments_->many_formats; }

 private:
  static constexpr uint32_t kFirst = 2 * kLanes;
  static const Bytes& Neighbour(uint32_t i, uint32_t lane) {
    constexpr char kA[] = "10.0.0.1", kB[] = "10.0.0.2", kA6[] = "fd00::1", kB6[] = "fd00::2";
    const auto eth = [] { return std::move(PacketBuilder().Ethernet()); };
    static const std::array<Bytes, 8> kFrames = {eth().Ipv4(kA, kB).Tcp().Build(),
                                                 eth().Ipv6(kA6, kB6).Tcp().Payload(9).Build(),
                                                 eth().Vlan(7).Ipv4(kB, kA).Tcp().Build(),
                                                 eth().Vlan(8).Ipv6(kB6, kA6).Tcp().Build(),
                                                 eth().Ipv4(kB, kA).Udp(1, 2).Build(),
                                                 eth().Ipv6(kB6, kA6).Udp(2, 1).Build(),
                                                 eth().Vlan(9).Ipv4(kA, kB).Udp(3, 4).Build(),
                                                 eth().Vlan(7).Ipv6(kA6, kB6).Udp(4, 3).Build()};
    static const Bytes kShort(5);
    return i == (lane + 1) % kLanes ? kShort : kFrames[i % kFrames.size()];
  }

  uint32_t lane_;
  Mask common_ = 0;
  std::unique_ptr<KeyWords> words_ = std::make_unique<KeyWords>();
  std::unique_ptr<SegmentLanes> segments_ = std::make_unique<SegmentLanes>();
  PacketMeta meta_;
  std::vector<PacketMeta> together_ = std::vector<PacketMeta>(kMaxBurst);
};

// What lanes say of a packet, in some lane, beside itself and beside others.
inline void ExpectSameInLanes(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                              const ParseOptions& options, const PacketMeta& general) {
  if (!kHasLanes || options.link != LinkLayer::kEthernet) return;
  const uint32_t lane = (bytes + general.tcp.seq + general.key.ports) % kLanes;
  using Others = ParsedTogether::Others;
  for (const auto& [others, many] :
       {std::pair(Others::kSame, false), std::pair(Others::kSame, true),
        std::pair(Others::kAnything, false)}) {
    const ParsedTogether parsed({data, bytes, wire_bytes}, lane, others, options, many);
    // Exactly what is theirs: the fast ways', if it has the usual options.
    PacketMeta fast;
    const bool is_fast =
        !options.verify_checksums && (ParseFast(data, bytes, wire_bytes, options.zone, &fast) ||
                                      ParseFastSyn(data, bytes, wire_bytes, options.zone, &fast) ||
                                      ParseFastUdp(data, bytes, wire_bytes, options.zone, &fast));
    const bool syn = (fast.tcp.flags & tcp_flag::kSyn) != 0;
    const bool wanted =
        is_fast && (syn ? LanesReadSyn : HasUsualOptions)(fast.tcp.options, fast.tcp.option_bytes);
    if (is_fast) ExpectSynOptions(fast);
    ASSERT_EQ(parsed.common(), wanted);
    if (!parsed.common()) continue;
    ASSERT_TRUE(SameMeta(parsed.meta(), general)) << "lanes answer differently";
    using namespace tcp_flag;
    const bool udp = general.kind == PacketKind::kDatagram;
    const bool stamped =
        general.tcp.option_bytes >= kTimestampsBytes && StartsWithTimestamps(general.tcp.options);
    ASSERT_TRUE(syn || parsed.stamped() == stamped);
    ASSERT_EQ(parsed.plain(), udp || ((general.tcp.flags & (kSyn | kFin | kRst | tcp_flag::kAck)) ==
                                          tcp_flag::kAck &&
                                      general.tcp.window != 0));
  }
}

// Parses a copy in a heap block of exactly its size, so that AddressSanitizer sees any read past
// it, and holds the answer against that of the general path.
inline PacketMeta ParseBytes(const Bytes& packet, const ParseOptions& options = {},
                             uint32_t wire_bytes = 0) {
  const auto bytes = static_cast<uint32_t>(packet.size());
  if (wire_bytes == 0) wire_bytes = bytes;
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes]);
  if (bytes != 0) std::memcpy(exact.get(), packet.data(), bytes);
  PacketMeta meta, general;
  Parse(exact.get(), bytes, wire_bytes, options, &meta);
  ParseGeneral({exact.get(), bytes, wire_bytes}, options, &general);
  EXPECT_TRUE(SameMeta(meta, general)) << "the fast path answers differently";
  ExpectSameInLanes(exact.get(), bytes, wire_bytes, options, general);
  meta.tcp.options = nullptr;  // into `exact`, which is gone
  return meta;
}

inline uint16_t PortsOf(const PacketMeta& meta, int endpoint) {
  return __builtin_bswap16(static_cast<uint16_t>(meta.key.ports >> 16 * endpoint));
}
// Source and destination as the packet has them.
inline uint16_t SourcePort(const PacketMeta& meta) {
  return PortsOf(meta, static_cast<int>(Raw(meta.direction)));
}
inline uint16_t DestinationPort(const PacketMeta& meta) {
  return PortsOf(meta, 1 - static_cast<int>(Raw(meta.direction)));
}
inline std::string SourceAddress(const PacketMeta& meta) {
  char text[INET6_ADDRSTRLEN];
  const auto* bytes = reinterpret_cast<const uint8_t*>(meta.key.address.data());
  if (meta.direction == Direction::kReverse) bytes += meta.key.ipv6 ? 16 : 4;
  return inet_ntop(meta.key.ipv6 ? AF_INET6 : AF_INET, bytes, text, sizeof(text));
}

}  // namespace coretrack::testing
