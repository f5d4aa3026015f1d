// The short ways through the pipeline (lanes, established_path.h, pipeline_steps.cc, pipeline_opening.cc) against
// the general one: two pipelines, one of which has no short ways, see the same frames and must hold the
// same bytes afterwards: every line, every detail, every counter.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/tcp/conversation.h"
#include "tests/worker/twins.h"
#include "tests/worker/wire_frame.h"

namespace coretrack::testing {
namespace {

// Endpoints that differ from conversation to conversation.
struct Place {
  bool ipv6 = false;
  bool swapped = false;  // the server's address is the smaller one
  bool sack = false;
  uint16_t mss = 0;  // 0: no option
  std::optional<uint16_t> vlan;
  uint8_t zone = 0;
  uint32_t end_options = 0;  // bytes of padding behind the options of a SYN, in fours
  uint32_t number = 0;       // in the addresses
  static Place Of(uint32_t seed) {
    std::mt19937 random(seed);
    return {.ipv6 = random() % 4 == 0,
            .swapped = random() % 2 == 0,
            .sack = random() % 2 == 0,
            .mss = static_cast<uint16_t>(random() % 3 == 0 ? 0 : random()),
            .vlan = random() % 4 == 0 ? std::optional<uint16_t>(random() % 4096) : std::nullopt,
            .zone = static_cast<uint8_t>(random() % kMaxZones),
            .end_options = static_cast<uint32_t>(random() % 3)};
  }
};

// A frame up to its IP header.
PacketBuilder Begin(bool from_client, const Place& place) {
  const bool low = from_client != place.swapped;
  PacketBuilder builder;
  builder.Ethernet();
  if (place.vlan) builder.Vlan(*place.vlan);
  const std::string net = (place.ipv6 ? "fd00::" : "10.0.") + std::to_string(place.number);
  const std::string a = net + (place.ipv6 ? ":1" : ".1"), b = net + (place.ipv6 ? ":2" : ".2");
  if (place.ipv6) {
    builder.Ipv6(low ? a : b, low ? b : a);
  } else {
    builder.Ipv4(low ? a : b, low ? b : a);
  }
  return builder;
}

Bytes FrameOf(const WireSegment& s, const Place& place) {
  TcpFields tcp = FieldsOf(s);
  if (s.syn) {
    tcp.options = Join({place.mss != 0 ? MssOption(place.mss) : Bytes(),
                        place.sack ? SackPermittedOption() : Bytes(), tcp.options,
                        Bytes(place.end_options * 4, 0)});
  } else if (const uint32_t drawn = (s.seq ^ s.ack) * 0x9e3779b1u >> 20;
             place.sack && drawn % 8 == 0) {
    tcp.options = Join({tcp.options, SackOption(1 + drawn / 8 % 3, s.ack - drawn)});
  }
  return Begin(s.from_client, place).Tcp(tcp).Payload(s.length).Build();
}

// What two that speak UDP send, sometimes another protocol without states; the first of it is the client's, answered or not.
std::vector<Harness::Frame> DatagramsOf(uint32_t seed, const Place& place) {
  std::mt19937 random(seed);
  const uint32_t protocol = random() % 8;  // 0: ICMP echo, 1: SCTP, 2: none that has ports
  const uint32_t answers = random() % 4;   // in fours
  const size_t largest = random() % 2 == 0 ? 1472 : 40;
  std::vector<Harness::Frame> frames;
  for (uint32_t left = 1 + random() % 400; left > 0; --left) {
    const bool from_client = frames.empty() || random() % 4 >= answers;
    PacketBuilder builder = Begin(from_client, place);
    const uint16_t client = 5000, server = 443;
    if (protocol == 0 && !place.ipv6) {
      builder.Icmp(from_client ? 8 : 0, 0, 7);
    } else if (protocol == 1) {
      builder.Sctp(from_client ? client : server, from_client ? server : client);
    } else if (protocol != 2) {
      builder.Udp(from_client ? client : server, from_client ? server : client);
    }
    frames.push_back({.bytes = builder.Payload(random() % largest).Build(), .zone = place.zone});
  }
  return frames;
}

// One conversation after the other, each with a table of its own.
void Hold(const Conversation::Weather& weather, uint32_t first_seed, uint64_t segments) {
  uint64_t compared = 0;
  Pipeline::Options options = Harness::SmallOptions();
  options.capacity_ipv4 = options.capacity_ipv6 = 8;
  options.half_open_quota = 8;
  for (uint32_t seed = first_seed; compared < segments; ++seed) {
    Twins twins(options);
    Conversation conversation(seed, weather);
    const Place place = Place::Of(seed);
    std::mt19937 random(seed);
    std::string difference;
    std::vector<Harness::Frame> burst;
    size_t wanted = 1;
    const auto send = [&] {
      const uint64_t pause_us = random() % 100 != 0 ? random() % 3000 : random() % 130'000'000;
      difference = twins.Send(burst, pause_us, random);
      compared += burst.size();
      burst.clear();
      wanted = random() % 2 == 0 ? 1 : 1 + random() % 8;
    };
    conversation.set_witness(
        [&](const WireSegment& s, const tcp::Outcome&, const tcp::Connection&) {
          if (!difference.empty()) return;
          burst.push_back({.bytes = FrameOf(s, place), .zone = place.zone});
          if (burst.size() == wanted) send();
        });
    const bool held = conversation.Run();
    if (difference.empty() && !burst.empty()) send();
    ASSERT_TRUE(held && difference.empty())
        << "seed " << seed << ", with short ways against without: " << difference << "\n"
        << conversation.Log();
  }
}

// What a conversation sends, in the order in which it passes the box.
std::vector<Harness::Frame> FramesOf(uint32_t seed, const Conversation::Weather& weather,
                                     const Place& place) {
  std::vector<Harness::Frame> frames;
  Conversation conversation(seed, weather);
  conversation.set_witness([&](const WireSegment& s, const tcp::Outcome&, const tcp::Connection&) {
    frames.push_back({.bytes = FrameOf(s, place), .zone = place.zone});
  });
  EXPECT_TRUE(conversation.Run()) << "seed " << seed;
  return frames;
}

// One flow of datagrams after the other.
void HoldDatagrams(uint32_t first_seed, uint64_t datagrams) {
  uint64_t compared = 0;
  Pipeline::Options options = Harness::SmallOptions();
  options.capacity_ipv4 = options.capacity_ipv6 = 8;
  for (uint32_t seed = first_seed; compared < datagrams; ++seed) {
    Twins twins(options);
    std::mt19937 random(seed);
    const std::vector<Harness::Frame> frames = DatagramsOf(seed, Place::Of(seed));
    for (size_t sent = 0; sent < frames.size();) {
      const size_t count = std::min<size_t>(1 + random() % 8, frames.size() - sent);
      const auto from = frames.begin() + static_cast<ptrdiff_t>(sent);
      const uint64_t pause_us = random() % 50 != 0 ? random() % 3000 : random() % 130'000'000;
      const std::string difference =
          twins.Send({from, from + static_cast<ptrdiff_t>(count)}, pause_us, random);
      ASSERT_TRUE(difference.empty()) << "seed " << seed << ": " << difference;
      sent += count;
    }
    compared += frames.size();
  }
}

// Many conversations at once, through tables that hold all of them, or not: sixteen packets of a burst are of as
// many flows, or some of one; established, or opening and closing.
// `at_least`: the share of packets that are tracked in lanes, or this is not what it claims to test. `datagrams`: of how many of
// eight conversations.
void HoldTogether(const Conversation::Weather& weather, uint32_t first_seed, uint64_t segments,
                  double at_least, uint32_t datagrams = 0) {
  constexpr std::array<size_t, 4> kSizes = {1, 2, 5,
                                            40};  // with few, packets of one flow stand together
  uint64_t compared = 0, together = 0;
  for (uint32_t seed = first_seed; compared < segments; seed += 40) {
    std::mt19937 random(seed);
    const size_t conversations = kSizes[random() % kSizes.size()];
    const uint32_t any_version = random() % 3;  // 0: all IPv4, 1: all IPv6
    Pipeline::Options options = Harness::SmallOptions();
    // Steps go together where nobody listens, and datagrams in any case, before what else is in their sixteen: who gives way in a full
    // table may be another one then.
    const auto size = [&] { return random() % 4 == 0 && datagrams == 0 ? 16 : 128; };
    options.capacity_ipv4 = options.capacity_ipv6 = size();
    options.half_open_quota = options.midstream_quota = size();
    const bool may_be_full = options.capacity_ipv4 == 16 || options.half_open_quota == 16;
    const bool listen = may_be_full || random() % 4 == 0;
    Twins twins(options, listen);
    if (!listen) twins.AllowAnyOrder();
    std::vector<std::vector<Harness::Frame>> frames;
    for (uint32_t k = 0; k < conversations; ++k) {
      Place place = Place::Of(seed + k);
      place.number = k;
      if (any_version < 2) place.ipv6 = any_version == 1;
      if (random() % 4 != 0) place.vlan.reset();
      frames.push_back(random() % 8 < datagrams ? DatagramsOf(seed + k, place)
                                                : FramesOf(seed + k, weather, place));
    }
    std::vector<size_t> next(conversations);
    std::vector<size_t> open(conversations);
    for (size_t k = 0; k < open.size(); ++k) open[k] = k;
    while (!open.empty()) {
      std::vector<Harness::Frame> burst;
      const size_t wanted = random() % 3 == 0 ? 1 + random() % kMaxBurst : kMaxBurst;
      while (burst.size() < wanted && !open.empty()) {
        const size_t at = random() % open.size();
        const size_t k = open[at];
        for (uint32_t in_a_row = random() % 16 == 0 ? 4 : 1;
             in_a_row > 0 && next[k] < frames[k].size() && burst.size() < wanted; --in_a_row)
          burst.push_back(frames[k][next[k]++]);
        if (next[k] == frames[k].size()) open.erase(open.begin() + static_cast<ptrdiff_t>(at));
      }
      const uint64_t pause_us = random() % 500 != 0 ? random() % 3000 : random() % 130'000'000;
      const std::string difference = twins.Send(burst, pause_us, random);
      compared += burst.size();
      together += twins.together();
      ASSERT_TRUE(difference.empty())
          << "seed " << seed << ", together against one by one: " << difference;
    }
  }
  if (kHasLanes) {
    EXPECT_GE(static_cast<double>(together), at_least * static_cast<double>(compared));
  }
}

TEST(Shortcuts, FairWeather) { Hold({}, 1, 300'000); }
TEST(Shortcuts, BadWeather) {
  Hold({.lose = 30, .reorder = 100, .forge = 50, .abort = 300}, 1'000'000, 500'000);
}
TEST(Shortcuts, BothOpen) { Hold({.reorder = 50, .simultaneous_open = true}, 2'000'000, 200'000); }
TEST(Shortcuts, PickedUpMidStream) { Hold({.reorder = 20, .unseen = 20}, 3'000'000, 200'000); }
TEST(Shortcuts, OneDirection) { Hold({.reorder = 20, .only_client = true}, 4'000'000, 100'000); }

TEST(Shortcuts, Datagrams) { HoldDatagrams(9'000'000, 300'000); }

TEST(Together, FairWeather) { HoldTogether({}, 5'000'000, 1'000'000, 0.2); }
TEST(Together, MildWeather) {
  HoldTogether({.lose = 1, .reorder = 3, .forge = 1}, 6'000'000, 500'000, 0.1);
}
TEST(Together, BadWeather) {
  HoldTogether({.lose = 30, .reorder = 100, .forge = 50, .abort = 300}, 7'000'000, 500'000, 0);
}
TEST(Together, PickedUpMidStream) {
  HoldTogether({.reorder = 20, .unseen = 20}, 8'000'000, 300'000, 0.2);
}

TEST(Together, Datagrams) { HoldTogether({}, 10'000'000, 500'000, 0.4, 8); }
TEST(Together, DatagramsAmongSegments) {
  HoldTogether({.lose = 1, .reorder = 3}, 11'000'000, 500'000, 0.2, 4);
}

}  // namespace
}  // namespace coretrack::testing
