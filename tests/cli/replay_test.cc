// `coretrack replay` on a capture written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "tests/api/api_fixture.h"
#include "tests/cli/run_coretrack.h"

namespace coretrack {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;
using testing::Ran;
using testing::TcpPacket;

void Put32(std::string* out, uint32_t value) {
  for (int i = 0; i < 4; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

// A pcap file of Ethernet frames, a millisecond apart.
std::string Pcap(const std::vector<Bytes>& packets) {
  std::string file;
  for (const uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, 1u}) Put32(&file, word);
  uint32_t us = 0;
  for (const Bytes& packet : packets) {
    Put32(&file, 1'767'225'600);
    Put32(&file, us += 1000);
    Put32(&file, static_cast<uint32_t>(packet.size()));
    Put32(&file, static_cast<uint32_t>(packet.size()));
    file.append(packet.begin(), packet.end());
  }
  return file;
}

class ReplayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    using namespace tcp_flag;
    const auto to = [](uint8_t flags, uint32_t seq, uint32_t ack) {
      return TcpPacket("10.0.0.1", 4000, "10.0.0.2", 80, flags, seq, ack);
    };
    const auto from = [](uint8_t flags, uint32_t seq, uint32_t ack) {
      return TcpPacket("10.0.0.2", 80, "10.0.0.1", 4000, flags, seq, ack);
    };
    Write(Pcap({to(kSyn, 100, 0), from(kSyn | kAck, 500, 101), to(kAck, 101, 501),
                to(kAck, 0x40000000, 501), to(kFin | kAck, 101, 501), from(kFin | kAck, 501, 102),
                to(kAck, 102, 502)}));
  }
  void Write(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  Ran Replay(const std::string& flags) {
    return testing::RunCoretrack("replay " + path_ + " " + flags);
  }
  static std::vector<boost::json::value> Values(const std::string& text) {
    std::vector<boost::json::value> values;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) values.push_back(boost::json::parse(line));
    return values;
  }

  testing::TemporaryFolder folder_;
  std::string path_ = (folder_.path() / "a.pcap").string();
};

TEST_F(ReplayTest, JsonPrintsTheFlow) {
  const Ran ran = Replay("--json");
  EXPECT_EQ(ran.code, 0) << ran.text;
  const auto flows = Values(ran.text);
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].at("originator").at("state"), "TIME_WAIT");
  EXPECT_EQ(flows[0].at("responder").at("state"), "CLOSED");
  EXPECT_EQ(flows[0].at("originator").at("packets"), 5);
  EXPECT_EQ(flows[0].at("responder").at("packets"), 2);
  EXPECT_EQ(flows[0].at("end"), "active");
  EXPECT_EQ(flows[0].at("start"), "2026-01-01T00:00:00.001000Z");
  EXPECT_EQ(Replay("--json").text, ran.text) << "the same bytes every time";
}

TEST_F(ReplayTest, EventsNameThePackets) {
  const auto events = Values(Replay("--events").text);
  std::vector<std::string> told;
  for (const auto& event : events) {
    std::string line = std::to_string(event.at("packet").to_number<int>());
    if (event.as_object().contains("invalid")) {
      line += " invalid";
    } else {
      line += std::string(" ") + event.at("originator").at("state").as_string().c_str() + " " +
              event.at("responder").at("state").as_string().c_str();
    }
    told.push_back(line);
  }
  EXPECT_THAT(told, ::testing::ElementsAre("1 SYN_SENT LISTEN", "2 SYN_SENT SYN_RCVD",
                                           "3 ESTABLISHED ESTABLISHED", "4 invalid",
                                           "5 FIN_WAIT_1 ESTABLISHED", "6 FIN_WAIT_1 LAST_ACK",
                                           "7 TIME_WAIT CLOSED"));
}

TEST_F(ReplayTest, BothTogetherInTheOrderThingsHappen) {
  const auto both = Values(Replay("--json --events").text);
  ASSERT_EQ(both.size(), 8u);
  EXPECT_TRUE(both.front().as_object().contains("packet"));
  EXPECT_TRUE(both.back().as_object().contains("proto"));
}

TEST_F(ReplayTest, TheSummaryIsForPeople) {
  const Ran ran = Replay("");
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.text, HasSubstr("TIME_WAIT/CLOSED"));
  EXPECT_THAT(ran.text, HasSubstr("invalid packets"));
}

TEST_F(ReplayTest, DamageIsAnErrorThatNamesIt) {
  std::string bytes = Pcap({TcpPacket("10.0.0.1", 4000, "10.0.0.2", 80, tcp_flag::kSyn, 1, 0)});
  Write(bytes.substr(0, bytes.size() - 5));
  EXPECT_EQ(Replay("--json").code, 1);
  Write("rubbish");
  const Ran ran = Replay("--json");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.text, HasSubstr("a.pcap"));
  EXPECT_EQ(testing::RunCoretrack("replay /nonexistent.pcap").code, 1);
  EXPECT_EQ(testing::RunCoretrack("replay /dev/null >/dev/null").code, 1);
}

TEST_F(ReplayTest, AFullDiskIsAFailure) { EXPECT_EQ(Replay("--json >/dev/full").code, 1); }

}  // namespace
}  // namespace coretrack
