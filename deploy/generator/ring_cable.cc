#include "deploy/generator/ring_cable.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "absl/strings/str_cat.h"

namespace coretrack::demo {

absl::StatusOr<std::unique_ptr<RingCable>> RingCable::Create(const std::string& name) {
  std::unique_ptr<RingCable> cable(new RingCable(name));
  const auto make = [&](const char* direction) {
    return rte_ring_create(absl::StrCat(name, direction).c_str(), kPackets, SOCKET_ID_ANY,
                           RING_F_SP_ENQ | RING_F_SC_DEQ);
  };
  cable->to_port_ = make("_in");
  cable->from_port_ = make("_out");
  if (cable->to_port_ == nullptr || cable->from_port_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for the rings of ", name, ": ", rte_strerror(rte_errno)));
  }
  if (rte_eth_from_rings(name.c_str(), &cable->to_port_, 1, &cable->from_port_, 1, 0) < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("no ring port ", name, ": ", rte_strerror(rte_errno)));
  }
  return cable;
}

RingCable::~RingCable() {
  Drain();
  rte_mbuf* packet = nullptr;
  while (to_port_ != nullptr &&
         rte_ring_sc_dequeue(to_port_, reinterpret_cast<void**>(&packet)) == 0) {
    rte_pktmbuf_free(packet);
  }
  rte_ring_free(to_port_);
  rte_ring_free(from_port_);
}

bool RingCable::Give(rte_mbuf* packet) {
  if (rte_ring_sp_enqueue(to_port_, packet) == 0) return true;
  rte_pktmbuf_free(packet);
  return false;
}

uint64_t RingCable::Drain() {
  constexpr unsigned kBurst = 64;
  uint64_t drained = 0;
  rte_mbuf* packets[kBurst];
  while (from_port_ != nullptr) {
    const unsigned count =
        rte_ring_sc_dequeue_burst(from_port_, reinterpret_cast<void**>(packets), kBurst, nullptr);
    if (count == 0) break;
    rte_pktmbuf_free_bulk(packets, count);
    drained += count;
  }
  return drained;
}

}  // namespace coretrack::demo
