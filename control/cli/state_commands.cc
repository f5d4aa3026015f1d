#include "control/cli/state_commands.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <functional>

#include "control/config/load.h"
#include "control/query/human.h"
#include "control/query/text.h"

namespace coretrack::cli {
namespace {

namespace json = boost::json;

int Fail(const absl::Status& status) {
  return Complain({status.message().data(), status.message().size()});
}

std::string Text(const json::value& value) {
  if (value.is_string()) return value.as_string().c_str();
  if (value.is_null()) return "-";
  return json::serialize(value);
}
uint64_t Number(const json::object& object, const char* key) {
  return object.at(key).to_number<uint64_t>();
}

// Asks, and shows the answer as it is or by `show`.
int AskAndShow(const std::string& method, const std::string& target, const std::string& body,
               bool as_json, Client* client, Output* output,
               const std::function<std::string(const json::value&)>& show) {
  const absl::StatusOr<std::string> answer = client->Ask(method, target, body);
  if (!answer.ok()) return Fail(answer.status());
  if (as_json) {
    output->Write(*answer);
    return kDone;
  }
  try {
    output->Write(show(json::parse(*answer)));
  } catch (const std::exception& error) {
    return Complain(
        fmt::format("the daemon's answer is of another version ({}); use --json", error.what()));
  }
  return kDone;
}

std::string ShowStatus(const json::value& value) {
  const json::object& s = value.as_object();
  const auto rate = [&s](const char* key) { return HumanCount(Number(s, key)) + "/s"; };
  std::string text = fmt::format("coretrackd {}, up {}, {}\n\n", Text(s.at("version")),
                                 HumanDuration(Number(s, "uptime_seconds") * 1'000'000),
                                 s.at("ready").as_bool() ? "ready" : "NOT READY");
  TextTable facts({"", ""});
  facts.Add({"flows", fmt::format("{} of {}", Grouped(Number(s, "flows") - Number(s, "flows_ipv6")),
                                  Grouped(Number(s, "capacity")))});
  facts.Add({"  IPv6", fmt::format("{} of {}", Grouped(Number(s, "flows_ipv6")),
                                   Grouped(Number(s, "capacity_ipv6")))});
  facts.Add({"  new", rate("flows_created_per_second")});
  facts.Add(
      {"packets", fmt::format("{} received, {} forwarded, {} dropped", rate("received_per_second"),
                              rate("forwarded_per_second"), rate("dropped_per_second"))});
  facts.Add(
      {"workers", fmt::format("{} of {} alive", Number(s, "workers_alive"), Number(s, "workers"))});
  facts.Add({"memory", Text(s.at("memory"))});
  text += facts.Text() + '\n';
  TextTable ports({"PORT", "MODE", "PEER", "LINK"});
  for (const json::value& port : s.at("ports").as_array()) {
    const json::object& p = port.as_object();
    const std::string peer = Text(p.at("peer"));
    ports.Add({Text(p.at("name")), Text(p.at("mode")), peer.empty() ? "-" : peer,
               p.at("link_up").as_bool() ? "up" : "DOWN"});
  }
  return text + ports.Text();
}

void AddReasons(const json::object& stats, const char* key, TextTable* table) {
  for (const auto& [reason, count] : stats.at(key).as_object()) {
    const auto number = count.to_number<uint64_t>();
    if (number != 0) table->Add({"  " + std::string(reason), Grouped(number)});
  }
}

uint64_t SumOf(const json::object& stats, const char* key) {
  uint64_t sum = 0;
  for (const auto& [reason, count] : stats.at(key).as_object()) sum += count.to_number<uint64_t>();
  return sum;
}

std::string ShowStats(const json::value& value) {
  const json::object& s = value.as_object();
  TextTable table({"", ">"});
  const auto add = [&](const char* name, const char* key) {
    table.Add({name, Grouped(Number(s, key))});
  };
  const auto add_reasons = [&](const char* name, const char* key) {
    table.Add({name, Grouped(SumOf(s, key))});
    AddReasons(s, key, &table);
  };
  add("packets received", "received");
  add("  forwarded", "forwarded");
  table.Add({"  dropped", Grouped(SumOf(s, "dropped"))});
  for (const auto& [reason, count] : s.at("dropped").as_object()) {
    const auto number = count.to_number<uint64_t>();
    if (number != 0) table.Add({"    " + std::string(reason), Grouped(number)});
  }
  add("  in flight", "in_flight");
  add("  unaccounted", "unaccounted");
  add("bytes received", "received_bytes");
  add("bytes forwarded", "forwarded_bytes");
  add("packets of a flow", "tracked");
  add_reasons("packets without a flow", "untracked");
  add_reasons("malformed", "malformed");
  add_reasons("invalid", "invalid");
  add("retransmissions", "retransmissions");
  add("related ICMP", "related_icmp");
  add("fragmented datagrams", "fragmented_datagrams");
  add("flows", "flows");
  AddReasons(s, "flows_by_state", &table);
  add("flows created", "flows_created");
  add_reasons("flows ended", "flows_ended");
  add("picked up midstream", "midstream_pickups");
  add("clock jumps", "clock_jumps");
  return table.Text();
}

std::string ShowConfig(const json::value& value) {
  TextTable table({"PARAMETER", "VALUE", "DEFAULT", "CHANGES"});
  for (const json::value& item : value.as_array()) {
    const json::object& p = item.as_object();
    const auto shown = [&p](const char* key) {
      const std::string text = Text(p.at(key));
      return text.empty() ? std::string("-") : text;
    };
    table.Add({Text(p.at("name")), shown("value"), shown("default"),
               p.at("live").as_bool() ? "live" : "at restart"});
  }
  return table.Text();
}

}  // namespace

int RunStatus(bool as_json, Client* client, Output* output) {
  return AskAndShow("GET", "/api/v1/status", "", as_json, client, output, ShowStatus);
}

int RunStats(bool as_json, Client* client, Output* output) {
  return AskAndShow("GET", "/api/v1/stats", "", as_json, client, output, ShowStats);
}

int RunConfigShow(bool as_json, Client* client, Output* output) {
  return AskAndShow("GET", "/api/v1/config", "", as_json, client, output, ShowConfig);
}

int RunConfigSet(const std::string& name, const std::string& value, bool as_json, Client* client,
                 Output* output) {
  const std::string body = fmt::format("{{\"{}\":\"{}\"}}", JsonEscaped(name), JsonEscaped(value));
  return AskAndShow("PATCH", "/api/v1/config", body, as_json, client, output,
                    [&](const json::value&) { return fmt::format("{} = {}\n", name, value); });
}

int RunConfigReload(bool as_json, Client* client, Output* output) {
  return AskAndShow("POST", "/api/v1/config/reload", "", as_json, client, output,
                    [](const json::value& value) {
                      std::string text = "reloaded\n";
                      for (const json::value& name : value.at("need_restart").as_array()) {
                        text += fmt::format("needs a restart: {}\n", Text(name));
                      }
                      return text;
                    });
}

int RunConfigCheck(const std::string& file, Output* output) {
  const absl::StatusOr<Config> config = LoadConfig(file);
  if (!config.ok()) return Fail(config.status());
  output->Write(fmt::format("{}: ok\n", file));
  return kDone;
}

}  // namespace coretrack::cli
