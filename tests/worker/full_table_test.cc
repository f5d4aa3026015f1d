// A table without room: half-open flows give way, established ones never.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "dataplane/packet/canonical.h"
#include "dataplane/packet/flow_hash.h"
#include "tests/worker/harness.h"

namespace coretrack::testing {
namespace {

constexpr uint32_t kCapacity = 1000;

PacketBuilder FromTo(std::string_view from, std::string_view to) {
  PacketBuilder builder;
  builder.Ethernet();
  if (from.find(':') != std::string_view::npos) {
    builder.Ipv6(from, to);
  } else {
    builder.Ipv4(from, to);
  }
  return builder;
}

Bytes Segment(uint32_t n, bool from_client, bool ipv6, TcpFields tcp) {
  char client[64];
  std::snprintf(client, sizeof(client), ipv6 ? "2001:db8::%x:%x" : "10.1.%u.%u", n >> 8, n & 0xff);
  const char* server = ipv6 ? "2001:db8:1::1" : "192.168.0.1";
  tcp.source_port = from_client ? 40000 : 80;
  tcp.destination_port = from_client ? 80 : 40000;
  PacketBuilder builder = from_client ? FromTo(client, server) : FromTo(server, client);
  return builder.Tcp(tcp).Build();
}
Bytes Datagram(uint16_t port, bool answer, bool ipv6, size_t payload) {
  const char* client = ipv6 ? "fd00::1" : "10.0.0.1";
  const char* server = ipv6 ? "fd00::2" : "10.0.0.2";
  PacketBuilder builder = answer ? FromTo(server, client) : FromTo(client, server);
  return builder.Udp(answer ? 53 : port, answer ? port : 53).Payload(payload).Build();
}
void Establish(Harness* harness, uint32_t n, bool ipv6) {
  using namespace tcp_flag;
  harness->Send(Segment(n, true, ipv6, {.seq = 100, .flags = kSyn}));
  harness->Send(Segment(n, false, ipv6, {.seq = 300, .ack = 101, .flags = kSyn | kAck}));
  harness->Send(Segment(n, true, ipv6, {.seq = 101, .ack = 301, .flags = kAck}));
}

class FullTable : public ::testing::TestWithParam<bool> {
 protected:
  static Pipeline::Options Options() {
    Pipeline::Options options;
    options.capacity_ipv4 = options.capacity_ipv6 = kCapacity;
    options.half_open_quota = 4 * kCapacity;
    return options;
  }
};

TEST_P(FullTable, ASynFloodEvictsNoEstablishedFlow) {
  const bool ipv6 = GetParam();
  Harness harness(Options());
  harness.check_each_frame = false;
  constexpr uint32_t kEstablished = 600;
  for (uint32_t n = 0; n < kEstablished; ++n) Establish(&harness, n, ipv6);
  std::set<std::string> ids;
  for (const FlowRecord& flow : harness.Live()) ids.insert(ToString(flow.id));
  ASSERT_EQ(ids.size(), kEstablished);

  for (uint32_t n = 0; n < 10 * kCapacity; ++n) {
    harness.Send(Segment(10'000 + n, true, ipv6, {.seq = 5, .flags = tcp_flag::kSyn}));
    ASSERT_LE(harness.pipeline().table(ipv6).size(), kCapacity);
  }
  harness.CheckIdentities();
  uint32_t established = 0;
  for (const FlowRecord& flow : harness.Live()) established += ids.count(ToString(flow.id));
  EXPECT_EQ(established, kEstablished);
  for (const FlowRecord& flow : harness.ends) {
    EXPECT_EQ(flow.end, End::kEvicted);
    EXPECT_FALSE(flow.assured);
  }
  // Nearly all of the flood was taken in turn; a few found only assured flows among the oldest.
  EXPECT_GT(harness.ended(End::kEvicted), 9 * kCapacity);
  EXPECT_LT(harness.untracked(Untracked::kTableFull), 2 * kEstablished / 8 + 1);
  // And in the middle of it a new connection still opens.
  Establish(&harness, 9'000, ipv6);
  bool opened = false;
  for (const FlowRecord& flow : harness.Live())
    opened |= flow.assured && ids.count(ToString(flow.id)) == 0;
  EXPECT_TRUE(opened);
}

TEST_P(FullTable, FullOfEstablishedFlowsTakesNoMore) {
  const bool ipv6 = GetParam();
  Harness harness(Options());
  harness.check_each_frame = false;
  for (uint32_t n = 0; n < kCapacity; ++n) Establish(&harness, n, ipv6);
  ASSERT_EQ(harness.Live().size(), kCapacity);
  for (uint32_t n = 0; n < 100; ++n) {
    const Bytes syn = Segment(10'000 + n, true, ipv6, {.seq = 5, .flags = tcp_flag::kSyn});
    EXPECT_EQ(harness.Send(syn), Verdict::kForward) << "what is not tracked still passes";
  }
  EXPECT_EQ(harness.untracked(Untracked::kTableFull), 100u);
  EXPECT_TRUE(harness.ends.empty());
  harness.CheckIdentities();
}

TEST_P(FullTable, TheOtherIpVersionIsLeftAlone) {
  const bool ipv6 = GetParam();
  Harness harness(Options());
  harness.check_each_frame = false;
  for (uint32_t n = 0; n < 50; ++n)
    harness.Send(Segment(n, true, !ipv6, {.seq = 5, .flags = tcp_flag::kSyn}));
  for (uint32_t n = 0; n < 3 * kCapacity; ++n)
    harness.Send(Segment(n, true, ipv6, {.seq = 5, .flags = tcp_flag::kSyn}));
  EXPECT_EQ(harness.pipeline().table(!ipv6).size(), 50u);
  EXPECT_EQ(harness.pipeline().table(ipv6).size(), kCapacity);
  harness.CheckIdentities();
}

TEST_P(FullTable, TheQuotaBoundsUnassuredFlows) {
  Pipeline::Options options = Options();
  options.half_open_quota = 200;  // 100 for each version
  Harness harness(options);
  harness.check_each_frame = false;
  for (uint32_t n = 0; n < kCapacity; ++n)
    harness.Send(Segment(n, true, GetParam(), {.seq = 5, .flags = tcp_flag::kSyn}));
  EXPECT_EQ(harness.Live().size(), 100u);
  EXPECT_EQ(harness.ended(End::kEvicted), kCapacity - 100);
  harness.CheckIdentities();
}

// What a slot's last flow was says nothing about the next one.
TEST_P(FullTable, TheQuotaBoundsThemInSlotsThatHeldAssuredOnes) {
  Pipeline::Options options = Options();
  options.half_open_quota = 200;
  Harness harness(options);
  harness.check_each_frame = false;
  for (uint32_t n = 0; n < kCapacity; ++n) {
    Establish(&harness, n, GetParam());
    harness.Send(Segment(n, true, GetParam(), {.seq = 101, .ack = 301, .flags = tcp_flag::kRst}));
  }
  harness.Advance(60'000'000);
  ASSERT_EQ(harness.ended(End::kReset), kCapacity);
  for (uint32_t n = 0; n < kCapacity; ++n)
    harness.Send(Segment(n, true, GetParam(), {.seq = 5, .flags = tcp_flag::kSyn}));
  EXPECT_EQ(harness.Live().size(), 100u);
  EXPECT_EQ(harness.ended(End::kEvicted), kCapacity - 100);
  harness.CheckIdentities();
}

// Nobody gives way while fewer than the quota are unassured, however many others come and go: not flows that nobody ever answers.
TEST_P(FullTable, OneWayFlowsStayWhileOthersComeAndGo) {
  const bool ipv6 = GetParam();
  for (const uint32_t one_way : {1u, 10u, 50u, 98u}) {
    Pipeline::Options options = Options();
    options.half_open_quota = 200;  // 100 for each version
    Harness harness(options);
    harness.check_each_frame = false;
    for (uint32_t n = 0; n < one_way; ++n)
      harness.Send(Segment(n, true, ipv6, {.seq = 5, .flags = tcp_flag::kSyn}));
    for (uint32_t n = 0; n < 3000; ++n) {
      Establish(&harness, 1000 + n, ipv6);
      const uint8_t rst = tcp_flag::kRst | tcp_flag::kAck;
      harness.Send(Segment(1000 + n, true, ipv6, {.seq = 101, .ack = 301, .flags = rst}));
      harness.Advance(
          12'000);  // they are over after 10 s, half-open ones after more than the test takes
    }
    EXPECT_EQ(harness.ended(End::kEvicted), 0u) << one_way;
    EXPECT_EQ(harness.untracked(Untracked::kTableFull), 0u);
    uint32_t stayed = 0;
    for (const FlowRecord& flow : harness.Live()) stayed += flow.assured ? 0 : 1;
    EXPECT_EQ(stayed, one_way);
    harness.CheckIdentities();
  }
}

// Also where the oldest entries are of flows that are over, more of them than a new flow looks at.
TEST_P(FullTable, TheQuotaBoundsThemBehindEntriesOfOthers) {
  const bool ipv6 = GetParam();
  constexpr uint32_t kQuota = 400;
  Pipeline::Options options = Options();
  options.capacity_ipv4 = options.capacity_ipv6 = 4 * kCapacity;
  options.half_open_quota = 2 * kQuota;  // half of it for each version
  Harness harness(options);
  harness.check_each_frame = false;
  std::mt19937 random(6);
  uint32_t next = 0, most = 0;
  const auto syn = [&] {
    harness.Send(Segment(next++, true, ipv6, {.seq = 5, .flags = tcp_flag::kSyn}));
    const uint32_t unassured = harness.pipeline().unassured_flows(ipv6);
    most = std::max(most, unassured);
    ASSERT_LE(unassured, kQuota);
  };
  for (int round = 0; round < 100; ++round) {
    for (uint32_t n = random() % kQuota; n > 0; --n) syn();
    for (uint32_t n = random() % kQuota; n > 0; --n) {
      Establish(&harness, next, ipv6);
      const uint8_t rst = tcp_flag::kRst | tcp_flag::kAck;
      harness.Send(Segment(next++, true, ipv6, {.seq = 101, .ack = 301, .flags = rst}));
      ASSERT_LE(harness.pipeline().unassured_flows(ipv6), kQuota);
    }
    if (random() % 8 == 0) harness.Advance(100'000'000);
  }
  EXPECT_GT(most, kQuota - kQuota / 56 - 1);
  harness.CheckIdentities();
}

// Flows of datagrams that push each other out, in sixteens in which they are also counted: each packet is some flow's, or untracked.
TEST_P(FullTable, NoDatagramIsLostWhereFlowsGiveWay) {
  const bool ipv6 = GetParam();
  std::mt19937 random(5);
  for (const uint32_t quota : {8u, 64u, 4 * kCapacity}) {
    Pipeline::Options options = Options();
    options.capacity_ipv4 = options.capacity_ipv6 = 24;
    options.half_open_quota = quota;
    Harness harness(options);
    harness.check_each_frame = false;
    constexpr uint16_t kFlows = 60;
    std::map<uint16_t, uint64_t> sent, counted;
    uint64_t all = 0;
    for (int burst = 0; burst < 3000; ++burst) {
      std::vector<Harness::Frame> frames;
      for (uint32_t n = 1 + random() % kMaxBurst; n > 0; --n) {
        const auto port = static_cast<uint16_t>(1000 + random() % kFlows);
        const bool answer = port % 8 == 0 && random() % 2 == 0;
        frames.push_back({.bytes = Datagram(port, answer, ipv6, random() % 100)});
        ++sent[port];
        ++all;
      }
      harness.SendBurst(frames);
      harness.Advance(random() % 20 == 0 ? 40'000'000 : 1000);
    }
    uint64_t of_flows = 0;
    std::set<uint16_t> live;
    const auto count = [&](const FlowRecord& flow) {
      const uint16_t port = std::max(flow.originator.port, flow.responder.port);
      counted[port] += flow.originator.packets + flow.responder.packets;
      of_flows += flow.originator.packets + flow.responder.packets;
      return port;
    };
    for (const FlowRecord& flow : harness.ends) count(flow);
    for (const FlowRecord& flow : harness.Live())
      EXPECT_TRUE(live.insert(count(flow)).second) << "a flow is held twice";
    for (const auto& [port, packets] : counted) EXPECT_LE(packets, sent[port]) << port;
    EXPECT_EQ(of_flows + harness.untracked(Untracked::kTableFull), all);
    EXPECT_GT(harness.ended(End::kEvicted), 1000u);
    harness.CheckIdentities();
  }
}

INSTANTIATE_TEST_SUITE_P(IpVersions, FullTable, ::testing::Bool(),
                         [](const auto& version) { return version.param ? "IPv6" : "IPv4"; });

// SYNs of clients whose flows are of the first of two regions.
std::vector<Bytes> SynsOfOneRegion(const HashSecret& secret, uint32_t count) {
  const FlowHasher hasher(secret);
  std::vector<Bytes> syns;
  for (uint32_t n = 0; syns.size() < count; ++n) {
    const uint8_t addresses[8] = {10,
                                  static_cast<uint8_t>(n >> 16),
                                  static_cast<uint8_t>(n >> 8),
                                  static_cast<uint8_t>(n),
                                  192,
                                  168,
                                  0,
                                  1};
    PacketMeta meta;
    SetIpv4Endpoints(addresses, __builtin_bswap16(40000) | __builtin_bswap16(80) << 16,
                     MakeContext(6, 0, 0), &meta);
    meta.key.SetPlace(0, false);
    if (hasher.Of(meta.key).value >> 63 != 0) continue;
    char client[64];
    std::snprintf(client, sizeof(client), "10.%u.%u.%u", n >> 16, n >> 8 & 0xff, n & 0xff);
    syns.push_back(
        FromTo(client, "192.168.0.1")
            .Tcp({.source_port = 40000, .destination_port = 80, .seq = 5, .flags = tcp_flag::kSyn})
            .Build());
  }
  return syns;
}

// Not the table: one of its regions. Who finds no slot there is counted, and nobody of another region gives way for him.
TEST(FullRegion, RefusesAndEvictsNobody) {
  Pipeline::Options options;
  options.capacity_ipv4 = 128'000;
  options.capacity_ipv6 = kCapacity;
  options.half_open_quota = 1'000'000;
  const FlowTable::Plan plan = FlowTable::PlanFor(options.capacity_ipv4);
  ASSERT_EQ(plan.regions, 2u);
  constexpr uint32_t kMore = 1000;
  const std::vector<Bytes> syns = SynsOfOneRegion(options.secret, plan.region_slots + kMore);
  Harness harness(options);
  harness.check_each_frame = false;
  harness.pipeline().set_listener(nullptr);
  const FlowTable& table = harness.pipeline().table(false);
  // The last hundred one by one.
  const size_t in_bursts = syns.size() - 100;
  for (size_t first = 0; first < in_bursts; first += kMaxBurst) {
    std::vector<Harness::Frame> burst;
    for (size_t i = first; i < std::min(first + kMaxBurst, in_bursts); ++i)
      burst.push_back({.bytes = syns[i]});
    harness.SendBurst(burst);
  }
  for (size_t i = in_bursts; i < syns.size(); ++i) harness.Send(syns[i]);
  harness.CheckIdentities();
  EXPECT_EQ(table.size(), plan.region_slots);
  EXPECT_LT(table.size(), table.capacity());
  EXPECT_EQ(harness.untracked(Untracked::kTableFull), kMore);
  EXPECT_EQ(harness.ended(End::kEvicted), 0u);
  // And when it has room again, it takes.
  harness.Advance(130'000'000);
  EXPECT_EQ(table.size(), 0u);
  harness.Send(syns.back());
  EXPECT_EQ(table.size(), 1u);
}

// Slots are taken again at once: an old entry of the queue is mostly of a slot that has another unassured flow.
TEST_P(FullTable, BelowTheQuotaNobodyGivesWayHoweverOftenSlotsAreUsedAgain) {
  const bool ipv6 = GetParam();
  constexpr uint32_t kQuota = 2000;
  Pipeline::Options options;
  options.capacity_ipv4 = options.capacity_ipv6 = 25 * kQuota;
  options.half_open_quota = 2 * kQuota;
  options.tunables.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kSynSent)] = 60'000;
  for (const uint32_t live : {500u, 1000u, 1800u}) {
    Harness harness(options);
    harness.check_each_frame = false;
    harness.pipeline().set_listener(nullptr);
    for (uint32_t n = 0; n < 8 * kQuota; ++n) {
      harness.Send(Segment(n, true, ipv6, {.seq = 5, .flags = tcp_flag::kSyn}));
      harness.Advance(60'000'000 / live);
    }
    harness.CheckIdentities();
    EXPECT_NEAR(harness.pipeline().table(ipv6).size(), live, 20);
    EXPECT_EQ(harness.ended(End::kEvicted), 0u) << live;
  }
}

}  // namespace
}  // namespace coretrack::testing
