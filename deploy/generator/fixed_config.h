// FixedConfig: what the API shows as configuration of a program that has none.
//
// Threads  Constant.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "control/api/config_access.h"

namespace coretrack::demo {

class FixedConfig : public ConfigAccess {
 public:
  explicit FixedConfig(Tunables tunables) : tunables_(std::move(tunables)) {}

  std::string DescribeJson() const override { return "[]"; }
  absl::Status Change(const Fields&) override { return Refusal(); }
  absl::Status Reload() override { return Refusal(); }
  Tunables tunables() const override { return tunables_; }

 private:
  static absl::Status Refusal() {
    return absl::InvalidArgumentError("the demonstration has no parameters; coretrackd has");
  }
  Tunables tunables_;
};

}  // namespace coretrack::demo
