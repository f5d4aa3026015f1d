// StartDataplane: from options to running workers.
//
// What for   DataplaneOptions -> EAL, ports, packet pools, a pipeline and a poll loop per worker ->
//            a Dataplane for the control side to look at and talk to.
// Threads    Call StartDataplane(), Stop() and the destructor on one thread: it becomes the control
//            lcore. The rest as dataplane.h says.
// Errors     Everything that fails at start says what, where and the cure; what was begun is
// undone.
//            DPDK itself cannot be started twice in one process.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/io/options.h"
#include "dataplane/worker/dataplane.h"

namespace coretrack {

class Eal;

class RunningDataplane : public Dataplane {
 public:
  // Receives nothing more, lets workers finish what is under way (at most kDrainMs), ends them and
  // stops the ports. Counters and tables stay readable until destruction, which closes the ports
  // and DPDK (and stops, if nobody did). Packets still in flight after kDrainMs are given up, which
  // the log says.
  static constexpr int kDrainMs = 2'000;
  virtual void Stop() = 0;
};

absl::StatusOr<std::unique_ptr<RunningDataplane>> StartDataplane(const DataplaneOptions& options);

// The same on an environment that runs already and outlives it, for tests that start several one
// after the other. The options that concern EAL are ignored.
absl::StatusOr<std::unique_ptr<RunningDataplane>> StartDataplane(const DataplaneOptions& options,
                                                                 Eal* eal);

}  // namespace coretrack
