#include "control/query/human.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace coretrack {
namespace {

std::string Scaled(uint64_t value, uint64_t base, const std::array<const char*, 6>& units) {
  if (value < 1000) return fmt::format("{}", value);
  auto scaled = static_cast<double>(value);
  size_t unit = 0;
  const auto step = static_cast<double>(base);
  // 999.95 would be shown as "1000.0".
  while (scaled >= 999.95 && unit + 1 < units.size()) {
    scaled /= step;
    ++unit;
  }
  return fmt::format("{:.1f}{}", scaled, units[unit]);
}

}  // namespace

std::string HumanCount(uint64_t count) {
  return Scaled(count, 1000, {"", "k", "M", "G", "T", "P"});
}

std::string HumanBytes(uint64_t bytes) {
  return Scaled(bytes, 1024, {"", "K", "M", "G", "T", "P"});
}

std::string HumanDuration(uint64_t us) {
  if (us < 1000) return fmt::format("{}us", us);
  const uint64_t ms = us / 1000;
  if (ms < 1000) return fmt::format("{}ms", ms);
  const uint64_t s = ms / 1000;
  if (s < 60) return fmt::format("{}.{}s", s, ms % 1000 / 100);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
  return fmt::format("{}d{:02}h", s / 86400, s / 3600 % 24);
}

std::string Grouped(uint64_t value) {
  std::string text = fmt::format("{}", value);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

TextTable::TextTable(std::vector<std::string> header) : header_(std::move(header)) {
  for (std::string& name : header_) {
    right_.push_back(name.starts_with('>'));
    if (right_.back()) name.erase(0, 1);
  }
}

std::string TextTable::Text(std::string_view indent) const {
  std::vector<size_t> widths;
  for (const std::string& name : header_) widths.push_back(name.size());
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line(indent);
    for (size_t c = 0; c < row.size(); ++c) {
      if (c != 0) line += "  ";
      line += right_[c] ? fmt::format("{:>{}}", row[c], widths[c])
                        : fmt::format("{:<{}}", row[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  if (std::ranges::any_of(header_, [](const std::string& name) { return !name.empty(); })) {
    add(header_);
  }
  for (const auto& row : rows_) add(row);
  return text;
}

}  // namespace coretrack
