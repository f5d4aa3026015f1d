// `coretrack replay FILE`: the offline twin in this process; no daemon, root or hugepages.
#pragma once

#include <cstdint>
#include <string>

#include "control/cli/output.h"

namespace coretrack::cli {

struct ReplayFlags {
  std::string file;
  bool json = false;    // each flow when it ends, each live one at the capture's last time
  bool events = false;  // each change of state and each invalid packet; with json: both, as they
                        // happen
  uint64_t seed = 0;    // of the flow hash
  uint32_t flows = 1u << 20;  // room for IPv4 flows; a quarter of it for IPv6
};

// Answers the exit code.
int RunReplay(const ReplayFlags& flags, Output* output);

}  // namespace coretrack::cli
