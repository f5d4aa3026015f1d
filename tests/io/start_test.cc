// StartDataplane() from nothing: it may start EAL once in a process, so this is one long story.
#include "dataplane/io/start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "dataplane/io/eal.h"
#include "dataplane/io/port.h"

namespace coretrack {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

uint32_t FirstCpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  uint32_t cpu = 0;
  while (!CPU_ISSET(cpu, &set)) ++cpu;
  return cpu;
}

DataplaneOptions Options() {
  DataplaneOptions options;
  options.control_lcore = FirstCpu();
  options.lcores = {options.control_lcore};  // one CPU for all: it must work
  options.hugepages = HugepageUse::kNever;
  options.memory_bytes = 128 << 20;
  options.file_prefix = "coretrack_start_test_" + std::to_string(getpid());
  options.packet_buffers = 8192;
  options.telemetry = false;
  options.capacity_ipv4 = options.capacity_ipv6 = 1 << 12;
  options.ports = {{.name = "a", .device = "net_ring0", .peer = "b"},
                   {.name = "b", .device = "net_null0", .peer = "a"}};
  return options;
}

TEST(Start, MistakesAreToldBeforeDpdkStarts) {
  const auto complaint = [](const DataplaneOptions& options) {
    const auto result = StartDataplane(options);
    EXPECT_FALSE(result.ok());
    return std::string(result.status().message());
  };
  DataplaneOptions options = Options();
  options.lcores = {1000};
  EXPECT_THAT(complaint(options), HasSubstr("cpu.lcores: CPU 1000"));
  options = Options();
  options.lcores.clear();
  EXPECT_THAT(complaint(options), HasSubstr("cpu.lcores names 0 CPUs"));
  options = Options();
  options.ports[0].peer = "x";
  EXPECT_THAT(complaint(options), HasSubstr("port \"a\""));
  options = Options();
  options.hugepages = HugepageUse::kRequire;
  options.memory_bytes = uint64_t{1} << 50;
  EXPECT_THAT(complaint(options), HasSubstr("/proc/sys/vm/nr_hugepages"));
}

TEST(Start, OneCpuTwoPortsThenADriverOfEveryKindThenNeverAgain) {
  DataplaneOptions options = Options();
  // One EAL for the whole story: what StartDataplane(options) does, in two steps.
  std::atomic<int> lines{0};
  options.log = [&](DataplaneOptions::Severity, std::string_view) { ++lines; };
  auto eal = Eal::Start(options);
  ASSERT_TRUE(eal.ok()) << eal.status();
  EXPECT_GT(lines, 0);
  EXPECT_EQ((*eal)->worker_lcores().size(), 1u);
  EXPECT_FALSE((*eal)->has_hugepages());

  for (int i = 0; i < 2; ++i) {  // devices are unplugged and can be plugged in again
    auto dataplane = StartDataplane(options, eal->get());
    ASSERT_TRUE(dataplane.ok()) << dataplane.status();
    EXPECT_EQ((*dataplane)->workers()[0].lcore, options.control_lcore);
    EXPECT_EQ((*dataplane)->ports()[1].driver, "net_null");
    (*dataplane)->Stop();
    EXPECT_EQ((*dataplane)->in_flight(), 0u);
  }

  // Whether there is a driver, not whether the device can be had here.
  for (const char* device :
       {"net_af_packet7,iface=no_such_iface", "net_af_xdp7,iface=no_such_iface",
        "net_tap7,iface=a_name_that_is_far_too_long_for_linux", "net_pcap7,iface=no_such_iface",
        "net_ring7", "net_null7", "net_memif7,role=no_such_role",
        "net_virtio_user7,path=/nonexistent/socket"}) {
    const auto port = Port::Attach({.name = "x", .device = device, .peer = ""}, &(*eal)->log());
    const std::string message(port.status().message());
    EXPECT_THAT(message, Not(HasSubstr("no driver"))) << device;
    if (!port.ok()) {
      EXPECT_THAT(message, HasSubstr(device));
    }
  }
  const auto missing =
      Port::Attach({.name = "x", .device = "net_no_such_driver0", .peer = ""}, &(*eal)->log());
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("has a driver net_no_such_driver;"));
  const auto pci = Port::Attach({.name = "x", .device = "ff:1f.7", .peer = ""}, &(*eal)->log());
  ASSERT_FALSE(pci.ok());
  EXPECT_THAT(std::string(pci.status().message()), HasSubstr("dpdk-devbind.py"));

  const auto again = StartDataplane(options);
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(std::string(again.status().message()), HasSubstr("once in a process"));
}

}  // namespace
}  // namespace coretrack
