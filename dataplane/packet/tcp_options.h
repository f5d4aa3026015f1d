// TCP options (RFC 9293 3.2, RFC 7323, RFC 2018) behind a cursor that cannot pass their end.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/packet/bytes.h"

namespace coretrack {

struct TcpOptions {
  std::optional<uint16_t> mss;
  std::optional<uint8_t>
      window_scale;  // as sent: a shift above 14 counts as 14 (RFC 7323 2.3), the tracker's duty
  struct Timestamps {
    uint32_t value = 0;
    uint32_t echo = 0;
  };
  std::optional<Timestamps> timestamps;
  bool sack_permitted = false;
  // The right-most edge of any SACK block, when there is one (modulo 2^32).
  std::optional<uint32_t> highest_sack;
};

// False when an option's length is 0, 1, or past the end, or a known option has the wrong length.
// What was read before it is kept. Unknown options are skipped; of a repeated one the last counts.
bool ReadTcpOptions(const uint8_t* options, uint32_t bytes, TcpOptions* out);

// NOP, NOP, timestamps: how every stack lays them out on an established connection.
// REQUIRES: kTimestampsBytes readable bytes.
inline constexpr uint32_t kTimestampsBytes = 12;
inline constexpr uint32_t kTimestampsBegin = 0x0a080101;  // as LoadRaw() reads it
inline bool StartsWithTimestamps(const uint8_t* options) {
  return LoadRaw<uint32_t>(options) == kTimestampsBegin;
}

// NOP, NOP, SACK (RFC 2018 3), blocks up to the end: kSackMinBytes with one, 8 more for each other.
// REQUIRES: kSackMinBytes <= bytes; 4 are readable.
inline constexpr uint32_t kSackMinBytes = 12;
inline constexpr uint32_t kSackBegin = 0x00050101, kSackLengthShift = 24;  // as LoadRaw() reads it
constexpr uint32_t SackBegin(uint32_t bytes) {
  return kSackBegin | (bytes - 2) << kSackLengthShift;
}
inline bool IsSack(const uint8_t* options, uint32_t bytes) {
  return bytes % 8 == kSackMinBytes % 8 && LoadRaw<uint32_t>(options) == SackBegin(bytes);
}

// REQUIRES: StartsWithTimestamps().
inline TcpOptions::Timestamps LoadTimestamps(const uint8_t* options) {
  return {.value = LoadBe32(options + 4), .echo = LoadBe32(options + 8)};
}

// What the options of a SYN say, in a word, so that who has checked them has also read them. 0: nobody has.
//   Bits  0-15 MSS, 0 where there is none | 16-19 window scale, at most 14 (RFC 7323 2.3), or 15: none | 20 SACK permitted |
//         21 known | 24-31 from where on in the options the timestamps' value is, 0 where there are none
struct SynOptions {
  static constexpr uint32_t kMaxScale = 14, kNoScale = 15;
  static constexpr unsigned kScaleShift = 16, kStampShift = 24;
  static constexpr uint32_t kMss = 0xffff, kSackPermitted = 1u << 20, kKnown = 1u << 21;

  uint32_t word = 0;

  bool known() const { return (word & kKnown) != 0; }
  uint16_t mss() const { return static_cast<uint16_t>(word & kMss); }
  uint8_t scale() const { return word >> kScaleShift & 0xf; }
  bool sack_permitted() const { return (word & kSackPermitted) != 0; }
  uint32_t stamp_at() const { return word >> kStampShift; }
  bool operator==(const SynOptions&) const = default;
};
// False where ReadTcpOptions() is; what was read before it is kept.
bool ReadSynOptions(const uint8_t* options, uint32_t bytes, SynOptions* out);

bool WalkToTimestamps(const uint8_t* options, uint32_t bytes, TcpOptions::Timestamps* out);

// The timestamps alone, for the established path: the usual layout is recognised at once, others
// walk the options. False when there are none.
inline bool ReadTimestamps(const uint8_t* options, uint32_t bytes, TcpOptions::Timestamps* out) {
  if (bytes == 0) return false;
  if (bytes >= kTimestampsBytes && StartsWithTimestamps(options)) {
    *out = LoadTimestamps(options);
    return true;
  }
  return WalkToTimestamps(options, bytes, out);
}

}  // namespace coretrack
