// Rival: another incarnation on the ports of a flow, one that the endpoints may be in instead.
//
// Why      A SYN, or a SYN+ACK, that does not fit a flow may be forged, late, or the first that is
//          seen of the next connection (TCP.md 38; of the two SYNs of RFC 9293 figure 8, either may
//          count). Only what follows tells. So both stand, each with its own states and counts, and
//          a segment that does not fit the flow is tried on its rival.
// Layout   A flow's line, without identity and version, and its detail.
#pragma once

#include <array>

#include "dataplane/base/types.h"
#include "dataplane/flow/flow_detail.h"
#include "dataplane/flow/flow_line.h"

namespace coretrack {

// A flow's line and detail.
struct FlowImage {
  alignas(kCacheLine) FlowLine line{};
  FlowDetail detail{};
};

struct Rival : FlowImage {
  Direction opener = Direction::kForward;  // who sent what is known first of it
  // It was kept while the flow itself was opening: two attempts at one connection, so it takes the
  // flow's place in the flow. Else it becomes a flow of its own.
  bool same_opening = false;
};

// Those of one flow. Two, so that a forged SYN does not put out the one that is answered next.
struct Rivals {
  std::array<Rival, 2> each;  // line.state 0: there is none
  uint8_t newest = 0;         // its place
  bool empty() const { return each[0].line.state == 0 && each[1].line.state == 0; }
};

}  // namespace coretrack
