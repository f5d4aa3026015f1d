// DataplaneOptions: all that the data plane is started from. The daemon fills it from its
// configuration file, tests by hand; the names follow the file's keys.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/packet/flow_hash.h"
#include "dataplane/worker/idle.h"
#include "dataplane/worker/tunables.h"

namespace coretrack {

// kAuto takes hugepages when enough are free, and says in one line when not.
enum class HugepageUse : uint8_t { kAuto, kRequire, kNever };
// kForward sends what it receives out of its peer; kMonitor only receives.
enum class PortRole : uint8_t { kForward, kMonitor };

struct PortOptions {
  std::string name;
  std::string device;  // PCI address or "driver<n>[,arguments]" of a virtual device
  PortRole role = PortRole::kForward;
  std::string peer;  // name of the port that packets leave by; empty for kMonitor
  uint8_t zone = 0;
  bool promiscuous = true;
  uint32_t mtu_bytes = 1500;
  uint32_t rx_descriptors = 1024;
  uint32_t tx_descriptors = 1024;
};

struct DataplaneOptions {
  enum class Severity : uint8_t { kDebug, kInfo, kWarning, kError };
  // Receives one line at a time, without its newline, from any thread, also from DPDK's own. Not on
  // the packet path.
  using Log = std::function<void(Severity, std::string_view)>;

  std::vector<uint32_t> lcores = {1};  // CPUs, one worker each; may repeat and may hold the next
  uint32_t control_lcore = 0;          // CPU of the thread that starts the data plane
  IdlePolicy idle = IdlePolicy::kBackoff;
  uint32_t idle_sleep_max_us = 1'000;

  HugepageUse hugepages = HugepageUse::kAuto;
  uint64_t memory_bytes = uint64_t{512} << 20;  // what DPDK takes at start
  std::string file_prefix = "coretrack";
  uint32_t packet_buffers = 32 * 1024;  // per NUMA socket
  bool telemetry = true;                // DPDK's own telemetry socket
  // Go behind the generated EAL arguments and take the place of those that say the same: lcores
  // named here become the workers.
  std::vector<std::string> eal_arguments;

  std::vector<PortOptions> ports;

  uint64_t capacity_ipv4 = 1 << 20;  // flows of all workers together
  uint64_t capacity_ipv6 = 1 << 18;
  uint32_t half_open_quota_percent = 50;  // of the capacity
  uint32_t midstream_quota_percent = 25;
  HashSecret secret;        // draw it at start
  uint64_t rss_secret = 0;  // 0: drawn from the system
  Tunables tunables;

  Log log;  // may be empty
};

}  // namespace coretrack
