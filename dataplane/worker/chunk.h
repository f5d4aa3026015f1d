// A chunk: the packets of a burst that go through a stage of the pipeline together.
#pragma once

#include <cstdint>

#include "dataplane/base/lanes.h"

namespace coretrack {

// So many packets go through one stage together. More, and their lines are asked for faster than memory
// takes requests; fewer, and what each waits for is not waited for together (README.md, "Measured
// choices").
inline constexpr uint32_t kChunk = kLanes;

// Packets of a chunk, bit by bit: all of the first `count`.
constexpr uint32_t AllOf(uint32_t count) { return (1u << count) - 1; }

// Are there as many as go through a stage in lanes?
constexpr bool Together(uint32_t first, uint32_t last) {
  return kHasLanes && last - first == kLanes;
}

}  // namespace coretrack
