// Numbers as people read them: four characters or so, for aligned tables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coretrack {

std::string HumanCount(uint64_t count);  // "999", "12.3k", "4.5M" (powers of 1000)
std::string HumanBytes(uint64_t bytes);  // "999", "12.0K", "4.5M" (powers of 1024)
std::string HumanDuration(uint64_t us);  // "0us", "12ms", "3.2s", "4m10s", "2h05m", "3d04h"
std::string Grouped(uint64_t value);     // "1,234,567"

// Lines of aligned cells. A column whose header begins with '>' is flush right.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header);
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  std::string Text(std::string_view indent = "") const;

 private:
  std::vector<std::string> header_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace coretrack
