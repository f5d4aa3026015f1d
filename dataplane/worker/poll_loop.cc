#include "dataplane/worker/poll_loop.h"

#include <rte_atomic.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

#include <optional>

#include "dataplane/worker/packet_order.h"

namespace coretrack {

PollLoop::PollLoop(uint32_t worker, Wiring* wiring, Pipeline* pipeline, CommandMailbox* mailbox,
                   WorkerClock clock, Idle idle)
    : worker_(worker),
      wiring_(wiring),
      pipeline_(pipeline),
      counters_(&pipeline->counters()),
      mailbox_(mailbox),
      clock_(clock),
      idle_(idle),
      to_port_(kMaxPorts),
      to_owner_(wiring->workers),
      to_sender_(wiring->workers) {
  for (uint16_t port = 0; port < kMaxPorts; ++port) {
    const PollPort& p = wiring->ports[port];
    if (worker < p.queues) rx_ports_.push_back(port);
    if (p.queues != 0 && p.peer != PollPort::kNoPeer) tx_ports_.push_back(p.peer);
  }
}

void PollLoop::Run() {
  constexpr uint64_t kSteerEveryUs = 1'000'000;
  LowerTimerSlack();
  clock_.Resume(rte_rdtsc(), WallClockUs());
  uint64_t steer_at_us = 0;
  for (;;) {
    const Phase phase = wiring_->phase.load(std::memory_order_acquire);
    if (phase == Phase::kExit) return;
    const uint64_t sleep_ns = Poll(phase == Phase::kRun, rte_rdtsc());
    if (clock_.now().unix_us >= steer_at_us) {
      clock_.Steer(WallClockUs());
      steer_at_us = clock_.now().unix_us + kSteerEveryUs;
    }
    if (sleep_ns != 0) {
      counters_->idle_sleeps.Add(1);
      SleepNs(sleep_ns);
    }
  }
}

uint64_t PollLoop::Poll(bool receive, uint64_t tsc) {
  const Now now = clock_.Advance(tsc);
  bool more = false;
  uint32_t packets = receive ? FromPorts(now, &more) : 0;
  packets += FromWorkers(now);
  // With more at hand, the last burst's lines come while the next poll's first is taken in.
  if (!more) Finish(now);
  packets += ForSending();
  FlushAll();
  const bool caught_up = pipeline_->Expire(now, kExpireBudget);
  const uint32_t commands = TakeCommands(now);
  Beat(now, packets);
  const bool busy = packets != 0 || commands != 0 || !caught_up;
  if (!busy) rte_pause();
  return idle_.SleepNsAfter(busy);
}

uint32_t PollLoop::FromPorts(Now now, bool* more) {
  uint32_t total = 0;
  for (const uint16_t port : rx_ports_) {
    uint32_t burst = 0;
    for (; burst < kBurstsPerQueue; ++burst) {
      const uint32_t count = rte_eth_rx_burst(port, static_cast<uint16_t>(worker_),
                                              taking_->packets.data(), kMaxBurst);
      if (count == 0) break;
      Batch& batch = *taking_;
      AfterTaking(batch.packets.data(), count);
      batch.filled = FillBurst({batch.packets.data(), count}, port, wiring_->ports, &batch.headers,
                               &batch.burst);
      counters_->received.Add(count);
      counters_->received_bytes.Add(batch.filled.bytes);
      Enter(batch, Origin::kPort, now);
      total += count;
      if (count < kMaxBurst) break;
    }
    *more |= burst == kBurstsPerQueue;
  }
  return total;
}

uint32_t PollLoop::FromWorkers(Now now) {
  if (wiring_->to_owner == nullptr) return 0;
  uint32_t total = 0;
  for (uint32_t from = 0; from < wiring_->workers; ++from) {
    const uint32_t count =
        wiring_->to_owner->Take(worker_, from, taking_->packets.data(), kMaxBurst);
    if (count == 0) continue;
    Batch& batch = *taking_;
    batch.filled = FillBurst({batch.packets.data(), count}, std::nullopt, wiring_->ports,
                             &batch.headers, &batch.burst);
    Enter(batch, Origin::kWorker, now);
    total += count;
  }
  counters_->taken_over.Add(total);
  return total;
}

// The packets of taking_ go in; those that went in before are finished.
void PollLoop::Enter(Batch& batch, Origin origin, Now now) {
  pipeline_->Prepare(&batch.burst, located_ == nullptr ? nullptr : &located_->burst);
  // What a worker gave away comes to its owner.
  if (wiring_->to_owner != nullptr && origin == Origin::kPort) GiveAwayForeign(batch);
  if (batch.burst.fragments) [[unlikely]] {
    Finish(now);  // it may still need what FollowFragments() uses again
    if (origin == Origin::kWorker) TakeWholes(batch);
    FollowFragments(batch, now);
  }
  if (located_ != nullptr) {
    pipeline_->TrackAndLocate(&located_->burst, now, &batch.burst);
    Dispatch(*located_);
  } else {
    pipeline_->Locate(&batch.burst);
  }
  located_ = &batch;
  taking_ = &batch == &batches_[0] ? &batches_[1] : &batches_[0];
}

// Tracks and sends what is located, if there is anything.
void PollLoop::Finish(Now now) {
  if (located_ == nullptr) return;
  pipeline_->Track(&located_->burst, now);
  Dispatch(*located_);
  located_ = nullptr;
}

uint32_t PollLoop::ForSending() {
  if (wiring_->to_sender == nullptr) return 0;
  uint32_t total = 0;
  for (uint32_t from = 0; from < wiring_->workers; ++from) {
    const uint32_t count =
        wiring_->to_sender->Take(worker_, from, taking_->packets.data(), kMaxBurst);
    for (uint32_t i = 0; i < count; ++i) {
      rte_mbuf*& packet = taking_->packets[i];
      Send({&packet, 1}, packet->pkt_len, packet->nb_segs > 1, wiring_->ports[packet->port].peer);
    }
    total += count;
  }
  counters_->taken_over.Add(total);
  return total;
}

void PollLoop::FlushAll() {
  for (const uint16_t port : tx_ports_) FlushPort(port);
  for (uint32_t to = 0; to < wiring_->workers; ++to) {
    FlushRing(wiring_->to_owner.get(), to, &to_owner_[to]);
    FlushRing(wiring_->to_sender.get(), to, &to_sender_[to]);
  }
}

uint32_t PollLoop::TakeCommands(Now now) {
  Command command;
  uint32_t count = 0;
  while (count < kCommandsPerPoll && mailbox_->Pop(&command)) {
    pipeline_->Apply(command, now);
    ++count;
  }
  return count;
}

void PollLoop::Beat(Now now, uint32_t packets) {
  counters_->now_unix_us.Set(now.unix_us);
  counters_->clock_jumps.Set(clock_.jumps());
  if (packets != 0) counters_->busy_polls.Add(1);
  counters_->polls.Add(1);
}

uint64_t InFlight(std::span<const WorkerCounters* const> workers) {
  uint64_t out = 0;
  for (const WorkerCounters* counters : workers) {
    out += counters->forwarded.Read();
    for (const Counter& dropped : counters->dropped) out += dropped.Read();
  }
  rte_smp_rmb();
  uint64_t received = 0;
  for (const WorkerCounters* counters : workers) received += counters->received.Read();
  return received - out;
}

}  // namespace coretrack
