// The one EAL of a test process: no hugepages, no PCI, no files, two worker lcores. It starts when
// first asked for and ends with the process's tests.
#pragma once

#include "dataplane/io/eal.h"

namespace coretrack::testing {

// The CPUs that this process may use. One will do: lcores share it then.
std::vector<uint32_t> AllowedCpus();

// What the environment was started from: without ports.
DataplaneOptions TestOptions();

Eal& TestEal();

}  // namespace coretrack::testing
