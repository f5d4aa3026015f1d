// LoadConfig: the configuration file, read and checked as a whole.
//
// Errors  InvalidArgument with every error of the file, a line each: "FILE:LINE: KEY: what is
// wrong; what to write". NotFound when the file cannot be
//         read. Nothing is half-applied: there is a Config or there is a message.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "control/config/config.h"

namespace coretrack {

absl::StatusOr<Config> LoadConfig(const std::string& path);
// `file_name` stands in messages only.
absl::StatusOr<Config> ParseConfig(std::string_view text, const std::string& file_name);

}  // namespace coretrack
