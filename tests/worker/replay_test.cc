// Replay over captures that the test writes: formats, link types, damage, time, determinism.
#include "dataplane/worker/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/capture_writer.h"

namespace coretrack::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kStartUs = 1'767'225'600'000'000;

// Everything a replay says, as lines.
class TextSink : public ReplaySink {
 public:
  void OnChange(uint64_t packet, const FlowRecord& flow) override {
    lines.push_back(std::to_string(packet) + " " + States(flow));
  }
  void OnInvalid(uint64_t packet, std::string_view reason) override {
    lines.push_back(std::to_string(packet) + " invalid " + std::string(reason));
  }
  void OnFlow(const FlowRecord& flow) override {
    lines.push_back(std::string(Name(flow.end)) + " " + States(flow) + " " +
                    std::string(flow.history.view()));
    flows.push_back(flow);
  }
  std::vector<std::string> lines;
  std::vector<FlowRecord> flows;

 private:
  static std::string States(const FlowRecord& flow) {
    const auto name = [](const EndpointRecord& e) {
      return std::string(e.state ? tcp::Name(*e.state) : "-");
    };
    return name(flow.originator) + " " + name(flow.responder);
  }
};

absl::Status RunReplay(const Bytes& file, TextSink* sink, ReplaySummary* summary,
                       std::unique_ptr<Pipeline>* pipeline = nullptr) {
  const TemporaryFile on_disk(file);
  ReplayOptions options;
  options.pipeline.capacity_ipv4 = options.pipeline.capacity_ipv6 = 256;
  options.pipeline.half_open_quota = 512;
  return Replay(on_disk.path(), options, sink, summary, pipeline);
}

// IP packets of a handshake and a reset.
std::vector<Captured> Conversation(bool ipv6 = false) {
  using namespace tcp_flag;
  const auto segment = [ipv6](bool from_client, TcpFields tcp, size_t payload = 0) {
    tcp.source_port = from_client ? 40000 : 80;
    tcp.destination_port = from_client ? 80 : 40000;
    PacketBuilder builder;
    const char* client = ipv6 ? "2001:db8::1" : "10.0.0.1";
    const char* server = ipv6 ? "2001:db8::2" : "10.0.0.2";
    if (ipv6) {
      builder.Ipv6(from_client ? client : server, from_client ? server : client);
    } else {
      builder.Ipv4(from_client ? client : server, from_client ? server : client);
    }
    return builder.Tcp(tcp).Payload(payload).Build();
  };
  return {
      {kStartUs, segment(true, {.seq = 100, .flags = kSyn})},
      {kStartUs + 10'000, segment(false, {.seq = 300, .ack = 101, .flags = kSyn | kAck})},
      {kStartUs + 20'000, segment(true, {.seq = 101, .ack = 301, .flags = kAck})},
      {kStartUs + 30'000, segment(true, {.seq = 101, .ack = 301, .flags = kAck}, 100)},
      {kStartUs + 40'000, segment(false, {.seq = 90, .flags = kRst})},
      {kStartUs + 50'000, segment(false, {.seq = 301, .flags = kRst})},
  };
}
const auto kConversationLines =
    ElementsAre("1 SYN_SENT LISTEN", "2 SYN_SENT SYN_RCVD", "3 ESTABLISHED ESTABLISHED",
                "5 invalid rst_sequence", "6 CLOSED CLOSED", "active CLOSED CLOSED ShADr");

// What each link type puts before an IP packet.
Bytes LinkHeader(LinkType link, bool ipv6) {
  const uint8_t high = ipv6 ? 0x86 : 0x08, low = ipv6 ? 0xdd : 0x00;
  switch (link) {
    case LinkType::kEthernet:
      return {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, high, low};
    case LinkType::kSll: {
      Bytes header(16);
      header[14] = high;
      header[15] = low;
      return header;
    }
    case LinkType::kSll2: {
      Bytes header(20);
      header[0] = high;
      header[1] = low;
      return header;
    }
    case LinkType::kNull:
      return {static_cast<uint8_t>(ipv6 ? 30 : 2), 0, 0, 0};
    case LinkType::kLoop:
      return {0, 0, 0, static_cast<uint8_t>(ipv6 ? 30 : 2)};
    default:
      return {};
  }
}
Captured Linked(LinkType link, bool ipv6, Captured packet) {
  packet.bytes = Join({LinkHeader(link, ipv6), packet.bytes});
  return packet;
}

TEST(Replay, EveryLinkTypeInBothFormats) {
  for (const bool ipv6 : {false, true}) {
    for (const LinkType link :
         {LinkType::kEthernet, LinkType::kRaw, LinkType::kIpv4, LinkType::kIpv6, LinkType::kSll,
          LinkType::kSll2, LinkType::kNull, LinkType::kLoop}) {
      if (link == LinkType::kIpv4 && ipv6) continue;
      if (link == LinkType::kIpv6 && !ipv6) continue;
      for (const bool pcapng : {false, true}) {
        SCOPED_TRACE(std::to_string(static_cast<int>(link)) + (ipv6 ? " IPv6" : " IPv4") +
                     (pcapng ? " pcapng" : " pcap"));
        CaptureWriter writer;
        pcapng ? writer.PcapngHeader(link) : writer.PcapHeader(link);
        for (const Captured& packet : Conversation(ipv6)) {
          const Captured linked = Linked(link, ipv6, packet);
          pcapng ? writer.PcapngPacket(linked) : writer.PcapPacket(linked);
        }
        TextSink sink;
        ReplaySummary summary;
        const auto status = RunReplay(writer.bytes(), &sink, &summary);
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_THAT(sink.lines, kConversationLines);
        EXPECT_EQ(summary.packets, 6u);
        EXPECT_EQ(summary.first_us, kStartUs);
        EXPECT_EQ(summary.last_us, kStartUs + 50'000);
        ASSERT_EQ(sink.flows.size(), 1u);
        EXPECT_EQ(sink.flows[0].ipv6, ipv6);
        EXPECT_EQ(sink.flows[0].originator.bytes, ipv6 ? 60u + 60 + 160 : 40u + 40 + 140);
        EXPECT_EQ(sink.flows[0].responder.handshake_rtt_us, 10'000u);
      }
    }
  }
}

TEST(Replay, ByteOrdersAndResolutions) {
  for (const bool big_endian : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      CaptureWriter writer(big_endian);
      writer.PcapHeader(LinkType::kRaw, nanoseconds);
      for (const Captured& packet : Conversation()) writer.PcapPacket(packet);
      TextSink sink;
      ReplaySummary summary;
      ASSERT_TRUE(RunReplay(writer.bytes(), &sink, &summary).ok());
      EXPECT_THAT(sink.lines, kConversationLines);
      EXPECT_EQ(summary.last_us, kStartUs + 50'000);
    }
  }
}

TEST(Replay, SnapshotsAreUnderstood) {
  CaptureWriter writer;
  writer.PcapHeader(LinkType::kRaw);
  for (Captured packet : Conversation()) {
    packet.wire_bytes = static_cast<uint32_t>(packet.bytes.size());
    packet.bytes.resize(std::min<size_t>(packet.bytes.size(), 40));  // headers alone
    writer.PcapPacket(packet);
  }
  TextSink sink;
  ReplaySummary summary;
  ASSERT_TRUE(RunReplay(writer.bytes(), &sink, &summary).ok());
  EXPECT_THAT(sink.lines, kConversationLines);
  EXPECT_EQ(sink.flows[0].originator.bytes, 40u + 40 + 140) << "by the IP length";
}

TEST(Replay, ACookedFrameThatIsCutShortIsMalformed) {
  for (const LinkType link : {LinkType::kSll, LinkType::kSll2, LinkType::kNull}) {
    CaptureWriter writer;
    writer.PcapHeader(link).PcapPacket({kStartUs, Bytes(3), 60});
    TextSink sink;
    ReplaySummary summary;
    std::unique_ptr<Pipeline> pipeline;
    ASSERT_TRUE(RunReplay(writer.bytes(), &sink, &summary, &pipeline).ok());
    ASSERT_NE(pipeline, nullptr);
    EXPECT_EQ(pipeline->counters().untracked[static_cast<size_t>(Untracked::kMalformed)].Read(),
              1u);
  }
}

TEST(Replay, DamagedFilesAreNamed) {
  CaptureWriter good;
  good.PcapHeader(LinkType::kRaw);
  for (const Captured& packet : Conversation()) good.PcapPacket(packet);
  TextSink sink;
  ReplaySummary summary;

  Bytes cut = good.bytes();
  cut.resize(cut.size() - 10);
  auto status = RunReplay(cut, &sink, &summary);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("packet 6"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("coretrack-test-"));
  EXPECT_THAT(sink.lines, ::testing::Contains("3 ESTABLISHED ESTABLISHED"))
      << "what came before was tracked";

  CaptureWriter absurd;
  absurd.PcapHeader(LinkType::kRaw).PcapPacket(Conversation()[0]);
  absurd.Raw(Bytes(16, 0xff)).Raw(Bytes(100));
  status = RunReplay(absurd.bytes(), &sink, &summary);
  EXPECT_THAT(std::string(status.message()), HasSubstr("packet 2"));

  for (const Bytes& no_capture : {Bytes{}, Bytes(3), Bytes(400, 'x'),
                                  Bytes(good.bytes().begin(), good.bytes().begin() + 20)}) {
    status = RunReplay(no_capture, &sink, &summary);
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr("coretrack-test-"));
  }

  status = RunReplay(CaptureWriter().PcapHeader(LinkType::kIeee80211).bytes(), &sink, &summary);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not supported"));

  CaptureWriter mixed;
  mixed.PcapngHeader(LinkType::kRaw).PcapngPacket(Conversation()[0]);
  mixed.PcapngInterface(LinkType::kEthernet);
  status = RunReplay(mixed.bytes(), &sink, &summary);
  EXPECT_FALSE(status.ok());

  ReplayOptions options;
  status = Replay("/nonexistent/file.pcap", options, &sink, &summary);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/file.pcap"));
}

// Bytes of a good file changed at random: an answer, and no crash.
TEST(Replay, RandomDamage) {
  CaptureWriter good;
  good.PcapngHeader(LinkType::kRaw);
  for (const Captured& packet : Conversation()) good.PcapngPacket(packet);
  uint32_t random = 1;
  const auto next = [&random](uint32_t below) {
    random = random * 1664525 + 1013904223;
    return static_cast<uint32_t>(uint64_t{random} * below >> 32);
  };
  for (int round = 0; round < 300; ++round) {
    Bytes damaged = good.bytes();
    for (uint32_t i = 0; i <= next(4); ++i)
      damaged[next(static_cast<uint32_t>(damaged.size()))] = static_cast<uint8_t>(next(256));
    if (next(3) == 0) damaged.resize(next(static_cast<uint32_t>(damaged.size())));
    TextSink sink;
    ReplaySummary summary;
    const auto status = RunReplay(damaged, &sink, &summary);
    EXPECT_EQ(status.ok(), status.message().empty());
  }
}

TEST(Replay, AnEmptyCaptureIsACapture) {
  TextSink sink;
  ReplaySummary summary;
  std::unique_ptr<Pipeline> pipeline;
  EXPECT_TRUE(
      RunReplay(CaptureWriter().PcapHeader(LinkType::kRaw).bytes(), &sink, &summary, &pipeline)
          .ok());
  EXPECT_EQ(summary.packets, 0u);
  EXPECT_TRUE(sink.lines.empty());
}

TEST(Replay, FlowsEndAtTheirOwnTimes) {
  CaptureWriter writer;
  writer.PcapHeader(LinkType::kRaw);
  const auto conversation = Conversation();
  writer.PcapPacket(conversation[0]);
  Captured late = conversation[0];
  late.unix_us = kStartUs + 60'000'000;  // exactly its timeout later: another flow
  writer.PcapPacket(late);
  late.unix_us = kStartUs + 30ull * 86'400'000'000;  // a month on
  writer.PcapPacket(late);
  late.unix_us = kStartUs;  // and one that is out of order: the clock does not go back
  writer.PcapPacket(late);
  TextSink sink;
  ReplaySummary summary;
  ASSERT_TRUE(RunReplay(writer.bytes(), &sink, &summary).ok());
  EXPECT_THAT(sink.lines, ElementsAre("1 SYN_SENT LISTEN", "timeout SYN_SENT LISTEN S",
                                      "2 SYN_SENT LISTEN", "timeout SYN_SENT LISTEN S",
                                      "3 SYN_SENT LISTEN", "active SYN_SENT LISTEN S"));
  EXPECT_EQ(summary.last_us, kStartUs + 30ull * 86'400'000'000);
}

// Also one with a long timeout, which live might hold its slot a little longer.
TEST(Replay, AFlowHasEndedWhenTheNextPacketComesAtItsDeadline) {
  CaptureWriter writer;
  writer.PcapHeader(LinkType::kRaw);
  writer.PcapPacket(Conversation()[3]);
  Captured other = Conversation(true)[0];
  other.unix_us = Conversation()[3].unix_us + 300'000'000;
  writer.PcapPacket(other);
  TextSink sink;
  ReplaySummary summary;
  ASSERT_TRUE(RunReplay(writer.bytes(), &sink, &summary).ok());
  ASSERT_EQ(sink.lines.size(), 4u);
  EXPECT_THAT(sink.lines[1], HasSubstr("timeout ESTABLISHED ESTABLISHED"));
  EXPECT_EQ(sink.lines[2], "2 SYN_SENT LISTEN");
}

TEST(Replay, TheSameCaptureGivesTheSameLines) {
  CaptureWriter writer;
  writer.PcapHeader(LinkType::kRaw);
  uint32_t random = 7;
  for (int i = 0; i < 3000; ++i) {
    random = random * 1664525 + 1013904223;
    Captured packet = Conversation(random >> 30 & 1)[random >> 20 & 3];
    packet.bytes.at(packet.bytes.size() > 60 ? 23 : 15) = static_cast<uint8_t>(random >> 12);
    packet.unix_us = kStartUs + i * 50'000ull;
    writer.PcapPacket(packet);
  }
  TextSink first, second;
  ReplaySummary summary;
  ASSERT_TRUE(RunReplay(writer.bytes(), &first, &summary).ok());
  ASSERT_TRUE(RunReplay(writer.bytes(), &second, &summary).ok());
  EXPECT_GT(first.lines.size(), 500u);
  EXPECT_EQ(first.lines, second.lines);
}

TEST(Replay, CountersHoldTogether) {
  CaptureWriter writer;
  writer.PcapHeader(LinkType::kRaw);
  for (const Captured& packet : Conversation()) writer.PcapPacket(packet);
  writer.PcapPacket({kStartUs, Bytes{0x99, 1, 2}});
  TextSink sink;
  ReplaySummary summary;
  std::unique_ptr<Pipeline> pipeline;
  ASSERT_TRUE(RunReplay(writer.bytes(), &sink, &summary, &pipeline).ok());
  const WorkerCounters& c = pipeline->counters();
  uint64_t outcomes = c.tracked.Read();
  for (const Counter& reason : c.untracked) outcomes += reason.Read();
  EXPECT_EQ(c.received.Read(), 7u);
  EXPECT_EQ(outcomes, 7u);
  EXPECT_EQ(c.forwarded.Read(), 7u);
}

}  // namespace
}  // namespace coretrack::testing
