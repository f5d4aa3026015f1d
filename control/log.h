// The daemon's log: lines on standard error, as text or as one JSON object each.
//
// Threads  Any. Never on the packet path.
#pragma once

#include <string_view>

#include "control/config/config.h"

namespace coretrack {

// Before the first line. Without it: text from info on.
void StartLog(const LogConfig& config);
void SetLogLevel(LogLevel level);
void Log(LogLevel level, std::string_view line);

}  // namespace coretrack
