// FlowScan: walks the flows of all workers, in slices, from the control thread.
//
// What for  Dumps, filters, counts, deletes. Reads the workers' memory through their sequence locks
//           (FlowTable::Read); no message goes to a worker and none is slowed.
// Promise   A flow never changes its slot, and a scan looks at every slot once: a flow that is
// there
//           from the scan's start to its end is seen exactly once. One that comes or goes meanwhile
//           may be seen or not. A flow past its deadline is not shown: to look-ups it is absent.
// Cursor    Where a scan stopped, as text ("worker.slot"): a later scan goes on from there with the
//           same promise. Good for one run of the daemon.
// Threads   One owner; any thread beside the workers.
// Cost      README.md, "Measured".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/query/filter.h"
#include "dataplane/worker/dataplane.h"

namespace coretrack {

class FlowScan {
 public:
  // False stops the scan behind this flow.
  using Visitor = std::function<bool(const FlowRecord&)>;

  // `workers` and `tunables` as they are now; the pipelines outlive the scan.
  FlowScan(std::vector<WorkerInfo> workers, const Tunables& tunables, Filter filter)
      : workers_(std::move(workers)), tunables_(tunables), filter_(std::move(filter)) {}

  // Goes on where another scan stopped.  kInvalidArgument: not a cursor of this run.
  absl::Status Seek(std::string_view cursor);

  // Looks at up to `slots` slots and shows the flows that match.
  void Run(uint32_t slots, const Visitor& visit);
  // Nothing is left.
  bool done() const { return worker_ == workers_.size(); }
  std::string cursor() const;

 private:
  std::vector<WorkerInfo> workers_;
  Tunables tunables_;
  Filter filter_;
  // The next slot to look at: of worker `worker_`, IPv4 slots before IPv6 ones.
  size_t worker_ = 0;
  uint32_t slot_ = 0;
};

// The worker's own clock, or the system's while the worker has not read it yet.
Now ClockOf(const Pipeline& pipeline);

// One flow by its id: kNotFound when it is over or never was.
absl::StatusOr<FlowRecord> FindFlow(const std::vector<WorkerInfo>& workers,
                                    const Tunables& tunables, FlowId id);

}  // namespace coretrack
