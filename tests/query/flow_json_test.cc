#include "control/query/flow_json.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "control/query/text.h"
#include "tests/query/sample_flows.h"

namespace coretrack {
namespace {

using testing::SampleFlow;

std::string Json(const FlowRecord& flow) {
  std::string text;
  AppendFlowJson(flow, &text);
  return text;
}

TEST(FlowJson, IsTheSchemaToTheLetter) {
  EXPECT_EQ(
      Json(SampleFlow()),
      R"({"id":"0300001234000007","worker":3,"proto":"tcp","vlan":[],)"
      R"("originator":{"address":"10.0.0.1","port":40312,"state":"TIME_WAIT","packets":6,"bytes":412,)"
      R"("mss":1460,"window_scale":7,"timestamps":true,"sack":true},)"
      R"("responder":{"address":"10.0.0.2","port":80,"state":"CLOSED","packets":5,"bytes":5000,)"
      R"("mss":null,"window_scale":null,"timestamps":false,"sack":false},)"
      R"("start":"2026-01-01T00:00:00.000000Z","last":"2026-01-01T00:00:01.234000Z","timeout_ms":118200,)"
      R"("assured":true,"midstream":false,"end":"active","history":"ShADadFf",)"
      R"("handshake_rtt_us":{"originator":120,"responder":null},"retransmits":0,"out_of_window":0,)"
      R"("zone":0,"originator_guessed":false,"time_wait":{"fin_again":0,"old_duplicates":0},)"
      R"("retransmits_by":{"originator":0,"responder":0},"out_of_window_by":{"originator":0,"responder":0},)"
      R"("provisional":{"originator":false,"responder":true},"related_icmp":2})");
}

// What is 0 or false of most flows is written at once: each of it shows, alone.
TEST(FlowJson, WhatIsSeldomKnownShowsAlone) {
  const FlowRecord quiet = testing::Flow("10.0.0.1", 1, "10.0.0.2", 2);
  const std::string end =
      R"("handshake_rtt_us":{"originator":null,"responder":null},"retransmits":0,"out_of_window":0,)"
      R"("zone":0,"originator_guessed":false,"time_wait":{"fin_again":0,"old_duplicates":0},)"
      R"("retransmits_by":{"originator":0,"responder":0},"out_of_window_by":{"originator":0,"responder":0},)"
      R"("provisional":{"originator":false,"responder":false},"related_icmp":0})";
  const auto expect = [&](auto change, std::vector<std::pair<std::string, std::string>> shown) {
    FlowRecord flow = quiet;
    change(flow);
    std::string expected = end;
    for (const auto& [before, after] : shown) {
      ASSERT_NE(expected.find(before), std::string::npos) << before;
      expected.replace(expected.find(before), before.size(), after);
    }
    const std::string json = Json(flow);
    EXPECT_EQ(json.substr(json.find("\"handshake")), expected);
  };
  expect([](FlowRecord&) {}, {});
  expect([](FlowRecord& f) { f.zone = 1; }, {{"\"zone\":0", "\"zone\":1"}});
  expect([](FlowRecord& f) { f.originator_guessed = true; },
         {{"guessed\":false", "guessed\":true"}});
  expect([](FlowRecord& f) { f.time_wait_fins = 7; }, {{"again\":0", "again\":7"}});
  expect([](FlowRecord& f) { f.time_wait_duplicates = 3; }, {{"duplicates\":0", "duplicates\":3"}});
  expect([](FlowRecord& f) { f.related_icmp = 15; }, {{"icmp\":0", "icmp\":15"}});
  expect([](FlowRecord& f) { f.originator.retransmits = 12; },
         {{"retransmits\":0", "retransmits\":12"},
          {R"(transmits_by":{"originator":0)", R"(transmits_by":{"originator":12)"}});
  expect([](FlowRecord& f) { f.responder.retransmits = 1 << 15; },
         {{"retransmits\":0", "retransmits\":32768"},
          {R"(transmits_by":{"originator":0,"responder":0)",
           R"(transmits_by":{"originator":0,"responder":32768)"}});
  expect([](FlowRecord& f) { f.originator.out_of_window = 5; },
         {{"window\":0", "window\":5"},
          {R"(window_by":{"originator":0)", R"(window_by":{"originator":5)"}});
  expect([](FlowRecord& f) { f.responder.out_of_window = 6; },
         {{"window\":0", "window\":6"},
          {R"(window_by":{"originator":0,"responder":0)",
           R"(window_by":{"originator":0,"responder":6)"}});
  expect([](FlowRecord& f) { f.originator.provisional = true; },
         {{R"(provisional":{"originator":false)", R"(provisional":{"originator":true)"}});
  expect([](FlowRecord& f) { f.responder.provisional = true; },
         {{R"("responder":false)", R"("responder":true)"}});
}

TEST(FlowJson, WhatHasNoTcpHasNullStates) {
  const std::string json = Json(testing::Flow("2001:db8::1", 53, "2001:db8::2", 5353));
  EXPECT_NE(json.find(R"("proto":"udp")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"({"address":"2001:db8::1","port":53,"state":null,)"), std::string::npos)
      << json;
}

TEST(FlowJson, NumbersAreTheProtocolsWithoutAName) {
  for (const auto& [number, name] :
       {std::pair{1, "icmp"}, {58, "icmpv6"}, {132, "sctp"}, {47, "47"}}) {
    const std::string json =
        Json(testing::Flow("1.2.3.4", 0, "5.6.7.8", 0, static_cast<uint8_t>(number)));
    EXPECT_NE(json.find(std::string(R"("proto":")") + name + '"'), std::string::npos) << json;
  }
}

TEST(FlowJson, TheLargestFlowFits) {
  EXPECT_LT(Json(testing::LargestFlow()).size(), kMaxFlowJsonBytes - 256);
  EXPECT_NO_THROW(boost::json::parse(Json(testing::LargestFlow())));
  EXPECT_NE(Json(testing::LargestFlow()).find(R"("history":"ShADadFfRrTtWw^^")"),
            std::string::npos);
}

TEST(FlowJson, TheLargestFlowIsParsedBack) {
  FlowRecord flow = testing::LargestFlow();
  --flow.originator.retransmits;
  --flow.responder.out_of_window;
  const absl::StatusOr<FlowRecord> back = ParseFlowJson(Json(flow));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->timeout_ms, flow.timeout_ms);
  EXPECT_EQ(back->history, flow.history.view());
  EXPECT_EQ(back->originator.retransmits, flow.originator.retransmits);
  EXPECT_EQ(back->responder.retransmits, flow.responder.retransmits);
  EXPECT_EQ(back->originator.out_of_window, flow.originator.out_of_window);
  EXPECT_EQ(back->responder.out_of_window, flow.responder.out_of_window);
}

TEST(FlowJson, ParsesBackToTheSameText) {
  std::mt19937_64 random(7);
  const auto chance = [&random] { return random() % 2 == 0; };
  for (int i = 0; i < 2000; ++i) {
    FlowRecord f = SampleFlow();
    f.ipv6 = chance();
    f.protocol = chance() ? 6 : static_cast<uint8_t>(random());
    f.id = {.worker = static_cast<uint8_t>(random()),
            .index = FlowIndex{static_cast<uint32_t>(random())},
            .generation = static_cast<uint32_t>(random() & 0xffffff)};
    for (EndpointRecord* e : {&f.originator, &f.responder}) {
      for (int b = 0; b < (f.ipv6 ? 16 : 4); ++b) e->address[b] = static_cast<uint8_t>(random());
      e->port = static_cast<uint16_t>(random());
      if (chance()) e->state = static_cast<tcp::State>(random() % tcp::kStates);
      if (chance()) e->mss = static_cast<uint16_t>(random());
      if (chance()) e->sack = chance();
      e->bytes = random() >> (random() % 64);
    }
    f.start_us = random() % 4'000'000'000'000'000;
    f.last_us = f.start_us + random() % 1'000'000'000;
    f.end = static_cast<End>(random() % static_cast<int>(End::kCount));
    f.vlan_count = static_cast<uint8_t>(random() % 3);
    f.originator_guessed = chance();
    f.responder.provisional = chance();
    f.related_icmp = static_cast<uint8_t>(random() % 16);
    const absl::StatusOr<FlowRecord> back = ParseFlowJson(Json(f));
    ASSERT_TRUE(back.ok()) << back.status() << Json(f);
    EXPECT_EQ(Json(*back), Json(f));
  }
}

TEST(FlowJson, BrokenTextIsAnError) {
  const std::string good = Json(SampleFlow());
  EXPECT_FALSE(ParseFlowJson("").ok());
  EXPECT_FALSE(ParseFlowJson("[]").ok());
  EXPECT_FALSE(ParseFlowJson("{}").ok());
  const size_t letters = good.find("ShADadFf");
  ASSERT_NE(letters, std::string::npos);
  const auto with = [&](size_t more) { return std::string(good).insert(letters, more, 'A'); };
  EXPECT_TRUE(ParseFlowJson(with(8)).ok());
  EXPECT_FALSE(ParseFlowJson(with(9)).ok()) << "a history has sixteen letters at most";
  for (size_t cut = 1; cut < good.size(); cut += 7) {
    EXPECT_FALSE(ParseFlowJson(good.substr(0, good.size() - cut)).ok());
  }
}

TEST(FlowJson, EventsAreTheDesigns) {
  std::string text;
  AppendChangeJson(12, SampleFlow(), &text);
  EXPECT_EQ(text, R"({"packet":12,"id":"0300001234000007",)"
                  R"("originator":{"address":"10.0.0.1","port":40312,"state":"TIME_WAIT"},)"
                  R"("responder":{"address":"10.0.0.2","port":80,"state":"CLOSED"}})");
  text.clear();
  AppendInvalidJson(3, "sequence_high", &text);
  EXPECT_EQ(text, R"({"packet":3,"invalid":"sequence_high"})");
}

TEST(Text, TimesFromTheFirstDayToTheLast) {
  EXPECT_EQ(TimeText(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(TimeText(951'782'400'000'001), "2000-02-29T00:00:00.000001Z");
  EXPECT_EQ(TimeText(951'868'799'999'999), "2000-02-29T23:59:59.999999Z");
  // Around the minute before, and in a thread that has had none: what it had is 1970's first, or none.
  std::thread([] {
    EXPECT_EQ(TimeText(1), "1970-01-01T00:00:00.000001Z");
    EXPECT_EQ(TimeText(60'000'000), "1970-01-01T00:01:00.000000Z");
    EXPECT_EQ(TimeText(59'999'999), "1970-01-01T00:00:59.999999Z");
    EXPECT_EQ(TimeText(119'999'999), "1970-01-01T00:01:59.999999Z");
    EXPECT_EQ(TimeText(120'000'000), "1970-01-01T00:02:00.000000Z");
    EXPECT_EQ(TimeText(86'400'000'000), "1970-01-02T00:00:00.000000Z");
  }).join();
}

TEST(Text, EveryOctetAndLengthOfANumber) {
  for (uint32_t octet = 0; octet < 256; ++octet) {
    const auto other = static_cast<uint8_t>(255 - octet);
    const std::array<uint8_t, 16> address = {static_cast<uint8_t>(octet), other, 0,
                                             static_cast<uint8_t>(octet)};
    EXPECT_EQ(AddressText(address, false),
              std::to_string(octet) + "." + std::to_string(other) + ".0." + std::to_string(octet));
  }
  for (uint64_t number = 1; number != 0; number = number * 10 > number ? number * 10 : 0) {
    for (const uint64_t value : {number - 1, number}) {
      char text[kMaxUintChars + kOvershoot];
      EXPECT_EQ(std::string(text, PutUint(text, value)), std::to_string(value));
    }
  }
  const auto expect_right = [](uint64_t value) {
    char text[kMaxUintChars + kOvershoot];
    ASSERT_EQ(std::string(text, PutUint(text, value)), std::to_string(value));
  };
  for (uint64_t value = 0; value < 200'000'000; value += 1 + value / 700) expect_right(value);
  std::mt19937_64 random(8);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t value = random();
    expect_right(value >> (random() % 64));
  }
}

// Every pattern of groups that are zero, with short and long ones between them; what holds an IPv4 address is among them.
TEST(Text, Ipv6AddressesAreWhatInetNtopPrints) {
  std::mt19937 random(6);
  constexpr std::array<uint16_t, 6> kGroups = {1, 0xf, 0x10, 0xabc, 0x1000, 0xffff};
  for (uint32_t i = 0; i < 256 * 200; ++i) {
    std::array<uint8_t, 16> address{};
    for (int group = 0; group < 8; ++group) {
      if ((i >> group & 1) != 0) continue;
      const uint16_t value = kGroups[random() % kGroups.size()];
      address[2 * group] = static_cast<uint8_t>(value >> 8);
      address[2 * group + 1] = static_cast<uint8_t>(value);
    }
    char expected[INET6_ADDRSTRLEN];
    ASSERT_NE(inet_ntop(AF_INET6, address.data(), expected, sizeof(expected)), nullptr);
    ASSERT_EQ(AddressText(address, true), expected);
  }
  // RFC 5952, 4 and 5.
  for (const char* text :
       {"::", "::1", "1::", "2001:db8::aaaa:0:0:1", "2001:db8:0:1:1:1:1:1", "::1:0:0:1:1:1",
        "1:1:1:1:1:1:1:0", "::ffff:192.0.2.1", "64:ff9b::c000:201", "fe80::ab"}) {
    std::array<uint8_t, 16> address{};
    ASSERT_EQ(inet_pton(AF_INET6, text, address.data()), 1) << text;
    EXPECT_EQ(AddressText(address, true), text);
  }
}

TEST(Text, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(JsonEscaped("a\"b\\c\n\x01"), R"(a\"b\\c\u000a\u0001)");
}

}  // namespace
}  // namespace coretrack
