#include "dataplane/worker/whole_note.h"

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <cstring>

namespace coretrack {

WholeNote::WholeNote() {
  constexpr rte_mbuf_dynflag kFlag = {.name = "coretrack_whole_note", .flags = 0};
  const int bit = rte_mbuf_dynflag_register(&kFlag);
  flag_ = bit < 0 ? 0 : uint64_t{1} << bit;
}

bool WholeNote::Put(const DatagramFollower::Whole& whole, rte_mbuf* packet) const {
  static_assert(sizeof(whole) <= RTE_PKTMBUF_HEADROOM);
  if (flag_ == 0 || rte_pktmbuf_headroom(packet) < sizeof(whole)) return false;
  std::memcpy(packet->buf_addr, &whole, sizeof(whole));
  packet->ol_flags |= flag_;
  return true;
}

bool WholeNote::Take(rte_mbuf* packet, DatagramFollower::Whole* whole) const {
  if ((packet->ol_flags & flag_) == 0) [[likely]]
    return false;
  packet->ol_flags &= ~flag_;
  std::memcpy(whole, packet->buf_addr, sizeof(*whole));
  return true;
}

}  // namespace coretrack
