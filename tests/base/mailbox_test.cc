#include "dataplane/base/mailbox.h"

#include <cstdint>
#include <thread>

#include "gtest/gtest.h"

namespace coretrack {
namespace {

TEST(MailboxTest, EmptyAnswersFalseAndLeavesTheValue) {
  Mailbox<int, 4> box;
  int value = 42;
  EXPECT_FALSE(box.Pop(&value));
  EXPECT_EQ(value, 42);
}

TEST(MailboxTest, FullRefusesAndKeepsWhatItHas) {
  Mailbox<int, 4> box;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(box.Push(i));
  EXPECT_FALSE(box.Push(99));
  for (int i = 0; i < 4; ++i) {
    int value = -1;
    ASSERT_TRUE(box.Pop(&value));
    EXPECT_EQ(value, i);
  }
  int value = -1;
  EXPECT_FALSE(box.Pop(&value));
}

TEST(MailboxTest, OneSlotRing) {
  Mailbox<int, 1> box;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(box.Push(i));
    EXPECT_FALSE(box.Push(i));
    int value = -1;
    ASSERT_TRUE(box.Pop(&value));
    EXPECT_EQ(value, i);
  }
}

TEST(MailboxTest, KeepsOrderRoundTheRingAtEveryFill) {
  for (uint32_t fill = 1; fill <= 8; ++fill) {
    Mailbox<uint32_t, 8> box;
    uint32_t pushed = 0, popped = 0;
    for (uint32_t round = 0; round < 100; ++round) {
      while (pushed - popped < fill) ASSERT_TRUE(box.Push(pushed++));
      uint32_t value = 0;
      ASSERT_TRUE(box.Pop(&value));
      ASSERT_EQ(value, popped++);
    }
  }
}

// Wide enough that a slot read while it is written would show.
struct Wide {
  uint64_t a, b, c, d, e;
};

TEST(MailboxTest, TwoThreadsPassEveryElementOnceInOrder) {
  constexpr uint64_t kElements = 300000;
  Mailbox<Wide, 16> box;
  std::thread producer([&] {
    for (uint64_t i = 0; i < kElements;) {
      if (box.Push({i, i + 1, i + 2, i + 3, i + 4})) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < kElements;) {
    Wide w{};
    if (!box.Pop(&w)) {
      std::this_thread::yield();
      continue;
    }
    wrong += w.a != i || w.b != i + 1 || w.c != i + 2 || w.d != i + 3 || w.e != i + 4;
    ++i;
  }
  producer.join();
  EXPECT_EQ(wrong, 0u);
  Wide w{};
  EXPECT_FALSE(box.Pop(&w));
}

}  // namespace
}  // namespace coretrack
