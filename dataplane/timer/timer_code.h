// TimerCode: in one byte, when a filed flow is looked at next.
//
// Layout     Bits 7..6: a level. Bits 5..0: the number of a unit of that level, modulo 64.
//              level  unit            for deadlines                              handed out
//              0      1 ms            less than 64 ms ahead                      at its tick
//              1      2^6 ms          in this unit of 2^11 ms or the next        in its unit
//              2      2^11 ms         2 to 64 units of 2^11 ms ahead             in the unit before
//              3      2^17 ms, 131 s  farther; farther than 63 units: in the     in the unit of 2^11 ms
//                                     63rd                                       before its own
//            A multiple of 64 ms is the start of a unit of level 1, which says it exactly. So level 0
//            does not need the number 0, and code 0 means: not filed.
// Invariants Of a code that is filed, relative to a clock that never passes it by unseen:
//            1. It is told from every other: the unit lies 0 to 63 (level 2: 1 to 64) ahead.
//            2. It is due when its number is the one that the clock has at its level, and an unmoved
//               deadline has a code of a lower level then, or has come. So it is handed out
//               at most kLevels times, and once more for each kReachMs that it is farther away.
//            3. Units of all levels divide 2^32 ms, 64 at a time: ticks may wrap.
// Threads    Values.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/types.h"

namespace coretrack {

using TimerCode = uint8_t;

// What codes mean while a clock stands at one tick.
class TimerCodes {
 public:
  static constexpr TimerCode kNotFiled = 0;
  static constexpr uint32_t kLevels = 4;
  static constexpr std::array<uint32_t, kLevels> kShift = {0, 6, 11, 17};
  static constexpr uint32_t kNumberBits = 6;
  static constexpr uint32_t kNumbers = 1u << kNumberBits;
  static constexpr TimerCode kNumberMask = kNumbers - 1;
  // A deadline up to this far ahead, 2.26 h, needs no hand-out but those of its levels.
  static constexpr uint32_t kReachMs = (kNumbers - 2) << kShift[3];

  explicit TimerCodes(Tick clock) : clock_ms_(clock.ms()) {
    // Of levels 2 and 3 the one that comes, so that they are handed out in the unit of level 2 before.
    const uint32_t coming = (clock_ms_ >> kShift[2]) + 1;
    unit_ = {clock_ms_, clock_ms_ >> kShift[1], coming, coming >> (kShift[3] - kShift[2])};
    for (uint32_t level = 0; level < kLevels; ++level) {
      due_[level] = CodeOf(level, unit_[level]);
    }
  }

  // The code of each level that is due at this clock, [0] perhaps kNotFiled.
  const std::array<TimerCode, kLevels>& due() const { return due_; }

  // What a flow is filed as: under `code`, to be looked at by `tick` or before.
  struct Filing {
    Tick tick;
    TimerCode code;
  };
  // For `deadline`, or for the farthest tick that has a code.
  // REQUIRES: `deadline` is not before the clock, and less than 2^32 - 2^18 ms ahead of it.
  Filing FilingFor(Tick deadline) const {
    const uint32_t ms = deadline.ms();
    if (ms - clock_ms_ < kNumbers && (ms & kNumberMask) != 0) return {deadline, CodeOf(0, ms)};
    const uint32_t units = ((ms >> kShift[2]) - (clock_ms_ >> kShift[2])) & Mask(2);
    if (units <= 1) return {deadline, CodeOf(1, ms >> kShift[1])};
    if (units <= kNumbers) return {deadline, CodeOf(2, ms >> kShift[2])};
    const uint32_t far_units = ((ms >> kShift[3]) - unit_[3]) & Mask(3);
    if (far_units < kNumbers) return {deadline, CodeOf(3, unit_[3] + far_units)};
    const uint32_t farthest = unit_[3] + kNumbers - 1;
    return {Tick(farthest << kShift[3]), CodeOf(3, farthest)};
  }

  // Relative codes: the level, and how many units after the one that is due. 0, 64, 128 and 192 are due.
  TimerCode Relative(TimerCode code) const {
    const uint32_t level = code >> kNumberBits;
    return static_cast<TimerCode>((code & ~kNumberMask) | ((code - due_[level]) & kNumberMask));
  }
  TimerCode FromRelative(TimerCode relative) const {
    const uint32_t level = relative >> kNumberBits;
    return CodeOf(level, due_[level] + relative);
  }
  // The first tick of a relative code's unit.
  Tick StartOf(TimerCode relative) const {
    const uint32_t level = relative >> kNumberBits;
    return Tick((unit_[level] + (relative & kNumberMask)) << kShift[level]);
  }
  // What is filed under a code for a deadline in its unit has been looked at by this tick.
  Tick SeenBy(TimerCode relative) const {
    return StartOf(relative) + kAfterStart[relative >> kNumberBits];
  }
  // Is `a` the earlier? Of ticks that begin a filed code's unit or are deadlines as above.
  bool IsBefore(Tick a, Tick b) const { return Ahead(a) < Ahead(b); }

 private:
  // By level: how long after the start of its unit a code has surely been looked at. (Those of level 2 are looked at in the unit before.)
  static constexpr std::array<uint32_t, kLevels> kAfterStart = {0, (1u << kShift[1]) - 1, 0,
                                                                (1u << kShift[3]) - 1};

  static constexpr TimerCode CodeOf(uint32_t level, uint32_t unit) {
    return static_cast<TimerCode>(level << kNumberBits | (unit & kNumberMask));
  }
  // Numbers of units are modulo how many there are in 2^32 ms.
  static constexpr uint32_t Mask(uint32_t level) { return ~uint32_t{0} >> kShift[level]; }
  // From the start of the clock's unit of level 3: no filed code's unit begins before that.
  uint32_t Ahead(Tick tick) const { return tick.ms() - (clock_ms_ >> kShift[3] << kShift[3]); }

  uint32_t clock_ms_;
  std::array<uint32_t, kLevels> unit_;  // the unit that is due
  std::array<TimerCode, kLevels> due_;
};

}  // namespace coretrack
