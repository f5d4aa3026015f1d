#include "control/wiring.h"

#include <sys/random.h>

#include <cstdlib>
#include <utility>

namespace coretrack {
namespace {

// As in the config: an enum each, so that a new word there does not compile until it is known here.
tcp::WindowCheck WindowCheckOf(WindowPolicy policy) {
  switch (policy) {
    case WindowPolicy::kCheck:
      return tcp::WindowCheck::kCheck;
    case WindowPolicy::kObserve:
      return tcp::WindowCheck::kObserve;
    case WindowPolicy::kOff:
      return tcp::WindowCheck::kOff;
  }
  std::abort();
}

HugepageUse HugepageUseOf(HugepageMode mode) {
  switch (mode) {
    case HugepageMode::kAuto:
      return HugepageUse::kAuto;
    case HugepageMode::kRequire:
      return HugepageUse::kRequire;
    case HugepageMode::kNever:
      return HugepageUse::kNever;
  }
  std::abort();
}

uint64_t Draw() {
  uint64_t value = 0;
  // 8 bytes come whole, once the kernel's pool is ready.
  while (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
  }
  return value;
}

}  // namespace

Tunables TunablesOf(const Config& config) {
  const TimeoutsConfig& t = config.timeouts;
  Tunables tunables;
  const auto set = [&tunables](tcp::TimeoutClass which, uint32_t ms) {
    tunables.tcp_timeout_ms[static_cast<size_t>(which)] = ms;
  };
  set(tcp::TimeoutClass::kSynSent, t.syn_sent_ms);
  set(tcp::TimeoutClass::kSynRcvd, t.syn_rcvd_ms);
  set(tcp::TimeoutClass::kEstablished, t.established_ms);
  set(tcp::TimeoutClass::kHalfClosed, t.half_closed_ms);
  set(tcp::TimeoutClass::kLastAck, t.last_ack_ms);
  set(tcp::TimeoutClass::kClosing, t.closing_ms);
  set(tcp::TimeoutClass::kTimeWait, t.time_wait_ms());
  set(tcp::TimeoutClass::kAfterReset, t.after_reset_ms);
  set(tcp::TimeoutClass::kMidstream, t.midstream_ms);
  set(tcp::TimeoutClass::kRetransmission, t.retransmission_ms);
  static_assert(tcp::kTimeoutClasses == 10);
  const auto set_datagram = [&tunables](DatagramClass which, uint32_t ms) {
    tunables.datagram_timeout_ms[static_cast<size_t>(which)] = ms;
  };
  set_datagram(DatagramClass::kUdp, t.udp_ms);
  set_datagram(DatagramClass::kUdpStream, t.udp_stream_ms);
  set_datagram(DatagramClass::kIcmp, t.icmp_ms);
  set_datagram(DatagramClass::kSctp, t.sctp_ms);
  set_datagram(DatagramClass::kOther, t.other_ms);
  static_assert(kDatagramClasses == 5);
  tunables.tcp.window = WindowCheckOf(config.tcp.window);
  tunables.tcp.midstream = config.tcp.midstream;
  tunables.drop_invalid = config.tcp.invalid == InvalidPolicy::kDrop;
  tunables.verify_checksums = config.tcp.verify_checksums == ChecksumPolicy::kOn;
  return tunables;
}

DataplaneOptions DataplaneOptionsOf(const Config& config, std::vector<std::string> eal_arguments) {
  DataplaneOptions options;
  options.lcores = config.cpu.lcores;
  options.control_lcore = config.cpu.control_lcore;
  options.idle = config.cpu.idle == IdleMode::kPoll ? IdlePolicy::kSpin : IdlePolicy::kBackoff;
  options.idle_sleep_max_us = config.cpu.idle_sleep_max_us;
  options.hugepages = HugepageUseOf(config.memory.hugepages);
  options.memory_bytes = config.memory.size_bytes;
  options.file_prefix = config.memory.file_prefix;
  options.packet_buffers = config.memory.packet_buffers;
  options.eal_arguments = std::move(eal_arguments);
  for (const PortConfig& port : config.ports) {
    options.ports.push_back(
        {.name = port.name,
         .device = port.device,
         .role = port.mode == PortMode::kMonitor ? PortRole::kMonitor : PortRole::kForward,
         .peer = port.peer,
         .zone = static_cast<uint8_t>(port.zone),
         .promiscuous = port.promiscuous,
         .mtu_bytes = port.mtu_bytes,
         .rx_descriptors = port.rx_descriptors,
         .tx_descriptors = port.tx_descriptors});
  }
  options.capacity_ipv4 = config.flows.capacity;
  options.capacity_ipv6 = config.flows.capacity_ipv6;
  options.half_open_quota_percent = config.flows.half_open_quota_percent;
  options.midstream_quota_percent = config.flows.midstream_quota_percent;
  options.secret = {.k0 = Draw(), .k1 = Draw()};
  options.tunables = TunablesOf(config);
  return options;
}

Server::Options ServerOptionsOf(const Config& config) {
  Server::Options options;
  options.socket = config.api.socket;
  options.http = config.api.http;
  options.max_connections = config.api.max_connections;
  options.allowed_hosts = config.api.allowed_hosts;
  return options;
}

}  // namespace coretrack
