// RingCable: a port made of two software rings, and the far end of its cable.
//
// What for   coretrack's side is an ordinary DPDK port (net_ring); this side puts frames into it
// and
//            takes out what coretrack sent.
// Threads    Give() and Drain() on one thread. Destroy after the port is closed.
// Errors     kResourceExhausted, kFailedPrecondition when DPDK cannot make the rings or the port.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

struct rte_mbuf;
struct rte_ring;

namespace coretrack::demo {

class RingCable {
 public:
  static constexpr unsigned kPackets = 4096;

  // Makes the port "net_ring_<name>".  REQUIRES: DPDK runs.
  static absl::StatusOr<std::unique_ptr<RingCable>> Create(const std::string& name);
  ~RingCable();
  RingCable(const RingCable&) = delete;
  RingCable& operator=(const RingCable&) = delete;

  std::string device() const { return "net_ring_" + name_; }
  // Frees the packet and returns false when there is no room.
  bool Give(rte_mbuf* packet);
  // Frees everything that coretrack sent out of the port; returns how many packets that were.
  uint64_t Drain();

 private:
  explicit RingCable(std::string name) : name_(std::move(name)) {}

  std::string name_;
  rte_ring* to_port_ = nullptr;
  rte_ring* from_port_ = nullptr;
};

}  // namespace coretrack::demo
