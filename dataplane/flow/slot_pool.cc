#include "dataplane/flow/slot_pool.h"

namespace coretrack {

SlotPool::SlotPool(uint32_t regions, uint32_t region_slots, Arena* arena)
    : words_(arena->Carve<Word>(size_t{regions} * (region_slots / kWordSlots))),
      regions_(arena->Carve<Region>(regions)),
      region_words_(region_slots / kWordSlots),
      sixty_fours_((region_words_ + 63) / 64) {
  assert(region_slots != 0 && region_slots % kWordSlots == 0 && region_slots <= kMostSlots);
}

bool SlotPool::PickSome(uint32_t region) {
  Region& r = regions_[region];
  while (r.count < kAhead && Pick(region) != kNone) {
  }
  return r.count != 0;
}

}  // namespace coretrack
