// Histories while their worker adds to them: what a flow can name is there for whoever reads it.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>

#include "dataplane/worker/history.h"

namespace coretrack {
namespace {

TEST(HistoryReader, WhatIsNamedIsWhole) {
  Arena arena = *Arena::Create(Histories::ArenaBytes(), false);
  Histories histories(&arena);
  // As a flow's detail: stored by the worker, released; 0 is not read. And how long what it names is.
  constexpr uint32_t kLengthShift = 16;
  std::atomic<uint32_t> named = 0;
  std::atomic<bool> stop = false;
  uint64_t looks = 0, wrong = 0;
  std::thread reader([&] {
    while (looks == 0 || !stop.load(std::memory_order_relaxed)) {
      const uint32_t seen = named.load(std::memory_order_acquire);
      if (seen == 0) continue;
      const HistoryText text = histories.Text(static_cast<uint16_t>(seen));
      wrong += text.size() != seen >> kLengthShift || text.view().front() != 'S';
      ++looks;
    }
  });
  std::mt19937 random(1);
  constexpr uint32_t kLetters = 13;
  while (histories.size() < Histories::kMaxHistories) {
    uint16_t history = Histories::kSyn;
    uint32_t length = 1;
    for (int n = 0; n < 20; ++n) {
      const uint16_t before = history;
      histories.Add(static_cast<Letter>(random() % kLetters), random() % 2 != 0, &history);
      length += history != before ? 1 : 0;
      named.store(history | length << kLengthShift, std::memory_order_release);
    }
  }
  stop = true;
  reader.join();
  EXPECT_GT(looks, 0u);
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace coretrack
