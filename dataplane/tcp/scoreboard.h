// Scoreboard: what was seen of a sender behind what was not (after RFC 6675 2, for a box).
//
// Layout  Blocks [first, end) in sequence order, apart from each other, all above `next`. Numbers are modulo 2^32.
// Limits  kBlocks: of more, the highest are forgotten, and are a hole again until they are acknowledged.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/tcp/sequence.h"

namespace coretrack::tcp {

class Scoreboard {
 public:
  // No hole: all up to the highest that was seen.
  bool empty() const { return !Before(next_, top_); }
  // All before it was seen, or is acknowledged.  REQUIRES: !empty()
  uint32_t next() const { return next_; }

  // A segment at [first, end) behind a hole that begins at `next`.  REQUIRES: empty(), next < first
  void Open(uint32_t next, uint32_t first, uint32_t end) {
    next_ = next;
    top_ = end;
    count_ = 1;
    blocks_[0] = {first, end};
  }
  // Another segment.  REQUIRES: !empty()
  void Add(uint32_t first, uint32_t end) {
    top_ = Later(top_, end);
    int at = 0;
    while (at < count_ && Before(blocks_[at].end, first)) ++at;
    int behind = at;  // the first block that it does not touch
    while (behind < count_ && !After(blocks_[behind].first, end)) {
      first = Before(blocks_[behind].first, first) ? blocks_[behind].first : first;
      end = Later(end, blocks_[behind].end);
      ++behind;
    }
    Replace(at, behind, {first, end});
    Advance(next_);
  }
  // All before `next` is acknowledged.  REQUIRES: !empty()
  void Advance(uint32_t next) {
    next_ = Later(next_, next);
    int gone = 0;
    for (; gone < count_ && !After(blocks_[gone].first, next_); ++gone)
      next_ = Later(next_, blocks_[gone].end);
    for (int i = gone; i < count_; ++i) blocks_[i - gone] = blocks_[i];
    count_ = static_cast<uint8_t>(count_ - gone);
  }

 private:
  static constexpr int kBlocks = 8;
  struct Block {
    uint32_t first, end;
  };

  // One block in the place of those in [at, behind).
  void Replace(int at, int behind, Block block) {
    if (at == behind) {
      if (at == kBlocks) return;
      count_ = static_cast<uint8_t>(count_ + (count_ < kBlocks ? 1 : 0));
      for (int i = count_ - 1; i > at; --i) blocks_[i] = blocks_[i - 1];
    } else {
      for (int i = behind; i < count_; ++i) blocks_[at + 1 + i - behind] = blocks_[i];
      count_ = static_cast<uint8_t>(count_ - (behind - at - 1));
    }
    blocks_[at] = block;
  }

  uint32_t next_ = 0;
  uint32_t top_ = 0;
  uint8_t count_ = 0;
  std::array<Block, kBlocks> blocks_{};
};

}  // namespace coretrack::tcp
