// Scoreboard against a set of numbers: whatever the order and the overlap of segments.
#include "dataplane/tcp/scoreboard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace coretrack::tcp {
namespace {

// Sends segments of a stream in some order, each with [first, end), from a start that lets the numbers wrap.
class Stream {
 public:
  explicit Stream(uint32_t start) : start_(start), end_(start) {}
  void Send(uint32_t first, uint32_t end) {
    for (uint32_t n = first; n < end; ++n) seen_.insert(n);
    const uint32_t from = start_ + first, to = start_ + end;
    if (!board_.empty()) {
      board_.Add(from, to);
    } else if (After(from, end_)) {
      board_.Open(end_, from, to);
    }
    end_ = Later(end_, to);
  }
  void Acknowledge(uint32_t ack) {
    for (uint32_t n = 0; n < ack; ++n) seen_.insert(n);
    if (!board_.empty()) board_.Advance(start_ + ack);
    end_ = Later(end_, start_ + ack);
  }
  uint32_t next() const { return (board_.empty() ? end_ : board_.next()) - start_; }
  uint32_t expected() const {
    uint32_t n = 0;
    while (seen_.contains(n)) ++n;
    return n;
  }

 private:
  uint32_t start_, end_;
  Scoreboard board_;
  std::set<uint32_t> seen_;
};

TEST(Scoreboard, EveryOrderOfFiveSegments) {
  std::vector<uint32_t> order{0, 1, 2, 3, 4};
  do {
    Stream stream(0xfffffff0);
    for (const uint32_t n : order) {
      stream.Send(n * 10, n * 10 + 10);
      ASSERT_EQ(stream.next(), stream.expected());
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

// With at most eight blocks at a time it knows exactly; beyond that, never more than the left edge.
TEST(Scoreboard, OverlapsAndAcknowledgments) {
  std::mt19937 random(1);
  int exact = 0;
  for (int round = 0; round < 20'000; ++round) {
    Stream stream(random());
    const uint32_t width = 8 + random() % 200;
    const bool few =
        width <= 28;  // too narrow for nine blocks, each of them three wide and one apart
    for (int i = 0; i < 24; ++i) {
      if (random() % 6 == 0) {
        stream.Acknowledge(random() % (width / 2));
      } else {
        const uint32_t first = random() % width;
        stream.Send(first, first + 3 + random() % 5);
      }
      ASSERT_LE(stream.next(), stream.expected());
      if (few) {
        ASSERT_EQ(stream.next(), stream.expected()) << "round " << round;
      }
      exact += stream.next() == stream.expected();
    }
  }
  EXPECT_GT(exact, 400'000);
}

}  // namespace
}  // namespace coretrack::tcp
