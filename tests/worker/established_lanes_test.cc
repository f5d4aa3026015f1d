// Plain segments of a few established flows, sixteen and more at a time: as they come one by one, whatever is in
// them. What a key is made of, and lines that change while a burst is tracked.
#include "dataplane/worker/established_lanes.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/worker/connection.h"
#include "tests/worker/twins.h"

namespace coretrack::testing {
namespace {

class EstablishedLanes : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kHasLanes) GTEST_SKIP() << "no lanes in this build";
  }
};

void SpoilChecksum(Harness::Frame* frame, bool ipv6) {
  frame->bytes[kEthernetBytes + (ipv6 ? kIpv6Bytes : kIpv4MinBytes) + 16] ^= 0x55;
}
// The end of the payload is not captured, or there is something behind it.
void CutOff(uint32_t bytes, uint32_t payload, Harness::Frame* frame) {
  frame->wire_bytes = static_cast<uint32_t>(frame->bytes.size());
  if (bytes <= payload) {
    frame->bytes.resize(frame->bytes.size() - bytes);
  } else {
    frame->wire_bytes += bytes;
  }
}

TEST_F(EstablishedLanes, AnySegmentsOfAFewFlowsAreTrackedAsOneByOne) {
  uint64_t together = 0, sent = 0;
  for (uint32_t seed = 1; seed <= 2500; ++seed) {
    std::mt19937 random(seed);
    Pipeline::Options options = Harness::SmallOptions();
    options.tunables.verify_checksums = random() % 3 == 0;
    options.tunables.drop_invalid = random() % 2 == 0;
    Twins twins(options, random() % 2 == 0);
    std::vector<Connection> connections;
    const size_t wanted_connections = 1 + random() % 4;
    const uint32_t clock_behind = random() % 4 == 0 ? 20 : 0;
    while (connections.size() < wanted_connections) {
      connections.push_back(AnyConnection(connections.size(), random() % 4 == 0, random));
      ASSERT_EQ(twins.Send(connections.back().Open()), "") << "seed " << seed;
    }
    const uint32_t odd_in = random() % 2 == 0 ? 60 : 2000;  // one in so many is disturbed
    // Deltas fill up, and windows, without a word from the other side.
    const bool one_way = random() % 8 == 0;
    for (uint32_t round = 0; round < 6; ++round) {
      std::vector<Harness::Frame> burst;
      const size_t wanted = random() % 4 == 0 ? 1 + random() % kMaxBurst : kMaxBurst;
      while (burst.size() < wanted) {
        Connection& c = connections[random() % connections.size()];
        for (uint32_t in_a_row = 1 + random() % 6; in_a_row > 0 && burst.size() < wanted;
             --in_a_row) {
          const unsigned from = one_way ? 0 : random() % 2;
          constexpr uint32_t kPayloads[] = {0, 0, 1, 20, 100, 1448};
          const uint32_t payload = kPayloads[random() % std::size(kPayloads)];
          if (random() % 4 == 0) c.clock[from] += random() % 3;
          const bool odd = random() % odd_in == 0;
          const uint32_t back = random() % 100 == 0 ? random() % 3000 : 0;
          const uint32_t echo_back = random() % 100 == 0 ? random() % (clock_behind + 1) : 0;
          burst.push_back(c.Segment(from, tcp_flag::kAck, payload, [&](TcpFields* tcp) {
            tcp->window = static_cast<uint16_t>(tcp->window - random() % 50'000);
            tcp->ack -= back;
            if (c.stamped && echo_back != 0)
              tcp->options = TimestampsOption(c.clock[from], c.clock[1 - from] - echo_back);
            if (odd) Disturb(random, c, from, tcp);
          }));
          Harness::Frame& frame = burst.back();
          frame.checksum_known_good = random() % 4 != 0;
          if (random() % (4 * odd_in) == 0) SpoilChecksum(&frame, c.ipv6);
          if (random() % 100 == 0) CutOff(random() % 200, payload, &frame);
          if (!odd) c.next[from] += payload;
        }
      }
      ASSERT_EQ(twins.Send(burst, random() % 2000, random), "") << "seed " << seed;
      together += twins.together();
      sent += burst.size();
    }
  }
  EXPECT_GT(together, sent / 4) << "this is not what it claims to test";
}

// From a value to one that is later than another, and back to before the first: who is the latest of three depends on the order.
TEST_F(EstablishedLanes, EchoesThatLeapAreFollowedOneAfterTheOther) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    Twins twins(Harness::SmallOptions());
    Connection c{.port = 1, .stamped = true};
    ASSERT_EQ(twins.Send(c.Open()), "");
    std::vector<Harness::Frame> burst;
    while (burst.size() < kMaxBurst) {
      burst.push_back(c.Segment(0, tcp_flag::kAck, 0, [&](TcpFields* tcp) {
        tcp->options = TimestampsOption(c.clock[0], c.clock[1] + (random() % 8) * 0x30000000);
      }));
    }
    ASSERT_EQ(twins.Send(burst), "") << "seed " << seed;
  }
}

// What TrackEstablishedLanes() is given, of a burst of plain segments of sixteen flows that a pipeline knows.
struct Chunk : Located {
  explicit Chunk(bool ipv6) {
    std::vector<Harness::Frame> frames;
    for (uint16_t n = 0; n < kLanes; ++n) {
      Connection c{.ipv6 = ipv6, .zone = 3, .port = static_cast<uint16_t>(40'000 + n)};
      for (const Harness::Frame& frame : c.Open()) harness.Send(frame);
      frames.push_back(c.Data(n % 2, 100));
    }
    Take(frames);
  }
  // At `later_ms`, with a timeout of so much less than the flows have.
  Mask Track(uint32_t later_ms = 0, uint32_t less_ms = 0) {
    Fetches none;
    return TrackEstablishedLanes(
        burst.segments, burst.words, burst.hash.data(), burst.candidate.data(), 0, kEach,
        harness.now().tick + later_ms,
        {.established_ms = timeout_ms() - less_ms, .udp_ms = 0, .udp_answered_ms = 0}, &none);
  }
  uint32_t timeout_ms() {
    return harness.pipeline()
        .tunables()
        .tcp_timeout_ms[static_cast<size_t>(tcp::TimeoutClass::kEstablished)];
  }
};

TEST_F(EstablishedLanes, EveryWordOfTheKeyIsCompared) {
  for (const bool ipv6 : {false, true}) {
    using Change = std::function<void(Burst*)>;
    constexpr uint32_t kOne = 5;
    const std::vector<std::pair<std::string, Change>> changes = {
        {"first port", [](Burst* b) { b->words.transport[kOne] ^= 1; }},
        {"second port", [](Burst* b) { b->words.transport[kOne] ^= uint64_t{1} << 31; }},
        {"protocol", [](Burst* b) { b->words.transport[kOne] ^= uint64_t{1} << 32; }},
        {"VLAN", [](Burst* b) { b->words.transport[kOne] ^= uint64_t{1} << 63; }},
        {"zone", [](Burst* b) { b->words.place[kOne] ^= 1; }},
        {"hash, low", [](Burst* b) { b->hash[kOne].value ^= 1; }},
        {"hash, high", [](Burst* b) { b->hash[kOne].value ^= uint64_t{1} << 63; }},
        {"address 0, low", [](Burst* b) { b->words.address[0][kOne] ^= 1; }},
        {"address 0, high", [](Burst* b) { b->words.address[0][kOne] ^= uint64_t{1} << 63; }},
        {"address 1", [](Burst* b) { b->words.address[1][kOne] ^= 1; }},
        {"address 2", [](Burst* b) { b->words.address[2][kOne] ^= uint64_t{1} << 40; }},
        {"address 3", [](Burst* b) { b->words.address[3][kOne] ^= uint64_t{1} << 63; }},
        {"no line", [](Burst* b) { b->candidate[kOne] = nullptr; }},
        {"not plain", [](Burst* b) { b->segments.plain[0] ^= 1 << kOne; }},
    };
    for (const auto& [name, change] : changes) {
      const bool matters = ipv6 ? true
                                : name.find("hash") == std::string::npos &&
                                      name.find("address 1") == std::string::npos &&
                                      name.find("address 2") == std::string::npos &&
                                      name.find("address 3") == std::string::npos;
      Chunk chunk(ipv6);
      AtomicLine* const line = chunk.burst.candidate[kOne];
      ASSERT_NE(line, nullptr);
      const auto before = line->LoadOwned<LineWords>();
      change(&chunk.burst);
      EXPECT_EQ(chunk.Track(), matters ? kEach ^ 1 << kOne : kEach) << name << ", IPv6: " << ipv6;
      EXPECT_EQ(line->LoadOwned<LineWords>() == before, matters) << name << ", IPv6: " << ipv6;
    }
  }
}

TEST_F(EstablishedLanes, AFlowPastItsDeadlineIsLeftAlone) {
  Chunk chunk(false);
  EXPECT_EQ(chunk.Track(chunk.timeout_ms()), 0);
  EXPECT_EQ(chunk.Track(chunk.timeout_ms() + 1), 0);
  // And one whose deadline is farther away than it may be: the wheel must hear.
  EXPECT_EQ(chunk.Track(0, 1), 0);
  EXPECT_EQ(chunk.Track(chunk.timeout_ms() - 1), kEach);
}

// What a line counts of bytes is full after 44 of them: it is spilled, and they stay together. Of what no line holds
// sixteen of, too, one by one where they must.
TEST_F(EstablishedLanes, AnElephantsFullSegmentsAreTrackedTogether) {
  constexpr uint32_t kJumbo = 8900, kBursts = 20;
  for (const bool ipv6 : {false, true}) {
    for (const uint32_t payload : {1460u, kJumbo}) {
      Twins twins(Harness::SmallOptions());
      Connection c{.ipv6 = ipv6, .port = 1, .scale = uint8_t{7}};
      ASSERT_EQ(twins.Send(c.Open()), "");
      uint64_t together = 0, bytes = 0;
      for (uint32_t n = 0; n < kBursts; ++n) {
        std::vector<Harness::Frame> burst;
        for (uint32_t i = 0; i < kMaxBurst; ++i) {
          const Harness::Frame frame = c.Data(0, payload);
          bytes += frame.bytes.size() - kEthernetBytes;
          burst.push_back(frame);
        }
        ASSERT_EQ(twins.Send(burst), "") << "IPv6: " << ipv6 << ", payload: " << payload;
        together += twins.together();
        ASSERT_EQ(twins.Send({c.Data(1, 0)}), "");
      }
      if (payload != kJumbo) {
        EXPECT_EQ(together, kBursts * kMaxBurst);
      }
      const std::vector<FlowRecord> live = twins.with().Live();
      ASSERT_EQ(live.size(), 1u);
      EXPECT_EQ(live[0].originator.packets, 4 + kBursts * kMaxBurst);
      const uint64_t opening = (ipv6 ? 60 : 40) * 4 + 4 + 10;  // a scale in the SYN, and data
      EXPECT_EQ(live[0].originator.bytes, opening + bytes);
    }
  }
}

// What stood at a packet's place in the burst before is not what it is: its meta is of then.
TEST_F(EstablishedLanes, AFragmentOfTheLastBurstIsNotLookedForInThisOne) {
  Twins twins(Harness::SmallOptions());
  Connection c{.port = 1};
  ASSERT_EQ(twins.Send(c.Open()), "");
  const Bytes fragment = PacketBuilder()
                             .Ethernet()
                             .Ipv4("10.0.0.7", "10.0.0.8", {.fragment_field = 0x2000})
                             .Udp(1, 2)
                             .Payload(16)
                             .Build();
  for (const uint32_t place : {3u, 10u}) {
    std::vector<Harness::Frame> burst;
    for (uint32_t i = 0; i < 2 * kLanes; ++i) {
      burst.push_back(i == place ? Harness::Frame{.bytes = fragment} : c.Data(0, 10));
    }
    ASSERT_EQ(twins.Send(burst), "");
  }
  EXPECT_GT(twins.together(), 0u);
  for (const FlowRecord& flow : twins.with().Live()) {
    EXPECT_EQ(flow.originator.packets, 4 + 2 * (2 * kLanes - 1));
  }
}

// A slot that a burst's packet was located in is another flow's by the time it is tracked: its numbers are the same,
// its ports are not.
class Stale : public ::testing::Test {
 protected:
  static Pipeline::Options Small() {
    Pipeline::Options options = Harness::SmallOptions();
    options.capacity_ipv4 = 2;
    options.half_open_quota = 2;  // one for each IP version
    return options;
  }
  void SetUp() override {
    ASSERT_EQ(twins_.Send(bystander_.Open()), "");
    ASSERT_EQ(twins_.Send({evicted_.Open()[0]}), "");
  }
  Twins twins_{Small()};
  Connection bystander_{.port = 3}, evicted_{.port = 1}, admitted_{.port = 2};
  Connection imagined_{.port = 1};  // the one that is evicted, had it gone on
};

TEST_F(Stale, AnAnswerIsNotTakenForTheOneInItsPlace) {
  EXPECT_EQ(twins_.Send({admitted_.Open()[0], imagined_.Open()[1]}), "");
  EXPECT_GE(twins_.with().ended(End::kEvicted), 1u);
}

TEST_F(Stale, DataBehindSomebodyElsesDataIsNotEither) {
  std::vector<Harness::Frame> burst = admitted_.Open();
  imagined_.Open();
  burst.push_back(bystander_.Data(0, 20));  // plain, so that the next one follows in its loop
  burst.push_back(imagined_.Data(0, 30));
  EXPECT_EQ(twins_.Send(burst), "");
  EXPECT_EQ(twins_.with().ended(End::kEvicted), 1u);
  for (const FlowRecord& flow : twins_.with().Live()) {
    if (flow.originator.port != 2) continue;
    EXPECT_EQ(flow.originator.packets, 4u);
    EXPECT_EQ(flow.responder.packets, 4u);
  }
}

}  // namespace
}  // namespace coretrack::testing
