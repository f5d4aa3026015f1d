#include "dataplane/io/port_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/base/limits.h"

namespace coretrack {
namespace {

absl::Status Wrong(const PortOptions& port, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("port \"", port.name, "\": ", what));
}

absl::Status CheckPort(const PortOptions& port, const std::vector<PortOptions>& ports) {
  const auto same_name = [&](const PortOptions& p) { return p.name == port.name; };
  if (std::count_if(ports.begin(), ports.end(), same_name) != 1) {
    return Wrong(port, "the name is taken twice");
  }
  if (port.zone >= kMaxZones) {
    return Wrong(port, absl::StrCat("zone ", port.zone, " is above ", kMaxZones - 1));
  }
  if (port.role == PortRole::kMonitor) {
    return port.peer.empty() ? absl::OkStatus() : Wrong(port, "a monitor port has no peer");
  }
  const auto peer = std::find_if(ports.begin(), ports.end(),
                                 [&](const PortOptions& p) { return p.name == port.peer; });
  if (peer == ports.end())
    return Wrong(port, "there is no port of its peer's name, \"" + port.peer + "\"");
  if (peer->role == PortRole::kMonitor) return Wrong(port, "its peer only monitors");
  if (peer->zone != port.zone) return Wrong(port, "its peer is in another zone");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPorts(const std::vector<PortOptions>& ports) {
  if (ports.empty() || ports.size() > kMaxPorts) {
    return absl::InvalidArgumentError(
        absl::StrCat(ports.size(), " ports are configured; 1 to ", kMaxPorts, " are possible"));
  }
  for (const PortOptions& port : ports) {
    if (absl::Status s = CheckPort(port, ports); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace coretrack
