#include "dataplane/worker/unassured_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

namespace coretrack {
namespace {

// Against a deque, over random entries and leaves, also across the end of its room.
TEST(UnassuredQueue, AgreesWithADeque) {
  for (const uint32_t quota : {1u, 2u, 7u, 8u, 60u, 1000u}) {
    UnassuredQueue queue(quota);
    const size_t room = size_t{quota} + quota / 8;
    std::deque<uint32_t> model;
    std::mt19937 random(quota);
    uint32_t next = 0, wrapped = 0;
    for (int n = 0; n < 20'000; ++n) {
      const auto size = static_cast<uint32_t>(model.size());
      ASSERT_EQ(queue.empty(), model.empty());
      ASSERT_EQ(queue.full(), size >= quota);
      ASSERT_EQ(queue.HasPlace(), size < room);
      ASSERT_EQ(queue.places(), quota - std::min(size, quota));
      // Some more than there are, too.
      const size_t skipped = random() % (room + 2), most = random() % (room + 2);
      const auto some = queue.After(skipped, most);
      const size_t there = std::min<size_t>(most, size - std::min<size_t>(skipped, size));
      ASSERT_LE(some.size(), there);
      ASSERT_TRUE(there == 0 || !some.empty());
      for (size_t i = 0; i < some.size(); ++i) ASSERT_EQ(Raw(some[i].index), model[skipped + i]);
      // Cut short only where the room ends: the others are beside each other again.
      if (some.size() < there) {
        const auto others = queue.After(skipped + some.size(), there - some.size());
        ASSERT_EQ(others.size(), there - some.size());
        ASSERT_EQ(Raw(others[0].index), model[skipped + some.size()]);
        ++wrapped;
      }
      if (!model.empty()) {
        ASSERT_EQ(Raw(queue.Ahead(skipped)), model[std::min<size_t>(skipped, size - 1)]);
      }
      switch (random() % 4) {
        case 0:
          if (model.empty()) break;
          ASSERT_EQ(Raw(queue.Pop().index), model.front());
          model.pop_front();
          break;
        case 1: {
          if (random() % 8 != 0) break;
          const auto dropped = static_cast<uint32_t>(random() % (model.size() + 1));
          queue.Drop(dropped);
          model.erase(model.begin(), model.begin() + dropped);
          break;
        }
        default:
          if (model.size() == room) break;
          queue.Push({.index = FlowIndex{next}, .generation = next});
          model.push_back(next++);
      }
    }
    if (quota > 2) {
      EXPECT_GT(wrapped, 0u) << quota;
    }
  }
}

}  // namespace
}  // namespace coretrack
