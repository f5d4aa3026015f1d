// Trace: a TCP conversation as text, run through the real pipeline: parser, table, tracker, wheel.
//
//   C>S SYN seq=100 mss=1460 ws=7       = SYN_SENT LISTEN      timeout 60s
//   S>C SYN,ACK seq=300 ack=50          ! syn_ack_ack
//   +1.5s
//   S>C SYN,ACK seq=300 ack=101         = SYN_SENT SYN_RCVD
//
// A line  is a segment or a step of time, and what is expected after it. `#` starts a comment.
// Segment `C>S` or `S>C`, flags (SYN FIN RST PSH ACK URG ECE CWR joined by commas, `-` for none),
//         then
//         seq= ack=  a number, or `+n` / `-n` relative to the default. The defaults are what this
//                    side sends next and what the other side sends next; a segment at its default
//                    moves it on, as do a SYN and a side's first segment, unless it says `stray`.
//         rawseq= rawack=  the same, not relocated (a literal 0)
//         len= win= mss= ws= ts=VALUE,ECHO sackok sack=LEFT,RIGHT
//         vlan=OUTER[,INNER]  cut=BYTES (of the frame, as a capture does)
//         doff=WORDS opt=HEX badsum
// Time    `+` and a number with ms, s, m, h or d: what is due ends.
// Expect  `= C-STATE S-STATE` or `= none`; `! reason`: judged invalid, and then the flow's states
//         and deadline must be as before; `timeout TIME` until the deadline, exactly; `new flow`:
//         another flow than before; `end how`: a flow has ended so; `originator C`.
//         Without `!` a segment must not be invalid; without `new flow` the flow must be the same;
//         without `end` none may end.
//
// RunTrace() runs the text several times: both canonical directions, IPv4 and IPv6, sequence
// numbers that wrap in the middle, invalid segments forwarded and dropped.
#pragma once

#include <functional>
#include <string_view>

#include "tests/worker/harness.h"

namespace coretrack::testing {

struct TraceOptions {
  Tunables tunables;
  // Looks at the end; `flow` is the last flow as it is, or as it ended.
  std::function<void(const FlowRecord& flow, const Harness& harness)> inspect;
};

void RunTrace(std::string_view script, const TraceOptions& options = {});

}  // namespace coretrack::testing
