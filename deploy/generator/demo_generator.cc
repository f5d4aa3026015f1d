// demo_generator: coretrack's data plane and API on traffic made up in this process.
//
// What for  The demonstration where network namespaces are not allowed: needs no NIC, hugepages or
//           rights. It answers on its unix socket as coretrackd does, until SIGTERM or SIGINT.
// Threads   Main: data plane's control lcore, then waits for signals. One worker, the API's thread,
//           the generator's thread.
// Errors    Exit code 1 with a line on standard error; 2 when misused.
#include <pthread.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "control/api/server.h"
#include "dataplane/base/cpu.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/start.h"
#include "deploy/generator/fixed_config.h"
#include "deploy/generator/generator.h"

namespace coretrack::demo {
namespace {

constexpr unsigned kGeneratorPackets = 16'384;
constexpr uint32_t kPacketBuffers = 8192;
constexpr uint64_t kMemoryBytes = uint64_t{192} << 20;
constexpr uint32_t kSeed = 1;

struct Flags {
  std::string socket;
  uint32_t lcore = 1;
  uint32_t control_lcore = 0;
  uint32_t rate = 80;  // new connections a second
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "demo_generator: %s\n", std::string(status.message()).c_str());
  return 1;
}

DataplaneOptions MakeOptions(const Flags& flags, const RingCable* west, const RingCable* east) {
  DataplaneOptions options;
  options.lcores = {flags.lcore};
  options.control_lcore = flags.control_lcore;
  options.hugepages = HugepageUse::kNever;
  options.memory_bytes = kMemoryBytes;
  options.packet_buffers = kPacketBuffers;
  options.telemetry = false;
  options.capacity_ipv4 = options.capacity_ipv6 = 1 << 16;
  std::random_device random;
  const auto draw = [&random] { return uint64_t{random()} << 32 | random(); };
  options.secret = {draw(), draw()};
  // Short enough for flows to be seen leaving.
  const auto timeout = [&options](tcp::TimeoutClass which) -> uint32_t& {
    return options.tunables.tcp_timeout_ms[static_cast<size_t>(which)];
  };
  timeout(tcp::TimeoutClass::kTimeWait) = 60'000;
  timeout(tcp::TimeoutClass::kSynSent) = 10'000;
  timeout(tcp::TimeoutClass::kAfterReset) = 5'000;
  options.log = [](DataplaneOptions::Severity, std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  };
  if (west != nullptr && east != nullptr) {
    options.ports = {{.name = "west", .device = west->device(), .peer = "east"},
                     {.name = "east", .device = east->device(), .peer = "west"}};
  }
  return options;
}

// In order of construction; what a later member uses outlives it.
int Run(const Flags& flags, const sigset_t& signals) {
  auto eal = Eal::Start(MakeOptions(flags, nullptr, nullptr));
  if (!eal.ok()) return Fail(eal.status());
  const std::unique_ptr<rte_mempool, decltype(&rte_mempool_free)> pool(
      rte_pktmbuf_pool_create("generator", kGeneratorPackets, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                              SOCKET_ID_ANY),
      rte_mempool_free);
  if (pool == nullptr) return Fail(absl::ResourceExhaustedError(rte_strerror(rte_errno)));
  auto west = RingCable::Create("west");
  if (!west.ok()) return Fail(west.status());
  auto east = RingCable::Create("east");
  if (!east.ok()) return Fail(east.status());
  const DataplaneOptions options = MakeOptions(flags, west->get(), east->get());
  auto dataplane = StartDataplane(options, eal->get());
  if (!dataplane.ok()) return Fail(dataplane.status());

  FixedConfig config(options.tunables);
  Api api(dataplane->get(), &config);
  Server::Options listen;
  listen.socket = flags.socket;
  auto server = Server::Start(listen, &api);
  if (!server.ok()) return Fail(server.status());
  std::thread api_thread([&] { (*server)->Run(); });
  Generator generator(west->get(), east->get(), pool.get(), flags.rate, kSeed);
  std::thread generator_thread([&] { generator.Play(); });

  int signal = 0;
  sigwait(&signals, &signal);
  generator.Stop();
  generator_thread.join();
  (*server)->Stop();
  api_thread.join();
  (*dataplane)->Stop();
  return 0;
}

}  // namespace
}  // namespace coretrack::demo

int main(int argc, char** argv) {
  if (const std::string missing = coretrack::MissingCpuFeatures(); !missing.empty()) {
    std::fprintf(stderr, "demo_generator: %s\n", missing.c_str());
    return 1;
  }
  coretrack::demo::Flags flags;
  CLI::App app("coretrack on traffic made up in process.", "demo_generator");
  app.add_option("--socket", flags.socket, "Path of the API's unix socket")->required();
  app.add_option("--lcore", flags.lcore, "CPU of the worker")->capture_default_str();
  app.add_option("--control-lcore", flags.control_lcore, "CPU of everything else")
      ->capture_default_str();
  app.add_option("--rate", flags.rate, "New connections a second")
      ->capture_default_str()
      ->check(CLI::Range(1u, 2000u));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  // Every thread inherits this: signals are taken by sigwait() alone.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return coretrack::demo::Run(flags, signals);
}
