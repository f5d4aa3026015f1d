// What is known of a running configuration, and how it changes.
//
// Rules  A live parameter changes by PATCH or reload and at once. A restart parameter changes only
// in the file: PATCH refuses it, reload reports it and keeps
//        the running value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "control/config/config.h"
#include "control/config/parameter_table.h"

namespace coretrack {

struct ParameterValue {
  std::string name;  // "timeouts.msl", or "ports[0].peer"
  const Parameter* parameter = nullptr;
  std::string value;  // in text form (value_text.h)
};

// Every parameter and its value, in the order of the table.
std::vector<ParameterValue> Describe(const Config& config);

// Sets the live parameter `name` to `text`. NotFound: no such parameter. FailedPrecondition: it
// needs a restart. InvalidArgument, OutOfRange: the value.
absl::Status ApplyChange(Config* config, std::string_view name, std::string_view text);

struct Difference {
  std::string name;
  std::string from;
  std::string to;
  Applies applies = Applies::kLive;
};
// What `to` says otherwise than `from`.
std::vector<Difference> Differences(const Config& from, const Config& to);

// `running` with the live parameters of `file`.
Config WithLiveOf(const Config& running, const Config& file);

// The reference page: every parameter with type, range, default, help, live or restart. Markdown;
// REFERENCE.md is this.
std::string ReferencePage();

}  // namespace coretrack
