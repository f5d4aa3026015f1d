#include "control/config/units.h"

#include <array>
#include <limits>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {

struct Unit {
  const char* suffix;
  uint64_t factor;
};

// Smallest first.
constexpr std::array<Unit, 6> kDurationUnits = {{{"us", 1},
                                                 {"ms", 1'000},
                                                 {"s", 1'000'000},
                                                 {"m", 60'000'000},
                                                 {"h", 3'600'000'000},
                                                 {"d", 86'400'000'000}}};
constexpr uint64_t kSecondUs = 1'000'000;
constexpr std::array<Unit, 5> kSizeUnits = {
    {{"B", 1}, {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40}}};
constexpr std::array<Unit, 5> kCountUnits = {
    {{"", 1}, {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40}}};
constexpr std::array<Unit, 1> kPercentUnits = {{{"%", 1}}};

constexpr size_t kMaxQuotedBytes = 60;

// What is being read, for messages.
struct Kind {
  std::span<const Unit> units;
  const char* noun;
  const char* form;
};
constexpr Kind kDuration = {kDurationUnits, "a duration",
                            "write a whole number and us, ms, s, m, h or d, such as \"30s\""};
constexpr Kind kSize = {kSizeUnits, "a size",
                        "write a whole number and B, K, M, G or T, such as \"16M\""};
constexpr Kind kCount = {kCountUnits, "a count",
                         "write a whole number, or one with K, M, G or T, such as \"1M\""};
constexpr Kind kPercent = {kPercentUnits, "a percentage",
                           "write a whole number and %, such as \"25%\""};

absl::Status Refuse(std::string_view text, const Kind& kind, const char* why) {
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(text), " is not ", kind.noun, why, "; ", kind.form));
}

absl::StatusOr<uint64_t> Parse(std::string_view text, const Kind& kind) {
  if (text.empty()) return Refuse(text, kind, ": it is empty");
  if (text.find_first_of(" \t\r\n") != text.npos) {
    return Refuse(text, kind, ": it has spaces in it");
  }
  if (text[0] == '-' || text[0] == '+') return Refuse(text, kind, ": it has a sign");

  uint64_t number = 0;
  bool fits = true;
  size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    fits = fits && !__builtin_mul_overflow(number, uint64_t{10}, &number) &&
           !__builtin_add_overflow(number, static_cast<uint64_t>(text[digits] - '0'), &number);
  }
  const std::string_view suffix = text.substr(digits);
  if (digits == 0) return Refuse(text, kind, ": it has no number");
  if (suffix.starts_with('.') || suffix.starts_with(','))
    return Refuse(text, kind, ": fractions are not taken");
  for (const Unit& unit : kind.units) {
    if (suffix != unit.suffix) continue;
    if (!fits || __builtin_mul_overflow(number, unit.factor, &number)) {
      return absl::OutOfRangeError(absl::StrCat(Quoted(text), " is far too large"));
    }
    return number;
  }
  return Refuse(text, kind, suffix.empty() ? ": its unit is missing" : ": its unit is unknown");
}

// The largest unit that divides `value`, among the units from `first` up whose count is at least
// `at_least`.
std::string Format(uint64_t value, std::span<const Unit> units, uint64_t at_least) {
  const Unit* best = &units[0];
  for (const Unit& unit : units) {
    if (value % unit.factor == 0 && value / unit.factor >= at_least) best = &unit;
  }
  return absl::StrCat(value / best->factor, best->suffix);
}

}  // namespace

absl::StatusOr<uint64_t> ParseDuration(std::string_view text) { return Parse(text, kDuration); }
absl::StatusOr<uint64_t> ParseSize(std::string_view text) { return Parse(text, kSize); }
absl::StatusOr<uint64_t> ParseCount(std::string_view text) { return Parse(text, kCount); }
absl::StatusOr<uint64_t> ParsePercent(std::string_view text) { return Parse(text, kPercent); }

std::string FormatDuration(uint64_t duration_us) {
  const std::span<const Unit> units = kDurationUnits;
  if (duration_us == 0) return "0s";
  if (duration_us % kSecondUs != 0) return Format(duration_us, units.first(2), 1);
  // A single minute, hour or day reads better in the smaller unit: "60s", "60m", "24h".
  return Format(duration_us, units.subspan(2), 2);
}

std::string FormatSize(uint64_t bytes) { return Format(bytes, kSizeUnits, 1); }
std::string FormatCount(uint64_t count) { return Format(count, kCountUnits, 1); }
std::string FormatPercent(uint64_t percent) { return Format(percent, kPercentUnits, 1); }

std::string Quoted(std::string_view text) {
  const std::string_view head = text.substr(0, kMaxQuotedBytes);
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(absl::string_view(head.data(), head.size())),
                      head.size() < text.size() ? "...\"" : "\"");
}

}  // namespace coretrack
