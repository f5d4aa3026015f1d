#include "control/api/metrics.h"

#include <fmt/format.h>

#include <iterator>

#include "control/api/version.h"

namespace coretrack {
namespace {

// A label value: backslash, quote and line end escaped.
std::string Label(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

class Exposition {
 public:
  explicit Exposition(std::string* out) : out_(out) {}
  void Family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(*out_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  // `labels` without braces.
  template <typename T>
  void Sample(std::string_view labels, T value) {
    if (labels.empty()) {
      fmt::format_to(std::back_inserter(*out_), "{} {}\n", name_, value);
    } else {
      fmt::format_to(std::back_inserter(*out_), "{}{{{}}} {}\n", name_, labels, value);
    }
  }

 private:
  std::string* out_;
  std::string name_;
};

// JSON's names as metrics: units spelled out, what only grows ends in _total.
std::string MetricName(const CounterRow& row) {
  const std::string_view name = row.name;
  if (name == "wheel_lag_ms") return "coretrack_wheel_lag_seconds";
  if (row.gauge) return fmt::format("coretrack_{}", name);
  if (name == "received" || name == "forwarded" || name == "handed_over" || name == "taken_over" ||
      name == "tracked") {
    return fmt::format("coretrack_{}_packets_total", name);
  }
  return fmt::format("coretrack_{}_total", name);
}

std::string MetricName(const ReasonRow& row) {
  const std::string_view name = row.name;
  return name == "flows_ended" ? "coretrack_flows_ended_total"
                               : fmt::format("coretrack_{}_packets_total", name);
}

struct PortRow {
  const char* name;
  const char* help;
  uint64_t PortInfo::*value;
};
constexpr PortRow kPortRows[] = {
    {"received_packets", "Packets the device received", &PortInfo::rx_packets},
    {"received_bytes", "Bytes the device received", &PortInfo::rx_bytes},
    {"sent_packets", "Packets the device sent", &PortInfo::tx_packets},
    {"sent_bytes", "Bytes the device sent", &PortInfo::tx_bytes},
    {"receive_missed_packets", "Packets the device dropped for want of room", &PortInfo::rx_missed},
    {"receive_errors", "Packets the device received in error", &PortInfo::rx_errors},
    {"send_errors", "Packets the device failed to send", &PortInfo::tx_errors},
    {"receive_no_buffer", "Times the device found no packet buffer", &PortInfo::rx_no_buffer},
};

}  // namespace

std::string Metrics::Text(const Dataplane& dataplane, const Identity& identity,
                          const Heartbeats& heartbeats, uint64_t start_us) {
  const std::vector<WorkerInfo> workers = dataplane.workers();
  std::string text;
  Exposition out(&text);
  const auto each_worker = [&](const auto& value_of) {
    for (uint32_t w = 0; w < workers.size(); ++w) {
      out.Sample(fmt::format("worker=\"{}\"", w), value_of(*workers[w].pipeline));
    }
  };
  out.Family("coretrack_build_info", "gauge", "Always 1; the label is the version");
  out.Sample(fmt::format("version=\"{}\"", kVersion), 1);
  out.Family("coretrack_start_time_seconds", "gauge", "When the daemon started, unix time");
  out.Sample("", static_cast<double>(start_us) / 1e6);

  for (const CounterRow& row : CounterRows()) {
    out.Family(MetricName(row), row.gauge ? "gauge" : "counter", row.help);
    const bool ms = std::string_view(row.name).ends_with("_ms");
    each_worker([&](const Pipeline& pipeline) {
      const uint64_t value = (pipeline.counters().*row.counter).Read();
      return ms ? fmt::format("{}", static_cast<double>(value) / 1e3) : fmt::format("{}", value);
    });
  }
  for (const ReasonRow& row : ReasonRows()) {
    out.Family(MetricName(row), "counter", row.help);
    for (uint32_t w = 0; w < workers.size(); ++w) {
      for (size_t i = row.first; i < row.last; ++i) {
        out.Sample(fmt::format("worker=\"{}\",reason=\"{}\"", w, row.reason(i)),
                   row.read(workers[w].pipeline->counters(), i));
      }
    }
  }

  out.Family("coretrack_flows_by_state", "gauge",
             "Flows now by the states of originator and responder");
  for (uint32_t w = 0; w < workers.size(); ++w) {
    const WorkerCounters& counters = workers[w].pipeline->counters();
    for (int code = 1; code < kStateCodes; ++code) {
      const auto value = static_cast<int64_t>(counters.flows_by_state[code].Read());
      if (value != 0) states_seen_.set(code);
      if (!states_seen_.test(code) || StateName(code).empty()) continue;
      out.Sample(fmt::format("worker=\"{}\",state=\"{}\"", w, StateName(code)), value);
    }
  }
  out.Family("coretrack_flow_capacity", "gauge", "Flows a worker has room for, IPv4 and IPv6");
  each_worker([](const Pipeline& pipeline) {
    return uint64_t{pipeline.table(false).capacity()} + pipeline.table(true).capacity();
  });
  out.Family("coretrack_worker_alive", "gauge", "1 while the worker's poll loop turns");
  for (uint32_t w = 0; w < workers.size() && w < kMaxWorkers; ++w) {
    out.Sample(fmt::format("worker=\"{}\"", w), heartbeats.alive(w) ? 1 : 0);
  }
  out.Family("coretrack_in_flight_packets", "gauge", "Packets without an outcome yet");
  out.Sample("", identity.in_flight);
  out.Family("coretrack_unaccounted_packets", "gauge",
             "Packets received without an outcome that are nowhere; anything but 0 is a bug");
  out.Sample("", identity.unaccounted);

  const std::vector<PortInfo> ports = dataplane.ports();
  for (const PortRow& row : kPortRows) {
    out.Family(fmt::format("coretrack_port_{}_total", row.name), "counter", row.help);
    for (const PortInfo& port : ports) {
      out.Sample(fmt::format("port=\"{}\"", Label(port.name)), port.*row.value);
    }
  }
  out.Family("coretrack_port_link_up", "gauge", "1 while the link is up");
  for (const PortInfo& port : ports) {
    out.Sample(fmt::format("port=\"{}\"", Label(port.name)), port.link_up ? 1 : 0);
  }
  return text;
}

}  // namespace coretrack
