// The version, as /status, /metrics and the client's --version show it.
#pragma once

#ifndef CORETRACK_VERSION
#error "CORETRACK_VERSION comes from CMake's project()"
#endif

namespace coretrack {
inline constexpr const char* kVersion = CORETRACK_VERSION;
}  // namespace coretrack
