// `coretrack status`, `stats` and `config`.
#pragma once

#include <string>

#include "control/cli/client.h"
#include "control/cli/output.h"

namespace coretrack::cli {

// Each answers the exit code. `json`: the daemon's answer as it is.
int RunStatus(bool json, Client* client, Output* output);
int RunStats(bool json, Client* client, Output* output);
int RunConfigShow(bool json, Client* client, Output* output);
int RunConfigSet(const std::string& name, const std::string& value, bool json, Client* client,
                 Output* output);
int RunConfigReload(bool json, Client* client, Output* output);
// No daemon: reads the file here.
int RunConfigCheck(const std::string& file, Output* output);

}  // namespace coretrack::cli
