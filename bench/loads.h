// How full the tables are that are measured.
#pragma once

#include <cmath>
#include <cstdint>

#include "dataplane/flow/flow_table.h"

namespace coretrack::bench {

// Flows to slots, unless a benchmark says otherwise. A table is built for more: FlowTable::kDesignLoad.
inline constexpr double kLoad = 0.85;

// The capacity of a table that `flows` fill up to `load`.
inline uint32_t CapacityFor(uint32_t flows, double load) {
  return static_cast<uint32_t>(std::ceil(flows * (FlowTable::kDesignLoad / load)));
}

}  // namespace coretrack::bench
