// The routes that show the daemon's own state as JSON: status, stats, workers, ports, drops.
#pragma once

#include <string>

#include "control/api/counters_view.h"
#include "control/api/heartbeats.h"
#include "dataplane/worker/dataplane.h"

namespace coretrack {

// Per second, over the last tick.
struct Rates {
  double received = 0;
  double forwarded = 0;
  double dropped = 0;
  double flows_created = 0;
};

struct StatusFacts {
  uint64_t start_us = 0;
  uint64_t now_us = 0;
  bool ready = false;
  Rates rates;
};

std::string StatusJson(const Dataplane& dataplane, const Heartbeats& heartbeats,
                       const StatusFacts& facts);
std::string StatsJson(const Dataplane& dataplane, const Identity& identity);
std::string WorkersJson(const Dataplane& dataplane, const Heartbeats& heartbeats);
std::string PortsJson(const Dataplane& dataplane);
std::string DropsJson(const Dataplane& dataplane);

}  // namespace coretrack
