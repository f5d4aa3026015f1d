#include "dataplane/base/arena.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace coretrack {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

struct Odd {
  char bytes[65];
};

TEST(ArenaTest, RoundsUpToAHugePageAndStartsOnOne) {
  for (const size_t bytes : {size_t{1}, kHugePage, kHugePage + 1, 3 * kHugePage}) {
    auto arena = Arena::Create(bytes, false);
    ASSERT_TRUE(arena.ok()) << arena.status();
    EXPECT_EQ(arena->bytes(), (bytes + kHugePage - 1) / kHugePage * kHugePage);
    EXPECT_EQ(arena->used_bytes(), 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(arena->Carve<char>(1)) % kHugePage, 0u);
  }
}

TEST(ArenaTest, CarvesZeroedLinesThatDoNotOverlap) {
  auto arena = Arena::Create(kHugePage, false);
  ASSERT_TRUE(arena.ok());
  char* first = arena->Carve<char>(1);
  Odd* second = arena->Carve<Odd>(3);
  uint64_t* third = arena->Carve<uint64_t>(8);
  EXPECT_EQ(reinterpret_cast<char*>(second) - first, 64);
  EXPECT_EQ(reinterpret_cast<char*>(third) - reinterpret_cast<char*>(second), 256);
  EXPECT_EQ(arena->used_bytes(), 64u + 256 + 64);
  EXPECT_TRUE(std::all_of(first, first + arena->used_bytes(), [](char c) { return c == 0; }));
}

TEST(ArenaTest, SizeOfIsWhatCarveTakes) {
  auto arena = Arena::Create(kHugePage, false);
  ASSERT_TRUE(arena.ok());
  for (const size_t count : {0u, 1u, 15u, 16u, 17u, 1000u}) {
    const size_t before = arena->used_bytes();
    arena->Carve<uint32_t>(count);
    EXPECT_EQ(arena->used_bytes() - before, Arena::SizeOf<uint32_t>(count)) << count;
  }
}

TEST(ArenaTest, EveryByteCanBeWritten) {
  auto arena = Arena::Create(2 * kHugePage, true);
  ASSERT_TRUE(arena.ok());
  char* all = arena->Carve<char>(arena->bytes());
  std::fill(all, all + arena->bytes(), 'x');
  EXPECT_EQ(arena->used_bytes(), arena->bytes());
}

TEST(ArenaDeathTest, CarvingPastTheEndAborts) {
  auto arena = Arena::Create(kHugePage, false);
  ASSERT_TRUE(arena.ok());
  arena->Carve<char>(kHugePage - 64);
  EXPECT_DEATH(arena->Carve<char>(65), "no room for 128 more");
}

TEST(ArenaTest, MoreThanTheAddressSpaceIsAnErrorThatNamesTheCure) {
  const auto arena = Arena::Create(size_t{1} << 52, false);
  ASSERT_FALSE(arena.ok());
  EXPECT_EQ(arena.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(arena.status().ToString().find("lower flows.capacity"), std::string::npos);
}

TEST(ArenaTest, MovesItsMemory) {
  auto arena = Arena::Create(kHugePage, false);
  ASSERT_TRUE(arena.ok());
  int* p = arena->Carve<int>(1);
  *p = 7;
  Arena other = *std::move(arena);
  EXPECT_EQ(*p, 7);
  EXPECT_EQ(other.used_bytes(), 64u);
  Arena third;
  third = std::move(other);
  EXPECT_EQ(*p, 7);
  EXPECT_EQ(third.bytes(), kHugePage);
}

long PageFaults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

TEST(ArenaTest, PopulatedItHasNoPageFaultLeft) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "what the sanitizer remembers of it faults, too";
#endif
  constexpr size_t kBytes = size_t{24} << 20, kPage = 4096;
  for (const bool allow_hugetlb : {false, true}) {
    auto arena = Arena::Create(kBytes, allow_hugetlb);
    ASSERT_TRUE(arena.ok());
    const absl::Status populated = arena->Populate();
    ASSERT_TRUE(populated.ok()) << populated;
    char* all = arena->Carve<char>(kBytes);
    const long before = PageFaults();
    for (size_t i = 0; i < kBytes; i += kPage) all[i] = 'x';
    EXPECT_LE(PageFaults() - before, 2) << Name(arena->page_kind());  // of 6,144 pages, or 12
    EXPECT_EQ(all[1], 0);
  }
}

// One page of 1 GiB more in their pool while it lives, if there can be. Locked: two runs may be at it at once.
class GiantPage {
 public:
  GiantPage() : pool_(open(kPool, O_RDWR)) {
    if (pool_ < 0) return;
    flock(pool_, LOCK_EX);
    const long before = Read();
    Write(before + 1);
    there_ = Read() > before;
  }
  ~GiantPage() {
    if (pool_ < 0) return;
    if (there_) Write(Read() - 1);
    close(pool_);
  }
  GiantPage(const GiantPage&) = delete;
  GiantPage& operator=(const GiantPage&) = delete;
  bool there() const { return there_; }
  static long Free() {
    long pages = 0;
    std::ifstream("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages") >> pages;
    return pages;
  }

 private:
  static constexpr const char* kPool = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages";
  long Read() const {
    char text[32] = {};
    return pread(pool_, text, sizeof(text) - 1, 0) > 0 ? std::strtol(text, nullptr, 10) : 0;
  }
  void Write(long pages) const {
    const std::string text = std::to_string(pages);
    if (pwrite(pool_, text.data(), text.size(), 0) < 0) return;  // Read() tells
  }

  int pool_;
  bool there_ = false;
};

// As many as hold it, and all of them are given back.
TEST(ArenaTest, TakesPagesOfAGiB) {
  constexpr size_t kGiB = size_t{1} << 30;
  const GiantPage page;
  if (!page.there()) GTEST_SKIP() << "the kernel has no page of 1 GiB to give";
  for (int round = 0; round < 2; ++round) {
    auto arena = Arena::Create(kGiB, true);
    ASSERT_TRUE(arena.ok());
    if (arena->page_kind() != PageKind::kHuge1G) {
      ASSERT_EQ(GiantPage::Free(), 0) << "there was one";
      GTEST_SKIP() << "somebody else has taken it";
    }
    EXPECT_EQ(arena->bytes(), kGiB);
    char* all = arena->Carve<char>(kGiB);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(all) % kGiB, 0u);
    for (size_t i = 0; i < kGiB; i += kHugePage) all[i] = 'x';
    EXPECT_EQ(all[kGiB - kHugePage], 'x');
  }
}

// Does the kernel give that many, with nothing behind them? It may not: vm.overcommit_memory = 2, a limit.
bool HasAddresses(size_t bytes) {
  void* p = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p != MAP_FAILED && munmap(p, bytes + kHugePage) == 0;
}

// More than any pool has: not one page of them is taken, and what it gets instead can be used.
TEST(ArenaTest, TakesAllHugePagesOrNone) {
  constexpr size_t kBytes = size_t{1} << 40;
  if (!HasAddresses(kBytes)) GTEST_SKIP() << "no such address space";
  auto arena = Arena::Create(kBytes, true);
  ASSERT_TRUE(arena.ok()) << arena.status();
  EXPECT_FALSE(IsReserved(arena->page_kind()));
  char* all = arena->Carve<char>(kBytes);
  all[0] = all[kBytes - 1] = 'x';
  EXPECT_EQ(all[kBytes - 1], 'x');
}

TEST(ArenaTest, WhatTheMachineDoesNotHaveIsNotPopulated) {
  constexpr size_t kBytes = size_t{1} << 45;
  if (!HasAddresses(kBytes)) GTEST_SKIP() << "no such address space";
  auto arena = Arena::Create(kBytes, false);
  ASSERT_TRUE(arena.ok()) << arena.status();
  const absl::Status status = arena->Populate();
  ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.ToString().find("lower flows.capacity"), std::string::npos) << status;
}

}  // namespace
}  // namespace coretrack
