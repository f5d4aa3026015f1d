// SlotPool: which slots of a region have no flow, and which is taken next.
//
// Region     A run of at most kMostSlots slots, and of the buckets whose flows may lie in them: as many as 16 bits can name. A table is
//            as many regions as it takes, and a flow's hash says in which it is.
// Order      Of each 64 slots, all that are free are set apart together, from the lowest 64 with a free one; these go one after the other.
//            So flows that begin one after the other lie beside each other, in memory and in the timers, for as long as they are there;
//            what a few flows take of a large table is little, and stays in the caches.
// Ahead      A slot is picked kAhead takings before it is taken: its lines are on their way by then (Taken::ahead).
// Layout     Of 64 slots, two words beside each other: set apart (or taken), and taken. Of a region, two levels of bits that say which of
//            these words have no other slots: so to find the next one takes three counts of ones, and no loop.
//            All zero is: all free. Nothing is touched before the first flow comes, on the worker's own thread.
// Threads    Owned by one worker. IsTaken() may be called from any thread, and may be stale at once.
// Cost       2 bits a slot, and 3 cache lines a region.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/arena.h"
#include "dataplane/base/limits.h"

namespace coretrack {

class SlotPool {
 public:
  static constexpr uint32_t kWordSlots = 64;
  // A multiple of kWordSlots, all of which 16 bits name, with numbers to spare (bucket.h).
  static constexpr uint32_t kMostSlots = (1u << 16) - kWordSlots;
  static constexpr uint32_t kAhead = 8;
  static constexpr uint32_t kNone = ~uint32_t{0};

  static size_t ArenaBytes(uint32_t regions, uint32_t region_slots) {
    return Arena::SizeOf<Word>(size_t{regions} * (region_slots / kWordSlots)) +
           Arena::SizeOf<Region>(regions);
  }
  // REQUIRES: region_slots is a multiple of kWordSlots, at most kMostSlots, and not 0; `arena` has ArenaBytes() left and outlives the pool.
  SlotPool(uint32_t regions, uint32_t region_slots, Arena* arena);

  bool HasFree(uint32_t region) { return regions_[region].count != 0 || PickSome(region); }
  struct Taken {
    uint32_t slot;  // of the region
    uint32_t
        ahead;  // one that will be taken kAhead takings later (sooner, where few are left), or kNone
  };
  // REQUIRES: HasFree(region) has just said so.
  Taken Take(uint32_t region) {
    Region& r = regions_[region];
    assert(r.count != 0);
    const uint32_t slot = r.ahead[r.first % kAhead];
    ++r.first;
    --r.count;
    std::atomic<uint64_t>& taken = WordsOf(region)[slot / kWordSlots].taken;
    taken.store(taken.load(std::memory_order_relaxed) | BitOf(slot), std::memory_order_relaxed);
    return {slot, Pick(region)};
  }
  // REQUIRES: `slot` of `region` is taken.
  void Give(uint32_t region, uint32_t slot) {
    Region& r = regions_[region];
    Word& word = WordsOf(region)[slot / kWordSlots];
    const uint64_t taken = word.taken.load(std::memory_order_relaxed);
    assert((taken & BitOf(slot)) != 0);
    word.taken.store(taken & ~BitOf(slot), std::memory_order_relaxed);
    word.apart &= ~BitOf(slot);
    const uint32_t w = slot / kWordSlots;
    r.words_full[w / 64] &= ~(uint64_t{1} << w % 64);
    r.full &= ~(1u << w / 64);
  }
  // Any thread. `slot`: of all regions', one after the other.
  bool IsTaken(size_t slot) const {
    return (words_[slot / kWordSlots].taken.load(std::memory_order_relaxed) >> slot % kWordSlots &
            1) != 0;
  }

 private:
  struct Word {
    uint64_t apart;
    std::atomic<uint64_t> taken;
  };
  struct alignas(kCacheLine) Region {
    std::array<uint16_t, kAhead>
        ahead;  // picked and not taken: `count` from `first` on, modulo kAhead
    // (Of 32 bits: what is stored to bytes might change everything else, for all that the compiler knows.)
    uint32_t first, count;
    uint32_t word;  // of which `free` are
    uint32_t full;  // bit i: all that there are of words_full[i] are
    uint64_t free;  // set apart, and not picked
    std::array<uint64_t, 16>
        words_full;  // bit w % 64 of w / 64: word w has no free slots but those
  };
  static_assert(kMostSlots / kWordSlots <= 16 * 64);

  static uint64_t BitOf(uint32_t slot) { return uint64_t{1} << slot % kWordSlots; }
  Word* WordsOf(uint32_t region) { return words_ + size_t{region} * region_words_; }
  // The next one, to be taken behind those that are picked. kNone: there is none.
  uint32_t Pick(uint32_t region) {
    Region& r = regions_[region];
    if (r.free == 0 && !SetApart(region)) [[unlikely]]
      return kNone;
    const uint32_t slot = r.word * kWordSlots + static_cast<uint32_t>(std::countr_zero(r.free));
    r.free &= r.free - 1;
    r.ahead[(r.first + r.count) % kAhead] = static_cast<uint16_t>(slot);
    ++r.count;
    return slot;
  }
  // The free ones of the lowest word that has any. False: there is none.
  bool SetApart(uint32_t region);
  // kAhead, if there are as many: the first time, or after none were left.
  bool PickSome(uint32_t region);

  Word* words_;
  Region* regions_;
  uint32_t region_words_;
  uint32_t sixty_fours_;  // of these words, begun
};

}  // namespace coretrack
