// A plain opening of sixteen packets at once, each of another flow: OpenPlainly() and TrackAnswer() (pipeline_opening.cc).
//
// How       As step_lanes.h. What is to be written is put together for all; slots are taken flow by flow, and then flows written (Pipeline::Open()).
// Twin      pipeline_opening.cc: what changes there changes here.
// Threads   The owning worker.
// Cost      bench: Pipeline/lifecycle
#pragma once

#include "dataplane/worker/step_lanes.h"

namespace coretrack {

// What plain SYNs open: words of a new flow's line and detail, element i: of packet first + i.
struct alignas(kCacheLine) Openings {
  uint64_t detail_word0[kLanes];
  uint64_t line_word3[kLanes];
  uint64_t end[kLanes];        // words 4 and 5 of the line
  uint64_t timestamp[kLanes];  // word 7
  uint32_t head[kLanes];       // state and packets: of word 0, without the version
};

// Those of `packets` (bit i: first + i) of a burst that are plain SYNs, and the only ones of their flow among the sixteen: what they
// open, if that flow is not there. REQUIRES: as TrackStepLanes().
Mask ComposeOpenings(const SegmentLanes& segments, const KeyWords& words, const FlowHash* hashes,
                     uint32_t first, Mask packets, Openings* openings);

// TrackStepLanes() of those that are plain SYN+ACKs.
void TrackAnswerLanes(const SegmentLanes& segments, const KeyWords& words, const FlowHash* hashes,
                      AtomicLine* const* lines, const FlowTable& table, Histories* histories,
                      uint32_t first, Mask packets, Now now, const tcp::TimeoutsMs& timeouts_ms,
                      StepsTracked* steps);

}  // namespace coretrack
