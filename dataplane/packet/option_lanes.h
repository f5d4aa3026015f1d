// TCP options of sixteen segments at once: SYNs' and SACK blocks. Most segments have none of them, so these are functions of
// their own. Included by parse_lanes.cc only: the compiler must see that they leave its rows alone (as functions of another file they cost all segments 5 %).
#pragma once

#include <bit>

#include "dataplane/base/lanes.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/parse_lanes.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_options.h"

#ifdef CORETRACK_LANES

namespace coretrack::option_lanes {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// What SYNs say by their options.
struct SynLanes {
  Mask known;
  Lanes word;      // SynOptions
  Lanes ts_value;  // as it lies in memory, where there is one
};

// Of those of `syns` whose options are what the stacks of the day send: nothing, or the MSS and then whole words: NOP and a window
// scale, NOPs or "SACK permitted" and timestamps, NOPs and "SACK permitted", or that and an end. What is not so is for
// ReadSynOptions(). `segment_begins`: where in each frame. Of `syns` all is readable from there to the end of the options;
// `first_words`: the first three of these, as they lie in memory.
[[gnu::noinline]] inline SynLanes ReadSyns(const FrameLanes& frames, Lanes segment_begins,
                                           const Lanes& option_bytes, const Lanes* first_words,
                                           Mask syns) {
  constexpr uint32_t kWord = sizeof(uint32_t), kWords = 6, kLastWords = 4;
  // The options' last four words; of few options that begins in the header before them.
  static constexpr uint8_t kZeros[kLastWords * kWord] = {};
  alignas(kCacheLine) uint32_t ends[kLanes];
  Spill(segment_begins + option_bytes + kTcpMinBytes, &ends);
  const uint8_t* rows[kLanes];
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    rows[i] = (syns >> i & 1) != 0 ? frames.data[i] + ends[i] - sizeof(kZeros) : kZeros;
  const Quarter last = LoadQuarter(rows);
  const Test four = Equal(option_bytes, All(4 * kWord)), five = Equal(option_bytes, All(5 * kWord));
  const Lanes words[kWords] = {first_words[0],
                               first_words[1],
                               first_words[2],
                               Select(four, last.row[3], Select(five, last.row[2], last.row[1])),
                               Select(five, last.row[3], last.row[2]),
                               last.row[3]};

  // As bytes: 4 2 8 10 or 1 1 8 10, and two words of timestamps. One that begins among another's is not looked into.
  const Test none = AsTest(Mask{0});
  Test there[kWords + 2], stamp[kWords];
#pragma GCC unroll 8
  for (uint32_t w = 0; w < kWords + 2; ++w)
    there[w] = w < kWords ? Below(All(w * kWord), option_bytes) : none;
  stamp[0] = none;
  constexpr uint32_t kSackAndStamp = 0x0a080204;
  Lanes sack = All(0), stamp_at = All(0), ts_value = All(0);
  Lanes scale = All(SynOptions::kNoScale);
  Test unknown = Below(All(kWords * kWord), option_bytes) |
                 (there[0] & ~Equal(words[0] & 0xffff, All(0x0402)));
#pragma GCC unroll 6
  for (uint32_t w = 1; w < kWords; ++w) {
    const Test with_sack = Equal(words[w], All(kSackAndStamp));
    const Test data = stamp[w - 1] | (w > 1 ? stamp[w - 2] : none);
    stamp[w] = there[w] & (with_sack | Equal(words[w], All(kTimestampsBegin)));
    // 1 1 4 2, or at the end 4 2 0 0; 1 3 3 scale.
    const Test just_sack =
        Equal(words[w], All(0x02040101)) | (Equal(words[w], All(0x00000204)) & ~there[w + 1]);
    const Test scales = Equal(words[w] & 0xffffff, All(0x030301)) & there[w] & ~data;
    unknown = unknown | (there[w] & ~data & ~(stamp[w] | just_sack | scales)) |
              (stamp[w] & (data | ~there[w + 2]));
    sack |=
        Select((with_sack | just_sack) & there[w] & ~data, All(SynOptions::kSackPermitted), All(0));
    scale = Select(scales, Least(words[w] >> 24, All(SynOptions::kMaxScale)), scale);
    stamp_at = Select(stamp[w], All((w + 1) * kWord << SynOptions::kStampShift), stamp_at);
    if (w + 1 < kWords) ts_value = Select(stamp[w], words[w + 1], ts_value);
  }
  const Lanes mss = Select(there[0], SwapBytes(words[0]) & SynOptions::kMss, All(0));
  return {static_cast<Mask>(syns & ~unknown),
          mss | scale << SynOptions::kScaleShift | sack | stamp_at | SynOptions::kKnown, ts_value};
}

// Those of `packets` that have SACK blocks, alone or behind the timestamps, as HasUsualOptions() asks; `*stamped`: of these, those that
// have timestamps. `first_word`: of the options.
[[gnu::noinline]] inline Mask HaveSack(const FrameLanes& frames, Lanes segment_begins,
                                       Lanes option_bytes, Lanes first_word, Mask packets,
                                       Mask* stamped) {
  const Mask starts = Equal(first_word, All(kTimestampsBegin)) &
                      AtMost(All(kTimestampsBytes + kSackMinBytes), option_bytes);
  const Lanes before = Select(starts, All(kTimestampsBytes), All(0));
  const Lanes sack_bytes = option_bytes - before;
  Mask have = packets & AtMost(All(kSackMinBytes), sack_bytes) &
              AtMost(option_bytes, All(kTcpMaxOptionBytes)) &
              Equal(sack_bytes & 7, All(kSackMinBytes % 8));
  alignas(kCacheLine) uint32_t at[kLanes];
  Spill(segment_begins + kTcpMinBytes + before, &at);
  alignas(kCacheLine) uint32_t begin[kLanes] = {};
  for (uint32_t left = have; left != 0; left &= left - 1) {
    const auto i = static_cast<uint32_t>(std::countr_zero(left));
    begin[i] = LoadRaw<uint32_t>(frames.data[i] + at[i]);
  }
  KeepInMemory(&begin);
  have &= Equal(Load(begin), kSackBegin | (sack_bytes - 2) << kSackLengthShift);
  *stamped = have & starts;
  return have;
}

}  // namespace coretrack::option_lanes

#endif
