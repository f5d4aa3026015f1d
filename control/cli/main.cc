// `coretrack`: the client. Exit codes: 0 done, 1 failed, 2 misused.
#include <CLI/CLI.hpp>
#include <csignal>

#include "control/cli/output.h"
#include "control/cli/replay_command.h"
#include "dataplane/base/cpu.h"

namespace coretrack::cli {
namespace {

int Main(int argc, char** argv) {
  CLI::App app("Asks coretrackd about the connections it tracks.", "coretrack");
  app.require_subcommand(1);
  Output output;
  int result = kDone;

  ReplayFlags replay;
  CLI::App* replay_app = app.add_subcommand(
      "replay", "Track a capture file (pcap, pcapng) in this process, without a daemon");
  replay_app->add_option("file", replay.file, "The capture")->required();
  replay_app->add_flag("--json", replay.json,
                       "Print each flow as JSON when it ends, live ones at the end");
  replay_app->add_flag("--events", replay.events,
                       "Print each change of state and each invalid packet as JSON");
  replay_app->add_option("--seed", replay.seed, "Seed of the flow hash")->capture_default_str();
  replay_app->add_option("--flows", replay.flows, "Room for so many IPv4 flows")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1u << 28));
  replay_app->callback([&] { result = RunReplay(replay, &output); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kMisused;
  }
  return result;
}

}  // namespace
}  // namespace coretrack::cli

int main(int argc, char** argv) {
  if (const std::string missing = coretrack::MissingCpuFeatures(); !missing.empty()) {
    return coretrack::cli::Complain(missing);
  }
  std::signal(SIGPIPE, SIG_IGN);
  return coretrack::cli::Main(argc, argv);
}
