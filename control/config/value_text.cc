#include "control/config/value_text.h"

#include <limits>
#include <set>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "control/config/units.h"

namespace coretrack {
namespace {

using Kind = Literal::Kind;

// Stored units per microsecond's inverse: how many microseconds one step of the field is.
uint64_t StepUs(const Parameter& parameter) {
  return parameter.unit == Unit::kMicroseconds ? 1 : 1000;
}

std::string FormatNumber(const Parameter& parameter, uint64_t value) {
  switch (parameter.type) {
    case ValueType::kDuration:
      return FormatDuration(value * StepUs(parameter));
    case ValueType::kSize:
      return FormatSize(value);
    case ValueType::kPercent:
      return FormatPercent(value);
    default:
      return FormatCount(value);
  }
}

absl::StatusOr<uint64_t> ParseNumber(const Parameter& parameter, const std::string& text) {
  switch (parameter.type) {
    case ValueType::kDuration: {
      const absl::StatusOr<uint64_t> duration_us = ParseDuration(text);
      if (!duration_us.ok()) return duration_us.status();
      const uint64_t step_us = StepUs(parameter);
      if (*duration_us % step_us != 0) {
        return absl::InvalidArgumentError(
            absl::StrCat(Quoted(text), " is finer than a millisecond; write \"",
                         FormatDuration((*duration_us / step_us + 1) * step_us), "\""));
      }
      return *duration_us / step_us;
    }
    case ValueType::kSize:
      return ParseSize(text);
    case ValueType::kPercent:
      return ParsePercent(text);
    default:
      return ParseCount(text);
  }
}

absl::Status CheckRange(const Parameter& parameter, const std::string& text, uint64_t value) {
  if (value >= parameter.min && value <= parameter.max) return absl::OkStatus();
  const bool low = value < parameter.min;
  const uint64_t nearest = low ? parameter.min : parameter.max;
  return absl::OutOfRangeError(absl::StrCat(Quoted(text), low ? " is below" : " is above",
                                            " the range ", RangeOf(parameter), "; write at ",
                                            low ? "least " : "most ",
                                            TomlOf(parameter, FormatNumber(parameter, nearest))));
}

absl::Status StoreNumber(const Parameter& parameter, const Literal& literal, const Field& field) {
  const bool bare = parameter.type == ValueType::kCount && literal.kind == Kind::kInteger;
  if (literal.kind != Kind::kString && !bare) {
    // An integer goes through ParseNumber() too, which asks for the unit it lacks.
    if (literal.kind != Kind::kInteger) {
      return absl::InvalidArgumentError(absl::StrCat("expected a ", Name(parameter.type), " of ",
                                                     RangeOf(parameter), ", such as ",
                                                     TomlOf(parameter, parameter.default_text)));
    }
  }
  const absl::StatusOr<uint64_t> value = ParseNumber(parameter, literal.text);
  if (!value.ok()) {
    return absl::Status(value.status().code(), absl::StrCat(value.status().message(), " (range ",
                                                            RangeOf(parameter), ")"));
  }
  if (absl::Status status = CheckRange(parameter, literal.text, *value); !status.ok())
    return status;
  if (uint32_t* const* narrow = std::get_if<uint32_t*>(&field)) {
    **narrow = static_cast<uint32_t>(*value);
  } else {
    *std::get<uint64_t*>(field) = *value;
  }
  return absl::OkStatus();
}

absl::Status StoreBool(const Literal& literal, const Field& field) {
  if (literal.kind != Kind::kBool) {
    return absl::InvalidArgumentError(
        absl::StrCat(literal.kind == Kind::kList ? "a list" : Quoted(literal.text),
                     " is not true or false; write true or false, without quotes"));
  }
  *std::get<bool*>(field) = literal.text == "true";
  return absl::OkStatus();
}

absl::Status StoreChoice(const Parameter& parameter, const Literal& literal, const Field& field) {
  if (literal.kind == Kind::kString) {
    for (size_t i = 0; i < parameter.choices.size(); ++i) {
      if (literal.text != parameter.choices[i]) continue;
      *std::get<Choice>(field).index = static_cast<uint8_t>(i);
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat(literal.kind == Kind::kList ? "a list" : Quoted(literal.text),
                   " is not one of the choices; write one of ", RangeOf(parameter)));
}

absl::Status CheckText(const Parameter& parameter, const Literal& literal) {
  if (literal.kind != Kind::kString) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expected text; write it in quotes",
        literal.text.empty() ? std::string() : absl::StrCat(", as in ", Quoted(literal.text))));
  }
  const char* complaint = parameter.complaint ? parameter.complaint(literal.text) : nullptr;
  if (complaint == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(literal.text), " cannot be used; ", complaint));
}

absl::Status StoreText(const Parameter& parameter, const Literal& literal, const Field& field) {
  if (literal.kind == Kind::kString &&
      (literal.text.size() < parameter.min || literal.text.size() > parameter.max)) {
    return absl::OutOfRangeError(absl::StrCat(Quoted(literal.text), " has ", literal.text.size(),
                                              " characters; write ", RangeOf(parameter)));
  }
  if (absl::Status status = CheckText(parameter, literal); !status.ok()) return status;
  *std::get<std::string*>(field) = literal.text;
  return absl::OkStatus();
}

absl::Status StoreList(const Parameter& parameter, const Literal& literal, const Field& field) {
  if (literal.kind != Kind::kList) {
    return absl::InvalidArgumentError(absl::StrCat("expected a list; write one in brackets, as in ",
                                                   TomlOf(parameter, parameter.default_text)));
  }
  if (literal.items.size() < parameter.min || literal.items.size() > parameter.max) {
    return absl::OutOfRangeError(
        absl::StrCat("the list has ", literal.items.size(), " items; write ", RangeOf(parameter)));
  }
  std::vector<uint32_t> cpus;
  std::vector<std::string> texts;
  std::set<std::string> seen;
  for (const Literal& item : literal.items) {
    uint32_t cpu = 0;
    if (parameter.type == ValueType::kCpuList) {
      if (item.kind != Kind::kInteger || !absl::SimpleAtoi(item.text, &cpu) || cpu >= kMaxLcores) {
        return absl::InvalidArgumentError(
            absl::StrCat(item.kind == Kind::kList ? "a list" : Quoted(item.text),
                         " is not a CPU number; write numbers from 0 to ", kMaxLcores - 1));
      }
    } else if (absl::Status status = CheckText(parameter, item); !status.ok()) {
      return status;
    }
    // By value, so that 1 and 0x1 are the same CPU.
    const std::string text = parameter.type == ValueType::kCpuList ? absl::StrCat(cpu) : item.text;
    if (!seen.insert(text).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(text), " is in the list twice; write it once"));
    }
    cpus.push_back(cpu);
    texts.push_back(text);
  }
  if (parameter.type == ValueType::kCpuList) {
    *std::get<std::vector<uint32_t>*>(field) = std::move(cpus);
  } else {
    *std::get<std::vector<std::string>*>(field) = std::move(texts);
  }
  return absl::OkStatus();
}

bool IsInteger(std::string_view text) {
  int64_t value = 0;
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &value);
}

}  // namespace

Literal LiteralOf(const Parameter& parameter, std::string_view text) {
  const bool list = parameter.type == ValueType::kCpuList || parameter.type == ValueType::kTextList;
  if (list) {
    Literal literal{Kind::kList, "", {}};
    const absl::string_view whole = absl::StripAsciiWhitespace({text.data(), text.size()});
    if (whole.empty()) return literal;
    for (const absl::string_view part : absl::StrSplit(whole, ',')) {
      const std::string item(absl::StripAsciiWhitespace(part));
      const bool integer = parameter.type == ValueType::kCpuList && IsInteger(item);
      literal.items.push_back({integer ? Kind::kInteger : Kind::kString, item, {}});
    }
    return literal;
  }
  const bool boolean = parameter.type == ValueType::kBool && (text == "true" || text == "false");
  return {boolean ? Kind::kBool : Kind::kString, std::string(text), {}};
}

absl::Status Store(const Parameter& parameter, const Literal& literal, const Field& field) {
  switch (parameter.type) {
    case ValueType::kBool:
      return StoreBool(literal, field);
    case ValueType::kChoice:
      return StoreChoice(parameter, literal, field);
    case ValueType::kText:
      return StoreText(parameter, literal, field);
    case ValueType::kCpuList:
    case ValueType::kTextList:
      return StoreList(parameter, literal, field);
    default:
      return StoreNumber(parameter, literal, field);
  }
}

std::string TextOf(const Parameter& parameter, const Field& field) {
  if (const auto* value = std::get_if<bool*>(&field)) return **value ? "true" : "false";
  if (const auto* value = std::get_if<uint32_t*>(&field)) return FormatNumber(parameter, **value);
  if (const auto* value = std::get_if<uint64_t*>(&field)) return FormatNumber(parameter, **value);
  if (const auto* value = std::get_if<Choice>(&field)) return parameter.choices[*value->index];
  if (const auto* value = std::get_if<std::string*>(&field)) return **value;
  if (const auto* value = std::get_if<std::vector<uint32_t>*>(&field)) {
    return absl::StrJoin(**value, ", ");
  }
  return absl::StrJoin(*std::get<std::vector<std::string>*>(field), ", ");
}

std::string TomlOf(const Parameter& parameter, std::string_view text) {
  switch (parameter.type) {
    case ValueType::kBool:
      return std::string(text);
    case ValueType::kCpuList:
      return absl::StrCat("[", std::string(text), "]");
    case ValueType::kTextList: {
      std::vector<std::string> items;
      for (const Literal& item : LiteralOf(parameter, text).items) {
        items.push_back(Quoted(item.text));
      }
      return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
    }
    case ValueType::kCount:
      if (IsInteger(text)) return std::string(text);
      [[fallthrough]];
    default:
      return absl::StrCat("\"", std::string(text), "\"");
  }
}

std::string RangeOf(const Parameter& parameter) {
  switch (parameter.type) {
    case ValueType::kBool:
      return "true, false";
    case ValueType::kChoice:
      return absl::StrCat("\"", absl::StrJoin(parameter.choices, "\", \""), "\"");
    case ValueType::kText:
      return absl::StrCat(parameter.min, " to ", parameter.max, " characters");
    case ValueType::kCpuList:
    case ValueType::kTextList:
      return absl::StrCat(parameter.min, " to ", parameter.max, " items");
    default:
      return absl::StrCat(FormatNumber(parameter, parameter.min), " to ",
                          FormatNumber(parameter, parameter.max));
  }
}

}  // namespace coretrack
