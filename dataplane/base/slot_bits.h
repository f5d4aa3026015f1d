// SlotBits: one bit for each slot of a worker's tables, by FlowIndex. All are 0 at first.
//
// What for  A fact of a flow that is asked about long after its lines have left the caches: 512 flows share a line here.
// Threads   One owner.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/arena.h"
#include "dataplane/base/types.h"

namespace coretrack {

class SlotBits {
 public:
  // Bytes of arena that bits of slots 0 .. slots-1 carve.
  static size_t ArenaBytes(uint32_t slots) { return Arena::SizeOf<uint64_t>(Words(slots)); }
  // REQUIRES: `arena` has ArenaBytes(slots) left and outlives them.
  SlotBits(uint32_t slots, Arena* arena)
      : words_(arena->Carve<uint64_t>(Words(slots))), slots_(slots) {}

  void Set(FlowIndex slot) { Word(slot) |= Bit(slot); }
  void Clear(FlowIndex slot) { Word(slot) &= ~Bit(slot); }
  bool Test(FlowIndex slot) const { return (Word(slot) & Bit(slot)) != 0; }
  [[gnu::always_inline]] void Prefetch(FlowIndex slot) const { __builtin_prefetch(&Word(slot)); }

 private:
  static size_t Words(uint32_t slots) { return (size_t{slots} + 63) / 64; }
  static uint64_t Bit(FlowIndex slot) { return uint64_t{1} << (Raw(slot) % 64); }
  uint64_t& Word(FlowIndex slot) const {
    assert(Raw(slot) < slots_);
    return words_[Raw(slot) / 64];
  }

  uint64_t* words_;
  [[maybe_unused]] uint32_t slots_;
};

}  // namespace coretrack
