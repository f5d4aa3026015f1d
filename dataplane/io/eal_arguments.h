// EalArguments: DataplaneOptions -> the command line that rte_eal_init() gets.
//
// What for  Main lcore 0 is the control thread, lcores 1 to N are the workers, each mapped to a CPU
//           by --lcores, so that several may share one and a machine with one CPU works. Only the
//           PCI devices named by ports are touched. Virtual devices are not here: they are plugged
//           in later one by one, so that a failure names its port.
// Rule      An argument that options.eal_arguments give is not generated.
// Threads   Pure.
#pragma once

#include <string>
#include <vector>

#include "dataplane/io/options.h"

namespace coretrack {

std::vector<std::string> EalArguments(const DataplaneOptions& options, bool hugepages);

}  // namespace coretrack
