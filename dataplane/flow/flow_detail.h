// FlowDetail: what is known of a flow beside its line, and how it lies in memory.
//
// Layout   40 bytes a flow: four words beside each other (an IPv6 flow's are the second half of the line that its
//          addresses begin), and one more, its origin, in an array of its own.
//            word 0    mss[0] | mss[1] | flags | offered_scales | small      16, 16, 16, 8, 8 bits
//            word 1    history | wide | handshake_rtt_us[0] | [1]            15, 1, 24, 24
//            words 2, 3, by Direction   bytes | packets | out_of_window      34, 26, 4
//            origin    start_us | retransmits[0] | [1] | related_icmp        48, 6, 6, 4
//          A flow that one of its counts is too large for is wide: the counts are in a WideCounts then, and word 2
//          says in which.
// Threads  As FlowLine's.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "dataplane/base/packed_uint.h"
#include "dataplane/base/types.h"

namespace coretrack {

// Unpacked.
struct FlowDetail {
  std::array<uint16_t, 2> mss{};  // by Direction; 0: not observed
  uint16_t flags = 0;             // opaque to this room
  uint8_t offered_scales = 0;     // a nibble per direction as its SYN had it; 15: none
  uint8_t small = 0;              // opaque to this room
  uint16_t history = 0;           // opaque to this room; 15 bits
  uint8_t related_icmp = 0;       // ICMP errors that quoted it, saturating at kMaxRelatedIcmp
  std::array<uint32_t, 2>
      handshake_rtt_us{};                   // by Direction, saturating at kMaxRtt; 0: not observed
  std::array<uint16_t, 2> retransmits{};    // by Direction, saturating
  std::array<uint16_t, 2> out_of_window{};  // by Direction, saturating
  std::array<uint64_t, 2> packets{};        // by Direction, spilled
  std::array<uint64_t, 2> bytes{};          // by Direction, spilled
  uint64_t start_us =
      0;  // its low kStartBits. Once stored it does not change as long as the flow lives

  static constexpr uint8_t kMaxRelatedIcmp = 15;
  static constexpr uint32_t kMaxRtt = (1u << 24) - 1;
  static constexpr unsigned kStartBits = 48;  // 8.9 years
  static constexpr uint64_t kStartMask = (uint64_t{1} << kStartBits) - 1;

  friend bool operator==(const FlowDetail&, const FlowDetail&) = default;
};

// Tells a flow from those that had its slot before it (FlowTable::StartIn()).
constexpr uint32_t GenerationOf(uint64_t start_us) { return start_us & 0xffffff; }

// The four words. The owner may also go at them by halves, as at a FlowLine (flow_slot.h).
struct alignas(32) AtomicDetail {
  AtomicDetail() : words{} {}
  union {
    std::array<std::atomic<uint64_t>, 4> words;
    std::array<std::atomic<uint32_t>, 8> halves;
  };
};
static_assert(sizeof(AtomicDetail) == 32);
using AtomicOrigin = std::atomic<uint64_t>;

// Where the fields lie in the words.
namespace detail_word {
// Word 0.
constexpr unsigned MssShift(unsigned d) { return 16 * d; }
inline constexpr unsigned kFlagsShift = 32;
constexpr unsigned OfferedScaleShift(unsigned d) { return 48 + 4 * d; }
inline constexpr unsigned kSmallShift = 56;
// Word 1.
inline constexpr uint64_t kHistoryMask = 0x7fff, kWide = 0x8000;
inline constexpr uint64_t kRttMask = FlowDetail::kMaxRtt;
constexpr unsigned RttShift(unsigned d) { return 16 + 24 * d; }
// Words 2 and 3.
inline constexpr unsigned kBytesBits = 34, kPacketsBits = 26, kOutOfWindowBits = 4;
inline constexpr unsigned kPacketsShift = kBytesBits,
                          kOutOfWindowShift = kPacketsShift + kPacketsBits;
static_assert(kOutOfWindowShift + kOutOfWindowBits == 64);
inline constexpr uint64_t kMaxBytes = (uint64_t{1} << kBytesBits) - 1,
                          kMaxPackets = (uint64_t{1} << kPacketsBits) - 1,
                          kMaxOutOfWindow = (uint64_t{1} << kOutOfWindowBits) - 1;
// The origin.
inline constexpr unsigned kRetransmitsBits = 6;
inline constexpr uint64_t kMaxRetransmits = (uint64_t{1} << kRetransmitsBits) - 1;
constexpr unsigned RetransmitsShift(unsigned d) {
  return FlowDetail::kStartBits + kRetransmitsBits * d;
}
inline constexpr uint64_t kBothRetransmits =
    (kMaxRetransmits << RetransmitsShift(0)) | (kMaxRetransmits << RetransmitsShift(1));
inline constexpr unsigned kRelatedIcmpShift = RetransmitsShift(2);
static_assert(kRelatedIcmpShift + 4 == 64);
}  // namespace detail_word

// Counts of a wide flow.
struct WideCounts {
  std::array<uint16_t, 2> retransmits, out_of_window;
  std::array<PackedUint<5>, 2> packets;
  std::array<PackedUint<6>, 2> bytes;
  std::array<uint8_t, 2> spare;
};
static_assert(sizeof(WideCounts) == sizeof(AtomicDetail));

using DetailWords = std::array<uint64_t, 4>;

// A detail as it lies in memory.
struct PackedDetail {
  DetailWords words{};
  uint64_t origin = 0;
};
inline DetailWords LoadAcquired(const AtomicDetail& from) {
  DetailWords words;
#pragma GCC unroll 4
  for (size_t i = 0; i < words.size(); ++i)
    words[i] = from.words[i].load(std::memory_order_acquire);
  return words;
}
inline void StoreReleased(const DetailWords& words, AtomicDetail* to) {
  for (size_t i = 0; i < words.size(); ++i) to->words[i].store(words[i], std::memory_order_release);
}
inline PackedDetail LoadPacked(const AtomicDetail& detail, const AtomicOrigin& origin) {
  return {.words = LoadAcquired(detail), .origin = origin.load(std::memory_order_acquire)};
}
inline bool IsWide(const PackedDetail& packed) {
  return (packed.words[1] & detail_word::kWide) != 0;
}
inline uint32_t WideIndex(const PackedDetail& packed) {
  return static_cast<uint32_t>(packed.words[2]);
}

// Do the counts fit a flow that is not wide?
inline bool FitsNarrow(const FlowDetail& detail) {
  using namespace detail_word;
  bool fits = true;
  for (unsigned d = 0; d < 2; ++d) {
    fits = fits && detail.bytes[d] <= kMaxBytes && detail.packets[d] <= kMaxPackets &&
           detail.out_of_window[d] <= kMaxOutOfWindow && detail.retransmits[d] <= kMaxRetransmits;
  }
  return fits;
}

// Not wide; counts that do not fit saturate.
inline PackedDetail Pack(const FlowDetail& detail) {
  using namespace detail_word;
  PackedDetail packed;
  packed.words[0] = detail.mss[0] | uint64_t{detail.mss[1]} << MssShift(1) |
                    uint64_t{detail.flags} << kFlagsShift |
                    uint64_t{detail.offered_scales} << OfferedScaleShift(0) |
                    uint64_t{detail.small} << kSmallShift;
  packed.words[1] = detail.history & kHistoryMask;
  packed.origin = (detail.start_us & FlowDetail::kStartMask) |
                  uint64_t{std::min(detail.related_icmp, FlowDetail::kMaxRelatedIcmp)}
                      << kRelatedIcmpShift;
  for (unsigned d = 0; d < 2; ++d) {
    packed.words[1] |= std::min<uint64_t>(detail.handshake_rtt_us[d], kRttMask) << RttShift(d);
    packed.words[2 + d] = std::min(detail.bytes[d], kMaxBytes) |
                          std::min(detail.packets[d], kMaxPackets) << kPacketsShift |
                          std::min<uint64_t>(detail.out_of_window[d], kMaxOutOfWindow)
                              << kOutOfWindowShift;
    packed.origin |= std::min<uint64_t>(detail.retransmits[d], kMaxRetransmits)
                     << RetransmitsShift(d);
  }
  return packed;
}

inline WideCounts WideCountsOf(const FlowDetail& detail) {
  WideCounts counts{};
  for (unsigned d = 0; d < 2; ++d) {
    counts.retransmits[d] = detail.retransmits[d];
    counts.out_of_window[d] = detail.out_of_window[d];
    counts.packets[d].Set(detail.packets[d]);
    counts.bytes[d].Set(detail.bytes[d]);
  }
  return counts;
}

// Fills all of `detail`, in place: a copy of what narrower stores have just written would wait for them. Of a wide flow the
// counts are to come (UnpackCounts()).
inline void Unpack(const PackedDetail& packed, FlowDetail* detail) {
  using namespace detail_word;
  const uint64_t word0 = packed.words[0], word1 = packed.words[1], origin = packed.origin;
  detail->flags = static_cast<uint16_t>(word0 >> kFlagsShift);
  detail->offered_scales = static_cast<uint8_t>(word0 >> OfferedScaleShift(0));
  detail->small = static_cast<uint8_t>(word0 >> kSmallShift);
  detail->history = word1 & kHistoryMask;
  detail->related_icmp = static_cast<uint8_t>(origin >> kRelatedIcmpShift);
  detail->start_us = origin & FlowDetail::kStartMask;
  for (unsigned d = 0; d < 2; ++d) {
    const uint64_t counts = packed.words[2 + d];
    detail->mss[d] = static_cast<uint16_t>(word0 >> MssShift(d));
    detail->handshake_rtt_us[d] = static_cast<uint32_t>(word1 >> RttShift(d) & kRttMask);
    detail->bytes[d] = counts & kMaxBytes;
    detail->packets[d] = counts >> kPacketsShift & kMaxPackets;
    detail->out_of_window[d] = static_cast<uint16_t>(counts >> kOutOfWindowShift);
    detail->retransmits[d] = static_cast<uint16_t>(origin >> RetransmitsShift(d) & kMaxRetransmits);
  }
}
inline void UnpackCounts(const WideCounts& wide, FlowDetail* detail) {
  for (unsigned d = 0; d < 2; ++d) {
    detail->bytes[d] = wide.bytes[d].Get();
    detail->packets[d] = wide.packets[d].Get();
    detail->out_of_window[d] = wide.out_of_window[d];
    detail->retransmits[d] = wide.retransmits[d];
  }
}

}  // namespace coretrack
