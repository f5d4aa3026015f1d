#include "dataplane/io/link_watch.h"

#include <pthread.h>
#include <rte_ethdev.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace coretrack {

LinkWatch::LinkWatch(std::vector<uint16_t> ports, Wiring* wiring, DpdkLog* log)
    : ports_(std::move(ports)), wiring_(wiring), log_(log) {
  for (const uint16_t port : ports_) Look(port);
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "link-watch");
}

LinkWatch::~LinkWatch() {
  {
    const absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

LinkWatch::Link LinkWatch::Read(uint16_t port) const {
  const uint64_t link = link_[port].load(std::memory_order_relaxed);
  return {.up = link >> 32 != 0, .speed_mbps = static_cast<uint32_t>(link)};
}

void LinkWatch::Run() {
  const absl::MutexLock lock(&mutex_);
  while (!mutex_.AwaitWithTimeout(absl::Condition(&stop_), absl::Milliseconds(kPeriodMs))) {
    for (const uint16_t port : ports_) Look(port);
  }
}

void LinkWatch::Look(uint16_t port) {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(port, &link) != 0) return;
  const bool up = link.link_status == RTE_ETH_LINK_UP;
  const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
  link_[port].store(uint64_t{up} << 32 | (known ? link.link_speed : 0), std::memory_order_relaxed);
  was_up_[port] |= up;
  const bool down = was_up_[port] && !up;
  if (wiring_->port_down[port].exchange(down, std::memory_order_relaxed) == down) return;
  log_->Say(DataplaneOptions::Severity::kWarning,
            absl::StrCat("port ", port, down ? ": link down" : ": link up again"));
}

}  // namespace coretrack
