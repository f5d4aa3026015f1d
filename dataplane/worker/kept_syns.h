// KeptSyns: SYNs seen in TIME_WAIT, kept beside the old flow until the other side's SYN+ACK
// confirms them (TCP.md 38).
//
// Limits   kSize entries, direct-mapped by flow: a collision forgets the older one, whose SYN+ACK
// then opens a flow by itself (TCP.md 28). Threads  One owner.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/base/types.h"
#include "dataplane/packet/packet_meta.h"

namespace coretrack {

struct KeptSyn {
  FlowIndex flow = FlowIndex::kNone;
  uint32_t generation = 0;
  Direction direction = Direction::kForward;
  TcpHeader header;  // its options pointer is set by Find()
  std::array<uint8_t, 40> options{};
  uint32_t ip_bytes = 0;
  uint64_t unix_us = 0;
};

class KeptSyns {
 public:
  static constexpr uint32_t kSize = 256;

  // `syn` becomes its own: its options are copied.
  void Keep(const KeptSyn& syn) {
    KeptSyn& kept = slots_[Raw(syn.flow) % kSize];
    kept = syn;
    std::copy_n(syn.header.options, syn.header.option_bytes, kept.options.begin());
  }

  // The SYN kept for this flow, or null.
  const KeptSyn* Find(FlowIndex flow, uint32_t generation) {
    KeptSyn& kept = slots_[Raw(flow) % kSize];
    if (kept.flow != flow || kept.generation != generation) return nullptr;
    kept.header.options = kept.options.data();
    return &kept;
  }

 private:
  std::array<KeptSyn, kSize> slots_;
};

}  // namespace coretrack
