// TrackStep() (pipeline_steps.cc) of sixteen packets at once: segments in order that move a state or are the first of their
// kind, each of another flow.
//
// How       As established_lanes.h, with the words of each detail that a step reads and writes: its flags, the history.
// Lock      The line's version is odd while line and detail are written (flow/flow_slot.h).
// Threads   The owning worker.
// Cost      bench: Pipeline/lifecycle
#pragma once

#include "dataplane/base/lanes.h"
#include "dataplane/base/types.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/segment_lanes.h"
#include "dataplane/tcp/timeouts.h"
#include "dataplane/worker/history.h"

namespace coretrack {

// What has become of sixteen packets: bit i, element i: of first + i.
struct alignas(kCacheLine) StepsTracked {
  uint32_t deadlines[kLanes];  // that their flows have now
  uint32_t moves[kLanes];      // codes of their states, before << 8 | after
  Mask tracked = 0;            // and counted on their flows; nothing was touched for the others
  // Of these, whose flow's deadline came nearer: the wheel must hear.
  Mask sooner = 0;
  // Whose flow is in TIME_WAIT: the deadline will hardly move again. May also be `sooner`.
  Mask last = 0;
  // That made their flow assured.
  Mask assured = 0;
  // Whose flow's state is another now.
  Mask moved = 0;
};

// Bit i: element i is what element `of` is.  REQUIRES: kLanes numbers, aligned to as many bytes as they have.
Mask SameAs(const uint32_t* numbers, uint32_t of);

// Tracks those of `packets` (bit i: first + i) of a burst that are steps, each on the line of `table` that may be its flow's,
// or null. Two packets of one flow are both left alone.
// REQUIRES: first is a multiple of kLanes; the arrays are aligned to 64 bytes; kHasLanes; all keys are of the table's IP version.
void TrackStepLanes(const SegmentLanes& segments, const KeyWords& words, const FlowHash* hashes,
                    AtomicLine* const* lines, const FlowTable& table, Histories* histories,
                    uint32_t first, Mask packets, Now now, const tcp::TimeoutsMs& timeouts_ms,
                    StepsTracked* steps);

}  // namespace coretrack
