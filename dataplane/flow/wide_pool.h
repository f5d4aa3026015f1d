// WidePool: where the counts of a table's wide flows are (flow_detail.h).
//
// Why      40 bytes of detail hold 16 GiB, 64 M packets, 63 retransmissions and 15 segments out of window for each
//          direction. Few flows ever have more.
// Limits   One record for 32 slots; for 4,096 of a smaller table. Whoever wants to can use them up by
//          sending out of window, so the second half is for flows with many bytes or packets. Without a record a
//          count saturates, and missed() says how often one was wanted.
// Threads  One owner; a record is read under the sequence lock of its flow (flow_slot.h): a flow is erased before
//          its record is given back.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/arena.h"
#include "dataplane/base/slot_bits.h"
#include "dataplane/flow/flow_detail.h"

namespace coretrack {

class WidePool {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  static uint32_t RecordsFor(uint32_t slots) {
    constexpr uint32_t kSlotsPerRecord = 32, kFewest = 4096;
    return std::max(slots / kSlotsPerRecord, std::min(slots, kFewest));
  }
  static size_t ArenaBytes(uint32_t slots) {
    return Arena::SizeOf<AtomicDetail>(RecordsFor(slots)) + SlotBits::ArenaBytes(slots);
  }
  // For a table of `slots`.  REQUIRES: `arena` has ArenaBytes(slots) left and outlives the pool.
  WidePool(uint32_t slots, Arena* arena)
      : size_(RecordsFor(slots)),
        records_(arena->Carve<AtomicDetail>(size_)),
        is_wide_(slots, arena) {}

  // A record for the flow in `slot`, or kNone. `much`: it is for bytes or packets.
  uint32_t Take(FlowIndex slot, bool much) {
    if (used_ >= (much ? size_ : size_ / 2)) {
      ++missed_;
      return kNone;
    }
    ++used_;
    is_wide_.Set(slot);
    if (free_ == kNone) return fresh_++;
    const uint32_t record = free_;
    free_ = static_cast<uint32_t>(records_[record].words[0].load(std::memory_order_relaxed));
    return record;
  }
  // Has `slot` taken one?
  bool IsWide(FlowIndex slot) const { return used_ != 0 && is_wide_.Test(slot); }
  void GiveBack(FlowIndex slot, uint32_t record) {
    assert(IsWide(slot) && record < fresh_);
    is_wide_.Clear(slot);
    records_[record].words[0].store(free_, std::memory_order_release);
    free_ = record;
    --used_;
  }

  bool Has(uint32_t record) const { return record < size_; }
  AtomicDetail& at(uint32_t record) const { return records_[record]; }
  uint32_t size() const { return size_; }
  uint32_t used() const { return used_; }
  uint64_t missed() const { return missed_; }

 private:
  uint32_t size_;
  AtomicDetail* records_;
  SlotBits is_wide_;
  uint32_t used_ = 0;
  uint32_t fresh_ = 0;     // records below it have been used
  uint32_t free_ = kNone;  // the first of those given back; each names the next
  uint64_t missed_ = 0;
};

}  // namespace coretrack
