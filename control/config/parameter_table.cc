#include "control/config/parameter_table.h"

#include <array>

#include "control/config/text_rules.h"
#include "dataplane/base/limits.h"

namespace coretrack {
namespace {

using enum ValueType;
using enum Applies;

// In the order of the enums of config.h.
constexpr const char* kIdleModes[] = {"poll", "backoff"};
constexpr const char* kHugepageModes[] = {"auto", "require", "never"};
constexpr const char* kPortModes[] = {"forward", "monitor"};
constexpr const char* kWindowPolicies[] = {"check", "observe", "off"};
constexpr const char* kInvalidPolicies[] = {"forward", "drop"};
constexpr const char* kChecksumPolicies[] = {"off", "on"};
constexpr const char* kLogLevels[] = {"debug", "info", "warning", "error"};
constexpr const char* kLogFormats[] = {"text", "json"};

constexpr uint64_t kKi = 1024;
constexpr uint64_t kMi = 1024 * kKi;
constexpr uint64_t kGi = 1024 * kMi;
constexpr uint64_t kTi = 1024 * kGi;

constexpr uint64_t kMinTimeoutMs = 100;
constexpr uint64_t kMinMslMs = 30'000;
constexpr uint64_t kMaxMslMs = 120'000;
static_assert(2 * kMaxMslMs <= kMaxTimeoutMs);
static_assert(kMaxTimeoutMs < (uint64_t{1} << 31), "Ticks compare below 2^31 ms");
constexpr uint64_t kMaxTextBytes = 1024;
constexpr uint64_t kMaxNameBytes = 32;

// An enum's underlying byte may be written through a uint8_t*, which may alias anything.
template <typename Enum>
Field ChoiceOf(Enum& value) {
  static_assert(sizeof(Enum) == 1);
  return Choice{reinterpret_cast<uint8_t*>(&value)};
}

// A row of [timeouts] but msl.
constexpr Parameter Timeout(const char* name, const char* default_text, const char* help) {
  return {name,  kDuration, Unit::kMilliseconds, kMinTimeoutMs, kMaxTimeoutMs, default_text,
          kLive, help};
}

constexpr auto kParameters = std::to_array<Row<Config>>({
    {{"cpu.lcores", kCpuList, Unit::kCpus, 1, kMaxWorkers, "1", kRestart,
      "CPUs that workers run on, one worker each; choose CPUs of the NIC's NUMA node that nothing "
      "else uses."},
     [](Config& c) -> Field { return &c.cpu.lcores; }},
    {{"cpu.control_lcore", kCount, Unit::kNone, 0, kMaxLcores - 1, "0", kRestart,
      "CPU that the API, logging and all other control work runs on; not one of cpu.lcores, unless "
      "there is one only."},
     [](Config& c) -> Field { return &c.cpu.control_lcore; }},
    {{"cpu.idle", kChoice, Unit::kNone, 0, 0, "backoff", kRestart,
      "What a worker without packets does: \"backoff\" sleeps longer and longer, \"poll\" keeps "
      "spinning for the lowest latency and burns its CPU.",
      kIdleModes},
     [](Config& c) -> Field { return ChoiceOf(c.cpu.idle); }},
    {{"cpu.idle_sleep_max", kDuration, Unit::kMicroseconds, 1, 10'000, "1ms", kRestart,
      "Longest sleep of an idle worker, and so the most that back-off delays a first packet."},
     [](Config& c) -> Field { return &c.cpu.idle_sleep_max_us; }},

    {{"memory.hugepages", kChoice, Unit::kNone, 0, 0, "auto", kRestart,
      "\"auto\" takes hugepages when the machine has them and says so when not, \"require\" "
      "refuses "
      "to start without them, \"never\" leaves them alone.",
      kHugepageModes},
     [](Config& c) -> Field { return ChoiceOf(c.memory.hugepages); }},
    {{"memory.size", kSize, Unit::kBytes, 64 * kMi, kTi, "512M", kRestart,
      "Memory that DPDK takes at start for packet buffers and queues; the flow tables are "
      "allocated "
      "besides, by flows.capacity."},
     [](Config& c) -> Field { return &c.memory.size_bytes; }},
    {{"memory.file_prefix",
      kText,
      Unit::kNone,
      1,
      kMaxNameBytes,
      "coretrack",
      kRestart,
      "Name under which DPDK keeps its run-time files; two daemons on one machine need two.",
      {},
      WordComplaint},
     [](Config& c) -> Field { return &c.memory.file_prefix; }},
    {{"memory.packet_buffers", kCount, Unit::kPackets, kKi, 16 * kMi, "32K", kRestart,
      "Packet buffers per NUMA socket, about 2.3 KiB each; enough for every descriptor of the "
      "socket's ports and a burst per worker."},
     [](Config& c) -> Field { return &c.memory.packet_buffers; }},

    {{"flows.capacity", kCount, Unit::kFlows, kKi, kMaxFlowsPerWorker, "1M", kRestart,
      "IPv4 flows that all workers together can hold; allocated at start, about 115 bytes each."},
     [](Config& c) -> Field { return &c.flows.capacity; }},
    {{"flows.capacity_ipv6", kCount, Unit::kFlows, kKi, kMaxFlowsPerWorker, "256K", kRestart,
      "IPv6 flows that all workers together can hold; allocated at start, about 150 bytes each."},
     [](Config& c) -> Field { return &c.flows.capacity_ipv6; }},
    {{"flows.half_open_quota", kPercent, Unit::kPercent, 1, 100, "50%", kRestart,
      "Share of the capacity that unconfirmed flows may take: TCP without a finished handshake, "
      "UDP "
      "and others without an answer; beyond it the oldest of them give way, never an established "
      "flow."},
     [](Config& c) -> Field { return &c.flows.half_open_quota_percent; }},
    {{"flows.midstream_quota", kPercent, Unit::kPercent, 1, 100, "25%", kRestart,
      "Share of the capacity that flows picked up in mid-stream may take before both sides spoke."},
     [](Config& c) -> Field { return &c.flows.midstream_quota_percent; }},

    {Timeout("timeouts.syn_sent", "60s", "TCP: a SYN was seen and no answer yet."),
     [](Config& c) -> Field { return &c.timeouts.syn_sent_ms; }},
    {Timeout("timeouts.syn_rcvd", "60s", "TCP: SYN and SYN+ACK were seen and no third ACK yet."),
     [](Config& c) -> Field { return &c.timeouts.syn_rcvd_ms; }},
    {Timeout("timeouts.established", "5d", "TCP: both sides are established and silent."),
     [](Config& c) -> Field { return &c.timeouts.established_ms; }},
    {Timeout("timeouts.half_closed", "15m",
             "TCP: one side has sent FIN and the other may still send data."),
     [](Config& c) -> Field { return &c.timeouts.half_closed_ms; }},
    {Timeout("timeouts.last_ack", "30s",
             "TCP: both sides have closed and the last FIN is not acknowledged yet."),
     [](Config& c) -> Field { return &c.timeouts.last_ack_ms; }},
    {Timeout("timeouts.closing", "30s",
             "TCP: both sides closed at once and a FIN is not acknowledged yet."),
     [](Config& c) -> Field { return &c.timeouts.closing_ms; }},
    {{"timeouts.msl", kDuration, Unit::kMilliseconds, kMinMslMs, kMaxMslMs, "60s", kLive,
      "TCP: maximum segment lifetime; a closed connection stays in TIME_WAIT for twice as long."},
     [](Config& c) -> Field { return &c.timeouts.msl_ms; }},
    {Timeout("timeouts.after_reset", "10s", "TCP: an exact RST has ended the connection."),
     [](Config& c) -> Field { return &c.timeouts.after_reset_ms; }},
    {Timeout("timeouts.retransmission", "5m",
             "TCP: a side keeps retransmitting and gets no answer."),
     [](Config& c) -> Field { return &c.timeouts.retransmission_ms; }},
    {Timeout("timeouts.midstream", "5m",
             "TCP: picked up in mid-stream, until both sides have spoken."),
     [](Config& c) -> Field { return &c.timeouts.midstream_ms; }},
    {Timeout("timeouts.udp", "30s", "UDP: only one side has spoken."),
     [](Config& c) -> Field { return &c.timeouts.udp_ms; }},
    {Timeout("timeouts.udp_stream", "2m", "UDP: both sides have spoken."),
     [](Config& c) -> Field { return &c.timeouts.udp_stream_ms; }},
    {Timeout("timeouts.icmp", "30s", "ICMP and ICMPv6 echo, since the last packet."),
     [](Config& c) -> Field { return &c.timeouts.icmp_ms; }},
    {Timeout("timeouts.sctp", "210s", "SCTP, since the last packet."),
     [](Config& c) -> Field { return &c.timeouts.sctp_ms; }},
    {Timeout("timeouts.other", "10m", "Any other protocol, since the last packet."),
     [](Config& c) -> Field { return &c.timeouts.other_ms; }},

    {{"tcp.window", kChoice, Unit::kNone, 0, 0, "check", kLive,
      "\"check\" makes segments outside the window invalid, \"observe\" only counts them, \"off\" "
      "does not look.",
      kWindowPolicies},
     [](Config& c) -> Field { return ChoiceOf(c.tcp.window); }},
    {{"tcp.invalid", kChoice, Unit::kNone, 0, 0, "forward", kLive,
      "What becomes of a packet judged invalid, which is counted and moves no state either way.",
      kInvalidPolicies},
     [](Config& c) -> Field { return ChoiceOf(c.tcp.invalid); }},
    {{"tcp.midstream", kBool, Unit::kNone, 0, 0, "true", kLive,
      "Whether a connection whose SYN was not seen is tracked from its first segment on."},
     [](Config& c) -> Field { return &c.tcp.midstream; }},
    {{"tcp.verify_checksums", kChoice, Unit::kNone, 0, 0, "off", kLive,
      "\"on\" verifies TCP checksums that the NIC did not vouch for; a wrong one moves no state. "
      "Leave \"off\" where hosts offload checksums to a virtual device, which never fills them in.",
      kChecksumPolicies},
     [](Config& c) -> Field { return ChoiceOf(c.tcp.verify_checksums); }},

    {{"api.socket",
      kText,
      Unit::kNone,
      1,
      kMaxSocketPathBytes,
      "/run/coretrack/api.sock",
      kRestart,
      "Unix socket of the API with all rights that its file mode (0660) gives; made at start.",
      {},
      PathComplaint},
     [](Config& c) -> Field { return &c.api.socket; }},
    {{"api.http",
      kText,
      Unit::kNone,
      0,
      kMaxTextBytes,
      "127.0.0.1:9410",
      kRestart,
      "Address and port of the read-only API and the metrics; \"\" for none.",
      {},
      ListenComplaint},
     [](Config& c) -> Field { return &c.api.http; }},
    {{"api.max_connections", kCount, Unit::kConnections, 1, 4096, "64", kRestart,
      "API connections at once on each listener; more are turned away."},
     [](Config& c) -> Field { return &c.api.max_connections; }},
    {{"api.allowed_hosts",
      kTextList,
      Unit::kNone,
      1,
      64,
      "localhost, 127.0.0.1, [::1]",
      kRestart,
      "Host names, without port, that an HTTP request may be addressed to; keeps web pages from "
      "reaching the API through a name of theirs.",
      {},
      HostComplaint},
     [](Config& c) -> Field { return &c.api.allowed_hosts; }},

    {{"log.level", kChoice, Unit::kNone, 0, 0, "info", kLive,
      "Least severe message that is logged.", kLogLevels},
     [](Config& c) -> Field { return ChoiceOf(c.log.level); }},
    {{"log.format", kChoice, Unit::kNone, 0, 0, "text", kRestart,
      "\"text\" for people and the journal, \"json\" for one object a line.", kLogFormats},
     [](Config& c) -> Field { return ChoiceOf(c.log.format); }},
});

constexpr auto kPortParameters = std::to_array<Row<PortConfig>>({
    {{"name",
      kText,
      Unit::kNone,
      1,
      kMaxNameBytes,
      "",
      kRestart,
      "Name of the port in answers, metrics and messages; required, unique.",
      {},
      WordComplaint},
     [](PortConfig& p) -> Field { return &p.name; }},
    {{"device",
      kText,
      Unit::kNone,
      1,
      kMaxTextBytes,
      "",
      kRestart,
      "PCI address (\"0000:01:00.0\") or virtual device (\"net_af_packet0,iface=eth0\"); required.",
      {},
      DeviceComplaint},
     [](PortConfig& p) -> Field { return &p.device; }},
    {{"mode", kChoice, Unit::kNone, 0, 0, "forward", kRestart,
      "\"forward\" sends every packet on to the peer, \"monitor\" only listens, as at a mirror "
      "port.",
      kPortModes},
     [](PortConfig& p) -> Field { return ChoiceOf(p.mode); }},
    {{"peer",
      kText,
      Unit::kNone,
      0,
      kMaxNameBytes,
      "",
      kRestart,
      "Name of the port that packets leave by, which names this one in turn; required in mode "
      "\"forward\", absent in mode \"monitor\".",
      {},
      WordComplaint},
     [](PortConfig& p) -> Field { return &p.peer; }},
    {{"zone", kCount, Unit::kNone, 0, kMaxZones - 1, "0", kRestart,
      "Keeps equal addresses of different port pairs apart; the same on both ports of a pair."},
     [](PortConfig& p) -> Field { return &p.zone; }},
    {{"promiscuous", kBool, Unit::kNone, 0, 0, "true", kRestart,
      "Whether the port takes packets for any MAC address; a transparent box needs it."},
     [](PortConfig& p) -> Field { return &p.promiscuous; }},
    {{"mtu", kCount, Unit::kBytes, 68, 9'710, "1500", kRestart,
      "Largest IP packet that the port takes and sends."},
     [](PortConfig& p) -> Field { return &p.mtu_bytes; }},
    {{"rx_descriptors", kCount, Unit::kDescriptors, 64, 32'768, "1024", kRestart,
      "Length of each receive queue; adjusted to what the device offers."},
     [](PortConfig& p) -> Field { return &p.rx_descriptors; }},
    {{"tx_descriptors", kCount, Unit::kDescriptors, 64, 32'768, "1024", kRestart,
      "Length of each transmit queue; adjusted to what the device offers."},
     [](PortConfig& p) -> Field { return &p.tx_descriptors; }},
});

}  // namespace

std::span<const Row<Config>> Parameters() { return kParameters; }
std::span<const Row<PortConfig>> PortParameters() { return kPortParameters; }

const char* Name(ValueType type) {
  switch (type) {
    case kBool:
      return "bool";
    case kCount:
      return "count";
    case kSize:
      return "size";
    case kDuration:
      return "duration";
    case kPercent:
      return "percent";
    case kChoice:
      return "choice";
    case kText:
      return "text";
    case kCpuList:
      return "list of CPUs";
    case kTextList:
      return "list of text";
  }
  return "";
}

const char* Name(Unit unit) {
  switch (unit) {
    case Unit::kNone:
      return "";
    case Unit::kMicroseconds:
      return "us";
    case Unit::kMilliseconds:
      return "ms";
    case Unit::kBytes:
      return "bytes";
    case Unit::kFlows:
      return "flows";
    case Unit::kPackets:
      return "packets";
    case Unit::kPercent:
      return "%";
    case Unit::kDescriptors:
      return "descriptors";
    case Unit::kConnections:
      return "connections";
    case Unit::kCpus:
      return "CPUs";
  }
  return "";
}

}  // namespace coretrack
