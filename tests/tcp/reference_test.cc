// The tracker between two reference endpoints (reference_model.h), over random conversations:
// delays, reordering and loss on both sides of the box, forged segments, resets, both closes. What
// must hold: conversation.h.
//
// CORETRACK_REFERENCE_SEGMENTS  how many segments are compared (default: 10 million; under a sanitizer
//                               a million, for it is ten times as slow)
// CORETRACK_REFERENCE_SEED      is added to every seed (default: 0): other conversations. What fails
//                               says which seed shows it at once.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/tcp/conversation.h"

namespace coretrack::testing {
namespace {

uint64_t SegmentsToCompare() {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  constexpr uint64_t kDefault = 1'000'000;
#else
  constexpr uint64_t kDefault = 10'000'000;
#endif
  const char* text = std::getenv("CORETRACK_REFERENCE_SEGMENTS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : kDefault;
}

uint32_t SeedsFrom(uint32_t first_seed) {
  const char* text = std::getenv("CORETRACK_REFERENCE_SEED");
  return first_seed +
         (text != nullptr ? static_cast<uint32_t>(std::strtoull(text, nullptr, 10)) : 0);
}

// Answers how many resets were compared.
uint64_t Compare(const Conversation::Weather& weather, uint32_t first_seed, uint64_t segments) {
  uint64_t compared = 0, resets = 0;
  for (uint32_t seed = SeedsFrom(first_seed); compared < segments; ++seed) {
    Conversation conversation(seed, weather);
    const bool holds = conversation.Run();
    EXPECT_TRUE(holds) << "CORETRACK_REFERENCE_SEED=" << seed - first_seed << "\n"
                       << conversation.Log();
    if (!holds) break;
    compared += conversation.compared();
    resets += conversation.resets();
  }
  return resets;
}

TEST(Reference, FairWeather) { Compare({}, 1, SegmentsToCompare() / 5); }
// Else comparing the fast paths would mean little.
TEST(Reference, TheFastPathsDecideMostSegmentsOfFairWeather) {
  uint64_t compared = 0, in_order = 0, steps = 0;
  for (uint32_t seed = 1; seed < 100; ++seed) {
    Conversation conversation(SeedsFrom(seed), {});
    ASSERT_TRUE(conversation.Run());
    compared += conversation.compared();
    in_order += conversation.in_order();
    steps += conversation.steps();
  }
  EXPECT_GT(in_order, compared / 4);
  EXPECT_GT(steps, in_order + compared / 20);
}
// Else changing them would mean little: how many were valid, and held against their receiver.
TEST(Reference, ManyChangedSegmentsAreHeldAgainstTheirReceiver) {
  uint64_t compared = 0, mutated = 0;
  for (uint32_t seed = 1; seed < 100; ++seed) {
    Conversation conversation(SeedsFrom(seed), {.mutate = 300});
    ASSERT_TRUE(conversation.Run()) << conversation.Log();
    compared += conversation.compared();
    mutated += conversation.mutated();
  }
  EXPECT_GT(mutated, compared / 20);
}
TEST(Reference, Reordering) { Compare({.reorder = 200}, 100'000, SegmentsToCompare() / 5); }
TEST(Reference, LossAndReordering) {
  Compare({.lose = 50, .reorder = 150}, 200'000, SegmentsToCompare() / 5);
}
TEST(Reference, Forgeries) {
  Compare({.lose = 20, .reorder = 50, .forge = 100}, 300'000, SegmentsToCompare() / 5);
}
TEST(Reference, GenuineSegmentsWithSomethingChanged) {
  Compare({.lose = 20, .reorder = 50, .mutate = 300}, 800'000, SegmentsToCompare() / 10);
}
TEST(Reference, SimultaneousOpens) {
  Compare({.lose = 20, .simultaneous_open = true}, 400'000, SegmentsToCompare() / 10);
}
// What is not seen is not known, but nothing that is seen may be called wrong.
TEST(Reference, OneDirectionAlone) {
  for (const bool client : {true, false}) {
    Compare({.lose = 10, .reorder = 20, .only_client = client}, 600'000, SegmentsToCompare() / 20);
  }
}
TEST(Reference, PickedUpMidStream) {
  for (const uint64_t unseen : {1, 2, 3, 10, 40}) {
    Compare({.reorder = 20, .unseen = unseen}, 700'000, SegmentsToCompare() / 50);
  }
}
TEST(Reference, Aborts) {
  EXPECT_GT(Compare({.lose = 20, .reorder = 50, .abort = 2000}, 500'000, SegmentsToCompare() / 10),
            0u);
  EXPECT_GT(Compare({.abort = 2000}, 550'000, SegmentsToCompare() / 10), 0u);
}

}  // namespace
}  // namespace coretrack::testing
