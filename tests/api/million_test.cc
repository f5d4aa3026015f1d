// GET /api/v1/flows over a million flows that live through the whole answer, while the worker counts
// packets for them and opens and closes others: each is there once and whole, and no worker was sent
// anything.
#include <deque>
#include <random>

#include "control/query/flow_json.h"
#include "tests/api/api_fixture.h"

namespace coretrack {
namespace {

using testing::Bytes;
using testing::FakeDataplane;
using testing::HttpClient;
using testing::PacketBuilder;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint32_t kFlows = 100'000;
#else
constexpr uint32_t kFlows = 1'000'000;
#endif
constexpr uint32_t kChurn = 1000;
constexpr uint32_t kPacketBytes = 28;  // IPv4 and UDP

class NewFlows : public FlowListener {
 public:
  void OnChange(uint32_t /*packet*/, const FlowRecord& flow) override { ids.push_back(flow.id); }
  void OnInvalid(uint32_t /*packet*/, std::string_view /*reason*/) override {}
  void OnEnd(const FlowRecord& /*flow*/) override {}
  std::deque<FlowId> ids;
};

// The worker. Flow i: the source address' low 24 bits.
class Traffic {
 public:
  explicit Traffic(FakeDataplane* dataplane) : dataplane_(dataplane) {
    burst_.fill(PacketBuilder().Ethernet().Ipv4("10.0.0.0", "192.0.2.1").Udp(1, 2).Build());
    for (uint32_t i = 0; i < kFlows; i += kBurst) Feed(i, kBurst);
    dataplane_->pipeline(0).set_listener(&opened_);
    thread_ = std::thread([this] {
      while (!stop_.load()) Round();
    });
    while (rounds.load() == 0) std::this_thread::yield();
  }
  ~Traffic() {
    stop_ = true;
    thread_.join();
  }

  std::atomic<uint64_t> rounds{0};

 private:
  static constexpr uint32_t kBurst = 50;

  // The checksum is not looked at.
  void Feed(uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t flow = first + i;
      testing::Set8(&burst_[i], 27, flow >> 16 & 0xff);
      testing::Set16(&burst_[i], 28, flow & 0xffff);
    }
    dataplane_->Feed(0, burst_.data(), count);
  }
  void Round() {
    Feed(static_cast<uint32_t>(random_() % (kFlows - kBurst)), kBurst);
    Feed(kFlows + static_cast<uint32_t>(random_() % kChurn), 1);
    // The oldest of the others makes room.
    if (opened_.ids.size() > kChurn / 2) {
      dataplane_->pipeline(0).Apply({.flow = opened_.ids.front(), .tunables = {}},
                                    dataplane_->now());
      opened_.ids.pop_front();
    }
    dataplane_->Poll(0);
    rounds.fetch_add(1);
  }

  FakeDataplane* const dataplane_;
  std::array<Bytes, kMaxBurst> burst_;
  NewFlows opened_;
  std::minstd_rand random_{1};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class Million : public testing::ApiFixture {};

TEST_F(Million, EveryFlowOnceWhileTrafficRunsAndNoWorkerIsAsked) {
  FakeDataplane dataplane(1, 2 * kFlows, 2 * kFlows);
  Traffic traffic(&dataplane);
  Start(&dataplane);
  std::vector<uint8_t> seen(kFlows);
  std::string line;
  uint64_t torn = 0;
  const auto take_line = [&] {
    const auto flow = ParseFlowJson(line);
    ASSERT_TRUE(flow.ok()) << line;
    const auto& a = flow->originator.address;
    const uint32_t number = a[1] << 16 | a[2] << 8 | a[3];
    if (number < kFlows) ++seen[number];
    const bool whole = a[0] == 10 && flow->originator.port == 1 && flow->responder.port == 2 &&
                       flow->originator.packets != 0 &&
                       flow->originator.bytes == kPacketBytes * flow->originator.packets &&
                       flow->responder.packets == 0;
    if (!whole) ++torn;
  };
  const uint64_t before = traffic.rounds.load();
  const auto answer = HttpClient(socket()).Stream("/api/v1/flows", [&](std::string_view piece) {
    for (size_t end; (end = piece.find('\n')) != std::string_view::npos;
         piece.remove_prefix(end + 1)) {
      line.append(piece.substr(0, end));
      take_line();
      line.clear();
    }
    line.append(piece);
  });
  EXPECT_EQ(answer.status, 200);
  EXPECT_GT(traffic.rounds.load(), before);
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(std::ranges::count(seen, 1), kFlows);
  EXPECT_EQ(dataplane.sent(), 0u);
  Stop();
}

}  // namespace
}  // namespace coretrack
