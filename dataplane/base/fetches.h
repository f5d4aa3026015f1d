// Fetches: lines of memory that will be needed, asked for between other work.
//
// Why      A prefetch whose page is not in the TLB holds up all that is behind it until the page table has been walked. The core
//          walks for several at once, so that one by one they cost most; sixteen in a row fill its window, and it stands still.
// Threads  One owner.
// Cost     worker/README.md, "Measured choices"
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>

#include "dataplane/base/lanes.h"
#include "dataplane/base/limits.h"

namespace coretrack {

class Fetches {
 public:
  static constexpr uint32_t kMost = kLanes;
  static constexpr uint32_t kParts = 2;

  Fetches() {
    std::fill(std::begin(at_), std::end(at_), this);
    std::fill(std::begin(seconds_), std::end(seconds_), this);
  }

  // Where to put the addresses of the next kMost, which begin `lines` (1 or 2) lines each. Aligned to 64 bytes.
  // REQUIRES: all are filled in before anything else is called.
  const void** Refill(uint32_t lines) {
    asked_for_ = 0;
    behind_ = lines == 2 ? Behind::kAll : Behind::kNone;
    return at_;
  }
  // The same of some that begin one line and some that begin two: the second lines' addresses, or the first's again.
  struct Both {
    const void** first;
    const void** second;
  };
  Both RefillBoth() {
    asked_for_ = 0;
    behind_ = Behind::kSome;
    return {at_, seconds_};
  }

  std::span<const void* const, kMost> addresses() const { return at_; }
  std::span<const void* const, kMost> seconds() const { return seconds_; }  // of RefillBoth()

  // Asks for part 0 or 1 of them, a half each. Again, if that has been done: what has come already costs nothing to ask for.
  // (Not counted: Done() says when all are.)
  [[gnu::always_inline]] void Part(uint32_t part) const {
    // Into L2: the lines and arrays of two bursts are more than an L1 of 32 KiB can keep.
    constexpr int kRead = 0, kL2 = 2;
    constexpr uint32_t kFew = kMost / kParts;
    const void* const* const few = &at_[part * kFew];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kFew; ++i) __builtin_prefetch(few[i], kRead, kL2);
    if (behind_ == Behind::kNone) [[likely]]
      return;
    if (behind_ == Behind::kSome) {
#pragma GCC unroll 8
      for (uint32_t i = 0; i < kFew; ++i) __builtin_prefetch(seconds_[part * kFew + i], kRead, kL2);
      return;
    }
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kFew; ++i)
      __builtin_prefetch(static_cast<const char*>(few[i]) + kCacheLine, kRead, kL2);
  }
  // All parts have been asked for.
  void Done() { asked_for_ = kParts; }

  // Asks for the next part, if there is one.
  [[gnu::always_inline]] void Next() {
    if (asked_for_ < kParts) Part(asked_for_++);
  }
  // Asks for all, unless that is done.
  void Rest() {
    while (asked_for_ < kParts) Part(asked_for_++);
  }
  // So many parts have been.
  uint32_t asked_for() const { return asked_for_; }

 private:
  // What is asked for of the lines behind.
  enum class Behind : uint8_t { kNone, kSome, kAll };

  alignas(kCacheLine) const void* at_[kMost];
  alignas(kCacheLine) const void* seconds_[kMost];
  uint32_t asked_for_ = kParts;
  Behind behind_ = Behind::kNone;
};

}  // namespace coretrack
