// PollLoop: one worker's endless round: receive, track, send, expire, obey, rest.
//
// What for   The DPDK end of the packet path. Everything about flows is in Pipeline; here mbufs
//            come in, and each of them is sent, dropped or handed over exactly once.
// Threads    Run() and Poll() on the worker's thread. The mailbox is the way in for others.
// Invariant  A packet is counted as received before it is counted as anything else, and release
//            fences stand between: a reader that reads forwarded and dropped of all workers first,
//            then received, never finds more out than in (see InFlight()).
// Order      Bursts overlap: while one is tracked, the next one is located, and its lines are on their way
//            while the one after it is parsed (Pipeline, "The stages"). A poll finishes all that it
//            took in, but for the last burst of a poll that left packets behind.
// Limits     Per poll: kBurstsPerQueue bursts from each queue, one from each ring, kExpireBudget wheel
//            filings, kCommandsPerPoll commands, kSendTries fruitless tries a send. No allocation.
// Errors     None: what goes wrong with a packet is a counted Drop.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/worker/clock.h"
#include "dataplane/worker/dataplane.h"
#include "dataplane/worker/fill.h"
#include "dataplane/worker/idle.h"
#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/whole_note.h"
#include "dataplane/worker/wiring.h"

struct rte_mbuf;

namespace coretrack {

class PollLoop {
 public:
  static constexpr uint32_t kBurstsPerQueue = 4;
  static constexpr uint32_t kExpireBudget = 96;
  static constexpr uint32_t kCommandsPerPoll = 4;
  static constexpr uint32_t kSendTries = 8;

  // All outlive it. Packets are taken from queue `worker` of each port that has one.
  PollLoop(uint32_t worker, Wiring* wiring, Pipeline* pipeline, CommandMailbox* mailbox,
           WorkerClock clock, Idle idle);

  // Until wiring->phase is kExit.
  void Run();

  // One round; receives only if `receive`. Returns how long the worker may sleep now.
  uint64_t Poll(bool receive, uint64_t tsc);

 private:
  // Packets on their way through the pipeline.
  struct Batch {
    Burst burst;
    std::array<rte_mbuf*, kMaxBurst> packets;
    HeaderCopies headers;
    Filled filled;
  };
  // Packets on their way to one place: a port's tx queue or another worker's ring.
  struct Outgoing {
    std::array<rte_mbuf*, kMaxBurst> packets;
    uint32_t count = 0;
    uint64_t bytes = 0;  // of to_port_'s: all of their pkt_len
  };

  // Stages, in the order of a poll. The numbers that they return are packets or commands.
  uint32_t FromPorts(Now now, bool* more);  // `more`: a port may have more packets
  enum class Origin : uint8_t { kPort, kWorker };
  void Enter(Batch& batch, Origin origin, Now now);
  uint32_t FromWorkers(Now now);
  uint32_t ForSending();
  void Finish(Now now);
  void FlushAll();
  uint32_t TakeCommands(Now now);
  void Beat(Now now, uint32_t packets);

  // poll_packets.cc: what becomes of the packets that were taken.
  void GiveAwayForeign(Batch& batch);
  void FollowFragments(Batch& batch, Now now);
  bool NoteWhole(Batch& batch, uint32_t i);
  void TakeWholes(Batch& batch);
  void Dispatch(Batch& batch);
  void DispatchEach(Batch& batch);
  void Send(std::span<rte_mbuf*> packets, uint64_t bytes, bool segmented, uint16_t port);
  void FlushPort(uint16_t port);
  void FlushRing(Handover* rings, uint32_t to, Outgoing* out);
  void Discard(std::span<rte_mbuf*> packets, Drop reason);

  uint32_t worker_;
  Wiring* wiring_;
  Pipeline* pipeline_;
  WorkerCounters* counters_;
  CommandMailbox* mailbox_;
  WorkerClock clock_;
  Idle idle_;
  std::vector<uint16_t> rx_ports_;  // those with a queue of this worker
  std::vector<uint16_t> tx_ports_;  // those that some port forwards to

  std::array<Batch, 2> batches_;
  Batch* taking_ = &batches_[0];  // the next packets come here
  Batch* located_ = nullptr;      // the other one, when it is to be tracked
  WholeNote whole_note_;
  std::vector<Outgoing> to_port_;    // by port id
  std::vector<Outgoing> to_owner_;   // by worker
  std::vector<Outgoing> to_sender_;  // by worker
};

// received - forwarded - dropped over all workers, read in the order that keeps it from going below
// zero.
uint64_t InFlight(std::span<const WorkerCounters* const> workers);

}  // namespace coretrack
