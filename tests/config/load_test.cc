#include "control/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "control/config/parameter_table.h"

namespace coretrack {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kPorts[] = R"(
[[ports]]
name = "inside"
device = "net_ring0"
peer = "outside"
[[ports]]
name = "outside"
device = "net_ring1"
peer = "inside"
)";

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(text, "box.toml");
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(LoadConfig, PortsAloneAreEnoughAndTheRestIsTheTablesDefault) {
  const auto config = ParseConfig(kPorts, "box.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->flows.capacity, 1u << 20);
  EXPECT_EQ(config->timeouts.established_ms, 5u * 24 * 3600 * 1000);
  EXPECT_EQ(config->timeouts.time_wait_ms(), 120'000u);
  EXPECT_EQ(config->tcp.window, WindowPolicy::kCheck);
  EXPECT_TRUE(config->tcp.midstream);
  ASSERT_EQ(config->ports.size(), 2u);
  EXPECT_EQ(config->ports[0].peer, "outside");
  EXPECT_TRUE(config->ports[0].promiscuous);
}

TEST(LoadConfig, EverySectionIsRead) {
  const auto config = ParseConfig(std::string(kPorts) + R"(
[cpu]
lcores = [2, 3]
control_lcore = 1
idle = "poll"
[flows]
capacity = "16M"
[timeouts]
established = "1h"
msl = "30s"
[tcp]
window = "observe"
invalid = "drop"
midstream = false
[api]
http = ""
allowed_hosts = ["box.example"]
[log]
format = "json"
)",
                                  "box.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cpu.lcores, (std::vector<uint32_t>{2, 3}));
  EXPECT_EQ(config->cpu.idle, IdleMode::kPoll);
  EXPECT_EQ(config->flows.capacity, 16u << 20);
  EXPECT_EQ(config->timeouts.established_ms, 3'600'000u);
  EXPECT_EQ(config->tcp.invalid, InvalidPolicy::kDrop);
  EXPECT_EQ(config->api.http, "");
  EXPECT_EQ(config->log.format, LogFormat::kJson);
}

TEST(LoadConfig, ErrorsNameFileLineKeyRangeAndTheWayOut) {
  EXPECT_THAT(ErrorOf(std::string("[timeouts]\nmsl = \"10s\"\n") + kPorts),
              testing::AllOf(HasSubstr("box.toml:2: timeouts.msl:"), HasSubstr("30s to 2m"),
                             HasSubstr("write at least \"30s\"")));
  EXPECT_THAT(ErrorOf(std::string("[timeouts]\nudp = 30\n") + kPorts),
              HasSubstr("box.toml:2: timeouts.udp:"));
  EXPECT_THAT(ErrorOf(std::string("[tcp]\nwindow = \"maybe\"\n") + kPorts),
              testing::AllOf(HasSubstr("box.toml:2: tcp.window:"),
                             HasSubstr("\"check\", \"observe\", \"off\"")));
  EXPECT_THAT(ErrorOf(std::string("[tcp]\nmidstream = \"yes\"\n") + kPorts),
              HasSubstr("write true or false"));
  EXPECT_THAT(ErrorOf("[tcp\n"), HasSubstr("box.toml:1: not valid TOML"));
}

TEST(LoadConfig, AMisspeltKeyIsAnErrorWithASuggestion) {
  EXPECT_THAT(ErrorOf(std::string("[timeouts]\nestablishd = \"1h\"\n") + kPorts),
              HasSubstr("did you mean established?"));
  EXPECT_THAT(ErrorOf(std::string("[timeout]\nudp = \"1h\"\n") + kPorts),
              HasSubstr("did you mean timeouts?"));
  EXPECT_THAT(ErrorOf(std::string("[tcp]\nzzzzzzzz = 1\n") + kPorts),
              HasSubstr("known are: invalid, midstream"));
}

TEST(LoadConfig, AllErrorsOfAFileAreReportedInItsOrder) {
  const std::string error =
      ErrorOf("[timeouts]\nmsl = \"1s\"\nudp = \"x\"\n[flows]\ncapacity = 1\n");
  const size_t msl = error.find("timeouts.msl");
  const size_t udp = error.find("timeouts.udp");
  const size_t capacity = error.find("flows.capacity");
  ASSERT_NE(msl, error.npos) << error;
  ASSERT_NE(udp, error.npos) << error;
  ASSERT_NE(capacity, error.npos) << error;
  EXPECT_LT(msl, udp);
  EXPECT_LT(udp, capacity);
}

TEST(LoadConfig, PortsMustPair) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("ports: there is none"));
  EXPECT_THAT(ErrorOf("[[ports]]\nname = \"a\"\ndevice = \"net_ring0\"\n"),
              HasSubstr("ports[0].peer: is missing"));
  EXPECT_THAT(ErrorOf("[[ports]]\nname = \"a\"\ndevice = \"net_ring0\"\npeer = \"b\"\n"),
              HasSubstr("there is no port \"b\""));
  EXPECT_THAT(ErrorOf("[[ports]]\nname = \"a\"\ndevice = \"net_ring0\"\npeer = \"a\"\n"),
              HasSubstr("is the port itself"));
  EXPECT_THAT(
      ErrorOf(
          "[[ports]]\nname = \"a\"\ndevice = \"net_ring0\"\nmode = \"monitor\"\npeer = \"a\"\n"),
      HasSubstr("a monitor port sends nothing"));
  EXPECT_THAT(ErrorOf(std::string(kPorts) +
                      "[[ports]]\nname = \"inside\"\ndevice = \"net_ring2\"\nmode = \"monitor\"\n"),
              HasSubstr("box.toml:11: ports[2].name: \"inside\" is taken"));
  EXPECT_THAT(ErrorOf(std::string(kPorts) +
                      "[[ports]]\nname = \"m\"\ndevice = \"net_ring1\"\nmode = \"monitor\"\n"),
              HasSubstr("is another port's too"));
  EXPECT_EQ(ErrorOf("[[ports]]\nname = \"a\"\ndevice = \"net_ring0\"\nmode = \"monitor\"\n"), "");
}

TEST(LoadConfig, RulesOverSeveralParameters) {
  EXPECT_THAT(ErrorOf(std::string("[cpu]\nlcores = [0, 1]\n") + kPorts),
              HasSubstr("cpu.control_lcore"));
  EXPECT_THAT(ErrorOf(std::string("[flows]\ncapacity = \"1G\"\n") + kPorts),
              HasSubstr("flows.capacity"));
}

TEST(LoadConfig, FilesThatCannotBeRead) {
  EXPECT_THAT(std::string(LoadConfig("/nonexistent/box.toml").status().message()),
              HasSubstr("cannot read /nonexistent/box.toml"));
  EXPECT_FALSE(LoadConfig("/").ok());
}

TEST(LoadConfig, TheExampleOfDeployIsValid) {
  const auto config = LoadConfig(CORETRACK_SOURCE_DIR "/deploy/coretrack.toml");
  EXPECT_TRUE(config.ok()) << config.status();
}

// Every numeric row, at both ends of its range and beyond.
TEST(LoadConfig, RangesHoldAtBothEnds) {
  for (const Row<Config>& row : Parameters()) {
    const Parameter& p = row.parameter;
    if (p.type != ValueType::kCount && p.type != ValueType::kPercent) continue;
    const std::string name = p.name;
    const size_t dot = name.find('.');
    const auto with = [&](uint64_t value) {
      const std::string text = p.type == ValueType::kPercent ? "\"" + std::to_string(value) + "%\""
                                                             : std::to_string(value);
      return ErrorOf("[" + name.substr(0, dot) + "]\n" + name.substr(dot + 1) + " = " + text +
                     "\n" + kPorts);
    };
    EXPECT_THAT(with(p.min), Not(HasSubstr("is below"))) << name;
    EXPECT_THAT(with(p.max), Not(HasSubstr("is above"))) << name;
    if (p.min > 0) {
      EXPECT_THAT(with(p.min - 1), HasSubstr("box.toml:2: " + name)) << name;
    }
    EXPECT_THAT(with(p.max + 1), HasSubstr("box.toml:2: " + name)) << name;
  }
}

}  // namespace
}  // namespace coretrack
