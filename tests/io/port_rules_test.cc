#include "dataplane/io/port_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coretrack {
namespace {

using ::testing::HasSubstr;

std::vector<PortOptions> Pair() {
  return {{.name = "a", .device = "net_null0", .peer = "b"},
          {.name = "b", .device = "net_null1", .peer = "a"}};
}

std::string Complaint(const std::vector<PortOptions>& ports) {
  return std::string(CheckPorts(ports).message());
}

TEST(PortRules, APairAndAMonitorAreFine) {
  std::vector<PortOptions> ports = Pair();
  ports.push_back({.name = "m", .device = "net_null2", .role = PortRole::kMonitor, .peer = ""});
  EXPECT_TRUE(CheckPorts(ports).ok());
}

TEST(PortRules, EveryMistakeNamesThePort) {
  EXPECT_THAT(Complaint({}), HasSubstr("0 ports"));
  std::vector<PortOptions> ports = Pair();
  ports[1].name = "a";
  EXPECT_THAT(Complaint(ports), HasSubstr("port \"a\": the name is taken twice"));
  ports = Pair();
  ports[0].peer = "c";
  EXPECT_THAT(Complaint(ports), HasSubstr("port \"a\": there is no port of its peer's name"));
  ports = Pair();
  ports[1].zone = 1;
  EXPECT_THAT(Complaint(ports), HasSubstr("another zone"));
  ports = Pair();
  ports[1].role = PortRole::kMonitor;
  EXPECT_THAT(Complaint(ports), HasSubstr("port \"a\": its peer only monitors"));
  ports[0].peer = "a";
  EXPECT_THAT(Complaint(ports), HasSubstr("port \"b\": a monitor port has no peer"));
  ports = Pair();
  ports[0].zone = ports[1].zone = 8;
  EXPECT_THAT(Complaint(ports), HasSubstr("zone 8"));
}

}  // namespace
}  // namespace coretrack
