#include "dataplane/io/eal_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"

namespace coretrack {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Line(const DataplaneOptions& options, bool hugepages) {
  return absl::StrJoin(EalArguments(options, hugepages), " ");
}

DataplaneOptions Options(std::vector<std::string> devices) {
  DataplaneOptions options;
  for (std::string& device : devices) {
    options.ports.push_back({.name = device, .device = device, .peer = ""});
  }
  return options;
}

TEST(EalArguments, VirtualDevicesOnlyAndNoHugepages) {
  DataplaneOptions options = Options({"net_af_packet0,iface=a", "net_af_packet1,iface=b"});
  options.lcores = {1, 1, 3};
  options.control_lcore = 1;
  options.memory_bytes = (64 << 20) + 1;
  options.file_prefix = "x";
  EXPECT_EQ(Line(options, false),
            "coretrackd --lcores 0@1,1@1,2@1,3@3 --file-prefix=x -m 65 --no-huge --no-shconf "
            "--no-pci");
}

TEST(EalArguments, OnlyThePciDevicesOfPorts) {
  const std::string line = Line(Options({"01:00.0", "0000:01:00.1,arg=1", "net_null0"}), true);
  EXPECT_THAT(line, HasSubstr("-a 0000:01:00.0 -a 0000:01:00.1,arg=1"));
  EXPECT_THAT(line, Not(HasSubstr("--no-pci")));
  EXPECT_THAT(line, Not(HasSubstr("--no-huge")));
  EXPECT_THAT(line, Not(HasSubstr("net_null0")));
}

TEST(EalArguments, GivenOnesTakeThePlaceOfGeneratedOnes) {
  DataplaneOptions options = Options({"net_null0"});
  options.telemetry = false;
  options.eal_arguments = {"-l0,2",          "--socket-mem=64,64", "--huge-dir", "/x",
                           "--no-telemetry", "--file-prefix=mine", "-a",         "02:00.0"};
  EXPECT_EQ(Line(options, true), "coretrackd " + absl::StrJoin(options.eal_arguments, " "));
}

TEST(EalArguments, LongOptionsAreComparedWhole) {
  DataplaneOptions options = Options({"net_null0"});
  options.eal_arguments = {"--log-level=8", "--match-allocations"};
  const std::string line = Line(options, true);
  EXPECT_THAT(line, HasSubstr("--lcores 0@0,1@1"));
  EXPECT_THAT(line, HasSubstr("-m 512"));
  EXPECT_THAT(line, HasSubstr("--no-pci"));
}

}  // namespace
}  // namespace coretrack
