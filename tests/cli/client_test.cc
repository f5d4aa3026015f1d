// The client's verbs against a server of its own, through the shell.
#include "control/query/flow_json.h"
#include "tests/api/api_fixture.h"
#include "tests/cli/run_coretrack.h"

namespace coretrack {
namespace {

using testing::ApiFixture;
using testing::FakeDataplane;
using ::testing::HasSubstr;
using testing::Ran;
using ::testing::StartsWith;

class ClientTest : public ApiFixture {
 protected:
  void SetUp() override {
    for (uint16_t i = 0; i < 60; ++i) {
      testing::OpenConnection(&fake_, i % 2, 1000 + i, i < 10 ? 443 : 80);
    }
    fake_.Feed(0, testing::TcpPacket("10.0.0.1", 5000, "10.0.0.9", 22, tcp_flag::kSyn, 1, 0));
    Start(&fake_);
    StartPolling();
  }
  Ran Ask(const std::string& arguments, const std::string& environment = "") {
    return testing::RunCoretrack(arguments + " --socket " + socket(), environment);
  }
  FakeDataplane fake_{2};
};

TEST_F(ClientTest, CountsWithFilters) {
  EXPECT_EQ(Ask("flows --count").text, "61\n");
  EXPECT_EQ(Ask("flows --count --dport 443").text, "10\n");
  EXPECT_EQ(Ask("flows --count --dport 443 --dport 22").text, "11\n");
  EXPECT_EQ(Ask("flows --count --not --dport 443").text, "51\n");
  EXPECT_EQ(Ask("flows --count --state established --not --dport 443").text, "50\n");
  EXPECT_EQ(Ask("flows --count --not --dport 443 --not --state SYN_SENT").text, "50\n");
  EXPECT_EQ(Ask("flows --count --dst 10.0.0.8/29").text, "1\n");
  EXPECT_EQ(Ask("flows --count -o json").text, "{\"count\":61}\n");
}

TEST_F(ClientTest, JsonIsTheApisOwn) {
  const Ran ran = Ask("flows -o json");
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.text, Get("/api/v1/flows").body);
  EXPECT_EQ(Ask("flows --json").text, ran.text);
  // Page after page gives the same.
  EXPECT_EQ(Ask("flows -o json --limit 1000").text, ran.text);
  EXPECT_EQ(Lines(Ask("flows -o json --limit 7").text).size(), 7u);
  EXPECT_EQ(Lines(Ask("flows -o json --sort age --limit 3").text).size(), 3u);
}

TEST_F(ClientTest, TablesFitTheTerminal) {
  for (const size_t width : {80, 120}) {
    const Ran ran = Ask("flows", "COLUMNS=" + std::to_string(width));
    EXPECT_EQ(ran.code, 0);
    const auto lines = Lines(ran.text);
    ASSERT_EQ(lines.size(), 62u);
    EXPECT_THAT(lines[0], StartsWith("PROTO  ORIGINATOR"));
    for (const std::string& line : lines) EXPECT_LE(line.size(), width) << line;
  }
  EXPECT_THAT(Lines(Ask("flows -o wide").text)[0], StartsWith("ID "));
  EXPECT_EQ(Lines(Ask("flows -o csv").text).size(), 62u);
  EXPECT_THAT(Ask("flows -o conntrack --dport 22").text,
              HasSubstr("SYN_SENT src=10.0.0.1 dst=10.0.0.9 sport=5000 dport=22"));
}

TEST_F(ClientTest, DeletesWhatIsNamed) {
  EXPECT_EQ(Ask("flows delete").code, 2);
  EXPECT_EQ(Ask("flows delete --dport 443").text, "deleted 10 flows\n");
  EXPECT_EQ(Ask("flows --dport 22 delete").text, "deleted 1 flow\n");
  EXPECT_EQ(Ask("flows delete --json --all").text, "{\"deleted\":50}\n");
  EXPECT_EQ(Ask("flows --count").text, "0\n");
}

TEST_F(ClientTest, StatusStatsAndConfiguration) {
  Ran ran = Ask("status");
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.text, HasSubstr("2 of 2 alive"));
  EXPECT_THAT(ran.text, HasSubstr("61 of 8,192"));
  EXPECT_NO_THROW(boost::json::parse(Ask("status --json").text));
  ran = Ask("stats");
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.text, HasSubstr("unaccounted"));
  EXPECT_THAT(ran.text, HasSubstr("ESTABLISHED/ESTABLISHED"));
  EXPECT_EQ(boost::json::parse(Ask("stats --json").text).at("received"), 181);
  EXPECT_THAT(Ask("config set timeouts.msl 30s").text, StartsWith("timeouts.msl = 30s"));
  EXPECT_EQ(Ask("config set colour red").code, 1);
  EXPECT_EQ(Ask("config reload").text, "reloaded\n");
  EXPECT_EQ(Ask("config show --json").code, 0);
  Stop();
  EXPECT_EQ(config_.msl, "30s");
}

TEST_F(ClientTest, WhatIsMisusedSaysHow) {
  for (const auto& [arguments, word] : {std::pair{"", "subcommand"},
                                        {"top", "\"top\" is not a verb"},
                                        {"flows --state OPEN", "ESTABLISHED"},
                                        {"flows --not", "filter"},
                                        {"flows --src 10.0.0.0/40", "CIDR"},
                                        {"flows --limit 0", "limit"},
                                        {"flows --sort size", "bytes"},
                                        {"flows -o xml", "conntrack"},
                                        {"flows --sort bytes --limit 10001", "10000"},
                                        {"config", "subcommand"},
                                        {"config set timeouts.msl", "value"},
                                        {"replay", "file"},
                                        {"status extra", "extra"}}) {
    const Ran ran = testing::RunCoretrack(arguments);
    EXPECT_EQ(ran.code, 2) << arguments;
    EXPECT_THAT(ran.text, HasSubstr(word)) << arguments;
  }
  EXPECT_EQ(testing::RunCoretrack("--help").code, 0);
  EXPECT_EQ(testing::RunCoretrack("flows --help").code, 0);
}

TEST(ClientAloneTest, SaysThatThereIsNoDaemon) {
  for (const char* verb :
       {"status", "stats", "flows", "flows --count", "flows --limit 3", "config show"}) {
    const Ran ran = testing::RunCoretrack(std::string(verb) + " --socket /nonexistent/api.sock");
    EXPECT_EQ(ran.code, 1) << verb;
    EXPECT_THAT(ran.text, HasSubstr("coretrackd is not running")) << verb;
    EXPECT_THAT(ran.text, HasSubstr("systemctl start")) << verb;
  }
  EXPECT_THAT(testing::RunCoretrack("status", "CORETRACK_SOCKET=/nonexistent/x").text,
              HasSubstr("/nonexistent/x"));
}

}  // namespace
}  // namespace coretrack
