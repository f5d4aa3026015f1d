// Does this CPU have what the binary was compiled for?
#pragma once

#include <string>

namespace coretrack {

// Empty when it does; else a sentence that names the missing instruction sets and the cure, for
// standard error. Call it first in main(): a missing instruction is SIGILL without a word
// otherwise.
std::string MissingCpuFeatures();

}  // namespace coretrack
