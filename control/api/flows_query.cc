#include "control/api/flows_query.h"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {

absl::StatusOr<bool> ParseBool(std::string_view key, std::string_view value) {
  if (value == "true" || value == "1" || value.empty()) return true;
  if (value == "false" || value == "0") return false;
  return absl::InvalidArgumentError(
      absl::StrCat(absl::string_view(key.data(), key.size()), ": not a bool; write true or false"));
}

absl::StatusOr<size_t> ParseLimit(std::string_view text) {
  size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit == 0 ||
      limit > TopFlows::kMaxCount) {
    return absl::InvalidArgumentError(absl::StrCat(
        "limit: 1 to ", TopFlows::kMaxCount, "; leave it out for all flows, or follow the cursor"));
  }
  return limit;
}

}  // namespace

absl::StatusOr<FlowsQuery> ParseFlowsQuery(const Fields& fields) {
  FlowsQuery query;
  for (const auto& [key, value] : fields) {
    FilterTerm term;
    if (TermOfQuery(key, value, &term)) {
      if (absl::Status status = query.filter.Add(term); !status.ok()) return status;
      query.filtered = true;
    } else if (key == "limit") {
      absl::StatusOr<size_t> limit = ParseLimit(value);
      if (!limit.ok()) return limit.status();
      query.limit = *limit;
    } else if (key == "cursor") {
      query.cursor = value;
    } else if (key == "sort") {
      query.sort = ParseSortBy(value);
      if (!query.sort) return absl::InvalidArgumentError("sort: bytes, packets, age or idle");
    } else if (key == "count" || key == "all") {
      absl::StatusOr<bool> flag = ParseBool(key, value);
      if (!flag.ok()) return flag.status();
      (key == "count" ? query.count : query.all) = *flag;
    } else {
      // Says which keys there are.
      return Filter().Add({.flag = key, .value = value});
    }
  }
  if (query.sort && !query.cursor.empty()) {
    return absl::InvalidArgumentError("sort and cursor do not go together; leave one of them out");
  }
  return query;
}

FlowScan MakeScan(const Dataplane& dataplane, const Tunables& tunables, const FlowsQuery& query) {
  return {dataplane.workers(), tunables, query.filter};
}

absl::StatusOr<FlowRecord> LookUpFlow(std::string_view text, const Dataplane& dataplane,
                                      const Tunables& tunables) {
  const std::optional<FlowId> id = ParseFlowId(text);
  if (!id) {
    return absl::InvalidArgumentError("not a flow's id; it is 16 hexadecimal digits, as \"id\" is");
  }
  return FindFlow(dataplane.workers(), tunables, *id);
}

}  // namespace coretrack
