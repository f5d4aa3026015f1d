// `coretrackd`: from a configuration file to a running data plane with its API. Wiring only.
//
// Threads  Main is the data plane's control lcore: starts, waits for signals, stops. The API thread
//          serves, ticks and reloads. Workers belong to the data plane.
// Signals  SIGTERM, SIGINT: drain and stop. SIGHUP: read the file again.
// Exit     0 stopped as told, or --check found nothing; 1 failed; 2 misused.
#include <pthread.h>
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/api/server.h"
#include "control/api/version.h"
#include "control/config/load.h"
#include "control/live_config.h"
#include "control/log.h"
#include "control/privileges.h"
#include "control/wiring.h"
#include "dataplane/base/cpu.h"
#include "dataplane/io/start.h"

namespace coretrack {
namespace {

enum ExitCode : int { kDone = 0, kFailed = 1, kMisused = 2 };

struct Flags {
  std::string config;
  bool check = false;
  std::vector<std::string> eal_arguments;
};

int Fail(const absl::Status& status) {
  Log(LogLevel::kError, std::string_view(status.message().data(), status.message().size()));
  return kFailed;
}

LogLevel LevelOf(DataplaneOptions::Severity severity) {
  switch (severity) {
    case DataplaneOptions::Severity::kDebug:
      return LogLevel::kDebug;
    case DataplaneOptions::Severity::kInfo:
      return LogLevel::kInfo;
    case DataplaneOptions::Severity::kWarning:
      return LogLevel::kWarning;
    case DataplaneOptions::Severity::kError:
      break;
  }
  return LogLevel::kError;
}

// A worker that never starts to poll is an error of the start, not of an hour later.
absl::Status WaitUntilTheWorkersPoll(const Dataplane& dataplane) {
  constexpr std::chrono::seconds kPatience{10};
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  for (const WorkerInfo& worker : dataplane.workers()) {
    while (worker.pipeline->counters().polls.Read() == 0) {
      if (std::chrono::steady_clock::now() > give_up) {
        return absl::DeadlineExceededError(absl::StrCat(
            "the worker on lcore ", worker.lcore, " does not run after ", kPatience.count(),
            " s; look what else has that CPU, or change cpu.lcores"));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  return absl::OkStatus();
}

// Until a signal says to stop.
void WaitForTheEnd(const sigset_t& signals, Server* server, LiveConfig* config) {
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) {
      Log(LogLevel::kInfo, absl::StrCat("stopping: ", sigabbrev_np(signal)));
      return;
    }
    server->Post([config] {
      sd_notify(0, "RELOADING=1");
      // It has logged what is wrong.
      const absl::Status ignored = config->Reload();
      sd_notify(0, "READY=1");
    });
  }
}

int Run(const Flags& flags, const Config& config, const sigset_t& signals) {
  DataplaneOptions options = DataplaneOptionsOf(config, flags.eal_arguments);
  options.log = [](DataplaneOptions::Severity severity, std::string_view line) {
    Log(LevelOf(severity), line);
  };
  absl::StatusOr<std::unique_ptr<RunningDataplane>> dataplane = StartDataplane(options);
  if (!dataplane.ok()) return Fail(dataplane.status());
  const absl::Status polling = WaitUntilTheWorkersPoll(**dataplane);
  if (!polling.ok()) return Fail(polling);

  LiveConfig live(flags.config, config, dataplane->get());
  Api api(dataplane->get(), &live);
  Server::Options listen = ServerOptionsOf(config);
  // A worker that stops turning, or an API thread that hangs, starves the watchdog.
  listen.every_second = [&api] {
    if (api.ready()) sd_notify(0, "WATCHDOG=1");
  };
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(listen, &api);
  if (!server.ok()) return Fail(server.status());
  if ((*server)->http_public()) {
    Log(LogLevel::kWarning, absl::StrCat("api.http ", config.api.http,
                                         ": every host that reaches it can read all flows; there "
                                         "is neither password nor encryption"));
  }
  std::thread api_thread([&server] {
    const absl::Status dropped = DropCapabilitiesOfThisThread();
    if (!dropped.ok()) Log(LogLevel::kWarning, std::string(dropped.message()));
    (*server)->Run();
  });
  Log(LogLevel::kInfo,
      absl::StrCat("ready: ", config.ports.size(), " ports, ", (*dataplane)->workers().size(),
                   " workers, ", (*dataplane)->memory_summary(), "; socket ", config.api.socket,
                   config.api.http.empty() ? "" : ", http ", config.api.http));
  sd_notify(0, "READY=1");

  WaitForTheEnd(signals, server->get(), &live);
  sd_notify(0, "STOPPING=1");
  (*dataplane)->Stop();
  (*server)->Stop();
  api_thread.join();
  Log(LogLevel::kInfo, "stopped");
  return kDone;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Tracks the connections that pass between two ports.", "coretrackd");
  app.set_version_flag("--version", std::string("coretrackd ") + kVersion);
  app.add_option("-c,--config", flags.config, "Configuration file (TOML)")->required();
  app.add_flag("--check", flags.check, "Check the file, start nothing");
  app.footer("What follows -- goes to DPDK's EAL, behind the arguments made from the file.");
  // EAL's arguments are not ours to parse.
  int own = argc;
  for (int i = 1; i < argc && own == argc; ++i) {
    if (std::string_view(argv[i]) == "--") own = i;
  }
  for (int i = own + 1; i < argc; ++i) flags.eal_arguments.emplace_back(argv[i]);
  try {
    app.parse(own, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kMisused;
  }

  const absl::StatusOr<Config> config = LoadConfig(flags.config);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", std::string(config.status().message()).c_str());
    return kFailed;
  }
  if (flags.check) {
    std::printf("%s: ok\n", flags.config.c_str());
    return kDone;
  }
  StartLog(config->log);
  // Every thread inherits this: signals are taken by sigwait() alone.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return Run(flags, *config, signals);
}

}  // namespace
}  // namespace coretrack

int main(int argc, char** argv) {
  if (const std::string missing = coretrack::MissingCpuFeatures(); !missing.empty()) {
    std::fprintf(stderr, "coretrackd: %s\n", missing.c_str());
    return 1;
  }
  try {
    return coretrack::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "coretrackd: %s\n", error.what());
    return 1;
  }
}
