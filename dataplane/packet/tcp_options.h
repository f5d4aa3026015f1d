// TCP options (RFC 9293 3.2, RFC 7323, RFC 2018) behind a cursor that cannot pass their end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

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
  // The right-most edge of any SACK block, when there is one.
  std::optional<uint32_t> highest_sack;
};

// False when an option's length is 0, 1, or past the end, or a known option has the wrong length.
// What was read before it is kept.
bool ReadTcpOptions(const uint8_t* options, uint32_t bytes, TcpOptions* out);

// The timestamps alone, for the established path: the layout every stack sends (NOP NOP TS) is
// recognised at once, others walk the options. False when there are none.
bool ReadTimestamps(const uint8_t* options, uint32_t bytes, TcpOptions::Timestamps* out);

}  // namespace coretrack
