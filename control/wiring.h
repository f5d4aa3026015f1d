// Wiring: the configuration's words as the data plane's and the server's. The only place that knows
// both, since the data plane never includes control.
#pragma once

#include <string>
#include <vector>

#include "control/api/server.h"
#include "control/config/config.h"
#include "dataplane/io/options.h"
#include "dataplane/worker/tunables.h"

namespace coretrack {

Tunables TunablesOf(const Config& config);
// `eal_arguments` stand behind "--" on the command line. The hash's secret is drawn here.
DataplaneOptions DataplaneOptionsOf(const Config& config, std::vector<std::string> eal_arguments);
Server::Options ServerOptionsOf(const Config& config);

}  // namespace coretrack
