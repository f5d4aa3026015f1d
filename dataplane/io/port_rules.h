// Port rules: which sets of ports make sense together.
//
// Threads  Pure.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "dataplane/io/options.h"

namespace coretrack {

// kInvalidArgument naming the port. Names are unique; a forwarding port's peer exists, forwards too
// and is in the same zone; a monitor port has none.
absl::Status CheckPorts(const std::vector<PortOptions>& ports);

}  // namespace coretrack
