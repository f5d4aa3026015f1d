// What a SYN says of its sender by its options.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/tcp_options.h"
#include "dataplane/tcp/connection.h"

namespace coretrack::tcp {

struct SynSays {
  uint16_t mss = 0;                  // 0: no option
  uint8_t offered_scale = kNoScale;  // at most kMaxScale, or kNoScale
  bool sack = false;
  bool timestamps = false;
  uint32_t timestamp = 0;
};

inline SynSays ReadSyn(const TcpHeader& s) {
  if (s.option_bytes == 0) return {};
  TcpOptions options;
  ReadTcpOptions(s.options, s.option_bytes, &options);
  SynSays says;
  says.mss = options.mss.value_or(0);
  if (options.window_scale) says.offered_scale = std::min(*options.window_scale, kMaxScale);
  says.sack = options.sack_permitted;
  says.timestamps = options.timestamps.has_value();
  if (says.timestamps) says.timestamp = options.timestamps->value;
  return says;
}

}  // namespace coretrack::tcp
