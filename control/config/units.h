// Durations, sizes, counts and percentages as text with units, as in the configuration file.
//
// Text     A whole number and a unit with nothing between or around them:
//            duration  "500us" "500ms" "30s" "2m" "1h" "5d"
//            size      "512B" "64K" "16M" "1G" "1T"       powers of 1024
//            count     "1000" "64K" "1M" "1G" "1T"        powers of 1024
//            percent   "25%"
//          Signs, fractions and spaces are refused, and so is a lower-case size unit: "16m" would
//          be read as minutes by one person and as megabytes by another.
// Errors   InvalidArgument (OutOfRange when it does not fit 64 bits), with what to write instead.
// Format   Parse(Format(x)) == x for every x. The largest unit that divides the value; from seconds
//          up only where two or more of the larger unit come out: 60 s is "60s" and 120 s is "2m".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace coretrack {

absl::StatusOr<uint64_t> ParseDuration(std::string_view text);  // microseconds
std::string FormatDuration(uint64_t duration_us);

absl::StatusOr<uint64_t> ParseSize(std::string_view text);  // bytes
std::string FormatSize(uint64_t bytes);

absl::StatusOr<uint64_t> ParseCount(std::string_view text);
std::string FormatCount(uint64_t count);

absl::StatusOr<uint64_t> ParsePercent(std::string_view text);
std::string FormatPercent(uint64_t percent);

// `text` for an error message: in quotes, control characters escaped, shortened when long.
std::string Quoted(std::string_view text);

}  // namespace coretrack
