#include "dataplane/flow/slot_pool.h"

namespace coretrack {

SlotPool::SlotPool(uint32_t regions, uint32_t region_slots, Arena* arena)
    : words_(arena->Carve<Word>(size_t{regions} * (region_slots / kWordSlots))),
      regions_(arena->Carve<Region>(regions)),
      region_words_(region_slots / kWordSlots),
      sixty_fours_((region_words_ + 63) / 64) {
  assert(region_slots != 0 && region_slots % kWordSlots == 0 && region_slots <= kMostSlots);
}

bool SlotPool::SetApart(uint32_t region) {
  Region& r = regions_[region];
  const auto i = static_cast<uint32_t>(std::countr_one(r.full));
  if (i == sixty_fours_) return false;
  r.word = i * 64 + static_cast<uint32_t>(std::countr_one(r.words_full[i]));
  Word& word = WordsOf(region)[r.word];
  r.free = ~word.apart;
  word.apart = ~uint64_t{0};
  r.words_full[i] |= uint64_t{1} << r.word % 64;
  const uint32_t words = i + 1 == sixty_fours_ ? region_words_ - i * 64 : 64;
  if (static_cast<uint32_t>(std::countr_one(r.words_full[i])) == words) r.full |= 1u << i;
  return true;
}

bool SlotPool::PickSome(uint32_t region) {
  const Region& r = regions_[region];
  while (r.count < kAhead && Pick(region) != kNone) {
  }
  return r.count != 0;
}

}  // namespace coretrack
