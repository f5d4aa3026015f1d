// SideTable: what few flows need for a short while, beside their lines.
//
// Limits   kSlots entries, direct-mapped by flow: a collision forgets the older one. What is kept
//          here must be dispensable.
// Threads  One owner.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/types.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/tcp_options.h"

namespace coretrack {

template <typename T>
class SideTable {
 public:
  static constexpr uint32_t kSlots = 256;

  void Put(FlowIndex flow, uint32_t generation, const T& value) {
    entries_[Raw(flow) % kSlots] = {.flow = flow, .generation = generation, .value = value};
  }
  // What was put for this flow, or null. Valid until the next Put().
  const T* Find(FlowIndex flow, uint32_t generation) const {
    const Entry& entry = entries_[Raw(flow) % kSlots];
    return entry.flow == flow && entry.generation == generation ? &entry.value : nullptr;
  }

 private:
  struct Entry {
    FlowIndex flow = FlowIndex::kNone;
    uint32_t generation = 0;
    T value{};
  };
  std::array<Entry, kSlots> entries_;
};

// A SYN beside a connection, its own first SYN while that is not answered, or an earlier connection (TCP.md 38): kept until the
// other side's SYN+ACK confirms it. When it is forgotten, that SYN+ACK is invalid and the flow is picked up later.
struct KeptSyn {
  Direction direction = Direction::kForward;
  TcpHeader header;  // `options` pointed into the packet: use the copy
  std::array<uint8_t, kMaxTcpOptionBytes> options{};
  uint32_t ip_bytes = 0;
  uint64_t unix_us = 0;
};

}  // namespace coretrack
