#include "dataplane/flow/slot_pool.h"

namespace coretrack {

SlotPool::SlotPool(uint32_t regions, uint32_t region_slots, Arena* arena)
    : words_(arena->Carve<Word>(size_t{regions} * (region_slots / kWordSlots))),
      regions_(arena->Carve<Region>(regions)),
      region_words_(region_slots / kWordSlots) {
  assert(region_slots != 0 && region_slots % kWordSlots == 0 && region_slots <= kMostSlots);
  for (uint32_t region = 0; region < regions; ++region) {
    Region& r = regions_[region];
    for (uint32_t w = 0; w < region_words_; ++w) {
      r.has_free[w / 64] |= uint64_t{1} << w % 64;
      r.any_free = static_cast<uint16_t>(r.any_free | 1u << w / 64);
    }
    while (r.count < kAhead) Pick(region);
  }
}

}  // namespace coretrack
