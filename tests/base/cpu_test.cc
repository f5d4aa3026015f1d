#include "dataplane/base/cpu.h"

#include "gtest/gtest.h"

namespace coretrack {
namespace {

// A binary that came as far as this runs on a CPU with what it was built for.
TEST(CpuTest, NothingIsMissingWhereTheTestRuns) { EXPECT_EQ(MissingCpuFeatures(), ""); }

}  // namespace
}  // namespace coretrack
