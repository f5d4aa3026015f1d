#include "control/live_config.h"

#include <boost/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "control/config/change.h"
#include "control/config/load.h"
#include "control/config/validate.h"
#include "control/config/value_text.h"
#include "control/log.h"
#include "control/wiring.h"

namespace coretrack {

std::string LiveConfig::DescribeJson() const {
  namespace json = boost::json;
  json::array all;
  for (const ParameterValue& p : Describe(config_)) {
    all.push_back(json::object{{"name", p.name},
                               {"value", p.value},
                               {"default", p.parameter->default_text},
                               {"type", Name(p.parameter->type)},
                               {"range", RangeOf(*p.parameter)},
                               {"live", p.parameter->applies == Applies::kLive},
                               {"help", p.parameter->help}});
  }
  return json::serialize(all);
}

absl::Status LiveConfig::Change(const Fields& values) {
  Config next = config_;
  for (const auto& [name, value] : values) {
    absl::Status status = ApplyChange(&next, name, value);
    if (!status.ok()) return status;
  }
  const std::vector<Complaint> complaints = Validate(next);
  if (!complaints.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(complaints[0].key, ": ", complaints[0].text));
  }
  return Commit(std::move(next));
}

absl::Status LiveConfig::Reload() {
  absl::StatusOr<Config> file = LoadConfig(path_);
  if (!file.ok()) {
    Log(LogLevel::kError, absl::StrCat("reload: ", file.status().message(), "; nothing changed"));
    return file.status();
  }
  need_restart_.clear();
  for (const Difference& difference : Differences(config_, *file)) {
    if (difference.applies == Applies::kRestart) need_restart_.push_back(difference.name);
  }
  if (!need_restart_.empty()) {
    Log(LogLevel::kWarning,
        absl::StrCat("reload: only a restart changes ", absl::StrJoin(need_restart_, ", ")));
  }
  return Commit(WithLiveOf(config_, *file));
}

Tunables LiveConfig::tunables() const {
  Tunables tunables = TunablesOf(config_);
  tunables.before = timeouts_before_;
  tunables.timeouts_changed_us = timeouts_changed_us_;
  return tunables;
}

absl::Status LiveConfig::Commit(Config next) {
  for (const Difference& difference : Differences(config_, next)) {
    Log(LogLevel::kInfo, absl::StrCat("config: ", difference.name, " is ", difference.to, ", was ",
                                      difference.from));
  }
  const Timeouts timeouts = TunablesOf(config_);
  config_ = std::move(next);
  if (timeouts != TunablesOf(config_)) {
    timeouts_before_ = timeouts;
    timeouts_changed_us_ = static_cast<uint64_t>(absl::ToUnixMicros(absl::Now()));
  }
  SetLogLevel(config_.log.level);
  Command command;
  command.kind = Command::Kind::kTune;
  command.tunables = tunables();
  std::string deaf;
  const auto workers = static_cast<uint32_t>(dataplane_->workers().size());
  const auto deadline = std::chrono::steady_clock::now() + kTellTime;
  for (uint32_t worker = 0; worker < workers; ++worker) {
    bool told = dataplane_->Send(worker, command);
    while (!told && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      told = dataplane_->Send(worker, command);
    }
    if (!told) absl::StrAppend(&deaf, " ", worker);
  }
  if (deaf.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the change was not taken by worker", deaf,
                                             "; look at GET /api/v1/workers, then change again"));
}

}  // namespace coretrack
