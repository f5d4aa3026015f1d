#include "dataplane/flow/slot_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <random>
#include <set>
#include <vector>

namespace coretrack {
namespace {

class Pool {
 public:
  Pool(uint32_t regions, uint32_t region_slots)
      : arena_(*Arena::Create(SlotPool::ArenaBytes(regions, region_slots), false)),
        pool_(regions, region_slots, &arena_) {}
  SlotPool* operator->() { return &pool_; }

 private:
  Arena arena_;
  SlotPool pool_;
};

TEST(SlotPool, TheLowestComeFirstAndAreSaidAhead) {
  Pool pool(2, 256);
  for (uint32_t n = 0; n < 256; ++n) {
    ASSERT_TRUE(pool->HasFree(1));
    const SlotPool::Taken taken = pool->Take(1);
    ASSERT_EQ(taken.slot, n);
    ASSERT_EQ(taken.ahead, n + SlotPool::kAhead < 256 ? n + SlotPool::kAhead : SlotPool::kNone);
  }
  EXPECT_FALSE(pool->HasFree(1));
  EXPECT_TRUE(pool->HasFree(0));
  for (uint32_t slot = 0; slot < 512; ++slot) ASSERT_EQ(pool->IsTaken(slot), slot >= 256);
}

TEST(SlotPool, WhatIsGivenToAnEmptyPoolIsTakenNext) {
  Pool pool(1, 64);
  for (uint32_t n = 0; n < 64; ++n) {
    ASSERT_TRUE(pool->HasFree(0));
    pool->Take(0);
  }
  EXPECT_FALSE(pool->HasFree(0));
  for (const uint32_t slot : {63u, 0u, 17u}) {
    pool->Give(0, slot);
    EXPECT_FALSE(pool->IsTaken(slot));
    ASSERT_TRUE(pool->HasFree(0));
    const SlotPool::Taken taken = pool->Take(0);
    EXPECT_EQ(taken.slot, slot);
    EXPECT_EQ(taken.ahead, SlotPool::kNone);
    EXPECT_TRUE(pool->IsTaken(slot));
    EXPECT_FALSE(pool->HasFree(0));
  }
}

TEST(SlotPool, AFewFlowsStayWithinAFewSlots) {
  Pool pool(1, SlotPool::kMostSlots);
  std::mt19937 random(3);
  std::vector<uint32_t> taken;
  for (int n = 0; n < 200'000; ++n) {
    if (taken.size() < 100) {
      ASSERT_TRUE(pool->HasFree(0));
      taken.push_back(pool->Take(0).slot);
    } else {
      std::swap(taken[random() % taken.size()], taken.back());
      pool->Give(0, taken.back());
      taken.pop_back();
    }
  }
  EXPECT_LT(*std::max_element(taken.begin(), taken.end()),
            100 + SlotPool::kAhead + 2 * SlotPool::kWordSlots);
}

// Against a set of the free ones: those of the lowest word that has any are set apart, and picked kAhead takings before they are taken.
TEST(SlotPool, AgreesWithASetOverRandomTakingsAndGivings) {
  for (const uint32_t slots : {64u, 4096u, 4160u, SlotPool::kMostSlots}) {
    Pool pool(3, slots);
    struct Model {
      std::set<uint32_t> free;
      std::deque<uint32_t> apart, ahead;
      std::vector<uint32_t> taken;
      std::optional<uint32_t> Pick() {
        if (apart.empty()) {
          if (free.empty()) return std::nullopt;
          const auto end = free.lower_bound((*free.begin() | (SlotPool::kWordSlots - 1)) + 1);
          apart.assign(free.begin(), end);
          free.erase(free.begin(), end);
        }
        ahead.push_back(apart.front());
        apart.pop_front();
        return ahead.back();
      }
    };
    std::array<Model, 3> models;
    for (Model& model : models) {
      for (uint32_t slot = 0; slot < slots; ++slot) model.free.insert(model.free.end(), slot);
    }
    std::mt19937 random(slots);
    bool filling = true;
    uint32_t ran_out = 0;
    for (int n = 0; n < 600'000; ++n) {
      // Up to where there are none left, and down again.
      if (random() % (2 * slots) == 0) filling = !filling;
      const uint32_t region = random() % 3;
      Model& model = models[region];
      if (model.ahead.empty()) {
        while (model.ahead.size() < SlotPool::kAhead && model.Pick().has_value()) {
        }
      }
      ASSERT_EQ(pool->HasFree(region), !model.ahead.empty());
      ran_out += model.ahead.empty();
      if (!model.ahead.empty() && (model.taken.empty() || random() % 4 < (filling ? 3u : 1u))) {
        const SlotPool::Taken taken = pool->Take(region);
        ASSERT_EQ(taken.slot, model.ahead.front());
        model.ahead.pop_front();
        ASSERT_EQ(taken.ahead, model.Pick().value_or(SlotPool::kNone));
        model.taken.push_back(taken.slot);
        ASSERT_TRUE(pool->IsTaken(region * slots + taken.slot));
      } else if (!model.taken.empty()) {
        std::swap(model.taken[random() % model.taken.size()], model.taken.back());
        const uint32_t slot = model.taken.back();
        model.taken.pop_back();
        pool->Give(region, slot);
        model.free.insert(slot);
        ASSERT_FALSE(pool->IsTaken(region * slots + slot));
      }
    }
    if (slots < 5000) {
      EXPECT_GT(ran_out, 0u) << slots;
    }
    for (uint32_t region = 0; region < 3; ++region) {
      std::vector<bool> is_taken(slots);
      for (const uint32_t slot : models[region].taken) is_taken[slot] = true;
      for (uint32_t slot = 0; slot < slots; ++slot)
        ASSERT_EQ(pool->IsTaken(region * slots + slot), is_taken[slot]);
    }
  }
}

}  // namespace
}  // namespace coretrack
