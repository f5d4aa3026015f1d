// FillBurst: mbufs -> the inputs of their burst: where each packet's bytes are and how many, its zone, what the NIC says of its
// checksums. With lanes (base/lanes.h) sixteen at a time.
//
// Threads  The packets' owner.
// Cost     bench: Pipeline/stages
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/wiring.h"

struct rte_mbuf;

namespace coretrack {

// What the parser gets to see of a packet in several segments whose first one is shorter: a copy.
inline constexpr uint32_t kHeaderBytes = 256;
using HeaderCopies = std::array<std::array<uint8_t, kHeaderBytes>, kMaxBurst>;

struct Filled {
  uint64_t bytes = 0;      // of all packets
  bool one_port = true;    // all came from the port of the first
  bool segmented = false;  // one of them is a chain of mbufs
};

// `port`: where all of them came from, which is written into them (net_ring hands mbufs on with that of whoever filled
// them); none: each says so itself.  REQUIRES: at most kMaxBurst packets; `copies` is there as long as the burst is used.
Filled FillBurst(std::span<rte_mbuf* const> packets, std::optional<uint16_t> port,
                 const std::array<PollPort, kMaxPorts>& ports, HeaderCopies* copies, Burst* burst);

}  // namespace coretrack
