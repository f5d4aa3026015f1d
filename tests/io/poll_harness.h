// PollHarness: poll loops over two net_ring ports, driven by hand on one thread with a clock of the
// test's own: every interleaving of workers can be had, none depends on time.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/io/port.h"
#include "dataplane/worker/poll_loop.h"
#include "tests/io/eal_environment.h"
#include "tests/io/ring_link.h"

namespace coretrack::testing {

class PollHarness {
 public:
  struct Shape {
    uint32_t workers = 1;
    uint32_t queues = 1;  // of each port
    PortRole role = PortRole::kForward;
    uint32_t ring_packets = 1024;
    uint32_t handover_packets = 1024;
    Tunables tunables = {};
  };
  // The harness's TSC counts microseconds.
  static constexpr uint64_t kTscHz = 1'000'000;
  static constexpr uint64_t kStartUs = 1'700'000'000'000'000;

  explicit PollHarness(const Shape& shape)
      : a("a" + std::to_string(++g_number), shape.queues, shape.ring_packets),
        b("b" + std::to_string(g_number), shape.queues, shape.ring_packets),
        pools_(4096, 1500) {
    const bool forwards = shape.role == PortRole::kForward;
    Attach("a", a, forwards ? "b" : "", shape.role);
    Attach("b", b, forwards ? "a" : "", shape.role);
    wiring.workers = shape.workers;
    wiring.owners = OwnerMap(0x6d5a, shape.workers, 128);
    if (shape.workers > 1)
      wiring.to_owner = *Handover::Create(shape.workers, shape.handover_packets);
    if (shape.queues < shape.workers) {
      wiring.to_sender = *Handover::Create(shape.workers, shape.handover_packets);
    }
    for (size_t i = 0; i < 2; ++i) {
      const absl::Status started = ports_[i]->Start(shape.workers, wiring.owners, &pools_);
      if (!started.ok()) throw std::runtime_error(started.ToString());
      wiring.ports[ports_[i]->id()] = {.peer = forwards ? ports_[1 - i]->id() : PollPort::kNoPeer,
                                       .queues = static_cast<uint16_t>(ports_[i]->queues()),
                                       .zone = 0,
                                       .sends_segments = ports_[i]->sends_segments()};
    }
    for (uint32_t w = 0; w < shape.workers; ++w) AddWorker(w, shape.tunables);
  }

  // One round of one worker, `step_us` after the one before.
  uint64_t Poll(uint32_t worker, uint64_t step_us = 10, bool receive = true) {
    return loops_[worker]->Poll(receive, tsc_ += step_us);
  }
  // Rounds of all workers in turn.
  void Poll() {
    for (uint32_t w = 0; w < loops_.size(); ++w) Poll(w);
  }
  // Until nothing is in flight any more.
  void Settle() {
    for (int i = 0; i < 8; ++i) Poll();
  }

  const WorkerCounters& counters(uint32_t worker) const { return pipelines_[worker]->counters(); }
  Pipeline& pipeline(uint32_t worker) { return *pipelines_[worker]; }
  CommandMailbox& mailbox(uint32_t worker) { return *mailboxes_[worker]; }
  uint16_t port_id(int i) const { return ports_[i]->id(); }

  uint64_t Sum(Counter WorkerCounters::*counter) const {
    uint64_t sum = 0;
    for (const auto& pipeline : pipelines_) sum += (pipeline->counters().*counter).Read();
    return sum;
  }
  uint64_t Dropped(Drop reason) const {
    uint64_t sum = 0;
    for (const auto& p : pipelines_)
      sum += p->counters().dropped[static_cast<size_t>(reason)].Read();
    return sum;
  }
  uint64_t DroppedAll() const {
    uint64_t sum = 0;
    for (int r = 0; r < static_cast<int>(Drop::kCount); ++r) sum += Dropped(static_cast<Drop>(r));
    return sum;
  }
  uint64_t InFlight() const {
    std::vector<const WorkerCounters*> all;
    for (const auto& pipeline : pipelines_) all.push_back(&pipeline->counters());
    return coretrack::InFlight(all);
  }

  RingLink a, b;
  Wiring wiring;

 private:
  static inline int g_number = 0;

  void Attach(const std::string& name, const RingLink& link, const std::string& peer,
              PortRole role) {
    auto port = Port::Attach({.name = name, .device = link.device(), .role = role, .peer = peer},
                             &TestEal().log());
    if (!port.ok()) throw std::runtime_error(port.status().ToString());
    ports_.push_back(*std::move(port));
  }
  void AddWorker(uint32_t number, const Tunables& tunables) {
    const WorkerClock clock(kTscHz, tsc_, kStartUs);
    Pipeline::Options options{.worker = static_cast<uint8_t>(number),
                              .capacity_ipv4 = 4096,
                              .capacity_ipv6 = 1024,
                              .secret = {3, 4},
                              .tunables = tunables};
    pipelines_.push_back(*Pipeline::Create(options, clock.now()));
    mailboxes_.push_back(std::make_unique<CommandMailbox>());
    loops_.push_back(std::make_unique<PollLoop>(number, &wiring, pipelines_.back().get(),
                                                mailboxes_.back().get(), clock,
                                                Idle(IdlePolicy::kBackoff, 1000)));
  }

  PacketPools pools_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<std::unique_ptr<Pipeline>> pipelines_;
  std::vector<std::unique_ptr<CommandMailbox>> mailboxes_;
  std::vector<std::unique_ptr<PollLoop>> loops_;
  uint64_t tsc_ = 0;
};

}  // namespace coretrack::testing
