// What a request to /api/v1/flows asks for: filters, and how the answer is to look.
//
// Errors  kInvalidArgument naming the key and what may be written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "control/api/http.h"
#include "control/query/scan.h"
#include "control/query/top_flows.h"

namespace coretrack {

struct FlowsQuery {
  Filter filter;
  bool filtered = false;
  std::optional<size_t> limit;
  std::string cursor;
  std::optional<SortBy> sort;
  bool count = false;
  bool all = false;
};
absl::StatusOr<FlowsQuery> ParseFlowsQuery(const Fields& fields);

FlowScan MakeScan(const Dataplane& dataplane, const Tunables& tunables, const FlowsQuery& query);

// The flow with this id, as text.
absl::StatusOr<FlowRecord> LookUpFlow(std::string_view id, const Dataplane& dataplane,
                                      const Tunables& tunables);

}  // namespace coretrack
