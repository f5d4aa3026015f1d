// The handshake's times in lanes, against what is done packet after packet.
#include "dataplane/worker/detail_lanes.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>

#include "dataplane/base/arena.h"

namespace coretrack {
namespace {

TEST(DetailLanes, HandshakeTimesAreThoseOfOneByOne) {
#ifdef CORETRACK_LANES
  using namespace line_lanes;
  std::mt19937_64 random(1);
  const auto any_of = [&random](const auto& values) { return values[random() % values.size()]; };
  constexpr uint64_t kMax = FlowDetail::kMaxRtt, kNow = 1'700'000'000'000'000;
  uint64_t seen = 0, saturated = 0, left = 0;
  for (const bool ipv6 : {false, true}) {
    const FlowTable::Shape shape{.capacity = 1000, .ipv6 = ipv6, .first_index = 100};
    absl::StatusOr<Arena> arena = Arena::Create(FlowTable::ArenaBytes(shape), false);
    ASSERT_TRUE(arena.ok());
    FlowTable table(shape, &*arena);
    for (int round = 0; round < 20'000; ++round) {
      const auto stored = static_cast<Mask>(random()), reversed = static_cast<Mask>(random());
      alignas(kCacheLine) std::array<AtomicLine*, kLanes> lines{};
      std::array<uint64_t, kLanes> origins{}, word1{};
      Details details;
      for (uint32_t i = 0; i < kLanes; ++i) {
        // Ago, before it and since: what fits, what does not, what does not fit 32 bits; still to come.
        const uint64_t ago = any_of(std::array<uint64_t, 12>{
            0, 1, random() % 1000, kMax - 1, kMax, kMax + 1, kMax + random() % 1000,
            random() % (2 * kMax), 0x7fffffff, 0xffffffff + random() % 3,
            random() % (uint64_t{1} << 46), -(random() % 1000)});
        const uint64_t retransmits = random() % 4 == 0 ? random() << FlowDetail::kStartBits : 0;
        origins[i] = ((kNow - ago) & FlowDetail::kStartMask) | retransmits;
        word1[i] = random() % 4 == 0 ? random() & 0xffff : random();
        if (random() % 4 == 0) {
          // The SYN+ACK's time is about all that there is.
          const unsigned d = reversed >> i & 1;
          const uint64_t answer = ago - 1 + random() % 3;
          word1[i] = (word1[i] & 0xffff) | (answer & kMax) << detail_word::RttShift(1 - d);
        }
        // Of the others nothing is looked at.
        if ((stored >> i & 1) != 0)
          lines[i] = &table.line(FlowIndex{100 + (i * 61 + static_cast<uint32_t>(round)) % 1000});
        if ((stored >> i & 1) != 0) table.origin(table.IndexOf(*lines[i])).store(origins[i]);
        details.history[i] = static_cast<uint32_t>(word1[i]);
        details.times[i] = static_cast<uint32_t>(word1[i] >> 32);
      }
      const bool answers = round % 2 == 0;
      const lanes::Test reverse = AsTest(reversed);
      if (answers) {
        SetAnswerTimes(table, lines.data(), stored, reverse, kNow, &details);
      } else {
        SetSynAckTimes(table, lines.data(), stored, reverse, kNow, &details);
      }
      for (uint32_t i = 0; i < kLanes; ++i) {
        if ((stored >> i & 1) == 0) continue;
        const unsigned d = reversed >> i & 1;
        const uint64_t wanted = answers ? WithAnswerTime(d, kNow, origins[i], word1[i])
                                        : WithSynAckTime(d, kNow, origins[i], word1[i]);
        ASSERT_EQ(details.history[i] | uint64_t{details.times[i]} << 32, wanted)
            << "origin " << origins[i] << ", word 1 " << word1[i] << ", direction " << d;
        ++seen;
        left += wanted == word1[i];
        saturated += (wanted >> detail_word::RttShift(d) & kMax) == kMax;
      }
    }
  }
  EXPECT_GT(left, seen / 20);
  EXPECT_GT(saturated, seen / 20);
#else
  GTEST_SKIP() << "no lanes in this build";
#endif
}

}  // namespace
}  // namespace coretrack
