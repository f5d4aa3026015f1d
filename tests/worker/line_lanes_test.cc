// The sequence lock of lines that are written several at once, with the first words of their details: a reader on another thread
// sees all of a write, or none of it.
#include "dataplane/worker/line_lanes.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>

#include "dataplane/worker/detail_lanes.h"

namespace coretrack {
namespace {

TEST(LineLanes, AReaderSeesAWholeLineOrReadsAgain) {
#ifdef CORETRACK_LANES
  using namespace line_lanes;
  std::array<AtomicLine, kLanes> lines;
  std::array<AtomicLine*, kLanes> at;
  std::array<AtomicDetail, kLanes> their_details;
  Details details;
  for (uint32_t i = 0; i < kLanes; ++i) {
    at[i] = &lines[i];
    details.at[i] = &their_details[i];
  }
  // Each word of a line says which write it is of.
  const auto word = [](uint32_t number, uint32_t w) { return number * 8 + w; };
  constexpr uint32_t kZone = 5;

  struct Seen {
    uint64_t whole = 0, torn = 0, numbers = 0;
  } seen;
  std::atomic<bool> reading = false, over = false;
  std::thread reader([&] {
    uint32_t last = 0;
    for (uint32_t i = 0; !over.load(std::memory_order_relaxed); i = (i + 1) % kLanes) {
      FlowLine line;
      const bool odd = VersionIsOdd(lines[i].LoadAcquired(&line));
      const DetailWords of_detail = LoadAcquired(their_details[i]);
      if (odd || !lines[i].Holds(line)) continue;
      const auto words = std::bit_cast<LineWords>(line);
      const auto number = static_cast<uint32_t>(words[0] >> 32);
      reading.store(true, std::memory_order_relaxed);
      bool same = number == 0 || words[3] == (uint64_t{word(number, 3)} << 32 | kZone);
      for (uint32_t w = 4; number != 0 && w < 8; ++w)
        same &= words[w] == (uint64_t{number} << 32 | word(number, w));
      for (uint32_t w = 0; number != 0 && w < 2; ++w)
        same &= of_detail[w] == (uint64_t{number} << 32 | word(number, w));
      ++(same ? seen.whole : seen.torn);
      seen.numbers += number != last;
      last = number;
    }
  });
  while (!reading.load(std::memory_order_relaxed)) std::this_thread::yield();
  std::mt19937 random(1);
  constexpr uint32_t kWrites = 1'000'000;
  for (uint32_t number = 1; number <= kWrites; ++number) {
    Matrix held;
    LoadTransposed<0, AtomicLine>(at.data(), &held);
    held.row[kFlags] = All(kZone);
    held.row[kBytes] = All(word(number, 3));
    for (uint32_t w = 4; w < 8; ++w) {
      held.row[2 * w] = All(word(number, w));
      held.row[2 * w + 1] = All(number);
    }
    const Lanes head = held.row[kHead];
    const Halves word0 = Interleave((head & 0xffffff00) | (((head | 1) + 1) & 0xff), All(number));
    const Mask stored = random() % 2 == 0 ? kEach : static_cast<Mask>(random());
    details.mss = All(word(number, 0));
    details.history = All(word(number, 1));
    details.facts = details.times = All(number);
    StoreDetails(details, at.data(), stored);
    StoreLines<Write::kHasBegun>(held, word0, at.data(), stored);
  }
  over.store(true, std::memory_order_relaxed);
  reader.join();
  EXPECT_EQ(seen.torn, 0u);
  EXPECT_GT(seen.whole, 1000u);
  EXPECT_GT(seen.numbers, 100u) << "the two did not run at once";
#else
  GTEST_SKIP() << "no lanes in this build";
#endif
}

// Each line what is its own; and the key is as it was.
TEST(LineLanes, StoresWhatHasChanged) {
#ifdef CORETRACK_LANES
  using namespace line_lanes;
  std::mt19937_64 random(7);
  for (uint32_t round = 0; round < 1000; ++round) {
    std::array<AtomicLine, kLanes> lines;
    std::array<AtomicLine*, kLanes> at;
    std::array<LineWords, kLanes> expected;
    for (uint32_t i = 0; i < kLanes; ++i) {
      at[i] = &lines[i];
      for (size_t w = 0; w < expected[i].size(); ++w) {
        expected[i][w] = random() & ~uint64_t{w == 0};
        lines[i].words[w].store(expected[i][w]);
      }
    }
    Matrix held;
    LoadTransposed<0, AtomicLine>(at.data(), &held);
    const Mask stored = round % 2 == 0 ? kEach : static_cast<Mask>(random());
    alignas(kCacheLine) std::array<uint32_t, kLanes> numbers;
    for (uint32_t row = 0; row < kRowNumbers; ++row) {
      // Of the key, nothing that is stored.
      for (uint32_t& number : numbers) number = static_cast<uint32_t>(random());
      held.row[row] = Load(numbers.data());
      if (row == kHead || row == kDeadline || row < kFlags) continue;
      for (uint32_t i = 0; i < kLanes; ++i) {
        if ((stored >> i & 1) == 0) continue;
        uint64_t& word = expected[i][row / 2];
        word = row % 2 == 0 ? (word >> 32) << 32 | numbers[i]
                            : (word & 0xffffffff) | uint64_t{numbers[i]} << 32;
      }
    }
    const Halves word0 = Interleave(held.row[kHead] & ~1u, held.row[kDeadline]);
    for (uint32_t i = 0; i < kLanes; ++i) {
      if ((stored >> i & 1) != 0)
        expected[i][0] = (held.row[kHead][i] & ~1u) | uint64_t{held.row[kDeadline][i]} << 32;
    }
    StoreLines(held, word0, at.data(), stored);
    for (uint32_t i = 0; i < kLanes; ++i)
      ASSERT_EQ(lines[i].LoadOwned<LineWords>(), expected[i]) << i << " of " << stored;
  }
#else
  GTEST_SKIP() << "no lanes in this build";
#endif
}

// The window of a write is too short for a reader to meet what was stored before it was announced.
TEST(LineLanes, AWriteIsAnnouncedBeforeAndEndedBehindWhatItStores) {
#ifdef CORETRACK_LANES
  using namespace line_lanes;
  std::array<AtomicLine, kLanes> lines;
  std::array<AtomicLine*, kLanes> at;
  for (uint32_t i = 0; i < kLanes; ++i) at[i] = &lines[i];
  for (const Mask stored : {kEach, Mask{0x25}}) {
    for (AtomicLine& line : lines) line.words[0].store(0x0604);
    Matrix held{};
    const WordOfEach word0(Interleave(All(0x0606), All(7)));
    Mask filled = 0;
    StoreEach<Write::kBegins>(RowsOf(held), word0, at.data(), stored,
                              [&filled](AtomicLine& line, uint32_t i, const Row&) {
                                EXPECT_EQ(line.words[0].load(), 0x0605u);
                                filled = static_cast<Mask>(filled | 1u << i);
                              });
    EXPECT_EQ(filled, stored);
    for (uint32_t i = 0; i < kLanes; ++i)
      EXPECT_EQ(lines[i].words[0].load(), (stored >> i & 1) != 0 ? 0x7'0000'0606u : 0x0604u);
  }
#else
  GTEST_SKIP() << "no lanes in this build";
#endif
}

}  // namespace
}  // namespace coretrack
