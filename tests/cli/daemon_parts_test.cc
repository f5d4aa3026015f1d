// The daemon's own parts: configuration to options, and changes of a running one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <thread>

#include "control/config/load.h"
#include "control/live_config.h"
#include "control/privileges.h"
#include "control/wiring.h"
#include "tests/api/api_fixture.h"

namespace coretrack {
namespace {

using testing::FakeDataplane;
using ::testing::HasSubstr;

constexpr const char* kFile = R"(
[cpu]
lcores = [1]
[timeouts]
msl = "45s"
udp = "7s"
[tcp]
invalid = "drop"
window = "observe"
[[ports]]
name = "a"
device = "net_null0"
peer = "b"
zone = 3
[[ports]]
name = "b"
device = "net_null1"
peer = "a"
zone = 3
)";

Config FileConfig() {
  const absl::StatusOr<Config> config = ParseConfig(kFile, "test.toml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Config();
}

TEST(Wiring, EveryTimeoutGoesToItsPlace) {
  Config config;
  TimeoutsConfig& t = config.timeouts;
  t = {.syn_sent_ms = 1,
       .syn_rcvd_ms = 2,
       .established_ms = 3,
       .half_closed_ms = 4,
       .last_ack_ms = 5,
       .closing_ms = 6,
       .msl_ms = 7,
       .after_reset_ms = 8,
       .retransmission_ms = 9,
       .midstream_ms = 10,
       .udp_ms = 11,
       .udp_stream_ms = 12,
       .icmp_ms = 13,
       .sctp_ms = 14,
       .other_ms = 15};
  const Tunables tunables = TunablesOf(config);
  EXPECT_EQ(tunables.tcp_timeout_ms, (tcp::TimeoutsMs{1, 2, 3, 4, 5, 6, 14, 8, 10, 9}));
  EXPECT_THAT(tunables.datagram_timeout_ms, ::testing::ElementsAre(11, 12, 13, 14, 15));
}

TEST(Wiring, DefaultsAreTheTrackersOwn) {
  const Tunables tunables = TunablesOf(Config());
  EXPECT_EQ(static_cast<const Timeouts&>(tunables), Timeouts());
  EXPECT_EQ(tunables.tcp.midstream, tcp::Policy().midstream);
  EXPECT_FALSE(tunables.drop_invalid);
}

TEST(Wiring, PortsAndSecrets) {
  const DataplaneOptions options = DataplaneOptionsOf(FileConfig(), {"--foo"});
  ASSERT_EQ(options.ports.size(), 2u);
  EXPECT_EQ(options.ports[0].peer, "b");
  EXPECT_EQ(options.ports[1].zone, 3);
  EXPECT_TRUE(options.tunables.drop_invalid);
  EXPECT_EQ(options.tunables.tcp.window, tcp::WindowCheck::kObserve);
  EXPECT_THAT(options.eal_arguments, ::testing::ElementsAre("--foo"));
  const DataplaneOptions other = DataplaneOptionsOf(FileConfig(), {});
  EXPECT_NE(options.secret.k0, other.secret.k0);
  EXPECT_NE(options.secret.k0, options.secret.k1);
}

class LiveConfigTest : public ::testing::Test {
 protected:
  LiveConfigTest() { Write(kFile); }
  void Write(const std::string& text) { std::ofstream(path_, std::ios::trunc) << text; }
  uint32_t TimeWaitOf(uint32_t worker) {
    dataplane_.Poll(worker);
    return dataplane_.pipeline(worker)
        .tunables()
        .tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kTimeWait)];
  }
  testing::TemporaryFolder folder_;
  std::string path_ = (folder_.path() / "coretrack.toml").string();
  FakeDataplane dataplane_{2};
  LiveConfig live_{path_, FileConfig(), &dataplane_};
};

TEST_F(LiveConfigTest, AChangeReachesEveryWorker) {
  ASSERT_TRUE(live_.Change({{"timeouts.msl", "31s"}, {"tcp.midstream", "false"}}).ok());
  EXPECT_EQ(TimeWaitOf(0), 62'000u);
  EXPECT_EQ(TimeWaitOf(1), 62'000u);
  EXPECT_FALSE(dataplane_.pipeline(0).tunables().tcp.midstream);
  EXPECT_FALSE(live_.tunables().tcp.midstream);
}

TEST_F(LiveConfigTest, AllOrNothing) {
  for (const Fields& bad : {Fields{{"timeouts.msl", "31s"}, {"timeouts.udp", "soon"}},
                            Fields{{"timeouts.msl", "31s"}, {"cpu.lcores", "2"}},
                            Fields{{"timeouts.msl", "31s"}, {"colour", "red"}}}) {
    EXPECT_FALSE(live_.Change(bad).ok());
  }
  EXPECT_EQ(dataplane_.sent(), 0u);
  EXPECT_THAT(live_.DescribeJson(), HasSubstr(R"("name":"timeouts.msl","value":"45s")"));
}

TEST_F(LiveConfigTest, ReloadTakesWhatIsLiveAndSaysWhatIsNot) {
  std::string text = kFile;
  text.replace(text.find("45s"), 3, "32s");
  text.replace(text.find("lcores = [1]"), 12, "lcores = [2]");
  Write(text);
  ASSERT_TRUE(live_.Reload().ok());
  EXPECT_THAT(live_.NeedRestart(), ::testing::ElementsAre("cpu.lcores"));
  EXPECT_EQ(TimeWaitOf(0), 64'000u);
}

TEST_F(LiveConfigTest, ABadFileChangesNothing) {
  Write("[timeouts]\nmsl = \"soon\"\n");
  const absl::Status status = live_.Reload();
  EXPECT_THAT(std::string(status.message()), HasSubstr("coretrack.toml:2"));
  EXPECT_EQ(dataplane_.sent(), 0u);
}

TEST_F(LiveConfigTest, ADeafWorkerIsNamed) {
  for (int i = 0; i < 1024; ++i) ASSERT_TRUE(dataplane_.Send(1, Command()));
  const absl::Status status = live_.Change({{"timeouts.msl", "31s"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker 1"));
  EXPECT_EQ(TimeWaitOf(0), 62'000u);
}

TEST(Privileges, AreGoneFromThatThreadAlone) {
  const auto effective = [] {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
    EXPECT_EQ(syscall(SYS_capget, &header, data.data()), 0);
    return uint64_t{data[1].effective | data[1].permitted} << 32 | data[0].effective |
           data[0].permitted;
  };
  const uint64_t before = effective();
  std::thread([&] {
    const absl::Status status = DropCapabilitiesOfThisThread();
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(effective(), 0u);
  }).join();
  EXPECT_EQ(effective(), before);
}

}  // namespace
}  // namespace coretrack
