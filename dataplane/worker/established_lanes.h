// TrackEstablished() (established_path.h) of sixteen packets at once; and UDP that is nothing new to its flow.
//
// How       The lines of sixteen flows are sixteen rows; turned into one register a field, they are held against
//           the packets' keys and numbers together, moved together, and turned into lines again.
// Lock      As ever: the version odd, the line, the version even. What has changed of a line is stored by whole registers; x86-64
//           keeps the order of stores, whatever their width.
// Threads   The owning worker.
// Cost      bench: Pipeline/established, stages
#pragma once

#include "dataplane/base/fetches.h"
#include "dataplane/base/lanes.h"
#include "dataplane/base/types.h"
#include "dataplane/flow/flow_slot.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/segment_lanes.h"

namespace coretrack {

// With fewer packets it is not worth it.
inline constexpr int kEnoughForLanes = kLanes * 3 / 8;

// What what is plain leaves its flow.
struct PlainTimeouts {
  uint32_t established_ms, udp_ms, udp_answered_ms;
};

// Tracks what is plain of `packets` (bit i: first + i) of a burst, each on the line that may be its flow's, or
// null. Bit i: first + i was, and is counted. Nothing was touched for the others: they may hold other lines, not be
// in order, or be of one flow with a packet that was not tracked. What `meanwhile` has left is asked for on the way.
// REQUIRES: first is a multiple of kLanes; the arrays are aligned to 64 bytes; kHasLanes.
Mask TrackEstablishedLanes(const SegmentLanes& segments, const KeyWords& words,
                           const FlowHash* hashes, AtomicLine* const* lines, uint32_t first,
                           Mask packets, Tick now, const PlainTimeouts& timeouts,
                           Fetches* meanwhile);

}  // namespace coretrack
