// DpdkDataplane: the running whole: ports, wiring, workers.
//
// Invariants 1. Workers run between Launch() and Stop() and at no other time.
//            2. Members are destroyed in the reverse order of their use of each other: workers,
//               rings, ports, pools, EAL.
// Threads    See start.h. ports() serializes its callers: drivers' counters are not for two at
// once.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/link_watch.h"
#include "dataplane/io/packet_pools.h"
#include "dataplane/io/port.h"
#include "dataplane/io/start.h"
#include "dataplane/worker/poll_loop.h"

namespace coretrack {

class DpdkDataplane final : public RunningDataplane {
 public:
  // `own_eal` may be null when `eal` belongs to the caller.
  DpdkDataplane(const DataplaneOptions& options, Eal* eal, std::unique_ptr<Eal> own_eal);
  ~DpdkDataplane() override;

  // Once, before anything else. After an error only the destructor may be called.
  absl::Status Start();
  void Stop() override;

  std::vector<WorkerInfo> workers() const override;
  std::vector<PortInfo> ports() const override;
  bool Send(uint32_t worker, const Command& command) override;
  uint64_t in_flight() const override;
  std::string memory_summary() const override;

 private:
  // One worker. Made on its own lcore, so that its memory is first touched there.
  struct Worker {
    uint32_t number = 0;
    uint32_t lcore = 0;  // EAL's number
    DpdkDataplane* dataplane = nullptr;
    absl::Status status;
    std::unique_ptr<Pipeline> pipeline;
    std::unique_ptr<CommandMailbox> mailbox;
    std::unique_ptr<PollLoop> loop;
    // Written by the lcore as its last act, read by who joins it: orders all that it did before.
    std::atomic<bool> done{false};
  };

  // Start's steps, in their order.
  absl::Status AttachPorts();
  absl::Status Wire();
  absl::Status CheckBuffers();
  absl::Status MakeWorkers();
  absl::Status StartPorts();
  absl::Status Launch();

  absl::Status OnWorkers(int (*function)(void*));  // `function` sets Worker::done
  absl::Status MakeWorker(Worker* worker) const;
  void JoinWorkers();

  const DataplaneOptions options_;
  std::unique_ptr<Eal> own_eal_;
  Eal* const eal_;
  std::unique_ptr<PacketPools> pools_;
  mutable absl::Mutex ports_mutex_;
  std::vector<std::unique_ptr<Port>> ports_ ABSL_GUARDED_BY(ports_mutex_);
  Wiring wiring_;
  std::vector<Worker> workers_;
  std::unique_ptr<LinkWatch> links_ ABSL_GUARDED_BY(ports_mutex_);
  bool running_ = false;
};

}  // namespace coretrack
