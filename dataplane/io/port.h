// Port: one DPDK port, from its device's name to clean stop.
//
// What for  Attach() finds the device or plugs it in; Start() gives it queues, buffers, RSS and
//           offloads: always what the device offers of it, never more.
// Threads   Control side only, and Start() and Stop() only while no worker runs. Workers use the
//           port's number.
// Errors    Every one names the port, its device, the step that failed and the cure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/io/device.h"
#include "dataplane/io/dpdk_log.h"
#include "dataplane/io/options.h"
#include "dataplane/io/packet_pools.h"
#include "dataplane/worker/dataplane.h"
#include "dataplane/worker/owner.h"

namespace coretrack {

class Port {
 public:
  static absl::StatusOr<std::unique_ptr<Port>> Attach(const PortOptions& options, DpdkLog* log);
  // Stops and closes; unplugs what Attach() plugged in, and leaves a virtual device that was there
  // already to whoever made it.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // One rx and one tx queue per worker, or as many as the device has.
  absl::Status Start(uint32_t workers, const OwnerMap& owners, PacketPools* pools);
  // Packets in its queues are freed.
  void Stop();

  const PortOptions& options() const { return options_; }
  uint16_t id() const { return id_; }
  int socket() const;  // negative: none in particular
  // After Attach(): entries of the RSS redirection table, 0 for none.
  uint32_t reta_entries() const { return reta_entries_; }
  // How many queues of each kind the device would give to so many workers.
  uint32_t QueuesFor(uint32_t workers) const;
  // After Start().
  uint32_t queues() const { return static_cast<uint32_t>(info_.queues); }
  bool sends_segments() const { return sends_segments_; }

  // Packet buffers that its queues may hold at once.
  uint64_t BuffersFor(uint32_t workers) const;

  // What stays the same, and the device's counters as they are now (as they were at Stop()).
  PortInfo Info();

 private:
  Port(const PortOptions& options, Device device, DpdkLog* log)
      : options_(options), device_(std::move(device)), log_(log) {}

  absl::Status Failure(const std::string& step, int error, const std::string& cure) const;
  absl::Status ReadLimits();
  absl::Status Configure(uint32_t workers, const OwnerMap& owners);
  absl::Status SetUpQueues(PacketPools* pools);
  absl::Status SetMtuAndMode();

  const PortOptions options_;
  const Device device_;
  DpdkLog* const log_;
  bool plugged_in_ = false;  // by us
  bool started_ = false;
  bool attached_ = false;
  uint16_t id_ = 0;
  uint32_t max_rx_queues_ = 0, max_tx_queues_ = 0;
  uint32_t reta_entries_ = 0;
  std::vector<uint8_t> rss_key_;
  bool sends_segments_ = false;
  PortInfo info_;
};

}  // namespace coretrack
