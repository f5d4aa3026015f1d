// `coretrack`: the client. Exit codes: 0 done, 1 failed, 2 misused.
#include <CLI/CLI.hpp>
#include <csignal>
#include <map>

#include "control/api/version.h"
#include "control/cli/flows_command.h"
#include "control/cli/output.h"
#include "control/cli/replay_command.h"
#include "control/cli/state_commands.h"
#include "dataplane/base/cpu.h"

namespace coretrack::cli {
namespace {

constexpr const char* kDefaultSocket = "/run/coretrack/api.sock";

// The filter flags of a verb. Their order matters, for --not speaks of the next one.
class FilterFlags {
 public:
  void AddTo(CLI::App* app) {
    app_ = app;
    static const std::map<std::string_view, const char*> kHelp = {
        {"state", "TCP state of either endpoint"},
        {"src", "Address or CIDR of the originator"},
        {"dst", "Address or CIDR of the responder"},
        {"host", "Address or CIDR of either"},
        {"sport", "Port or range of the originator"},
        {"dport", "Port or range of the responder"},
        {"port", "Port or range of either"},
        {"proto", "tcp, udp, icmp, icmpv6, sctp or a number"},
        {"vlan", "VLAN tag, or none"},
        {"zone", "Zone"}};
    for (const std::string_view flag : Filter::kFlags) {
      std::vector<std::string>& values = values_[std::string(flag)];
      app->add_option("--" + std::string(flag), values, kHelp.at(flag))
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
          ->group("Filters: the same flag twice means or, different flags mean and");
    }
    not_ = app->add_flag("--not", not_given_, "Exclude what the next filter says")
               ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
               ->group("Filters: the same flag twice means or, different flags mean and");
  }

  // Throws CLI::ValidationError: exit code 2.
  std::vector<FilterTerm> Terms() const {
    std::vector<FilterTerm> terms;
    std::map<std::string, size_t> next;
    bool negated = false;
    for (const CLI::Option* option : app_->parse_order()) {
      if (option == not_) {
        negated = true;
        continue;
      }
      const std::string name = option->get_lnames().empty() ? "" : option->get_lnames()[0];
      const auto values = values_.find(name);
      if (values == values_.end()) continue;
      terms.push_back({.flag = name, .value = values->second.at(next[name]++), .negated = negated});
      negated = false;
    }
    if (negated) throw CLI::ValidationError("--not", "a filter must follow it");
    const absl::StatusOr<Filter> checked = Filter::Parse(terms);
    if (!checked.ok()) throw CLI::ValidationError("--" + std::string(checked.status().message()));
    return terms;
  }

 private:
  CLI::App* app_ = nullptr;
  CLI::Option* not_ = nullptr;
  bool not_given_ = false;
  std::map<std::string, std::vector<std::string>> values_;
};

class CommandLine {
 public:
  CommandLine() {
    app_.set_version_flag("--version", std::string("coretrack ") + kVersion);
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("-s,--socket", socket_, "The daemon's unix socket")
        ->envname("CORETRACK_SOCKET")
        ->capture_default_str();
    AddStatus();
    AddFlows();
    AddConfig();
    AddReplay();
  }

  int Run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
      const int result = run_();
      output_.Flush();
      return result == kDone && !output_.ok() ? kFailed : result;
    } catch (const CLI::RequiredError& error) {
      // "A subcommand is required" does not help who wrote a wrong one.
      for (const std::string& word : app_.remaining(true)) {
        return Complain("\"" + word + "\" is not a verb; see coretrack --help", kMisused);
      }
      return app_.exit(error) == 0 ? kDone : kMisused;
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? kDone : kMisused;
    }
  }

 private:
  // What a verb does once all of the line is understood.
  void OnCall(CLI::App* verb, std::function<int(Client*)> action) {
    verb->callback([this, verb, action = std::move(action)] {
      if (!verb->get_subcommands().empty()) return;
      run_ = [this, action] {
        Client client(socket_);
        return action(&client);
      };
    });
  }
  void AddJson(CLI::App* verb) {
    verb->add_flag("--json", json_, "The daemon's answer as JSON");
    verb->add_option_function<std::string>(
            "-o,--output", [this](const std::string& form) { json_ = form == "json"; },
            "table or json")
        ->check(CLI::IsMember({"table", "json"}));
  }

  void AddStatus() {
    CLI::App* status = app_.add_subcommand("status", "The daemon at a glance");
    AddJson(status);
    OnCall(status, [this](Client* client) { return RunStatus(json_, client, &output_); });
    CLI::App* stats = app_.add_subcommand("stats", "What the counters say");
    AddJson(stats);
    OnCall(stats, [this](Client* client) { return RunStats(json_, client, &output_); });
  }

  void AddFlows() {
    CLI::App* flows = app_.add_subcommand("flows", "The flows that are tracked now");
    filter_.AddTo(flows);
    flows->add_option("--sort", flows_.sort, "The most first: bytes, packets, age or idle")
        ->check(CLI::IsMember({"bytes", "packets", "age", "idle"}));
    flows->add_option("--limit", flows_.limit, "At most so many")
        ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40));
    flows->add_option("-o,--output", flows_.form, "table, wide, json, csv or conntrack")
        ->check(CLI::IsMember({"table", "wide", "json", "csv", "conntrack"}))
        ->capture_default_str();
    flows->add_flag("--count", flows_.count, "Only how many");
    flows->add_flag("--json", json_, "The same as -o json");
    OnCall(flows, [this](Client* client) {
      flows_.filter = filter_.Terms();
      if (json_) flows_.form = "json";
      return RunFlows(flows_, client, &output_);
    });

    CLI::App* remove = flows->add_subcommand("delete", "Delete the flows that match");
    delete_filter_.AddTo(remove);
    remove->add_flag("--all", flows_.all, "Every flow");
    AddJson(remove);
    OnCall(remove, [this](Client* client) {
      // A filter may stand on either side of the verb.
      flows_.filter = filter_.Terms();
      for (FilterTerm& term : delete_filter_.Terms()) flows_.filter.push_back(std::move(term));
      return RunFlowsDelete(flows_, json_, client, &output_);
    });
  }

  void AddConfig() {
    CLI::App* config = app_.add_subcommand("config", "The running configuration");
    config->require_subcommand(1);
    CLI::App* show = config->add_subcommand("show", "Every parameter");
    AddJson(show);
    OnCall(show, [this](Client* client) { return RunConfigShow(json_, client, &output_); });
    CLI::App* set = config->add_subcommand("set", "Change a parameter until the next restart");
    set->add_option("name", name_, "As \"config show\" has it: timeouts.msl")->required();
    set->add_option("value", value_, "As in the file, without quotes: 30s")->required();
    AddJson(set);
    OnCall(set,
           [this](Client* client) { return RunConfigSet(name_, value_, json_, client, &output_); });
    CLI::App* reload = config->add_subcommand("reload", "Read the configuration file again");
    AddJson(reload);
    OnCall(reload, [this](Client* client) { return RunConfigReload(json_, client, &output_); });
    CLI::App* check = config->add_subcommand("check", "Check a file, without a daemon");
    check->add_option("file", name_, "The file")->required();
    OnCall(check, [this](Client*) { return RunConfigCheck(name_, &output_); });
  }

  void AddReplay() {
    CLI::App* replay = app_.add_subcommand(
        "replay", "Track a capture file (pcap, pcapng) in this process, without a daemon");
    replay->add_option("file", replay_.file, "The capture")->required();
    replay->add_flag("--json", replay_.json,
                     "Print each flow as JSON when it ends, live ones at the end");
    replay->add_flag("--events", replay_.events,
                     "Print each change of state and each invalid packet as JSON");
    replay->add_option("--seed", replay_.seed, "Seed of the flow hash")->capture_default_str();
    replay->add_option("--flows", replay_.flows, "Room for so many IPv4 flows")
        ->capture_default_str()
        ->check(CLI::Range(1u, 1u << 28));
    OnCall(replay, [this](Client*) { return RunReplay(replay_, &output_); });
  }

  CLI::App app_{"Asks coretrackd about the connections it tracks.", "coretrack"};
  Output output_;
  std::string socket_ = kDefaultSocket;
  bool json_ = false;
  FilterFlags filter_;
  FilterFlags delete_filter_;
  FlowsFlags flows_;
  ReplayFlags replay_;
  std::string name_;
  std::string value_;
  std::function<int()> run_;
};

}  // namespace
}  // namespace coretrack::cli

int main(int argc, char** argv) {
  if (const std::string missing = coretrack::MissingCpuFeatures(); !missing.empty()) {
    return coretrack::cli::Complain(missing);
  }
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return coretrack::cli::CommandLine().Run(argc, argv);
  } catch (const std::exception& error) {
    return coretrack::cli::Complain(error.what());
  }
}
