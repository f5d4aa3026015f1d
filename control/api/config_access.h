// ConfigAccess: what the routes may do with the running configuration. The daemon implements it
// over control/config (control/live_config.h), tests by hand.
//
// Threads  The API thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "control/api/http.h"
#include "dataplane/worker/tunables.h"

namespace coretrack {

class ConfigAccess {
 public:
  virtual ~ConfigAccess() = default;
  // Every parameter with its value, range, default and help, as JSON.
  virtual std::string DescribeJson() const = 0;
  // Sets parameters ("timeouts.msl", "30s"), all of them or none.
  virtual absl::Status Change(const Fields& values) = 0;
  // Reads the file again. A bad file changes nothing.
  virtual absl::Status Reload() = 0;
  // What the file read by the last Reload() says otherwise, and only a restart changes.
  virtual std::vector<std::string> NeedRestart() const { return {}; }
  // What the workers were told last.
  virtual Tunables tunables() const = 0;
};

}  // namespace coretrack
