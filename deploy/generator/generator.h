// Generator: a crowd of made-up connections, played in real time into two ports.
//
// What for  Clients are behind the west cable, servers behind the east one. Every connection
// follows
//           a Script; new ones begin at a steady rate.
// Threads   Play() on one thread, which owns the cables meanwhile. Stop() from any.
// Limits    kMaxConnections at once; beyond that no new ones begin.
// Errors    A segment that finds no buffer or no room is not sent: as on a network that loses one.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <vector>

#include "deploy/generator/ring_cable.h"
#include "deploy/generator/script.h"
#include "deploy/generator/segment.h"

struct rte_mempool;

namespace coretrack::demo {

class Generator {
 public:
  static constexpr size_t kMaxConnections = 4096;

  // All outlive it.
  Generator(RingCable* west, RingCable* east, rte_mempool* pool, uint32_t connections_per_second,
            uint32_t seed);

  // Until Stop().
  void Play();
  void Stop() { stopping_.store(true, std::memory_order_relaxed); }

 private:
  struct Connection {
    bool ipv6 = false;
    Host client, server;
    uint32_t next_client = 0, next_server = 0;  // sequence numbers
    bool server_spoke = false;
    std::vector<Step> steps;
    size_t at = 0;
    uint64_t due_ms = 0;
  };

  void Begin(uint64_t now_ms);
  // Sends the connection's next segment. False: that was the last one.
  bool Advance(Connection* connection, uint64_t now_ms);
  void Send(const Segment& segment, RingCable* cable);

  RingCable* west_;
  RingCable* east_;
  rte_mempool* pool_;
  uint32_t connections_per_second_;
  std::mt19937 random_;
  uint16_t next_port_ = 32768;
  std::vector<Connection> connections_;
  std::atomic<bool> stopping_{false};
};

}  // namespace coretrack::demo
