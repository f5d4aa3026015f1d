// Values as text: how one parameter is read, checked against its row, and shown.
//
// Text form  What ApplyChange() takes and Describe() shows: "30s", "true", "check"; a list's items
//            are separated by commas: "1, 2".
// File form  The same as TOML: "30s" and "check" in quotes, lists in brackets.
// Errors     InvalidArgument or OutOfRange; the message quotes what was written, states the range
//            and says what to write. It names neither file nor key: the caller knows those.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "control/config/parameter_table.h"

namespace coretrack {

// One value as written, before its parameter's row is asked what it means.
struct Literal {
  enum class Kind : uint8_t { kBool, kInteger, kString, kList, kOther };
  Kind kind = Kind::kOther;
  std::string text;            // of anything but a list
  std::vector<Literal> items;  // of a list
};

// The literal that `text` (in text form) stands for, given what the parameter expects.
Literal LiteralOf(const Parameter& parameter, std::string_view text);

// Stores `literal` in `field` if the row accepts it; else `field` is as before.
// REQUIRES: `field` is this parameter's.
absl::Status Store(const Parameter& parameter, const Literal& literal, const Field& field);

// The value of `field` in text form and in file form.
std::string TextOf(const Parameter& parameter, const Field& field);
std::string TomlOf(const Parameter& parameter, std::string_view text);

// "100ms to 20d", "\"poll\", \"backoff\"", "1 to 64 items"; empty for a bool.
std::string RangeOf(const Parameter& parameter);

}  // namespace coretrack
