// DatagramFollower against a slow model that keeps every byte, over random fragments.
#include "dataplane/worker/datagram_follower.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace coretrack {
namespace {

using Answer = DatagramFollower::Answer;

// One datagram, byte by byte.
struct Model {
  std::map<uint32_t, uint32_t> pieces;  // begin -> end
  std::set<uint32_t> bytes;
  uint32_t total = 0;
  uint32_t packets = 0;
  bool spoilt = false;

  Answer Follow(const Fragment& f) {
    if (spoilt) return Answer::kOverlap;
    const uint32_t begin = f.offset_bytes, end = f.end_bytes();
    const auto same = pieces.find(begin);
    const bool copy = same != pieces.end() && same->second == end;
    bool conflict = total != 0 && (end > total || (!f.more && end != total));
    if (!f.more && !bytes.empty() && *bytes.rbegin() >= end) conflict = true;
    if (!copy) {
      for (uint32_t b = begin; b < end; ++b) conflict = conflict || bytes.contains(b);
      conflict = conflict || pieces.size() == DatagramFollower::kMaxFragments;
    }
    if (conflict) {
      spoilt = true;
      return Answer::kOverlap;
    }
    ++packets;
    if (copy) return Answer::kWaits;
    pieces[begin] = end;
    for (uint32_t b = begin; b < end; ++b) bytes.insert(b);
    if (!f.more) total = end;
    return total != 0 && bytes.size() == total ? Answer::kComplete : Answer::kWaits;
  }
};

TEST(DatagramFollower, AgreesWithAModelThatKeepsEveryByte) {
  std::mt19937 random(7);
  const auto below = [&random](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  const std::array<uint8_t, 2048> payload{};
  DatagramFollower follower;
  uint64_t answers[4] = {};
  for (uint32_t round = 0; round < 60'000; ++round) {
    // Few fragments of few sizes: whole datagrams must be as likely as conflicts.
    const uint32_t units = 1 + below(6);
    Model model;
    FlowKey key;
    key.address[0] = round;
    key.context = 17;
    uint32_t given_up = 0;
    DatagramFollower::Whole whole;
    for (int step = 0; step < 14; ++step) {
      const uint32_t first = below(units), count = 1 + below(below(3) == 0 ? 3 : 1);
      const bool last = first + count >= units;
      Fragment f;
      f.id = round;
      f.offset_bytes = 8 * first;
      f.data_bytes = last && below(20) != 0 ? 8 * count - 3 : 8 * count;
      f.more = below(50) == 0 ? last : !last;
      f.data = payload.data();
      f.readable_bytes = f.data_bytes;
      f.ip_bytes = 20 + f.data_bytes;
      f.protocol = 17;
      const Answer expected = model.Follow(f);
      const Answer answer =
          follower.Follow(f, key, Direction::kForward, FlowHash{round}, Tick(0), &whole, &given_up);
      ASSERT_EQ(answer, expected) << "round " << round << " step " << step;
      ++answers[static_cast<int>(answer)];
      if (answer == Answer::kComplete) {
        ASSERT_EQ(whole.packets, model.packets);
        ASSERT_EQ(whole.payload_bytes, model.total);
        break;
      }
    }
  }
  EXPECT_GT(answers[static_cast<int>(Answer::kComplete)], 10'000u);
  EXPECT_GT(answers[static_cast<int>(Answer::kOverlap)], 10'000u);
}

}  // namespace
}  // namespace coretrack
