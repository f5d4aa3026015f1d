// WholeNote: what one worker tells another of a datagram whose last fragment it hands over.
//
// What for  The fragments of a datagram meet on the worker that owns their addresses (owner.h); the
//           flow may belong to another, which needs the datagram's head and length with the packet.
// Layout    In the packet's headroom, in front of its data, marked by a bit of ol_flags that is
//           registered with DPDK (rte_mbuf_dynflag). The note is gone once it is taken.
// Threads   Put by who gives the packet away, taken by who got it: the ring between them orders both.
#pragma once

#include <cstdint>

#include "dataplane/worker/datagram_follower.h"

struct rte_mbuf;

namespace coretrack {

class WholeNote {
 public:
  // On a control thread, once EAL runs. The same bit each time.
  WholeNote();

  // False: no headroom.
  bool Put(const DatagramFollower::Whole& whole, rte_mbuf* packet) const;
  // False: there is none.
  bool Take(rte_mbuf* packet, DatagramFollower::Whole* whole) const;

 private:
  uint64_t flag_;  // 0: no bit was left; then nothing is ever put
};

}  // namespace coretrack
