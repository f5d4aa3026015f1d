#include <set>

#include "control/api/flow_routes.h"
#include "tests/api/api_fixture.h"

namespace coretrack {
namespace {

using testing::Answer;
using testing::ApiFixture;
using testing::FakeDataplane;
using ::testing::HasSubstr;
using testing::HttpClient;
using testing::OpenConnection;

class Routes : public ApiFixture {
 protected:
  void SetUp() override {
    for (uint16_t i = 0; i < 100; ++i) OpenConnection(&fake_, i % 2, 1000 + i, i < 10 ? 443 : 80);
    Start(&fake_);
  }
  FakeDataplane fake_{2};
};

TEST_F(Routes, EveryReadAnswersOnBothListeners) {
  StartPolling();
  HttpClient unix_client(socket());
  HttpClient tcp_client(server_->http_port());
  for (const char* path :
       {"/", "/api/v1/status", "/api/v1/stats", "/api/v1/workers", "/api/v1/ports", "/api/v1/drops",
        "/api/v1/config", "/api/v1/flows", "/metrics", "/openapi.json"}) {
    for (HttpClient* client : {&unix_client, &tcp_client}) {
      const Answer answer = client->Get(path);
      EXPECT_EQ(answer.status, 200) << path << answer.body;
      if (answer.Header("Content-Type") == "application/json") {
        EXPECT_NO_THROW(Json(answer)) << path;
      }
    }
  }
}

TEST_F(Routes, FlowsAreNdjsonWithFilters) {
  EXPECT_EQ(Lines(Get("/api/v1/flows").body).size(), 100u);
  const Answer answer = Get("/api/v1/flows?dport=443&src=10.0.0.0/8");
  EXPECT_EQ(answer.Header("Content-Type"), "application/x-ndjson");
  const auto lines = Lines(answer.body);
  ASSERT_EQ(lines.size(), 10u);
  for (const std::string& line : lines) {
    const auto flow = boost::json::parse(line);
    EXPECT_EQ(flow.at("responder").at("port"), 443);
    EXPECT_EQ(flow.at("originator").at("state"), "ESTABLISHED");
  }
  EXPECT_EQ(Lines(Get("/api/v1/flows?not.dport=443").body).size(), 90u);
  EXPECT_EQ(Lines(Get("/api/v1/flows?state=ESTABLISHED&state=SYN_SENT").body).size(), 100u);
  EXPECT_EQ(Get("/api/v1/flows?count=true&dport=443").body, "{\"count\":10}\n");
  EXPECT_EQ(Get("/api/v1/flows?state=LISTEN").body, "");
  EXPECT_EQ(fake_.sent(), 0u);
}

// Whole slices without a flow, and one behind them.
class SparseRoutes : public ApiFixture {
 protected:
  void SetUp() override {
    fake_.Feed(0, testing::PacketBuilder()
                      .Ethernet()
                      .Ipv6("2001:db8::1", "2001:db8::2")
                      .Udp(1000, 53)
                      .Build());
    Start(&fake_);
  }
  FakeDataplane fake_{1, 4 * kSliceSlots};
};

TEST_F(SparseRoutes, AnEmptyPieceIsNoEndOfTheAnswer) {
  const auto line = HasSubstr(R"("address":"2001:db8::1","port":1000)");
  EXPECT_THAT(Get("/api/v1/flows").body, line);
  HttpClient old(socket());
  old.Send("GET /api/v1/flows HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.Receive().body, line);
}

TEST_F(Routes, PagesFollowTheCursor) {
  HttpClient client(socket());
  std::set<std::string> seen;
  std::string cursor;
  int pages = 0;
  do {
    const Answer page =
        client.Get("/api/v1/flows?limit=30" + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(page.status, 200);
    for (const std::string& line : Lines(page.body)) EXPECT_TRUE(seen.insert(line).second);
    cursor = page.Header("Coretrack-Cursor");
    ++pages;
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(pages, 4);
}

TEST_F(Routes, SortsAndShowsOne) {
  // One connection with more bytes than the others.
  fake_.Feed(0, testing::PacketBuilder()
                    .Ethernet()
                    .Ipv4("10.0.0.1", "10.0.0.2")
                    .Tcp({.source_port = 1004, .destination_port = 443, .seq = 101, .ack = 501})
                    .Payload(500)
                    .Build());
  const auto lines = Lines(Get("/api/v1/flows?sort=bytes&limit=3").body);
  ASSERT_EQ(lines.size(), 3u);
  const auto first = boost::json::parse(lines[0]);
  EXPECT_EQ(first.at("originator").at("port"), 1004);
  const std::string id(first.at("id").as_string().c_str());
  const Answer one = Get("/api/v1/flows/" + id);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body, lines[0] + "\n");
  EXPECT_EQ(Get("/api/v1/flows/ffffffffffffffff").status, 404);
  EXPECT_EQ(Get("/api/v1/flows/nonsense").status, 400);
}

TEST_F(Routes, BadQueriesSayWhatIsWrong) {
  for (const auto& [target, word] : {std::pair{"/api/v1/flows?state=OPEN", "ESTABLISHED"},
                                     {"/api/v1/flows?src=300.0.0.1", "src"},
                                     {"/api/v1/flows?limit=0", "limit"},
                                     {"/api/v1/flows?limit=10001", "cursor"},
                                     {"/api/v1/flows?cursor=x", "cursor"},
                                     {"/api/v1/flows?colour=red", "colour"},
                                     {"/api/v1/flows?sort=size", "bytes"},
                                     {"/api/v1/flows?sort=bytes&cursor=0.0", "cursor"},
                                     {"/api/v1/flows?src=%zz", "escape"},
                                     {"/api/v1/flows?src=%0a", "escape"}}) {
    const Answer answer = Get(target);
    EXPECT_EQ(answer.status, 400) << target;
    EXPECT_THAT(answer.body, HasSubstr(word)) << target;
    EXPECT_TRUE(Json(answer).as_object().contains("fix")) << target;
  }
  EXPECT_EQ(Get("/api/v2/flows").status, 404);
}

TEST_F(Routes, MethodsAreThePaths) {
  HttpClient client(socket());
  const Answer answer = client.Ask("POST", "/api/v1/flows");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.Header("Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(client.Ask("DELETE", "/metrics").status, 405);
  const Answer head = client.Ask("HEAD", "/api/v1/status");
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.Header("Content-Length"), "0");
  EXPECT_EQ(client.Get("/api/v1/status").status, 200);
}

TEST_F(Routes, ReadOnlyOnTcp) {
  HttpClient client(server_->http_port());
  for (const auto& [method, target] : {std::pair{"DELETE", "/api/v1/flows?all=true"},
                                       {"DELETE", "/api/v1/flows/0000000000000001"},
                                       {"PATCH", "/api/v1/config"},
                                       {"POST", "/api/v1/config/reload"}}) {
    EXPECT_EQ(client.Ask(method, target, "{\"timeouts.msl\":\"1s\"}").status, 403) << target;
  }
  EXPECT_EQ(fake_.sent(), 0u);
  EXPECT_EQ(config_.msl, "60s");
  EXPECT_EQ(config_.reloads, 0);
}

TEST_F(Routes, ConfigurationOverTheUnixSocket) {
  HttpClient client(socket());
  EXPECT_EQ(client.Ask("PATCH", "/api/v1/config", R"({"timeouts.msl":"30s"})").status, 200);
  EXPECT_EQ(client.Ask("POST", "/api/v1/config/reload").status, 200);
  for (const char* bad : {"{", "[]", "{}", "rubbish", R"({"colour":"red"})"}) {
    EXPECT_EQ(client.Ask("PATCH", "/api/v1/config", bad).status, 400) << bad;
  }
  Stop();
  EXPECT_EQ(config_.msl, "30s");
  EXPECT_EQ(config_.reloads, 1);
}

TEST_F(Routes, DeletesWhatMatchesAndNothingElse) {
  StartPolling();
  HttpClient client(socket());
  EXPECT_EQ(client.Ask("DELETE", "/api/v1/flows").status, 400);
  EXPECT_EQ(client.Ask("DELETE", "/api/v1/flows?limit=3&dport=443").status, 400);
  EXPECT_EQ(client.Ask("DELETE", "/api/v1/flows?dport=443").body, "{\"deleted\":10}\n");
  EXPECT_EQ(client.Get("/api/v1/flows?count=true").body, "{\"count\":90}\n");
  const auto flow = boost::json::parse(Lines(client.Get("/api/v1/flows?limit=1").body)[0]);
  const std::string id(flow.at("id").as_string().c_str());
  EXPECT_EQ(client.Ask("DELETE", "/api/v1/flows/" + id).body, "{\"deleted\":1}\n");
  EXPECT_EQ(client.Ask("DELETE", "/api/v1/flows/" + id).status, 404);
  EXPECT_EQ(client.Ask("DELETE", "/api/v1/flows?all=true").body, "{\"deleted\":89}\n");
  EXPECT_EQ(client.Get("/api/v1/flows?count=true").body, "{\"count\":0}\n");
}

TEST_F(Routes, StatsCarryTheIdentity) {
  StartPolling();
  const auto stats = Json(Get("/api/v1/stats"));
  EXPECT_EQ(stats.at("received"), 300);
  EXPECT_EQ(stats.at("forwarded"), 300);
  EXPECT_EQ(stats.at("in_flight"), 0);
  EXPECT_EQ(stats.at("unaccounted"), 0);
  EXPECT_EQ(stats.at("dropped").at("monitor"), 0);
  EXPECT_EQ(stats.at("flows"), 100);
  EXPECT_EQ(stats.at("flows_by_state").at("ESTABLISHED/ESTABLISHED"), 100);
}

TEST_F(Routes, ALostPacketIsUnaccounted) {
  StartPolling();
  fake_.pipeline(1).counters().received.Add(3);
  const auto stats = Json(Get("/api/v1/stats"));
  EXPECT_EQ(stats.at("received"), 303);
  EXPECT_EQ(stats.at("unaccounted"), 3);
  EXPECT_EQ(stats.at("in_flight"), 0);
}

TEST_F(Routes, APacketInARingIsInFlight) {
  StartPolling();
  fake_.pipeline(0).counters().received.Add(2);
  fake_.pipeline(0).counters().handed_over.Add(2);
  const auto stats = Json(Get("/api/v1/stats"));
  EXPECT_EQ(stats.at("unaccounted"), 0);
  EXPECT_EQ(stats.at("in_flight"), 2);
}

TEST_F(Routes, MetricsAreWellFormed) {
  const std::string text = Get("/metrics").body;
  std::set<std::string> families;
  std::string family;
  for (const std::string& line : Lines(text)) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << "twice: " << family;
      EXPECT_THAT(family, ::testing::StartsWith("coretrack_"));
    } else if (line.starts_with("# TYPE ")) {
      EXPECT_THAT(line, HasSubstr(family));
      EXPECT_EQ(line.ends_with(" counter"), family.ends_with("_total")) << line;
    } else {
      EXPECT_TRUE(line.starts_with(family + "{") || line.starts_with(family + " ")) << line;
      EXPECT_EQ(line.find("10.0.0."), std::string::npos) << line;
    }
  }
  EXPECT_THAT(text, HasSubstr("coretrack_received_packets_total{worker=\"0\"} 150\n"));
  EXPECT_THAT(
      text,
      HasSubstr("coretrack_flows_by_state{worker=\"1\",state=\"ESTABLISHED/ESTABLISHED\"} 50\n"));
  EXPECT_THAT(text,
              HasSubstr("coretrack_dropped_packets_total{worker=\"0\",reason=\"tx_full\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("coretrack_port_link_up{port=\"left\"} 0\n"));
}

TEST(HeartbeatsTest, AliveWhilePollsAdvance) {
  FakeDataplane dataplane(2);
  Heartbeats heartbeats;
  auto now = Heartbeats::Clock::time_point() + std::chrono::hours(1);
  heartbeats.Look(dataplane, now);
  EXPECT_TRUE(heartbeats.all_alive());
  now += Heartbeats::kLimit;
  dataplane.Poll(0);
  heartbeats.Look(dataplane, now);
  EXPECT_TRUE(heartbeats.alive(0));
  EXPECT_FALSE(heartbeats.alive(1));
  EXPECT_FALSE(heartbeats.all_alive());
  dataplane.Poll(1);
  heartbeats.Look(dataplane, now);
  EXPECT_TRUE(heartbeats.all_alive());
}

TEST(ParseTargetTest, DecodesOnce) {
  std::string path;
  Fields query;
  ASSERT_TRUE(ParseTarget("/a%20b?x=1+2&y=%252F&z&=&x=3", &path, &query).ok());
  EXPECT_EQ(path, "/a b");
  EXPECT_EQ(query, (Fields{{"x", "1 2"}, {"y", "%2F"}, {"z", ""}, {"", ""}, {"x", "3"}}));
  EXPECT_FALSE(ParseTarget("no", &path, &query).ok());
  EXPECT_FALSE(ParseTarget("/%4", &path, &query).ok());
  std::string many = "/?";
  for (size_t i = 0; i <= kMaxQueryFields; ++i) many += "a&";
  EXPECT_FALSE(ParseTarget(many, &path, &query).ok());
}

}  // namespace
}  // namespace coretrack
