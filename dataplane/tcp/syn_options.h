// What a SYN says of its sender by its options.
#pragma once

#include <cstdint>

#include "dataplane/packet/bytes.h"
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

static_assert(SynOptions::kMaxScale == kMaxScale && SynOptions::kNoScale == kNoScale);
// `syn` is known; of `options`.
inline SynSays SaysOf(SynOptions syn, const uint8_t* options) {
  const uint32_t stamp_at = syn.stamp_at();
  return {.mss = syn.mss(),
          .offered_scale = syn.scale(),
          .sack = syn.sack_permitted(),
          .timestamps = stamp_at != 0,
          .timestamp = stamp_at != 0 ? LoadBe32(options + stamp_at) : 0};
}

inline SynSays ReadSyn(const TcpHeader& s) {
  if (s.option_bytes == 0) return {};
  SynOptions syn;
  ReadSynOptions(s.options, s.option_bytes, &syn);
  return SaysOf(syn, s.options);
}

}  // namespace coretrack::tcp
