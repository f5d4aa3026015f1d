// Dataplane: what the control side sees of the running data plane. io/ implements it over DPDK,
// tests over bare pipelines.
//
// Threads  Everything here may be called from the control threads; Send() from one of them at a
//          time per worker.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/mailbox.h"
#include "dataplane/worker/pipeline.h"

namespace coretrack {

using CommandMailbox = Mailbox<Command, 1024>;

struct WorkerInfo {
  uint32_t lcore = 0;
  const Pipeline* pipeline = nullptr;  // counters(), table() and options() only
};

struct PortInfo {
  std::string name;    // of the configuration
  std::string device;  // PCI address or vdev
  std::string driver;
  std::string mode;  // "forward" or "monitor"
  std::string peer;  // empty for a monitor port
  uint8_t zone = 0;
  std::string mac;
  uint32_t mtu_bytes = 0;
  uint32_t queues = 0;
  bool link_up = false;
  uint32_t link_speed_mbps = 0;  // 0: unknown
  bool symmetric_rss = false;
  bool rx_checksum_offload = false;
  // The device's own counters (rte_eth_stats).
  uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
  uint64_t rx_missed = 0, rx_errors = 0, tx_errors = 0, rx_no_buffer = 0;
};

class Dataplane {
 public:
  virtual ~Dataplane() = default;
  virtual std::vector<WorkerInfo> workers() const = 0;
  virtual std::vector<PortInfo> ports() const = 0;
  // Puts a command into a worker's mailbox. False: it is full, try again in a moment.
  virtual bool Send(uint32_t worker, const Command& command) = 0;
  // Packets neither forwarded nor dropped yet: in the rings between workers and in bursts under
  // way.
  virtual uint64_t in_flight() const = 0;
  // "2 MiB huge pages", ...: where the mbufs and the flow tables live.
  virtual std::string memory_summary() const = 0;
};

}  // namespace coretrack
