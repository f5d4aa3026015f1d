// FakeDataplane: a Dataplane of bare pipelines, fed with packets made by hand.
//
// Threads  One thread drives (Feed, Poll, Advance), another reads (the Dataplane interface).
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/worker/dataplane.h"
#include "tests/packet/packet_builder.h"

namespace coretrack::testing {

class FakeDataplane : public Dataplane {
 public:
  static constexpr uint64_t kStartUs = 1'767'225'600'000'000;  // 2026-01-01

  explicit FakeDataplane(uint32_t workers = 1, uint32_t capacity = 4096, uint32_t quota = 0) {
    for (uint32_t w = 0; w < workers; ++w) {
      Pipeline::Options options;
      options.worker = static_cast<uint8_t>(w);
      options.capacity_ipv4 = capacity;
      options.capacity_ipv6 = 256;
      options.half_open_quota = quota != 0 ? quota : capacity;
      options.secret = {.k0 = 1, .k1 = 2};
      auto pipeline = Pipeline::Create(options, now());
      if (!pipeline.ok()) throw std::runtime_error(std::string(pipeline.status().message()));
      workers_.push_back(std::make_unique<Worker>());
      workers_.back()->pipeline = *std::move(pipeline);
      workers_.back()->pipeline->counters().now_unix_us.Set(now_us_);
      workers_.back()->pipeline->counters().polls.Add(1);
    }
    port_.name = "left";
    port_.device = "net_ring0";
    port_.driver = "net_ring";
    port_.mode = "forward";
    port_.peer = "right";
  }

  std::vector<WorkerInfo> workers() const override {
    std::vector<WorkerInfo> all;
    for (uint32_t w = 0; w < workers_.size(); ++w) {
      all.push_back({.lcore = w + 1, .pipeline = workers_[w]->pipeline.get()});
    }
    return all;
  }
  std::vector<PortInfo> ports() const override { return {port_}; }
  bool Send(uint32_t worker, const Command& command) override {
    sent_.fetch_add(1);
    return workers_.at(worker)->mailbox.Push(command);
  }
  uint64_t in_flight() const override { return 0; }
  std::string memory_summary() const override { return "4 KiB pages"; }

  Now now() const {
    return {.tick = Tick(static_cast<uint32_t>(now_us_ / 1000)), .unix_us = now_us_};
  }
  Pipeline& pipeline(uint32_t worker) { return *workers_.at(worker)->pipeline; }
  uint64_t sent() const { return sent_.load(); }

  // The driver's.
  void Advance(uint64_t us) { now_us_ += us; }
  void Feed(uint32_t worker, const Bytes& packet) { Feed(worker, &packet, 1); }
  // At most kMaxBurst packets.
  void Feed(uint32_t worker, const Bytes* packets, uint32_t count) {
    Worker& w = *workers_.at(worker);
    Burst& burst = w.burst;
    burst.count = count;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; ++i) {
      burst.data[i] = packets[i].data();
      burst.bytes[i] = static_cast<uint32_t>(packets[i].size());
      burst.wire_bytes[i] = burst.bytes[i];
      burst.zone[i] = 0;
      burst.checksum_known_good[i] = true;
      bytes += packets[i].size();
    }
    WorkerCounters& counters = w.pipeline->counters();
    counters.received.Add(count);
    counters.received_bytes.Add(bytes);
    w.pipeline->Process(&burst, now());
    counters.forwarded.Add(count);
    counters.forwarded_bytes.Add(bytes);
  }
  // One turn of the poll loop without packets.
  void Poll(uint32_t worker) {
    Worker& w = *workers_.at(worker);
    Command command;
    for (int i = 0; i < 16 && w.mailbox.Pop(&command); ++i) w.pipeline->Apply(command, now());
    w.pipeline->Expire(now(), 256);
    w.pipeline->counters().now_unix_us.Set(now_us_);
    w.pipeline->counters().polls.Add(1);
  }

 private:
  struct Worker {
    std::unique_ptr<Pipeline> pipeline;
    CommandMailbox mailbox;
    Burst burst;
  };
  std::vector<std::unique_ptr<Worker>> workers_;
  PortInfo port_;
  std::atomic<uint64_t> sent_{0};
  uint64_t now_us_ = kStartUs;
};

inline Bytes TcpPacket(std::string_view from, uint16_t from_port, std::string_view to,
                       uint16_t to_port, uint8_t flags, uint32_t seq, uint32_t ack) {
  return PacketBuilder()
      .Ethernet()
      .Ipv4(from, to)
      .Tcp({.source_port = from_port,
            .destination_port = to_port,
            .seq = seq,
            .ack = ack,
            .flags = flags})
      .Build();
}

// SYN, SYN+ACK, ACK between 10.0.0.1 and 10.0.0.2.
inline void OpenConnection(FakeDataplane* dataplane, uint32_t worker, uint16_t port,
                           uint16_t to_port = 80) {
  using namespace tcp_flag;
  dataplane->Feed(worker, TcpPacket("10.0.0.1", port, "10.0.0.2", to_port, kSyn, 100, 0));
  dataplane->Feed(worker, TcpPacket("10.0.0.2", to_port, "10.0.0.1", port, kSyn | kAck, 500, 101));
  dataplane->Feed(worker, TcpPacket("10.0.0.1", port, "10.0.0.2", to_port, kAck, 101, 501));
}

}  // namespace coretrack::testing
