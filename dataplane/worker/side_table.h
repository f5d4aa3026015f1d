// SideTable: what few flows need for a short while, beside their lines.
//
// Limits   kSlots entries, direct-mapped by flow: a collision forgets the older one. What is kept
//          here must be dispensable.
// Threads  One owner.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/types.h"

namespace coretrack {

template <typename T>
class SideTable {
 public:
  static constexpr uint32_t kSlots = 256;

  void Put(FlowIndex flow, uint32_t generation, const T& value) {
    entries_[Raw(flow) % kSlots] = {.flow = flow, .generation = generation, .value = value};
  }
  // What was put for this flow, or null. Valid until the next Put().
  T* Find(FlowIndex flow, uint32_t generation) {
    Entry& entry = entries_[Raw(flow) % kSlots];
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

}  // namespace coretrack
