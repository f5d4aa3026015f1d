// Texts that the API serves as they are.
#pragma once

#include <string_view>

namespace coretrack {

std::string_view FrontPage();  // GET /
std::string_view OpenApi();    // GET /openapi.json

}  // namespace coretrack
