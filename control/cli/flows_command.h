// `coretrack flows` and `coretrack flows delete`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/cli/client.h"
#include "control/cli/output.h"
#include "control/query/filter.h"

namespace coretrack::cli {

struct FlowsFlags {
  std::vector<FilterTerm> filter;
  std::string sort;            // bytes, packets, age, idle; empty: as they lie
  uint64_t limit = 0;          // 0: all, or the daemon's own for sorted ones
  std::string form = "table";  // table, wide, json, csv, conntrack
  bool count = false;
  bool all = false;  // delete: every flow
};

// Each answers the exit code.
int RunFlows(const FlowsFlags& flags, Client* client, Output* output);
int RunFlowsDelete(const FlowsFlags& flags, bool json, Client* client, Output* output);

}  // namespace coretrack::cli
