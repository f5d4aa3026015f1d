#include "control/api/state_routes.h"

#include <boost/json.hpp>
#include <cmath>

#include "control/api/version.h"
#include "control/query/text.h"

namespace coretrack {
namespace {

namespace json = boost::json;

json::string Text(std::string_view text) { return json::string(text.data(), text.size()); }
json::string_view Key(std::string_view text) { return {text.data(), text.size()}; }

json::object ReasonsOf(const std::vector<WorkerInfo>& workers, const ReasonRow& row) {
  json::object reasons;
  for (size_t i = row.first; i < row.last; ++i) {
    uint64_t sum = 0;
    for (const WorkerInfo& worker : workers) sum += row.read(worker.pipeline->counters(), i);
    reasons[Key(row.reason(i))] = sum;
  }
  return reasons;
}

json::object StatesOf(const std::vector<WorkerInfo>& workers) {
  json::object states;
  for (int code = 1; code < kStateCodes; ++code) {
    uint64_t sum = 0;
    for (const WorkerInfo& worker : workers) {
      sum += worker.pipeline->counters().flows_by_state[code].Read();
    }
    // A gauge read in the middle of a move may be one short.
    if (sum != 0 && static_cast<int64_t>(sum) > 0) states[Key(StateName(code))] = sum;
  }
  return states;
}

uint64_t CapacityOf(const std::vector<WorkerInfo>& workers, bool ipv6) {
  uint64_t capacity = 0;
  for (const WorkerInfo& worker : workers) capacity += worker.pipeline->table(ipv6).capacity();
  return capacity;
}

}  // namespace

std::string StatusJson(const Dataplane& dataplane, const Heartbeats& heartbeats,
                       const StatusFacts& facts) {
  const std::vector<WorkerInfo> workers = dataplane.workers();
  uint64_t alive = 0;
  for (uint32_t w = 0; w < workers.size() && w < kMaxWorkers; ++w) alive += heartbeats.alive(w);
  json::array ports;
  for (const PortInfo& port : dataplane.ports()) {
    ports.push_back(json::object{{"name", Text(port.name)},
                                 {"mode", Text(port.mode)},
                                 {"peer", Text(port.peer)},
                                 {"link_up", port.link_up}});
  }
  const uint64_t ipv6 = Sum(workers, &WorkerCounters::flows_ipv6);
  const json::object status{{"version", kVersion},
                            {"start", Text(TimeText(facts.start_us))},
                            {"uptime_seconds", (facts.now_us - facts.start_us) / 1'000'000},
                            {"ready", facts.ready},
                            {"workers", workers.size()},
                            {"workers_alive", alive},
                            {"ports", std::move(ports)},
                            {"memory", Text(dataplane.memory_summary())},
                            {"flows", Sum(workers, &WorkerCounters::flows)},
                            {"flows_ipv6", ipv6},
                            {"capacity", CapacityOf(workers, false)},
                            {"capacity_ipv6", CapacityOf(workers, true)},
                            {"received_per_second", std::llround(facts.rates.received)},
                            {"forwarded_per_second", std::llround(facts.rates.forwarded)},
                            {"dropped_per_second", std::llround(facts.rates.dropped)},
                            {"flows_created_per_second", std::llround(facts.rates.flows_created)}};
  return json::serialize(status);
}

std::string StatsJson(const Dataplane& dataplane, const Identity& identity) {
  const std::vector<WorkerInfo> workers = dataplane.workers();
  json::object dropped;
  for (size_t i = 0; i < identity.dropped.size(); ++i) {
    dropped[Key(Name(static_cast<Drop>(i)))] = identity.dropped[i];
  }
  json::object stats{{"received", identity.received},
                     {"forwarded", identity.forwarded},
                     {"dropped", std::move(dropped)},
                     {"in_flight", identity.in_flight},
                     {"unaccounted", identity.unaccounted}};
  for (const CounterRow& row : CounterRows()) {
    const std::string_view name = row.name;
    if (name == "received" || name == "forwarded" || name == "wheel_lag_ms") continue;
    stats[row.name] = Sum(workers, row.counter);
  }
  for (const ReasonRow& row : ReasonRows()) {
    if (std::string_view(row.name) != "dropped") stats[row.name] = ReasonsOf(workers, row);
  }
  stats["flows_by_state"] = StatesOf(workers);
  return json::serialize(stats);
}

std::string WorkersJson(const Dataplane& dataplane, const Heartbeats& heartbeats) {
  json::array all;
  uint32_t number = 0;
  for (const WorkerInfo& worker : dataplane.workers()) {
    const Pipeline& pipeline = *worker.pipeline;
    json::object o{{"worker", number},
                   {"lcore", worker.lcore},
                   {"alive", number < kMaxWorkers && heartbeats.alive(number)}};
    for (const CounterRow& row : CounterRows()) {
      o[row.name] = (pipeline.counters().*row.counter).Read();
    }
    for (const ReasonRow& row : ReasonRows()) {
      if (std::string_view(row.name) == "dropped") o[row.name] = ReasonsOf({worker}, row);
    }
    o["capacity"] = pipeline.table(false).capacity();
    o["capacity_ipv6"] = pipeline.table(true).capacity();
    o["table_pages"] = Text(Name(pipeline.page_kind()));
    o["table_bytes"] = pipeline.arena_bytes();
    all.push_back(std::move(o));
    ++number;
  }
  return json::serialize(all);
}

std::string PortsJson(const Dataplane& dataplane) {
  json::array all;
  for (const PortInfo& p : dataplane.ports()) {
    json::object o{{"name", Text(p.name)},
                   {"device", Text(p.device)},
                   {"driver", Text(p.driver)},
                   {"mode", Text(p.mode)},
                   {"peer", p.peer.empty() ? json::value(nullptr) : json::value(Text(p.peer))},
                   {"zone", p.zone},
                   {"mac", Text(p.mac)},
                   {"mtu_bytes", p.mtu_bytes},
                   {"queues", p.queues},
                   {"link_up", p.link_up},
                   {"link_speed_mbps",
                    p.link_speed_mbps == 0 ? json::value(nullptr) : json::value(p.link_speed_mbps)},
                   {"symmetric_rss", p.symmetric_rss},
                   {"rx_checksum_offload", p.rx_checksum_offload},
                   {"rx_packets", p.rx_packets},
                   {"rx_bytes", p.rx_bytes},
                   {"tx_packets", p.tx_packets},
                   {"tx_bytes", p.tx_bytes},
                   {"rx_missed", p.rx_missed},
                   {"rx_errors", p.rx_errors},
                   {"tx_errors", p.tx_errors},
                   {"rx_no_buffer", p.rx_no_buffer}};
    all.push_back(std::move(o));
  }
  return json::serialize(all);
}

std::string DropsJson(const Dataplane& dataplane) {
  const std::vector<WorkerInfo> workers = dataplane.workers();
  json::object drops;
  for (const ReasonRow& row : ReasonRows()) {
    if (std::string_view(row.name) != "flows_ended") drops[row.name] = ReasonsOf(workers, row);
  }
  json::object ports;
  for (const PortInfo& p : dataplane.ports()) {
    ports[Key(p.name)] = json::object{{"rx_missed", p.rx_missed},
                                      {"rx_errors", p.rx_errors},
                                      {"tx_errors", p.tx_errors},
                                      {"rx_no_buffer", p.rx_no_buffer}};
  }
  drops["ports"] = std::move(ports);
  return json::serialize(drops);
}

}  // namespace coretrack
