// Segments that move a state or are the first of their kind, of sixteen and more flows at a time: as they come one by one.
#include "dataplane/worker/step_lanes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <vector>

#include "dataplane/tcp/sequence.h"
#include "dataplane/worker/established_lanes.h"
#include "dataplane/worker/line_lanes.h"
#include "dataplane/worker/opening_lanes.h"
#include "tests/worker/connection.h"
#include "tests/worker/twins.h"

namespace coretrack::testing {
namespace {

using namespace tcp_flag;

constexpr bool kListen = false;  // steps go together only where nobody does

class StepLanes : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kHasLanes) GTEST_SKIP() << "no lanes in this build";
  }
};

std::vector<Connection> Connections(uint32_t count, bool ipv6, std::mt19937& random,
                                    uint32_t first = 0) {
  std::vector<Connection> connections;
  while (connections.size() < count)
    connections.push_back(AnyConnection(first + connections.size(), ipv6, random));
  return connections;
}

// One packet of every connection.
std::vector<Harness::Frame> InOrder(std::vector<Connection>* connections, unsigned from,
                                    uint8_t flags, uint32_t payload) {
  std::vector<Harness::Frame> frames;
  for (Connection& c : *connections) {
    frames.push_back(c.Segment(from, flags, payload));
    c.next[from] += payload + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
  }
  return frames;
}
// The same in any order.
std::vector<Harness::Frame> Each(std::vector<Connection>* connections, unsigned from, uint8_t flags,
                                 uint32_t payload, std::mt19937& random) {
  std::vector<Harness::Frame> frames = InOrder(connections, from, flags, payload);
  std::shuffle(frames.begin(), frames.end(), random);
  return frames;
}

// A burst that has in each chunk `count` of `some`, and else `others`. Inside a chunk in any order, but that `some` have its first and its last place.
std::vector<Harness::Frame> Mixed(std::vector<Harness::Frame> some, uint32_t count,
                                  std::vector<Harness::Frame> others, std::mt19937& random) {
  std::vector<Harness::Frame> burst;
  while (burst.size() < kMaxBurst) {
    const auto take = [&burst](std::vector<Harness::Frame>* from, uint32_t n) {
      for (; n != 0; --n) {
        burst.push_back(from->back());
        from->pop_back();
      }
    };
    take(&some, 1);
    const auto begin = burst.end() - burst.begin();
    take(&some, count - 2);
    take(&others, kLanes - count);
    std::shuffle(burst.begin() + begin, burst.end(), random);
    take(&some, 1);
  }
  return burst;
}

// Short connections in step with one another: no packet goes alone.
TEST(Steps, ShortConnectionsGoTogether) {
  struct Segment {
    unsigned from;
    uint8_t flags;
    uint32_t payload;
  };
  const Segment answer{1, kSyn | kAck, 0};
  const std::vector<std::vector<Segment>> kinds = {
      {answer,
       {0, kAck, 0},
       {0, kAck, 20},
       {1, kAck, 0},
       {1, kAck, 30},
       {0, kAck, 0},
       {0, kAck | kFin, 0},
       {1, kAck | kFin, 0},
       {0, kAck, 0}},
      {answer,
       {0, kAck, 0},
       {0, kAck | kFin, 5},
       {1, kAck, 7},
       {0, kAck, 0},
       {1, kAck | kFin, 0},
       {0, kAck, 0}},
      {answer,
       {0, kAck, 0},
       {1, kAck, 9},
       {1, kAck | kFin, 0},
       {0, kAck, 0},
       {0, kAck, 50},
       {1, kAck, 0},
       {0, kAck | kFin, 0},
       {1, kAck, 0}},
      {answer,
       {0, kAck, 9},
       {1, kAck, 0},
       {1, kAck | kFin, 400},
       {0, kAck | kFin, 0},
       {1, kAck, 0}},
  };
  std::mt19937 random(1);
  for (const auto& segments : kinds) {
    for (const bool ipv6 : {false, true}) {
      Twins twins(Harness::SmallOptions(), kListen);
      std::vector<Connection> all = Connections(kMaxBurst, ipv6, random);
      for (Connection& c : all) c.mss = 1460;
      ASSERT_EQ(twins.Send(Each(&all, 0, kSyn, 0, random)), "");
      if (kHasLanes) {
        EXPECT_EQ(twins.together(), kMaxBurst);
      }
      for (size_t n = 0; n < segments.size(); ++n) {
        const auto& [from, flags, payload] = segments[n];
        ASSERT_EQ(twins.Send(Each(&all, from, flags, payload, random)), "") << "segment " << n;
        if (kHasLanes) {
          EXPECT_EQ(twins.together(), kMaxBurst) << "segment " << n;
        }
      }
    }
  }
}

// Of both IP versions in each chunk: no packet goes alone either.
TEST_F(StepLanes, BothIpVersionsGoTogether) {
  std::mt19937 random(1);
  constexpr uint32_t kHalf = kMaxBurst / 2;
  Twins twins(Harness::SmallOptions(), kListen);
  std::vector<Connection> ipv4 = Connections(kHalf, false, random);
  std::vector<Connection> ipv6 = Connections(kHalf, true, random);
  for (auto* all : {&ipv4, &ipv6})
    for (Connection& c : *all) c.mss = 1460;
  struct Segment {
    unsigned from;
    uint8_t flags;
    uint32_t payload;
  };
  for (const auto& [from, flags, payload] :
       {Segment{0, kSyn, 0}, Segment{1, kSyn | kAck, 0}, Segment{0, kAck, 0}, Segment{0, kAck, 20},
        Segment{1, kAck, 0}, Segment{1, kAck, 30}, Segment{0, kAck, 0}, Segment{0, kAck | kFin, 0},
        Segment{1, kAck | kFin, 0}, Segment{0, kAck, 0}}) {
    ASSERT_EQ(twins.Send(Mixed(InOrder(&ipv4, from, flags, payload), kLanes / 2,
                               InOrder(&ipv6, from, flags, payload), random)),
              "");
    EXPECT_EQ(twins.together(), kMaxBurst) << unsigned{flags} << ", " << payload;
  }
}

// Steps of one IP version beside established packets of the other, which have been tracked when the steps' turn comes.
TEST_F(StepLanes, StepsGoBesideTheOtherVersionsEstablished) {
  constexpr uint32_t kPlain = kEnoughForLanes, kChunks = kMaxBurst / kLanes;
  for (const bool established_ipv6 : {false, true}) {
    std::mt19937 random(1);
    Twins twins(Harness::SmallOptions(), kListen);
    std::vector<Connection> plain = Connections(kPlain * kChunks, established_ipv6, random);
    std::vector<Connection> others =
        Connections((kLanes - kPlain) * kChunks, !established_ipv6, random);
    for (auto* all : {&plain, &others})
      for (Connection& c : *all) c.mss = 1460;
    for (Connection& c : plain) {
      for (const Harness::Frame& frame : c.Open()) ASSERT_EQ(twins.Send({frame}), "");
    }
    ASSERT_EQ(twins.Send(InOrder(&others, 0, kSyn, 0)), "");
    ASSERT_EQ(twins.Send(InOrder(&others, 1, kSyn | kAck, 0)), "");
    for (const uint8_t flags : {kAck, uint8_t{kAck | kFin}}) {
      ASSERT_EQ(twins.Send(Mixed(InOrder(&plain, 1, kAck, 0), kPlain, InOrder(&others, 0, flags, 0),
                                 random)),
                "")
          << established_ipv6;
      EXPECT_EQ(twins.together(), kMaxBurst) << established_ipv6 << ", " << unsigned{flags};
    }
  }
}

// Flows whose counts need a record of their own (flow/wide_pool.h), from their SYN, their SYN+ACK or later on, keep them.
TEST(Steps, WideFlowsStayWide) {
  struct Segment {
    unsigned from;
    uint8_t flags;
    uint32_t payload;
  };
  const std::vector<Segment> segments = {
      {0, kSyn, 0}, {1, kSyn | kAck, 0}, {0, kAck, 0},        {0, kAck, 20},       {1, kAck, 0},
      {1, kAck, 9}, {0, kAck, 0},        {0, kAck | kFin, 5}, {1, kAck | kFin, 0}, {0, kAck, 0}};
  std::mt19937 random(1);
  uint32_t together = 0;
  for (const bool ipv6 : {false, true}) {
    for (size_t before = 1; before < segments.size(); ++before) {
      Twins twins(Harness::SmallOptions(), kListen);
      std::vector<Connection> all = Connections(kMaxBurst, ipv6, random);
      for (Connection& c : all) c.mss = 1460;
      for (size_t n = 0; n < segments.size(); ++n) {
        if (n == before) {
          // The SYN again and again; or data from far outside the window.
          std::vector<Harness::Frame> again;
          for (const Connection& c : all) {
            again.push_back(
                before == 1 ? c.Segment(0, kSyn, 0, [](TcpFields* tcp) { --tcp->seq; })
                            : c.Segment(1, kAck, 9, [](TcpFields* tcp) { tcp->seq += 1u << 30; }));
          }
          for (int times = 0; times < 70; ++times) ASSERT_EQ(twins.Send(again), "");
          ASSERT_EQ(twins.with().pipeline().table(ipv6).wide().used(), kMaxBurst) << before;
        }
        const auto& [from, flags, payload] = segments[n];
        ASSERT_EQ(twins.Send(Each(&all, from, flags, payload, random)), "") << before << ", " << n;
        if (n >= before) together += twins.together();
      }
      EXPECT_EQ(twins.with().pipeline().table(ipv6).wide().used(), kMaxBurst);
    }
  }
  // (What a flow keeps in mind of such data sends its next steps another way.)
  if (kHasLanes) {
    EXPECT_GT(together, 10 * kMaxBurst) << "this is not what it claims to test";
  }
}

// Of flows that are there, beside SYNs of others of both IP versions.
TEST(Steps, SynsAgainOfBothIpVersionsAreTracked) {
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    std::mt19937 random(seed);
    Twins twins(Harness::SmallOptions(), kListen);
    twins.AllowAnyOrder();
    std::vector<Connection> all = Connections(kMaxBurst / 2, false, random);
    for (const Connection& c : Connections(kMaxBurst / 2, true, random)) all.push_back(c);
    std::shuffle(all.begin(), all.end(), random);
    for (uint32_t round = 1; round <= 4; ++round) {
      const size_t known = all.size() / 4 * (round - 1);
      std::vector<Harness::Frame> burst;
      for (size_t n = 0; n < all.size(); ++n) {
        const bool again = n % 2 == 0 && known != 0;
        burst.push_back(all[again ? random() % known : n].Segment(0, kSyn, 0));
      }
      ASSERT_EQ(twins.Send(burst), "") << "seed " << seed << ", round " << round;
    }
  }
}

// SYNs of new flows and of others, in full tables and at the quota, into slots that others have left.
TEST(Steps, OpeningsAreTrackedAsOneByOne) {
  uint64_t together = 0, sent = 0, refused = 0, evicted = 0;
  for (uint32_t seed = 1; seed <= 800; ++seed) {
    std::mt19937 random(seed);
    const auto once_in = [&random](uint32_t n) { return random() % n == 0; };
    Pipeline::Options options = Harness::SmallOptions();
    const bool ipv6 = once_in(3);
    // Who comes first decides who gives way: then all of them are plain.
    const bool tight = once_in(3);
    if (tight) {
      options.capacity_ipv4 = options.capacity_ipv6 = 40 + random() % 100;
      // Also fewer than a chunk.
      constexpr std::array<uint32_t, 6> kQuotas = {60, 60, 1000, 1000, 1000, 1000};
      options.half_open_quota = once_in(4) ? 1 + random() % 40 : kQuotas[random() % kQuotas.size()];
    } else {
      options.capacity_ipv4 = options.capacity_ipv6 = 1000;
      options.half_open_quota = options.midstream_quota = 10'000;
    }
    Twins twins(options, kListen);
    if (!tight) twins.AllowAnyOrder();
    for (int round = 0; round < 12; ++round) {
      std::vector<Harness::Frame> burst;
      std::vector<Connection> all =
          Connections(10 + random() % 54, ipv6, random,
                      tight ? static_cast<uint32_t>(round) * kMaxBurst : random() % 200);
      for (Connection& c : all) {
        if (tight) c.mss = 1460;
        const uint8_t odd_flags =
            tight || !once_in(20) ? 0 : (std::array{kFin, kRst, kPsh, kUrg, kEce})[random() % 5];
        const uint32_t payload = tight || !once_in(20) ? 0 : random() % 20;
        const bool odd = !tight && once_in(20);
        burst.push_back(c.Segment(0, kSyn | odd_flags, payload, [&](TcpFields* tcp) {
          if (odd) Disturb(random, c, 0, tcp);
        }));
        // Of the same flow, in front of it or behind it: its SYN again, or what makes another flow of it.
        if (!tight && once_in(30) && burst.size() + all.size() < kMaxBurst)
          burst.push_back(
              c.Segment(random() % 2,
                        (std::array<uint8_t, 4>{kSyn, kSyn | kAck, kAck, kRst})[random() % 4], 0));
      }
      std::shuffle(burst.begin(), burst.end(), random);
      if (burst.size() > kMaxBurst) burst.resize(kMaxBurst);
      ASSERT_EQ(twins.Send(burst, once_in(6) ? random() % 100'000'000 : random() % 1000, random),
                "")
          << "seed " << seed << ", round " << round;
      together += twins.together();
      sent += burst.size();
      if (!tight || twins.with().ended(End::kEvicted) != 0 ||
          twins.with().untracked(Untracked::kTableFull) != 0 || once_in(2))
        continue;
      // All are answered, and confirmed: they do not give way later.
      for (Connection& c : all) ++c.next[0];
      ASSERT_EQ(twins.Send(Each(&all, 1, kSyn | kAck, 0, random)), "") << "seed " << seed;
      ASSERT_EQ(twins.Send(Each(&all, 0, kAck, 0, random)), "") << "seed " << seed;
    }
    refused += twins.with().untracked(Untracked::kTableFull);
    evicted += twins.with().ended(End::kEvicted);
  }
  if (kHasLanes) {
    EXPECT_GT(together, sent / 3) << "this is not what it claims to test";
    EXPECT_GT(refused, 1000u);
    EXPECT_GT(evicted, 10'000u);
  }
}

// Of a table that is nearly full some flows lie past full buckets: their SYNs again open nothing.
TEST(Steps, SynsOfFlowsFarFromHomeOpenNothing) {
  uint64_t far = 0;
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    Pipeline::Options options = Harness::SmallOptions();
    options.capacity_ipv4 = options.capacity_ipv6 = 1000;
    options.half_open_quota = options.midstream_quota = 10'000;
    Twins twins(options, kListen);
    twins.AllowAnyOrder();
    const bool ipv6 = seed % 3 == 0;
    std::vector<Connection> all = Connections(960, ipv6, random);
    std::shuffle(all.begin(), all.end(), random);
    for (size_t begin = 0; begin < all.size(); begin += kMaxBurst / 2) {
      std::vector<Harness::Frame> burst;
      for (size_t n = 0; n < kMaxBurst / 2; ++n)
        burst.push_back(all[begin + n].Segment(0, kSyn, 0));
      for (size_t n = 0; n < kMaxBurst / 2 && begin != 0; ++n)
        burst.push_back(all[random() % begin].Segment(0, kSyn, 0));
      std::shuffle(burst.begin(), burst.end(), random);
      ASSERT_EQ(twins.Send(burst), "") << "seed " << seed;
    }
    EXPECT_EQ(twins.with().pipeline().table(ipv6).size(), all.size());
    far += twins.with().pipeline().table(ipv6).OverflowSum();
  }
  EXPECT_GT(far, 300u) << "this is not what it claims to test";
}

// SYNs that stand beside a packet that confirms its flow do not make that flow give way. (One by one those in front of it do.)
TEST_F(StepLanes, WhoConfirmsItselfStays) {
  std::mt19937 random(1);
  Pipeline::Options options = Harness::SmallOptions();
  options.half_open_quota = 2 * kMaxBurst;  // kMaxBurst for each IP version
  for (uint32_t place = 0; place < kLanes; ++place) {
    Twins twins(options, kListen);
    std::vector<Connection> all = Connections(kMaxBurst + kLanes, false, random);
    for (Connection& c : all) c.mss = 1460;
    Connection& oldest = all[0];
    std::vector<Harness::Frame> frames;
    for (size_t n = 0; n < kMaxBurst; ++n) frames.push_back(all[n].Segment(0, kSyn, 0));
    ASSERT_EQ(twins.Send(frames), "");
    ++oldest.next[0];
    ASSERT_EQ(twins.Send({oldest.Segment(1, kSyn | kAck, 0)}), "");
    ++oldest.next[1];
    std::vector<Harness::Frame> burst;
    for (size_t n = kMaxBurst; burst.size() < kLanes - 1; ++n)
      burst.push_back(all[n].Segment(0, kSyn, 0));
    burst.insert(burst.begin() + place, oldest.Segment(0, kAck, 0));
    twins.Send(burst);  // one by one it goes as the places are
    EXPECT_EQ(twins.with().ended(End::kEvicted), kLanes - 2);
    uint32_t assured = 0;
    for (const FlowRecord& flow : twins.with().Live()) assured += flow.assured;
    EXPECT_EQ(assured, 1u) << "place " << place;
  }
}

// A table of 248 slots: no two flows meet in a side table, wherever they lie. (Of more than SideTable::kSlots, one of the twins might forget
// a rival, and the other not.)
constexpr uint32_t kRivalsForAll = 235;

// Whatever answers a SYN.
TEST(Steps, AnswersAreTrackedAsOneByOne) {
  uint64_t together = 0, sent = 0;
  for (uint32_t seed = 1; seed <= 3000; ++seed) {
    std::mt19937 random(seed);
    const auto once_in = [&random](uint32_t n) { return random() % n == 0; };
    Pipeline::Options options = Harness::SmallOptions();
    // Who comes first decides who gives way: then all SYNs are plain.
    const bool tight = once_in(2);
    if (tight) options.half_open_quota = 150;  // for both IP versions
    options.capacity_ipv4 = options.capacity_ipv6 = kRivalsForAll;
    Twins twins(options, kListen);
    if (!tight) twins.AllowAnyOrder();
    const bool ipv6 = once_in(3);
    std::vector<Connection> all = Connections(8 + random() % 50, ipv6, random);
    if (tight)
      for (Connection& c : all) c.mss = 1460;
    const uint32_t in_syn = !tight && once_in(8) ? 10 : 0;
    const uint32_t odd_in = once_in(2) ? 10 : 1000;
    std::vector<Harness::Frame> syns;
    for (Connection& c : all) {
      syns.push_back(c.Segment(0, kSyn, in_syn, [&](TcpFields* tcp) {
        if (!tight && once_in(odd_in)) tcp->window = 0;
      }));
      c.next[0] += 1 + in_syn;
    }
    ASSERT_EQ(twins.Send(syns, 10, random), "");
    for (const Connection& c : all) {  // once more, then the time is not told
      Connection again = c;
      again.next[0] -= 1 + in_syn;
      if (once_in(odd_in)) {
        ASSERT_EQ(twins.Send({again.Segment(0, kSyn, in_syn)}, 10, random), "");
      }
    }
    if (in_syn != 0 && once_in(2))
      for (Connection& c : all) c.next[0] -= in_syn;
    const bool other_options = once_in(4);
    // Then the answers, and perhaps all of them again.
    for (int round = 0; round < 2; ++round) {
      std::vector<Harness::Frame> burst;
      for (Connection& c : all) {
        Connection answer = c;
        if (other_options) {
          const Connection other = AnyConnection(0, c.ipv6, random);
          answer.scale = other.scale;
          answer.mss = other.mss;
          answer.sack = other.sack;
          answer.stamped = other.stamped;
        }
        const unsigned from = once_in(odd_in) ? 0 : 1;
        const uint8_t flags = static_cast<uint8_t>(
            kSyn | kAck |
            (once_in(odd_in) ? (std::array{kFin, kRst, kPsh, kUrg, kEce})[random() % 5] : 0));
        const uint32_t payload = once_in(odd_in) ? random() % 20 : 0;
        const uint32_t window = once_in(2) ? 1 + random() % 20 : random() % 65536;
        const bool odd = once_in(odd_in);
        burst.push_back(answer.Segment(from, flags, payload, [&](TcpFields* tcp) {
          tcp->window = static_cast<uint16_t>(window);
          if (odd) Disturb(random, answer, from, tcp);
        }));
        if (once_in(64))
          burst.push_back(c.Segment(random() % 2, once_in(2) ? kAck : kSyn | kAck, 0));
      }
      std::shuffle(burst.begin(), burst.end(), random);
      if (burst.size() > kMaxBurst) burst.resize(kMaxBurst);
      const uint64_t pause_us = once_in(10) ? random() % 100'000'000 : random() % 100'000;
      ASSERT_EQ(twins.Send(burst, pause_us, random), "") << "seed " << seed << ", round " << round;
      if (round != 0) continue;
      together += twins.together();
      sent += burst.size();
    }
    // Who was answered is not assured for that.
    for (uint32_t more = 0; more < 2; ++more) {
      std::vector<Connection> others = Connections(60, ipv6, random, 100 * (more + 1));
      for (Connection& c : others) c.mss = 1460;
      ASSERT_EQ(twins.Send(Each(&others, 0, kSyn, 0, random), 10, random), "") << "seed " << seed;
    }
    for (Connection& c : all) ++c.next[1];
    ASSERT_EQ(twins.Send(Each(&all, 0, kAck, 0, random), 1000, random), "") << "seed " << seed;
  }
  if (kHasLanes) {
    EXPECT_GT(together, sent / 3) << "this is not what it claims to test";
  }
}

// Whatever both ends say next, once in a while what they should not.
TEST(Steps, AnyNextSegmentsAreTrackedAsOneByOne) {
  uint64_t together = 0, sent = 0;
  for (uint32_t seed = 1; seed <= 1500; ++seed) {
    std::mt19937 random(seed);
    Pipeline::Options options = Harness::SmallOptions();
    options.tunables.drop_invalid = random() % 2 == 0;
    options.capacity_ipv4 = options.capacity_ipv6 = kRivalsForAll;
    Twins twins(options, kListen);
    twins.AllowAnyOrder();
    std::vector<Connection> all = Connections(1 + random() % 60, random() % 3 == 0, random);
    std::vector<bool> done[2] = {std::vector<bool>(all.size()), std::vector<bool>(all.size())};
    // Once in a while with data in the SYNs, which the SYN+ACK may have taken or not.
    const uint32_t in_syn = random() % 8 == 0 ? 10 : 0, in_answer = random() % 8 == 0 ? 10 : 0;
    ASSERT_EQ(twins.Send(Each(&all, 0, kSyn, in_syn, random), 10, random), "");
    if (in_syn != 0 && random() % 2 == 0)
      for (Connection& c : all) c.next[0] -= in_syn;
    ASSERT_EQ(twins.Send(Each(&all, 1, kSyn | kAck, in_answer, random), 1000, random), "");
    if (random() % 4 != 0) {
      ASSERT_EQ(twins.Send(Each(&all, 0, kAck, 0, random), 1000, random), "");
    }
    const uint32_t odd_in = random() % 2 == 0 ? 40 : 4000;  // one in so many is disturbed
    const uint32_t fin_in = 3 + random() % 10;
    const bool close_together = random() % 2 == 0, tight = random() % 4 == 0;
    for (uint32_t round = 0; round < 12; ++round) {
      const unsigned speaker = random() % 2;
      const bool closing = random() % fin_in == 0;
      std::vector<Harness::Frame> burst;
      for (size_t n = 0; n < all.size(); ++n) {
        Connection& c = all[n];
        const unsigned from = random() % 8 == 0 ? 1 - speaker : speaker;
        const bool ends = !done[from][n] && (close_together ? closing : random() % fin_in == 0);
        const uint32_t payload =
            done[from][n] ? 0 : (std::array<uint32_t, 4>{0, 0, 100, 1448})[random() % 4];
        if (random() % 4 == 0) c.clock[from] += random() % 3;
        const bool odd = random() % odd_in == 0;
        // Often larger than any before, or less than what comes.
        const uint32_t window =
            tight && random() % 4 != 0 ? 1 + random() % 20 : 60'000 + random() % 5000;
        burst.push_back(c.Segment(from, ends ? kAck | kFin : kAck, payload, [&](TcpFields* tcp) {
          tcp->window = static_cast<uint16_t>(window);
          if (odd) Disturb(random, c, from, tcp);
        }));
        if (odd) continue;
        c.next[from] += payload + (ends ? 1 : 0);
        done[from][n] = done[from][n] || ends;
        // Rarely, of one connection another one behind it.
        if (random() % 64 == 0 && burst.size() + all.size() < kMaxBurst)
          burst.push_back(c.Segment(1 - from, kAck, 0));
      }
      const uint64_t pause_us = random() % 20 != 0 ? random() % 2000 : random() % 400'000'000;
      ASSERT_EQ(twins.Send(burst, pause_us, random), "") << "seed " << seed << ", round " << round;
      together += twins.together();
      sent += burst.size();
    }
  }
  if (kHasLanes) {
    EXPECT_GT(together, sent / 2) << "this is not what it claims to test";
  }
}

// What TrackStepLanes() is given: a burst of third ACKs, of sixteen flows that a pipeline knows; or TrackAnswerLanes(), of SYN+ACKs.
struct Chunk : Located {
  explicit Chunk(bool ipv6, bool answers = false)
      : track(answers ? TrackAnswerLanes : TrackStepLanes) {
    std::vector<Harness::Frame> acks;
    std::mt19937 random(1);
    for (Connection& c : Connections(kLanes, ipv6, random)) {
      harness.Send(c.Segment(0, kSyn, 0));
      ++c.next[0];
      c.mss = 1460;
      if (answers) {
        acks.push_back(c.Segment(1, kSyn | kAck, 0));
        continue;
      }
      harness.Send(c.Segment(1, kSyn | kAck, 0));
      ++c.next[1];
      acks.push_back(c.Segment(0, kAck, 0));
    }
    Take(acks);
  }
  Mask Track(uint32_t later_ms = 0) {
    const Now now{.tick = harness.now().tick + later_ms, .unix_us = harness.now().unix_us};
    Arena arena = *Arena::Create(Histories::ArenaBytes(), false);
    Histories histories(&arena);
    StepsTracked steps;
    track(burst.segments, burst.words, burst.hash.data(), burst.candidate.data(),
          harness.pipeline().table((burst.words.ipv6 & 1) != 0), &histories, 0, kEach, now,
          harness.pipeline().tunables().tcp_timeout_ms, &steps);
    return steps.tracked;
  }
  decltype(&TrackStepLanes) track;
};

TEST_F(StepLanes, AFlowPastItsDeadlineIsLeftAlone) {
  constexpr uint32_t kTimeoutMs = 60'000;  // of SYN_SENT, and of SYN_RCVD
  for (const bool answers : {false, true}) {
    Chunk chunk(false, answers);
    EXPECT_EQ(chunk.Track(kTimeoutMs), 0);
    EXPECT_EQ(chunk.Track(kTimeoutMs + 1), 0);
    EXPECT_EQ(chunk.Track(kTimeoutMs - 1), kEach);
  }
}

TEST_F(StepLanes, WhatIsNotItsFlowIsLeftAlone) {
  constexpr uint32_t kOne = 5, kOther = 6;
  constexpr size_t kNotOfAnswers = 5;  // they have a SYN
  const std::vector<std::function<void(Burst*)>> changes = {
      [](Burst* b) { b->words.transport[kOne] ^= 1; },
      [](Burst* b) { b->words.address[0][kOne] ^= 1; },
      [](Burst* b) {
        b->hash[kOne].value ^= 2;
        b->words.address[0][kOne] ^= 1;
      },
      [](Burst* b) { b->candidate[kOne] = nullptr; },
      [](Burst* b) { b->segments.common[0] ^= 1 << kOne; },
      [](Burst* b) { b->segments.flags_window[kOne] |= kSyn << 16; },
      [](Burst* b) { b->segments.flags_window[kOne] &= ~uint32_t{0xffff}; },
  };
  for (const bool ipv6 : {false, true}) {
    for (const bool answers : {false, true}) {
      SCOPED_TRACE(::testing::Message() << "IPv6: " << ipv6 << ", answers: " << answers);
      for (size_t n = 0; n < changes.size(); ++n) {
        if (answers && n == kNotOfAnswers) continue;
        Chunk chunk(ipv6, answers);
        changes[n](&chunk.burst);
        EXPECT_EQ(chunk.Track(), kEach ^ 1 << kOne) << n;
      }
      // Nor is a flow of which there are two.
      Chunk chunk(ipv6, answers);
      chunk.burst.candidate[kOne] = chunk.burst.candidate[kOther];
      EXPECT_EQ(chunk.Track(), kEach ^ (1 << kOne | 1 << kOther));
    }
  }
}

#ifdef CORETRACK_LANES
// A line may begin at a multiple of 4 GiB.
TEST_F(StepLanes, OnlyNullIsNoLine) {
  for (uint32_t i = 0; i < kLanes; ++i) {
    alignas(kCacheLine) const AtomicLine* lines[kLanes];
    for (uint32_t j = 0; j < kLanes; ++j)
      lines[j] = reinterpret_cast<const AtomicLine*>(uintptr_t{j + 1} << 32);
    lines[i] = nullptr;
    EXPECT_EQ(line_lanes::IsThere(lines), kEach ^ 1 << i);
  }
}

TEST_F(StepLanes, WindowsAreCodedAsOneByOne) {
  std::mt19937 random(1);
  for (uint32_t round = 0; round < 200'000; ++round) {
    Lanes bytes{}, flags{}, d{}, window{};
    for (uint32_t i = 0; i < kLanes; ++i) {
      bytes[i] = (round * kLanes + i) >> random() % 20;
      if (random() % 4 == 0) bytes[i] = std::min(static_cast<uint32_t>(random()), 65535u << 14);
      flags[i] = random();
      d[i] = random() % 2;
      window[i] = random() % 65536;
    }
    const Lanes code = line_lanes::EncodeWindow(bytes), decoded = line_lanes::DecodeWindow(code);
    const Lanes offered = line_lanes::OfferedWindow(flags, d, window);
    for (uint32_t i = 0; i < kLanes; ++i) {
      ASSERT_EQ(code[i], tcp::EncodeWindow(bytes[i])) << bytes[i];
      ASSERT_EQ(decoded[i], tcp::DecodeWindow(static_cast<uint8_t>(code[i]))) << bytes[i];
      const auto scale = static_cast<uint8_t>(flags[i] >> (8 + 4 * d[i]) & 0xf);
      ASSERT_EQ(offered[i], window[i] << tcp::EffectiveScale(scale));
    }
  }
  EXPECT_EQ(line_lanes::DecodeWindow(Lanes{})[0], 0u);
}
#endif

// Twelve letters are what they see of a history.
TEST(Steps, ALetterThatIsTheThirteenthIsNotLost) {
  std::mt19937 random(1);
  Pipeline::Options options = Harness::SmallOptions();
  options.tunables.verify_checksums = true;
  Twins twins(options, kListen);
  twins.AllowAnyOrder();
  std::vector<Connection> all = Connections(kLanes, false, random);
  const auto each = [&](unsigned from, uint8_t flags, uint32_t payload) {
    return twins.Send(Each(&all, from, flags, payload, random));
  };
  ASSERT_EQ(each(0, kSyn, 0), "");
  ASSERT_EQ(each(1, kSyn | kAck, 0), "");
  for (const unsigned from : {0u, 1u, 0u}) ASSERT_EQ(each(from, kAck, 0), "");
  for (const unsigned from : {0u, 1u}) {
    ASSERT_EQ(each(from, kAck, 10), "");
    for (Connection& c : all) c.next[from] -= 10;
    ASSERT_EQ(each(from, kAck, 10), "");  // again
    std::vector<Harness::Frame> zero_windows, spoilt;
    for (const Connection& c : all) {
      zero_windows.push_back(c.Segment(from, kAck, 0, [](TcpFields* tcp) { tcp->window = 0; }));
      spoilt.push_back(c.Segment(from, kAck, 5));
      spoilt.back().bytes.back() ^= 1;
    }
    ASSERT_EQ(twins.Send(zero_windows), "");
    ASSERT_EQ(twins.Send(spoilt), "");
  }
  for (const FlowRecord& flow : twins.with().Live())
    ASSERT_EQ(flow.history.size(), 12u) << flow.history;
  // Nothing is left unanswered, or kept in mind.
  for (const unsigned from : {0u, 1u}) ASSERT_EQ(each(from, kAck, 0), "");
  ASSERT_EQ(each(0, kAck | kFin, 0), "");
  for (const FlowRecord& flow : twins.with().Live())
    EXPECT_EQ(flow.history.view().back(), 'F') << flow.history;
}

}  // namespace
}  // namespace coretrack::testing
