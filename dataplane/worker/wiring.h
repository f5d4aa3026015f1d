// Wiring: what all workers know in common: the ports, who owns what, and the rings between them.
//
// Threads  Made before the workers start and constant from then on, but for `phase` (written by the
//          control side, read by workers) and `port_down` (written by the link watch, read by
//          workers and control).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/base/limits.h"
#include "dataplane/worker/handover.h"
#include "dataplane/worker/owner.h"

namespace coretrack {

struct PollPort {
  static constexpr uint16_t kNoPeer = 0xffff;

  uint16_t peer = kNoPeer;  // the port that packets of this one leave by; kNoPeer: it only listens
  uint16_t queues = 0;      // worker w has rx and tx queue w when w < queues; 0: not one of ours
  uint8_t zone = 0;
  bool sends_segments = false;  // takes packets of several segments
};

// kDrain: workers receive nothing new and finish what is under way.
enum class Phase : uint8_t { kRun, kDrain, kExit };

struct Wiring {
  uint32_t workers = 1;
  std::array<PollPort, kMaxPorts> ports;  // by DPDK's port id
  OwnerMap owners;
  std::unique_ptr<Handover> to_owner;   // null: there is one worker
  std::unique_ptr<Handover> to_sender;  // null: every worker has a tx queue of every port
  std::atomic<Phase> phase{Phase::kRun};
  std::array<std::atomic<bool>, kMaxPorts> port_down{};

  // Which worker sends for `worker` on a port: itself where there are queues enough.
  static uint32_t SenderOf(const PollPort& port, uint32_t worker) {
    return worker < port.queues ? worker : worker % port.queues;
  }
};

}  // namespace coretrack
