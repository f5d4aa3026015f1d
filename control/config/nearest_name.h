// "did you mean": the name that a misspelt one probably stands for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace coretrack {

// "; did you mean NAME?" when one of `known` is within a third of its letters of `name`, else ";
// known are: A, B, ...".
std::string Suggestion(std::string_view name, const std::vector<std::string>& known);

}  // namespace coretrack
