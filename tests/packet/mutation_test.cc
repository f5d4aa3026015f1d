// Hostile packets in bulk: whatever the bytes, the parser answers, reads nothing past the end
// (ParseBytes uses blocks of exact size, for AddressSanitizer) and its answer holds together.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <stdexcept>

#include "dataplane/packet/fragment.h"
#include "dataplane/packet/tcp_checksum.h"
#include "dataplane/packet/tcp_options.h"
#include "tests/packet/parse_helpers.h"

namespace coretrack {
namespace {

using namespace coretrack::testing;

constexpr char kA[] = "10.0.0.1", kB[] = "10.0.0.2";
constexpr char kA6[] = "2001:db8::1", kB6[] = "2001:db8::2";

PacketBuilder Eth() { return std::move(PacketBuilder().Ethernet()); }

// One of every shape.
std::vector<Bytes> Shapes() {
  const Bytes syn_options = Join({MssOption(1460),
                                  SackPermittedOption(),
                                  TimestampsOption(1, 2),
                                  WindowScaleOption(7),
                                  {5, 10, 0, 0, 0, 1, 0, 0, 0, 2}});
  const TcpFields syn{.flags = tcp_flag::kSyn, .options = syn_options};
  const TcpFields data{.options = TimestampsOption(3, 4)};
  const Bytes inner = PacketBuilder().Ipv4(kB, kA, {.options = Bytes(8, 1)}).Tcp().Build();
  const Bytes inner6 = PacketBuilder()
                           .Ipv6(kB6, kA6)
                           .Extension(ip_protocol::kRouting, 24)
                           .Ipv6Fragment(0, false)
                           .Udp(1, 2)
                           .Build();
  return {
      Eth().Ipv4(kA, kB).Tcp(data).Payload(20).Build(),
      Eth().Vlan(7).Ipv4(kA, kB).Tcp(data).Payload(3).Trailer(5).Build(),
      Eth().Vlan(7).Vlan(8, 0x88a8).Ipv4(kA, kB, {.options = Bytes(12, 1)}).Tcp(syn).Build(),
      Eth().Mpls(1, false).Mpls(2, true).Ipv4(kA, kB).Tcp(syn).Build(),
      Eth().Ipv6(kA6, kB6).Tcp(syn).Payload(4).Build(),
      Eth()
          .Ipv6(kA6, kB6)
          .Extension(ip_protocol::kHopByHop, 16)
          .Extension(ip_protocol::kAuthentication, 24)
          .Ipv6Fragment(0, false)
          .Extension(ip_protocol::kMobility)
          .Tcp(data)
          .Build(),
      Eth().Ipv4(kA, kB, {.protocol = 17, .fragment_field = 0x2001}).Payload(24).Build(),
      Eth().Ipv4(kA, kB).Udp(53, 54).Payload(12).Build(),
      Eth().Ipv6(kA6, kB6).Udp(54, 53).Payload(3).Build(),
      Eth().Vlan(7).Ipv4(kB, kA).Udp(53, 54).Payload(1).Trailer(9).Build(),
      Eth().Vlan(0x6123).Ipv6(kB6, kA6).Udp(54, 53).Build(),
      Eth().Vlan(9).Ipv6(kA6, kB6).Tcp(data).Payload(2).Build(),
      Eth().Ipv4(kA, kB).Tcp().Build(),
      Eth().Ipv6(kA6, kB6).Tcp().Payload(1).Build(),
      Eth().Ipv4(kA, kB).Tcp({.options = SackOption(4, 5)}).Build(),
      Eth()
          .Ipv6(kA6, kB6)
          .Tcp({.options = Join({TimestampsOption(3, 4), SackOption(1, 6)})})
          .Build(),
      Eth().Ipv4(kA, kB).Icmp(8, 0, 0x10001).Payload(12).Build(),
      Eth().Ipv4(kA, kB).Icmp(3, 1, 0).Payload(inner).Build(),
      Eth().Ipv6(kA6, kB6).Icmpv6(1, 0, 0).Payload(inner6).Build(),
      Eth().Ipv6(kA6, kB6).Sctp(1, 2).Payload(4).Build(),
      PacketBuilder().Ethernet(0x0806).Payload(46).Build(),
  };
}

// What must be true of every answer.
void ExpectConsistent(const PacketMeta& meta, uint32_t wire_bytes) {
  const bool wrong = meta.kind == PacketKind::kMalformed || meta.kind == PacketKind::kBadSegment;
  ASSERT_EQ(wrong, meta.malformed != Malformed::kNone);
  ASSERT_LT(meta.malformed, Malformed::kCount);
  ASSERT_LE(meta.ip_bytes, wire_bytes);
  ASSERT_LE(meta.vlan_tags, 2);
  ASSERT_LE(meta.tcp.option_bytes, 40);
  ASSERT_LE(meta.tcp.payload_bytes + meta.tcp.option_bytes, wire_bytes);
  if (meta.kind == PacketKind::kFragment) {
    ASSERT_EQ(meta.key.ports, 0u);
  }
  if (meta.kind == PacketKind::kNotIp || meta.kind == PacketKind::kMalformed) {
    ASSERT_EQ(meta.key, FlowKey{});
  }
}

TEST(Mutation, CutAtEveryByte) {
  for (const bool verify : {false, true}) {
    const ParseOptions options{.verify_checksums = verify};
    for (const Bytes& packet : Shapes()) {
      const auto whole_bytes = static_cast<uint32_t>(packet.size());
      for (size_t bytes = 0; bytes <= packet.size(); ++bytes) {
        const Bytes cut(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(bytes));
        ExpectConsistent(ParseBytes(cut, options), static_cast<uint32_t>(bytes));
        ExpectConsistent(ParseBytes(cut, options, whole_bytes), whole_bytes);
      }
    }
  }
}

TEST(Mutation, EveryByteTakesEveryValue) {
  for (const Bytes& packet : Shapes()) {
    for (size_t at = 12; at < packet.size(); ++at) {
      Bytes changed = packet;
      for (unsigned value = 0; value < 256; ++value) {
        changed[at] = static_cast<uint8_t>(value);
        ExpectConsistent(ParseBytes(changed), static_cast<uint32_t>(changed.size()));
      }
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Mutation, RandomChanges) {
  std::mt19937_64 random(20260101);
  const std::vector<Bytes> shapes = Shapes();
  constexpr uint8_t kNasty[] = {0,    1,    2,    4,    5,    6,    8,   0x0f,
                                0x40, 0x45, 0x60, 0x7f, 0x80, 0xf0, 0xff};
  uint64_t kinds[7] = {};
  for (int round = 0; round < 400'000; ++round) {
    Bytes packet = shapes[random() % shapes.size()];
    for (uint64_t changes = 1 + random() % 6; changes > 0; --changes) {
      uint8_t& byte = packet[12 + random() % (packet.size() - 12)];
      byte = random() % 2 == 0 ? static_cast<uint8_t>(random()) : kNasty[random() % sizeof(kNasty)];
    }
    const auto wire_bytes = static_cast<uint32_t>(packet.size());
    if (random() % 4 == 0) packet.resize(random() % (packet.size() + 1));
    const ParseOptions options{.link = random() % 8 == 0 ? LinkLayer::kRawIp : LinkLayer::kEthernet,
                               .verify_checksums = random() % 4 == 0,
                               .zone = static_cast<uint8_t>(random() % 8)};
    const PacketMeta meta = ParseBytes(packet, options, wire_bytes);
    ExpectConsistent(meta, wire_bytes);
    if (meta.kind == PacketKind::kFragment) {
      const Fragment f =
          ReadFragment(packet.data(), static_cast<uint32_t>(packet.size()), wire_bytes, options);
      ASSERT_LE(f.end_bytes(), kMaxDatagramBytes);
      ASSERT_GT(f.data_bytes, 0u);
      ASSERT_LE(f.readable_bytes, f.data_bytes);
      ASSERT_LE(f.data + f.readable_bytes, packet.data() + packet.size());
      PacketMeta whole;
      ParseWhole(f, f.data, f.readable_bytes, f.end_bytes(), &whole);
      ASSERT_EQ(whole.kind, PacketKind::kWhole);
    }
    if (HasFatalFailure()) FAIL() << "round " << round;
    ++kinds[static_cast<size_t>(meta.kind)];
  }
  for (const uint64_t count : kinds) EXPECT_GT(count, 100u) << "the mutations miss a kind";
}

// SYNs whose options are nearly what the stacks of the day send.
TEST(Mutation, SynsWithOptionsInAnyOrder) {
  std::mt19937_64 random(8);
  const std::vector<Bytes> words = {MssOption(1460),
                                    MssOption(0),
                                    WindowScaleOption(7),
                                    WindowScaleOption(14),
                                    WindowScaleOption(15),
                                    WindowScaleOption(255),
                                    SackPermittedOption(),
                                    {4, 2, 0, 0},
                                    TimestampsOption(0x01020304, 0),
                                    TimestampsOption(0x0101080a, 0x0402080a),
                                    {4, 2, 8, 10, 9, 8, 7, 6, 5, 4, 3, 2},
                                    {4, 2, 8, 10, 1, 1, 4, 2, 1, 3, 3, 2},
                                    {1, 1, 1, 1},
                                    {3, 3, 7, 1}};
  uint64_t in_lanes[7] = {};  // by words of options
  for (int round = 0; round < 100'000; ++round) {
    Bytes options;
    if (random() % 8 != 0) options = words[0];
    for (uint64_t more = random() % 5; more != 0; --more) {
      const Bytes& word = words[random() % words.size()];
      if (options.size() + word.size() <= 32)
        options.insert(options.end(), word.begin(), word.end());
    }
    if (!options.empty() && random() % 4 == 0)
      options[random() % options.size()] = static_cast<uint8_t>(random() % 12);
    if (random() % 8 == 0) options.resize(options.size() / 8 * 4);
    const TcpFields syn{
        .flags = static_cast<uint8_t>(tcp_flag::kSyn | (random() % 2 == 0 ? tcp_flag::kAck : 0)),
        .options = options};
    PacketBuilder builder = Eth();
    random() % 2 == 0 ? builder.Ipv4(kA, kB) : builder.Ipv6(kA6, kB6);
    const Bytes packet = builder.Tcp(syn).Payload(random() % 3).Build();
    const PacketMeta meta = ParseBytes(packet);
    ExpectConsistent(meta, static_cast<uint32_t>(packet.size()));
    if (HasFailure()) FAIL() << "round " << round;
    if (LanesReadSyn(options.data(), static_cast<uint32_t>(options.size())))
      ++in_lanes[options.size() / 4];
  }
  for (const uint64_t count : in_lanes) EXPECT_GT(count, 100u) << "a length is missed";
}

TEST(Mutation, RandomOptions) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200'000; ++round) {
    const auto bytes = static_cast<uint32_t>(random() % 41);
    const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes]);
    for (uint32_t i = 0; i < bytes; ++i) exact[i] = static_cast<uint8_t>(random() % 12);
    TcpOptions read;
    const bool sound = ReadTcpOptions(exact.get(), bytes, &read);
    TcpOptions::Timestamps stamps, walked;
    const bool quick = ReadTimestamps(exact.get(), bytes, &stamps);
    ASSERT_EQ(WalkToTimestamps(exact.get(), bytes, &walked), read.timestamps.has_value());
    // The quick way takes the first timestamps, the walk the last: they differ only in segments
    // that carry two.
    if (sound && quick) {
      ASSERT_TRUE(read.timestamps.has_value());
    }
  }
}

// A page that nothing may be read before or behind of.
class GuardedPage {
 public:
  GuardedPage()
      : begin_(static_cast<uint8_t*>(
            mmap(nullptr, 3 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    if (begin_ == MAP_FAILED || mprotect(begin_ + kPage, kPage, PROT_READ | PROT_WRITE) != 0)
      throw std::runtime_error("no guarded page");
  }
  ~GuardedPage() { munmap(begin_, 3 * kPage); }
  GuardedPage(const GuardedPage&) = delete;
  GuardedPage& operator=(const GuardedPage&) = delete;

  // Up against its end, or its beginning.
  const uint8_t* Put(const Bytes& bytes, bool at_end) {
    uint8_t* const to = begin_ + kPage + (at_end ? kPage - bytes.size() : 0);
    std::copy(bytes.begin(), bytes.end(), to);
    return to;
  }

 private:
  static constexpr size_t kPage = 4096;
  uint8_t* begin_;
};

// Masked loads are no loads to AddressSanitizer.
TEST(Lanes, ReadNothingButTheFrames) {
  if (!kHasLanes) GTEST_SKIP() << "no lanes in this build";
  std::mt19937_64 random(3);
  const std::vector<Bytes> shapes = Shapes();
  std::array<GuardedPage, kLanes> pages;
  const auto words = std::make_unique<KeyWords>();
  const auto segments = std::make_unique<SegmentLanes>();
  uint64_t taken = 0;
  for (uint32_t round = 0; round < 800'000 / kLanes; ++round) {
    alignas(kCacheLine) std::array<const uint8_t*, kMaxBurst> data{};
    std::array<uint32_t, kLanes> bytes;
    std::array<uint8_t, kLanes> zone{};
    std::array<bool, kLanes> known_good{};
    const size_t only = random() % (2 * shapes.size());
    for (uint32_t i = 0; i < kLanes; ++i) {
      Bytes packet = shapes[only < shapes.size() ? only : random() % shapes.size()];
      if (random() % 4 == 0) packet[12 + random() % (packet.size() - 12)] = random() & 0xff;
      if (random() % 2 == 0) packet.resize(random() % (packet.size() + 1));
      data[i] = pages[i].Put(packet, random() % 2 == 0);
      bytes[i] = static_cast<uint32_t>(packet.size());
    }
    words->Clear();
    segments->Clear();
    if (random() % 2 == 0) segments->many_formats = random() % 2 == 0;
    Fetches none;
    const Mask common = ParseLanes({.first = 0,
                                    .data = data.data(),
                                    .bytes = bytes.data(),
                                    .wire_bytes = bytes.data(),
                                    .zone = zone.data(),
                                    .checksum_known_good = known_good.data()},
                                   false, words.get(), segments.get(), &none);
    for (uint32_t i = 0; i < kLanes; ++i) {
      PacketMeta general, meta;
      ParseGeneral({data[i], bytes[i], bytes[i]}, {}, &general);
      Parse(data[i], bytes[i], bytes[i], {}, &meta);
      ASSERT_TRUE(SameMeta(meta, general));
      ChecksumsAreRight(data[i], bytes[i]);
      if ((common >> i & 1) == 0) continue;
      FillMeta(*segments, *words, i, data[i], &meta);
      ASSERT_TRUE(SameMeta(meta, general));
      ++taken;
    }
  }
  EXPECT_GT(taken, 100'000u);
}

// As where packets of other workers are taken out of a burst.
TEST(Lanes, PacketsMayMoveToTheFront) {
  if (!kHasLanes) GTEST_SKIP() << "no lanes in this build";
  std::mt19937_64 random(4);
  const std::vector<Bytes> shapes = Shapes();
  const auto words = std::make_unique<KeyWords>();
  const auto segments = std::make_unique<SegmentLanes>();
  uint64_t moved = 0;
  for (int round = 0; round < 2000; ++round) {
    alignas(kCacheLine) std::array<const uint8_t*, kMaxBurst> data;
    std::array<uint32_t, kMaxBurst> bytes;
    std::array<uint8_t, kMaxBurst> zone;
    const std::array<bool, kMaxBurst> known_good{};
    for (uint32_t i = 0; i < kMaxBurst; ++i) {
      const Bytes& shape = shapes[random() % shapes.size()];
      data[i] = shape.data();
      bytes[i] = static_cast<uint32_t>(shape.size());
      zone[i] = random() % kMaxZones;
    }
    words->Clear();
    segments->Clear();
    Fetches none;
    for (uint32_t first = 0; first < kMaxBurst; first += kLanes)
      ParseLanes({.first = first,
                  .data = &data[first],
                  .bytes = &bytes[first],
                  .wire_bytes = &bytes[first],
                  .zone = &zone[first],
                  .checksum_known_good = &known_good[first]},
                 false, words.get(), segments.get(), &none);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < kMaxBurst; ++i) {
      const bool common = SegmentLanes::Has(segments->common, i);
      if (!common || random() % 3 == 0) continue;
      const bool plain = SegmentLanes::Has(segments->plain, i);
      const bool stamped = SegmentLanes::Has(segments->stamped, i);
      PacketMeta before, after;
      ParseGeneral({data[i], bytes[i], bytes[i]}, {.zone = zone[i]}, &before);
      if (kept != i) {
        segments->Move(i, kept);
        words->Move(i, kept);
        ++moved;
      }
      ASSERT_TRUE(SegmentLanes::Has(segments->common, kept));
      ASSERT_EQ(SegmentLanes::Has(segments->plain, kept), plain);
      ASSERT_EQ(SegmentLanes::Has(segments->stamped, kept), stamped);
      FillMeta(*segments, *words, kept, data[i], &after);
      ASSERT_TRUE(SameMeta(before, after));
      ++kept;
    }
  }
  EXPECT_GT(moved, 10'000u);
}

}  // namespace
}  // namespace coretrack
