// SlotStacks: one stack of entries for each slot of the wheel, in chunks from one exactly bounded
// pool.
//
// Layout     The pool is an array of 32-bit words, kChunkWords to a chunk:
//              [ link: the chunk below | slot: whose chunk | entry | entry | ... ]
//            A slot knows the word of its newest entry (`top`). Only a slot's top chunk is part
//            full. position_[entry] is the word an entry was last filed at. Chunk 0 is never used, so
//            that word 0 means "nowhere" and the zeroed arena is a valid start.
// Invariants 1. The live words are those of the chunks in use, in the top chunk only up to `top`.
//            2. An entry is filed <=> its position_ is live and that word holds it. So a hand-out
//               never writes position_: draining reads the chunks and touches nothing else.
//            3. At most MaxChunks() chunks are in use: a slot with n > 0 entries has
//               ceil(n / P) = 1 + floor((n - 1) / P) chunks, P = kEntriesPerChunk. Over k slots that
//               hold N entries this sums to at most k + floor((N - k) / P), which grows with k, and
//               k is at most min(slots, N). One entry in each slot and the rest in one reaches it.
// Threads    One owner.
// Limits     Entries 0 .. capacity-1, capacity at most kMaxFlowsPerWorker.
// Errors     REQUIRES lines are asserted in debug builds.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/base/arena.h"
#include "dataplane/base/limits.h"
#include "dataplane/base/types.h"

namespace coretrack {

// Names what the wheel files: a number of its owner's, 0 .. capacity-1. (FlowTimers: a group of flow slots.)
enum class WheelEntry : uint32_t {};
constexpr uint32_t Raw(WheelEntry entry) { return static_cast<uint32_t>(entry); }

class SlotStacks {
 public:
  static constexpr uint32_t kChunkWords = 64;
  static constexpr uint32_t kHeaderWords = 2;
  static constexpr uint32_t kEntriesPerChunk = kChunkWords - kHeaderWords;
  static constexpr uint32_t kNoSlot = ~uint32_t{0};

  static constexpr uint32_t MaxChunks(uint32_t capacity, uint32_t slots) {
    const uint32_t used = std::min(capacity, slots);
    return used + (capacity - used) / kEntriesPerChunk;
  }
  static constexpr size_t ArenaBytes(uint32_t capacity, uint32_t slots) {
    return Arena::SizeOf<uint32_t>(capacity) + Arena::SizeOf<Slot>(slots) +
           Arena::SizeOf<uint32_t>(PoolWords(capacity, slots));
  }

  SlotStacks(uint32_t capacity, uint32_t slots, Arena* arena)
      : position_(arena->Carve<uint32_t>(capacity)),
        slots_(arena->Carve<Slot>(slots)),
        pool_(arena->Carve<uint32_t>(PoolWords(capacity, slots))),
        capacity_(capacity),
        max_chunks_(MaxChunks(capacity, slots)) {
    assert(capacity <= kMaxFlowsPerWorker && slots <= 1u << 20);
  }

  // Files `entry` on top of `slot`.  REQUIRES: `entry` is not filed.
  void Push(uint32_t slot, WheelEntry entry) {
    assert(!IsFiled(entry));
    Slot& s = slots_[slot];
    s.top =
        s.top == 0 || s.top % kChunkWords == kChunkWords - 1 ? AddChunk(slot, s.top) : s.top + 1;
    ++s.count;
    ++filed_;
    Write(s.top, Raw(entry));
  }

  // Moves up to `limit` entries from the top of `slot` to `out`; answers how many. Starts loading
  // what the next Pop will read.
  uint32_t Pop(uint32_t slot, WheelEntry* out, uint32_t limit) {
    Slot& s = slots_[slot];
    const uint32_t wanted = std::min(limit, s.count);
    for (uint32_t left = wanted; left != 0;) {
      const uint32_t chunk = s.top / kChunkWords;
      PrefetchChunk(pool_[chunk * kChunkWords]);
      const uint32_t held = s.top % kChunkWords - kHeaderWords + 1;
      const uint32_t taken = std::min(held, left);
      std::memcpy(out, pool_ + s.top - taken + 1, taken * sizeof(*out));
      out += taken;
      left -= taken;
      s.top = taken == held ? FreeChunk(chunk) : s.top - taken;
    }
    s.count -= wanted;
    filed_ -= wanted;
    return wanted;
  }

  // Takes `entry` out by putting its slot's newest entry in its place. Answers the slot, or kNoSlot
  // when `entry` was not filed.
  uint32_t Remove(WheelEntry entry) {
    if (!IsFiled(entry)) return kNoSlot;
    const uint32_t position = position_[Raw(entry)];
    const uint32_t slot = SlotOf(position);
    Slot& s = slots_[slot];
    Write(position, pool_[s.top]);
    s.top = s.top % kChunkWords == kHeaderWords ? FreeChunk(s.top / kChunkWords) : s.top - 1;
    --s.count;
    --filed_;
    return slot;
  }

  bool IsFiled(WheelEntry entry) const { return SlotOf(entry) != kNoSlot; }
  // The slot that `entry` is filed in, or kNoSlot.
  uint32_t SlotOf(WheelEntry entry) const {
    assert(Raw(entry) < capacity_);
    const uint32_t position = position_[Raw(entry)];
    if (position == 0 || pool_[position] != Raw(entry)) return kNoSlot;
    const uint32_t slot = SlotOf(position);
    if (slot == kNoSlot) return kNoSlot;
    const uint32_t top = slots_[slot].top;
    const bool live = position / kChunkWords != top / kChunkWords || position <= top;
    return live ? slot : kNoSlot;
  }

  // Starts loading what Push() and Remove() of `entry` touch first.
  [[gnu::always_inline]] void Prefetch(WheelEntry entry) const {
    __builtin_prefetch(&position_[Raw(entry)], 1);
  }

  uint32_t Count(uint32_t slot) const { return slots_[slot].count; }
  uint32_t filed() const { return filed_; }
  uint32_t chunks_in_use() const { return chunks_in_use_; }

 private:
  struct Slot {
    uint32_t top;  // word of the newest entry, 0 when empty
    uint32_t count;
  };

  static constexpr size_t PoolWords(uint32_t capacity, uint32_t slots) {
    return (size_t{MaxChunks(capacity, slots)} + 1) * kChunkWords;
  }

  uint32_t SlotOf(uint32_t position) const {
    return pool_[position / kChunkWords * kChunkWords + 1];
  }

  void Write(uint32_t position, uint32_t raw_entry) {
    pool_[position] = raw_entry;
    position_[raw_entry] = position;
  }

  // The first entry's word of a new chunk for `slot`, above the one that `top` lies in.
  uint32_t AddChunk(uint32_t slot, uint32_t top) {
    uint32_t chunk = free_;
    if (chunk != 0) {
      free_ = pool_[chunk * kChunkWords];
    } else {
      chunk = ++fresh_;
    }
    ++chunks_in_use_;
    assert(chunks_in_use_ <= max_chunks_ && fresh_ <= max_chunks_);
    pool_[chunk * kChunkWords] = top / kChunkWords;
    pool_[chunk * kChunkWords + 1] = slot;
    return chunk * kChunkWords + kHeaderWords;
  }

  // Gives a slot's top chunk back; answers the slot's top in the chunk below.
  uint32_t FreeChunk(uint32_t chunk) {
    const uint32_t below = pool_[chunk * kChunkWords];
    pool_[chunk * kChunkWords] = free_;
    pool_[chunk * kChunkWords + 1] = kNoSlot;
    free_ = chunk;
    --chunks_in_use_;
    return below == 0 ? 0 : below * kChunkWords + kChunkWords - 1;
  }

  void PrefetchChunk(uint32_t chunk) const {
    for (uint32_t word = 0; word < kChunkWords; word += kCacheLine / sizeof(uint32_t)) {
      __builtin_prefetch(pool_ + chunk * kChunkWords + word, 1);
    }
  }

  uint32_t* position_;  // [capacity]
  Slot* slots_;         // [slots]
  uint32_t* pool_;      // [(MaxChunks + 1) * kChunkWords]
  uint32_t free_ = 0;   // first of the chunks given back, linked like a slot's
  uint32_t fresh_ = 0;  // chunks 1 .. fresh_ have been used; the others are untouched memory
  uint32_t chunks_in_use_ = 0;
  uint32_t filed_ = 0;
  [[maybe_unused]] uint32_t capacity_;
  [[maybe_unused]] uint32_t max_chunks_;
};

static_assert((uint64_t{SlotStacks::MaxChunks(kMaxFlowsPerWorker, 1u << 20)} + 1) *
                      SlotStacks::kChunkWords <
                  uint64_t{1} << 32,
              "a word of the pool has a 32-bit position");

}  // namespace coretrack
