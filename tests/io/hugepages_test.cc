#include "dataplane/io/hugepages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace coretrack {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMi = 1 << 20;

class HugepagesTest : public ::testing::Test {
 protected:
  HugepagesTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("coretrack_hugepages_" + std::to_string(getpid()))) {}
  ~HugepagesTest() override { std::filesystem::remove_all(folder_); }

  void Pages(const std::string& size, int free, int in_use = 0) {
    std::filesystem::create_directories(folder_ / ("hugepages-" + size));
    std::ofstream(folder_ / ("hugepages-" + size) / "free_hugepages") << free << "\n";
    std::ofstream(folder_ / ("hugepages-" + size) / "nr_hugepages") << free + in_use << "\n";
  }

  const std::filesystem::path folder_;
};

TEST_F(HugepagesTest, AddsUpAllSizes) {
  Pages("2048kB", 16);
  Pages("1048576kB", 2);
  const HugepageSupply supply = ReadHugepages(folder_);
  EXPECT_EQ(supply.free_bytes, 2080 * kMi);
  EXPECT_EQ(supply.page_bytes, 1024 * kMi);
}

TEST_F(HugepagesTest, NoFolderMeansNone) {
  const HugepageSupply supply = ReadHugepages(folder_ / "missing");
  EXPECT_EQ(supply.free_bytes, 0u);
}

TEST_F(HugepagesTest, AutoTakesThemWhenThereAreEnough) {
  const auto choice =
      ChooseHugepages(HugepageUse::kAuto, 64 * kMi,
                      {.free_bytes = 64 * kMi, .page_bytes = 2 * kMi, .pages_2m = 32});
  ASSERT_TRUE(choice.ok());
  EXPECT_TRUE(choice->use);
  EXPECT_EQ(choice->remark, "");
}

TEST_F(HugepagesTest, AutoGoesWithoutAndSaysSoInOneLine) {
  const auto choice = ChooseHugepages(
      HugepageUse::kAuto, 512 * kMi, {.free_bytes = 2 * kMi, .page_bytes = 2 * kMi, .pages_2m = 1});
  ASSERT_TRUE(choice.ok());
  EXPECT_FALSE(choice->use);
  EXPECT_THAT(choice->remark, HasSubstr("echo 256 > /proc/sys/vm/nr_hugepages"));
  EXPECT_EQ(choice->remark.find('\n'), std::string::npos);
}

TEST_F(HugepagesTest, RequireRefusesWithTheCure) {
  const auto choice = ChooseHugepages(HugepageUse::kRequire, 512 * kMi, {});
  ASSERT_FALSE(choice.ok());
  EXPECT_THAT(std::string(choice.status().message()),
              HasSubstr("echo 256 > /proc/sys/vm/nr_hugepages"));
}

TEST_F(HugepagesTest, TheCureKeepsThePagesThatThereAre) {
  Pages("2048kB", 10, 300);
  const auto choice = ChooseHugepages(HugepageUse::kRequire, 64 * kMi, ReadHugepages(folder_));
  ASSERT_FALSE(choice.ok());
  EXPECT_THAT(std::string(choice.status().message()), HasSubstr("echo 332 >"));
}

TEST_F(HugepagesTest, NeverLeavesThemAlone) {
  const auto choice =
      ChooseHugepages(HugepageUse::kNever, 2 * kMi,
                      {.free_bytes = 512 * kMi, .page_bytes = 2 * kMi, .pages_2m = 256});
  ASSERT_TRUE(choice.ok());
  EXPECT_FALSE(choice->use);
}

TEST_F(HugepagesTest, TablesMayLieAnywhereUnlessRequired) {
  for (const PageKind got :
       {PageKind::kHuge1G, PageKind::kHuge2M, PageKind::kTransparentHuge, PageKind::kSmall}) {
    const bool reserved = got == PageKind::kHuge1G || got == PageKind::kHuge2M;
    EXPECT_TRUE(CheckTables(HugepageUse::kAuto, got, 300 * kMi, 2).ok());
    EXPECT_TRUE(CheckTables(HugepageUse::kNever, got, 300 * kMi, 2).ok());
    EXPECT_EQ(CheckTables(HugepageUse::kRequire, got, 300 * kMi, 2).ok(), reserved);
  }
  const absl::Status refused =
      CheckTables(HugepageUse::kRequire, PageKind::kTransparentHuge, 301 * kMi, 2);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("nr_hugepages by 302"));
}

}  // namespace
}  // namespace coretrack
