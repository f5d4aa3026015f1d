// One flow as JSON: the one schema of command line, HTTP and replay (README.md, "The schema").
//
// Layout   Members stand in a fixed order, without spaces. What was not observed is null. Members
//          after "out_of_window" are ours beyond the agreed schema: "zone", "originator_guessed",
//          "time_wait", "retransmits_by", "out_of_window_by", "provisional", "related_icmp". A state is null
//          where the protocol has none; "retransmits" and "out_of_window" are both directions together.
// Limits   A line has at most kMaxFlowJsonBytes.
// Threads  Pure.
// Cost     bench: Pipeline/query; README.md, "Choices"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "dataplane/worker/flow_record.h"

namespace coretrack {

inline constexpr size_t kMaxFlowJsonBytes = 1536;

// Writes the object, without a line end; answers the end.  REQUIRES: room for kMaxFlowJsonBytes at `out`.
char* PutFlowJson(char* out, const FlowRecord& flow);
// Appends it to `out`.
void AppendFlowJson(const FlowRecord& flow, std::string* out);

// replay --events: a change of either state at packet `packet`, or an invalid packet.
void AppendChangeJson(uint64_t packet, const FlowRecord& flow, std::string* out);
void AppendInvalidJson(uint64_t packet, std::string_view reason, std::string* out);

// The other way round, for the client's tables.
absl::StatusOr<FlowRecord> ParseFlowJson(std::string_view json);

}  // namespace coretrack
