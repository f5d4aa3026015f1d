// /metrics: the counters in Prometheus' text format 0.0.4.
//
// Names    coretrack_*, base units, _total for what only grows. Labels: worker, state, reason, port
//          and nothing else; a state's series appears when its first flow does, and stays.
// Why not prometheus-cpp: its registry keeps a second copy of every value behind a lock; ours are
// in
//          the workers already and are written out directly.
// Threads  The API thread.
#pragma once

#include <bitset>
#include <string>

#include "control/api/counters_view.h"
#include "control/api/heartbeats.h"
#include "dataplane/worker/dataplane.h"

namespace coretrack {

class Metrics {
 public:
  std::string Text(const Dataplane& dataplane, const Identity& identity,
                   const Heartbeats& heartbeats, uint64_t start_us);

 private:
  std::bitset<kStateCodes> states_seen_;
};

}  // namespace coretrack
