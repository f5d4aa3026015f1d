// The rules that tie parameters together: what no row of the table can say alone.
#pragma once

#include <string>
#include <vector>

#include "control/config/config.h"

namespace coretrack {

struct Complaint {
  std::string key;  // "cpu.control_lcore", or "ports[1].peer"
  std::string text;
};

// Empty: the configuration is complete and consistent.
std::vector<Complaint> Validate(const Config& config);

}  // namespace coretrack
