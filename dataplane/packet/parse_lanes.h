// ParseLanes: ParseFast(), ParseFastSyn() and ParseFastUdp() of sixteen packets at once, for what nearly all of them are.
//
// How       The last 64 bytes of a frame's headers are one row of sixteen numbers; sixteen rows are turned into one
//           register a header field, and all checks are made on these. No PacketMeta comes of it: who needs
//           one makes it (FillMeta(), parse_fast.h; of many meta_lanes.h).
// Cost      bench: Pipeline/established, stages
#pragma once

#include <cstdint>

#include "dataplane/base/fetches.h"
#include "dataplane/base/lanes.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/segment_lanes.h"

namespace coretrack {

// The inputs of packets `first` to `first` + kLanes - 1 of a burst: arrays over these.
struct FrameLanes {
  uint32_t first;  // a multiple of kLanes
  const uint8_t* const* data;
  const uint32_t* bytes;
  const uint32_t* wire_bytes;
  const uint8_t* zone;
  const bool* checksum_known_good;
};

// Bit i: packet first + i is common (segment_lanes.h): its segment lanes and its key's words are there. The
// others' are anything. `verify`: whose checksums are not known to be good is for ParseGeneral(). What `meanwhile` has
// left is asked for on the way.
// REQUIRES: frames of Ethernet, kHasLanes.
Mask ParseLanes(const FrameLanes& frames, bool verify, KeyWords* words, SegmentLanes* segments,
                Fetches* meanwhile);

}  // namespace coretrack
