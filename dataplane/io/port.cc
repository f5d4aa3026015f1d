#include "dataplane/io/port.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "dataplane/io/rss.h"

namespace coretrack {
namespace {

std::string MacText(const rte_ether_addr& mac) {
  std::array<char, RTE_ETHER_ADDR_FMT_SIZE> text{};
  rte_ether_format_addr(text.data(), text.size(), &mac);
  return text.data();
}

}  // namespace

absl::Status Port::Failure(const std::string& step, int error, const std::string& cure) const {
  const std::string complaints = log_->TakeComplaints();
  return absl::FailedPreconditionError(
      absl::StrCat("port \"", options_.name, "\" (", options_.device, "): ", step, ": ",
                   rte_strerror(std::abs(error)),
                   complaints.empty() ? "" : "; DPDK says: ", complaints, "; cure: ", cure));
}

absl::StatusOr<std::unique_ptr<Port>> Port::Attach(const PortOptions& options, DpdkLog* log) {
  std::unique_ptr<Port> port(new Port(options, ParseDevice(options.device), log));
  log->TakeComplaints();  // of earlier steps
  const Device& device = port->device_;
  if (rte_eth_dev_get_port_by_name(device.name.c_str(), &port->id_) != 0) {
    const int error = rte_dev_probe(device.Specification().c_str());
    if (error != 0 && error != -EEXIST) {
      return port->Failure("find the device", error, DeviceCure(device));
    }
    port->plugged_in_ = error == 0 && device.is_virtual;
    if (const int missing = rte_eth_dev_get_port_by_name(device.name.c_str(), &port->id_);
        missing != 0) {
      return port->Failure("find its Ethernet port", missing, DeviceCure(device));
    }
  }
  port->attached_ = true;
  if (absl::Status s = port->ReadLimits(); !s.ok()) return s;
  return port;
}

absl::Status Port::ReadLimits() {
  rte_eth_dev_info device;
  if (const int error = rte_eth_dev_info_get(id_, &device); error != 0) {
    return Failure("ask for its limits", error, "see what DPDK says above");
  }
  max_rx_queues_ = device.max_rx_queues;
  max_tx_queues_ = device.max_tx_queues;
  reta_entries_ = RssTypes(device) != 0 ? device.reta_size : 0;
  info_ = {.name = options_.name,
           .device = options_.device,
           .driver = device.driver_name != nullptr ? device.driver_name : "",
           .mode = options_.role == PortRole::kMonitor ? "monitor" : "forward",
           .peer = options_.peer,
           .zone = options_.zone,
           .mac = "",
           .mtu_bytes = options_.mtu_bytes};
  rte_ether_addr mac;
  if (rte_eth_macaddr_get(id_, &mac) == 0) info_.mac = MacText(mac);
  if (max_rx_queues_ == 0 || (max_tx_queues_ == 0 && options_.role == PortRole::kForward)) {
    return Failure("count its queues", ENODEV, "name a device that can receive and send");
  }
  // 0 stands for "no limit known".
  const uint32_t highest = device.max_mtu != 0 ? device.max_mtu : UINT16_MAX;
  if (options_.mtu_bytes < device.min_mtu || options_.mtu_bytes > highest) {
    return Failure("set its MTU", EINVAL,
                   absl::StrCat("ports.mtu is ", options_.mtu_bytes, "; the device takes ",
                                device.min_mtu, " to ", highest));
  }
  return absl::OkStatus();
}

int Port::socket() const { return rte_eth_dev_socket_id(id_); }

uint32_t Port::QueuesFor(uint32_t workers) const {
  // Many drivers want as many tx queues as rx queues. A port that only listens needs none.
  const uint32_t most = options_.role == PortRole::kMonitor
                            ? max_rx_queues_
                            : std::min(max_rx_queues_, max_tx_queues_);
  return std::min(workers, most);
}

uint64_t Port::BuffersFor(uint32_t workers) const {
  return uint64_t{QueuesFor(workers)} *
         (options_.rx_descriptors +
          (options_.role == PortRole::kForward ? options_.tx_descriptors : 0));
}

absl::Status Port::Start(uint32_t workers, const OwnerMap& owners, PacketPools* pools) {
  log_->TakeComplaints();
  if (absl::Status s = Configure(workers, owners); !s.ok()) return s;
  if (absl::Status s = SetUpQueues(pools); !s.ok()) return s;
  if (absl::Status s = SetMtuAndMode(); !s.ok()) return s;
  if (const int error = rte_eth_dev_start(id_); error != 0) {
    return Failure("start", error, "see what DPDK says; another program may hold the device");
  }
  started_ = true;
  if (!rss_key_.empty() && queues() > 1) {
    const bool redirects = WriteRedirection(id_, reta_entries_, queues(), owners);
    info_.symmetric_rss = redirects && HashesWith(id_, rss_key_);
  }
  return absl::OkStatus();
}

absl::Status Port::Configure(uint32_t workers, const OwnerMap& owners) {
  rte_eth_dev_info device;
  if (const int error = rte_eth_dev_info_get(id_, &device); error != 0) {
    return Failure("ask for its limits", error, "see what DPDK says");
  }
  info_.queues = QueuesFor(workers);
  const auto rx_queues = static_cast<uint16_t>(info_.queues);
  const auto tx_queues = static_cast<uint16_t>(std::min(info_.queues, max_tx_queues_));

  rte_eth_conf conf{};
  conf.rxmode.mtu = options_.mtu_bytes;
  constexpr uint64_t kChecksums =
      RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
  conf.rxmode.offloads = device.rx_offload_capa & kChecksums;
  conf.txmode.offloads = device.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  if (rx_queues > 1 && RssTypes(device) != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rxmode.offloads |= device.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
    rss_key_ = RssKey(owners.pattern(), device.hash_key_size);
    conf.rx_adv_conf.rss_conf.rss_hf = RssTypes(device);
    conf.rx_adv_conf.rss_conf.rss_key = rss_key_.empty() ? nullptr : rss_key_.data();
    conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<uint8_t>(rss_key_.size());
  }
  info_.rx_checksum_offload = (conf.rxmode.offloads & kChecksums) == kChecksums;
  sends_segments_ = conf.txmode.offloads != 0;
  if (const int error = rte_eth_dev_configure(id_, rx_queues, tx_queues, &conf); error != 0) {
    return Failure(absl::StrCat("configure ", rx_queues, " rx and ", tx_queues, " tx queues"),
                   error, "use fewer cpu.lcores or another ports.mtu");
  }
  return absl::OkStatus();
}

absl::Status Port::SetUpQueues(PacketPools* pools) {
  auto rx_descriptors = static_cast<uint16_t>(std::min(options_.rx_descriptors, 32'768u));
  auto tx_descriptors = static_cast<uint16_t>(std::min(options_.tx_descriptors, 32'768u));
  if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors);
      error != 0) {
    return Failure("size its queues", error, "change rx_descriptors and tx_descriptors");
  }
  const int socket = rte_eth_dev_socket_id(id_);
  const auto pool = pools->Of(socket);
  if (!pool.ok()) return pool.status();
  const auto on_socket = static_cast<unsigned>(socket);
  const auto rx_queues = static_cast<uint16_t>(info_.queues);
  const auto tx_queues = static_cast<uint16_t>(std::min(info_.queues, max_tx_queues_));
  for (uint16_t q = 0; q < rx_queues; ++q) {
    if (const int error = rte_eth_rx_queue_setup(id_, q, rx_descriptors, on_socket, nullptr, *pool);
        error != 0) {
      return Failure(absl::StrCat("rx queue ", q, " of ", rx_descriptors, " descriptors"), error,
                     "raise memory.size or lower rx_descriptors");
    }
  }
  for (uint16_t q = 0; q < tx_queues; ++q) {
    if (const int error = rte_eth_tx_queue_setup(id_, q, tx_descriptors, on_socket, nullptr);
        error != 0) {
      return Failure(absl::StrCat("tx queue ", q, " of ", tx_descriptors, " descriptors"), error,
                     "raise memory.size or lower tx_descriptors");
    }
  }
  return absl::OkStatus();
}

absl::Status Port::SetMtuAndMode() {
  const int mtu = rte_eth_dev_set_mtu(id_, static_cast<uint16_t>(options_.mtu_bytes));
  if (mtu != 0 && mtu != -ENOTSUP) {
    return Failure(absl::StrCat("set its MTU to ", options_.mtu_bytes), mtu,
                   "choose a ports.mtu that the device's frames have room for");
  }
  const int mode =
      options_.promiscuous ? rte_eth_promiscuous_enable(id_) : rte_eth_promiscuous_disable(id_);
  if (mode != 0 && mode != -ENOTSUP) {
    return Failure("set promiscuous mode", mode,
                   "run with CAP_NET_ADMIN, or set promiscuous = false");
  }
  return absl::OkStatus();
}

PortInfo Port::Info() {
  rte_eth_stats stats;
  if (started_ && rte_eth_stats_get(id_, &stats) == 0) {
    info_.rx_packets = stats.ipackets;
    info_.rx_bytes = stats.ibytes;
    info_.tx_packets = stats.opackets;
    info_.tx_bytes = stats.obytes;
    info_.rx_missed = stats.imissed;
    info_.rx_errors = stats.ierrors;
    info_.tx_errors = stats.oerrors;
    info_.rx_no_buffer = stats.rx_nombuf;
  }
  return info_;
}

void Port::Stop() {
  if (!started_) return;
  Info();
  rte_eth_dev_stop(id_);
  started_ = false;
}

Port::~Port() {
  Stop();
  if (!attached_) return;
  if (plugged_in_) {
    // Removing the device closes its port.
    rte_eth_dev_info device{};
    if (rte_eth_dev_info_get(id_, &device) == 0) rte_dev_remove(device.device);
  } else if (!device_.is_virtual) {
    rte_eth_dev_close(id_);
  }
}

}  // namespace coretrack
