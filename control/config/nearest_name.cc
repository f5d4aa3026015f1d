#include "control/config/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace coretrack {
namespace {

// Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals" (1966).
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Suggestion(std::string_view name, const std::vector<std::string>& known) {
  constexpr size_t kLongestCompared = 64;
  const std::string* best = nullptr;
  size_t best_distance = 0;
  for (const std::string& candidate : known) {
    if (name.size() > kLongestCompared) break;
    const size_t distance = Distance(name, candidate);
    if (distance > std::max<size_t>(candidate.size() / 3, 1)) continue;
    if (best == nullptr || distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  if (best != nullptr) return absl::StrCat("; did you mean ", *best, "?");
  return absl::StrCat("; known are: ",
                      absl::StrJoin(std::set<std::string>(known.begin(), known.end()), ", "));
}

}  // namespace coretrack
