// LiveConfig: the running configuration and how it changes under the daemon.
//
// What for  GET and PATCH /config, reload by POST and by SIGHUP: checked as a whole first, then
// told
//           to the workers. What is wrong changes nothing.
// Threads   The API thread (SIGHUP is posted to it): so each worker has one sender of commands.
// Limits    A worker that takes no commands for kTellTime: kUnavailable; the others have been told
//           and the change stands, the next one tells all again.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "control/api/config_access.h"
#include "control/config/config.h"
#include "dataplane/worker/dataplane.h"

namespace coretrack {

class LiveConfig final : public ConfigAccess {
 public:
  static constexpr std::chrono::milliseconds kTellTime{500};

  // `dataplane` outlives this.
  LiveConfig(std::string path, Config config, Dataplane* dataplane)
      : path_(std::move(path)), config_(std::move(config)), dataplane_(dataplane) {}

  std::string DescribeJson() const override;
  absl::Status Change(const Fields& values) override;
  absl::Status Reload() override;
  std::vector<std::string> NeedRestart() const override { return need_restart_; }
  Tunables tunables() const override;

 private:
  absl::Status Commit(Config next);

  const std::string path_;
  Config config_;
  Dataplane* const dataplane_;
  Timeouts timeouts_before_;  // the last change of timeouts, as in Tunables
  uint64_t timeouts_changed_us_ = 0;
  std::vector<std::string> need_restart_;  // differ in the file since the last Reload()
};

}  // namespace coretrack
