#include "control/config/change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "control/config/value_text.h"

namespace coretrack {
namespace {

using testing::HasSubstr;

TEST(ApplyChange, ALiveParameterChanges) {
  Config config;
  EXPECT_TRUE(ApplyChange(&config, "timeouts.established", "1h").ok());
  EXPECT_EQ(config.timeouts.established_ms, 3'600'000u);
  EXPECT_TRUE(ApplyChange(&config, "tcp.invalid", "drop").ok());
  EXPECT_EQ(config.tcp.invalid, InvalidPolicy::kDrop);
  EXPECT_TRUE(ApplyChange(&config, "tcp.midstream", "false").ok());
  EXPECT_FALSE(config.tcp.midstream);
}

TEST(ApplyChange, WhatIsRefusedChangesNothing) {
  const Config before;
  Config config = before;
  EXPECT_EQ(ApplyChange(&config, "timeouts.established", "1ms").code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ApplyChange(&config, "timeouts.established", "soon").code(),
            absl::StatusCode::kInvalidArgument);
  const absl::Status restart = ApplyChange(&config, "flows.capacity", "2M");
  EXPECT_EQ(restart.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(restart.message()), HasSubstr("restart coretrackd"));
  EXPECT_EQ(ApplyChange(&config, "ports[0].peer", "x").code(),
            absl::StatusCode::kFailedPrecondition);
  const absl::Status unknown = ApplyChange(&config, "timeouts.establishd", "1h");
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("did you mean timeouts.established?"));
  EXPECT_EQ(config, before);
}

TEST(Differences, NameWhatChangedAndWhetherItNeedsARestart) {
  Config a;
  a.ports.resize(1);
  Config b = a;
  EXPECT_TRUE(Differences(a, b).empty());
  b.timeouts.udp_ms = 10'000;
  b.flows.capacity = 4096;
  b.ports.resize(2);
  const auto differences = Differences(a, b);
  const auto find = [&](const std::string& name) -> const Difference* {
    for (const Difference& d : differences) {
      if (d.name == name) return &d;
    }
    return nullptr;
  };
  ASSERT_NE(find("timeouts.udp"), nullptr);
  EXPECT_EQ(find("timeouts.udp")->from, "30s");
  EXPECT_EQ(find("timeouts.udp")->to, "10s");
  EXPECT_EQ(find("timeouts.udp")->applies, Applies::kLive);
  ASSERT_NE(find("flows.capacity"), nullptr);
  EXPECT_EQ(find("flows.capacity")->applies, Applies::kRestart);
  EXPECT_NE(find("ports[1].mode"), nullptr);
  const Config live = WithLiveOf(a, b);
  EXPECT_EQ(live.timeouts.udp_ms, 10'000u);
  EXPECT_EQ(live.flows.capacity, a.flows.capacity);
}

TEST(Describe, ShowsEveryParameterInATextThatStoresAgain) {
  Config config;
  config.ports.resize(2);
  const auto values = Describe(config);
  EXPECT_EQ(values.size(), Parameters().size() + 2 * PortParameters().size());
  Config again;
  for (const Row<Config>& row : Parameters()) {
    const std::string text = TextOf(row.parameter, row.field(config));
    EXPECT_TRUE(Store(row.parameter, LiteralOf(row.parameter, text), row.field(again)).ok())
        << row.parameter.name;
  }
}

TEST(ReferencePage, IsCurrent) {
  const std::string path = CORETRACK_SOURCE_DIR "/control/config/REFERENCE.md";
  if (std::getenv("CORETRACK_WRITE_REFERENCE") != nullptr) std::ofstream(path) << ReferencePage();
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, ReferencePage())
      << "make it anew: CORETRACK_WRITE_REFERENCE=1 build/tests/config_test";
}

}  // namespace
}  // namespace coretrack
