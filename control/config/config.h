// Config: what the configuration file says, typed.
//
// What for  One value that the daemon starts from, shows, compares and changes.
// Layout    A struct per TOML table; a field's name is its key with the unit added. Names, units,
//           ranges, defaults and help are in parameter_table.cc and nowhere else: a new Config or
//           PortConfig holds that table's defaults. A section's struct by itself holds zeros and is
//           made only as a part of Config.
// Threads   A plain value. Whoever shares one guards it.
// Limits    The ranges of the table and the rules of validate.h hold for every Config that
//           ParseConfig() returned; a default Config has no ports yet and so is not complete.
// Cost      Start and reload only; nothing here is on the packet path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace coretrack {

// What a worker does when its queues are empty: spin, or sleep for longer and longer.
enum class IdleMode : uint8_t { kPoll, kBackoff };
// kAuto takes hugepages when there are any and says in one line when there are none.
enum class HugepageMode : uint8_t { kAuto, kRequire, kNever };
// kForward sends what it receives out of its peer; kMonitor only receives.
enum class PortMode : uint8_t { kForward, kMonitor };
// kCheck finds segments outside the window invalid; kObserve counts them only; kOff does not look.
enum class WindowPolicy : uint8_t { kCheck, kObserve, kOff };
// What becomes of an invalid packet, beside being counted.
enum class InvalidPolicy : uint8_t { kForward, kDrop };
enum class ChecksumPolicy : uint8_t { kOff, kOn };
enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : uint8_t { kText, kJson };

struct CpuConfig {
  std::vector<uint32_t> lcores;  // one worker each, in this order
  uint32_t control_lcore = 0;
  IdleMode idle = IdleMode::kPoll;
  uint32_t idle_sleep_max_us = 0;
  friend bool operator==(const CpuConfig&, const CpuConfig&) = default;
};

struct MemoryConfig {
  HugepageMode hugepages = HugepageMode::kAuto;
  uint64_t size_bytes = 0;
  std::string file_prefix;
  uint32_t packet_buffers = 0;  // per socket
  friend bool operator==(const MemoryConfig&, const MemoryConfig&) = default;
};

struct PortConfig {
  PortConfig();  // the table's defaults; name and device are empty

  std::string name;
  std::string device;  // PCI address or "driver<n>[,arguments]" of a virtual device
  PortMode mode = PortMode::kForward;
  std::string peer;  // name of the port it sends to; empty for kMonitor
  uint32_t zone = 0;
  bool promiscuous = false;
  uint32_t mtu_bytes = 0;
  uint32_t rx_descriptors = 0;
  uint32_t tx_descriptors = 0;
  friend bool operator==(const PortConfig&, const PortConfig&) = default;
};

struct FlowsConfig {
  uint64_t capacity = 0;  // IPv4 flows of all workers together
  uint64_t capacity_ipv6 = 0;
  uint32_t half_open_quota_percent = 0;  // of the capacity
  uint32_t midstream_quota_percent = 0;
  friend bool operator==(const FlowsConfig&, const FlowsConfig&) = default;
};

struct TimeoutsConfig {
  uint32_t syn_sent_ms = 0;
  uint32_t syn_rcvd_ms = 0;
  uint32_t established_ms = 0;
  uint32_t half_closed_ms = 0;
  uint32_t last_ack_ms = 0;
  uint32_t closing_ms = 0;
  uint32_t msl_ms = 0;
  uint32_t after_reset_ms = 0;
  uint32_t retransmission_ms = 0;
  uint32_t midstream_ms = 0;
  uint32_t udp_ms = 0;
  uint32_t udp_stream_ms = 0;
  uint32_t icmp_ms = 0;
  uint32_t sctp_ms = 0;
  uint32_t other_ms = 0;

  uint32_t time_wait_ms() const { return 2 * msl_ms; }  // RFC 9293 3.6.1
  friend bool operator==(const TimeoutsConfig&, const TimeoutsConfig&) = default;
};

struct TcpConfig {
  WindowPolicy window = WindowPolicy::kCheck;
  InvalidPolicy invalid = InvalidPolicy::kForward;
  bool midstream = false;
  ChecksumPolicy verify_checksums = ChecksumPolicy::kOff;
  friend bool operator==(const TcpConfig&, const TcpConfig&) = default;
};

struct ApiConfig {
  std::string socket;
  std::string http;  // "address:port"; empty: no TCP listener
  uint32_t max_connections = 0;
  std::vector<std::string> allowed_hosts;
  friend bool operator==(const ApiConfig&, const ApiConfig&) = default;
};

struct LogConfig {
  LogLevel level = LogLevel::kDebug;
  LogFormat format = LogFormat::kText;
  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

struct Config {
  Config();  // the table's defaults, no ports

  CpuConfig cpu;
  MemoryConfig memory;
  std::vector<PortConfig> ports;
  FlowsConfig flows;
  TimeoutsConfig timeouts;
  TcpConfig tcp;
  ApiConfig api;
  LogConfig log;
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace coretrack
