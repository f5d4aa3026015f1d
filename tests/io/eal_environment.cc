#include "tests/io/eal_environment.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

namespace coretrack::testing {
namespace {

std::unique_ptr<Eal> g_eal;

class EalEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    auto eal = Eal::Start(TestOptions());
    ASSERT_TRUE(eal.ok()) << eal.status();
    g_eal = *std::move(eal);
  }
  void TearDown() override { g_eal.reset(); }
};

[[maybe_unused]] const ::testing::Environment* const kRegistered =
    ::testing::AddGlobalTestEnvironment(new EalEnvironment);

}  // namespace

std::vector<uint32_t> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<uint32_t> cpus;
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

DataplaneOptions TestOptions() {
  // EAL pins the calling thread, so ask once.
  static const std::vector<uint32_t> cpus = AllowedCpus();
  DataplaneOptions options;
  options.control_lcore = cpus.front();
  options.lcores = {cpus.back(), cpus.front()};
  options.hugepages = HugepageUse::kNever;
  options.memory_bytes = 256 << 20;
  options.file_prefix = "coretrack_test_" + std::to_string(getpid());
  options.telemetry = false;
  options.packet_buffers = 16'384;
  options.capacity_ipv4 = 1 << 14;
  options.capacity_ipv6 = 1 << 12;
  options.secret = {1, 2};
  options.rss_secret = 42;
  return options;
}

Eal& TestEal() { return *g_eal; }

}  // namespace coretrack::testing
