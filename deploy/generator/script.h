// Script: one made-up TCP connection as the list of its segments, both directions.
//
// What for  The demonstration without namespaces: connections that open, carry data and end in
// every
//           way that real ones do, without a host at either end.
// Threads   A value.
// Cost      Not on the packet path.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace coretrack::demo {

struct Step {
  bool by_client = true;
  uint8_t flags = 0;  // of the TCP header
  uint16_t payload_bytes = 0;
  uint32_t wait_ms = 0;  // after the segment before
  bool crosses = false;  // sent before the segment before it arrived: does not acknowledge it
};

enum class Kind : uint8_t {
  kClientCloses,
  kServerCloses,
  kSimultaneousClose,
  kHalfClose,
  kClientResets,
  kServerResets,
  kRefused,
  kUnanswered,
  kLongLived,
  kCount,
};

// REQUIRES: kind is not kCount.
std::vector<Step> MakeScript(Kind kind, std::mt19937* random);

// Mostly clean closes, some of everything else.
Kind PickKind(std::mt19937* random);

}  // namespace coretrack::demo
