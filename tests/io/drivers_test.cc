// The data plane between two real kernel interfaces, driver by driver, inside a network namespace
// that belongs to this process alone and goes away with it. Needs root; CTest counts it as skipped
// otherwise, by the words of kSkipped.
//
//   test --[ packet socket ]-- in0 =veth= in1 --[ driver ]-- workers --[ driver ]-- out1 =veth=
//   out0 -- test
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "dataplane/io/start.h"
#include "tests/io/eal_environment.h"
#include "tests/packet/packet_builder.h"

namespace coretrack {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

// The namespace must be ours before EAL starts threads. Null: there is one; else why not.
const char* EnterNamespace() {
  static const char* const reason = []() -> const char* {
    if (unshare(CLONE_NEWNET) != 0) return "no right to make a network namespace";
    if (std::system("ip link add in0 type veth peer name in1 &&"
                    "ip link add out0 type veth peer name out1 &&"
                    "for i in in0 in1 out0 out1; do"
                    "  echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6 || exit 1;"
                    "  ip link set $i up || exit 1; done") != 0) {
      return "no veth here";
    }
    return nullptr;
  }();
  return reason;
}

// Before main(), and so before EAL.
[[maybe_unused]] const char* const kEntered = EnterNamespace();

constexpr const char* kSkipped = "skipped: ";

// The socket and the map that its program needs.
bool KernelHasAfXdp() {
  const int xdp = socket(AF_XDP, SOCK_RAW, 0);
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_XSKMAP;
  attributes.key_size = attributes.value_size = sizeof(uint32_t);
  attributes.max_entries = 1;
  const auto map =
      static_cast<int>(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
  const bool has = xdp >= 0 && map >= 0;
  if (xdp >= 0) close(xdp);
  if (map >= 0) close(map);
  return has;
}

class PacketSocket {
 public:
  explicit PacketSocket(const char* interface) {
    fd_ = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~PacketSocket() { close(fd_); }

  void Send(const Bytes& frame) const {
    ASSERT_EQ(send(fd_, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
  }
  // The next frame that came in (not one that went out here), or nothing after `wait_ms`.
  Bytes Receive(int wait_ms) const {
    for (;;) {
      pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&wait, 1, wait_ms) <= 0) return {};
      Bytes frame(9000);
      sockaddr_ll from{};
      socklen_t bytes = sizeof(from);
      const ssize_t received =
          recvfrom(fd_, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &bytes);
      if (received < 0 || from.sll_pkttype == PACKET_OUTGOING) continue;
      frame.resize(static_cast<size_t>(received));
      return frame;
    }
  }

 private:
  int fd_;
};

Bytes Frame(uint32_t n) {
  return PacketBuilder()
      .Ethernet()
      .Ipv4("10.0.0." + std::to_string(n & 0xff), "192.0.2.1")
      .Udp(static_cast<uint16_t>(1024 + n), 53)
      .Payload(20 + n % 1400)
      .Build();
}

class DriversTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (EnterNamespace() != nullptr) GTEST_SKIP() << kSkipped << EnterNamespace();
  }

  // Sends frames one by one each way and expects each at the other end as it was.
  static void Exchange(const std::string& in_device, const std::string& out_device) {
    constexpr uint32_t kFrames = 200;
    constexpr int kWaitMs = 5'000;
    DataplaneOptions options = testing::TestOptions();
    options.ports = {{.name = "in", .device = in_device, .peer = "out"},
                     {.name = "out", .device = out_device, .peer = "in"}};
    auto dataplane = StartDataplane(options, &testing::TestEal());
    ASSERT_TRUE(dataplane.ok()) << dataplane.status();
    const PacketSocket inside("in0"), outside("out0");
    for (uint32_t n = 0; n < kFrames; ++n) {
      const auto& from = n % 2 == 0 ? inside : outside;
      const auto& to = n % 2 == 0 ? outside : inside;
      const Bytes frame = Frame(n);
      from.Send(frame);
      ASSERT_EQ(to.Receive(kWaitMs), frame) << n;
    }
    (*dataplane)->Stop();
    uint64_t received = 0, forwarded = 0, flows = 0;
    for (const WorkerInfo& worker : (*dataplane)->workers()) {
      received += worker.pipeline->counters().received.Read();
      forwarded += worker.pipeline->counters().forwarded.Read();
      flows += worker.pipeline->counters().flows.Read();
    }
    EXPECT_EQ(received, kFrames);
    EXPECT_EQ(forwarded, kFrames);
    EXPECT_EQ(flows, kFrames);
    for (const PortInfo& port : (*dataplane)->ports()) {
      EXPECT_EQ(port.rx_packets, kFrames / 2) << port.name;
      EXPECT_EQ(port.tx_packets, kFrames / 2) << port.name;
    }
  }
};

TEST_F(DriversTest, AfPacket) { Exchange("net_af_packet0,iface=in1", "net_af_packet1,iface=out1"); }

TEST_F(DriversTest, AfPacketWithAQueuePerWorker) {
  Exchange("net_af_packet0,iface=in1,qpairs=2", "net_af_packet1,iface=out1,qpairs=2");
}

TEST_F(DriversTest, Pcap) { Exchange("net_pcap0,iface=in1", "net_pcap1,iface=out1"); }

TEST_F(DriversTest, AfXdp) {
  if (!KernelHasAfXdp()) GTEST_SKIP() << kSkipped << "the kernel has no AF_XDP for us";
  Exchange("net_af_xdp0,iface=in1", "net_af_xdp1,iface=out1");
}

}  // namespace
}  // namespace coretrack
