// UnassuredQueue: flows that nobody has confirmed yet, oldest first: the first to give way when
// room is short.
//
// What for  A SYN flood must not push out an established flow. Every new flow enters. When the queue is full (the quota) its
//           oldest comes out: gone, if its flow is assured by now or over; evicted, if enough flows are unassured; else
//           it enters again. So at most `quota` unassured flows exist, and none of them gives way while there are not enough.
// Threads   One owner.
// Limits    `quota` entries and an eighth more, for when those that come out all enter again. Allocated at Create().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/types.h"

namespace coretrack {

class UnassuredQueue {
 public:
  struct Entry {
    FlowIndex index = FlowIndex::kNone;
    uint32_t generation = 0;  // tells whether the slot still holds the flow that entered
  };

  explicit UnassuredQueue(uint32_t quota) : entries_(size_t{quota} + quota / 8), quota_(quota) {}

  // So many unassured flows are enough: one gives way for the next. A 56th less than the quota, for each new flow looks at eight entries: those
  // of others among an eighth more than the quota let so many in (eight out, one in) before one is found that gives way.
  uint32_t enough() const { return quota_ - quota_ / 56; }
  bool full() const { return count_ >= quota_; }
  // So many may enter before it is full.
  uint32_t places() const { return full() ? 0 : quota_ - static_cast<uint32_t>(count_); }
  bool HasPlace() const { return count_ != entries_.size(); }
  bool empty() const { return count_ == 0; }

  // REQUIRES: HasPlace().
  void Push(Entry entry) {
    entries_[At(count_)] = entry;
    ++count_;
  }
  // The flow whose entry Pop() answers after `n` others, or after all others if these are fewer.  REQUIRES: !empty().
  FlowIndex Ahead(size_t n) const { return entries_[At(std::min(n, count_ - 1))].index; }
  // Entries from that one on, `most` at most, as far as they lie beside each other.
  std::span<const Entry> After(size_t n, size_t most) const {
    n = std::min(n, count_);
    const size_t at = At(n);
    return std::span(entries_).subspan(at, std::min({most, count_ - n, entries_.size() - at}));
  }
  // REQUIRES: !empty().
  Entry Pop() {
    const Entry entry = entries_[head_];
    Drop(1);
    return entry;
  }
  // The oldest `n`.  REQUIRES: there are as many.
  void Drop(uint32_t n) {
    head_ = At(n);
    count_ -= n;
  }

 private:
  // The place `n` behind the oldest. (A division would cost more than all else here.)
  // REQUIRES: n <= entries_.size().
  size_t At(size_t n) const {
    const size_t at = head_ + n;
    return at < entries_.size() ? at : at - entries_.size();
  }

  std::vector<Entry> entries_;
  uint32_t quota_;
  size_t head_ = 0;
  size_t count_ = 0;
};

}  // namespace coretrack
