// FillMetaLanes: FillMeta() (parse_fast.h) of sixteen packets at once, for what leaves the lanes in numbers.
//
// How       A PacketMeta of IPv4 is a line: sixteen rows of a matrix that has a register a field.
// Cost      bench: Pipeline/lifecycle
#pragma once

#include <cstdint>

#include "dataplane/base/lanes.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/segment_lanes.h"

namespace coretrack {

// FillMeta() of `packets` among those from `first` on, whose frames are at data[first] and so on, into meta[first] and so
// on.  REQUIRES: they are, or were, common; kHasLanes.
void FillMetaLanes(const SegmentLanes& segments, const KeyWords& words, uint32_t first,
                   Mask packets, const uint8_t* const* data, PacketMeta* meta);

}  // namespace coretrack
