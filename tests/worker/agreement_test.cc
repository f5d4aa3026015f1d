// The pipeline against the tracker alone: the same conversations through frames, parser, packed
// lines, the established path and the side tables must say what tcp::Track() says.
#include <gtest/gtest.h>

#include "tests/tcp/conversation.h"
#include "tests/worker/harness.h"
#include "tests/worker/wire_frame.h"

namespace coretrack::testing {
namespace {

Bytes FrameOf(const WireSegment& s) {
  PacketBuilder builder;
  builder.Ethernet().Ipv4(s.from_client ? "10.0.0.1" : "10.0.0.2",
                          s.from_client ? "10.0.0.2" : "10.0.0.1");
  return builder.Tcp(FieldsOf(s)).Payload(s.length).Build();
}

void Agree(const Conversation::Weather& weather, uint32_t first_seed, uint64_t segments) {
  uint64_t compared = 0;
  for (uint32_t seed = first_seed; compared < segments; ++seed) {
    Harness harness;
    harness.check_each_frame = false;
    Conversation conversation(seed, weather);
    bool over = false;  // another connection on the same ports: the tracker alone has no such thing
    uint64_t passed = 0, client_bytes = 0, server_bytes = 0;
    conversation.set_witness(
        [&](const WireSegment& s, const tcp::Outcome& outcome, const tcp::Connection& c) {
          over |= outcome.action == tcp::Action::kNewConnection;
          if (over || ::testing::Test::HasFailure()) return;
          const Bytes frame = FrameOf(s);
          harness.Send(frame);
          ++passed;
          (s.from_client ? client_bytes : server_bytes) += frame.size() - 14;
          const FlowRecord flow = harness.Only();
          const bool called = flow.originator.port == 40000;
          const EndpointRecord& client = called ? flow.originator : flow.responder;
          const EndpointRecord& server = called ? flow.responder : flow.originator;
          EXPECT_EQ(client.state, c.half[0].state);
          EXPECT_EQ(server.state, c.half[1].state);
          EXPECT_EQ(flow.assured, c.facts.assured);
          EXPECT_EQ(client.bytes, client_bytes);
          EXPECT_EQ(server.bytes, server_bytes);
          const std::vector<std::string> invalids =
              outcome.invalid == tcp::Invalid::kNone
                  ? std::vector<std::string>{}
                  : std::vector<std::string>{std::string(tcp::Name(outcome.invalid))};
          EXPECT_EQ(harness.invalids, invalids);
          harness.invalids.clear();
          harness.changes.clear();
        });
    const bool held = conversation.Run();
    ASSERT_TRUE(held && !::testing::Test::HasFailure())
        << "seed " << seed << " segment " << passed << "\n"
        << conversation.Log();
    harness.CheckIdentities();
    compared += passed;
  }
}

TEST(Agreement, FairWeather) { Agree({}, 1, 60'000); }
TEST(Agreement, BadWeather) {
  Agree({.lose = 30, .reorder = 100, .forge = 50, .abort = 300}, 1'000'000, 100'000);
}
TEST(Agreement, PickedUpMidStream) { Agree({.reorder = 20, .unseen = 20}, 2'000'000, 40'000); }

}  // namespace
}  // namespace coretrack::testing
