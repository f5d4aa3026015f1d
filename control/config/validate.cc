#include "control/config/validate.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "control/config/units.h"
#include "dataplane/base/limits.h"

namespace coretrack {
namespace {

std::string PortKey(size_t i, const char* name) { return absl::StrCat("ports[", i, "].", name); }

void ValidateCpus(const Config& config, std::vector<Complaint>* complaints) {
  const auto& lcores = config.cpu.lcores;
  if (std::find(lcores.begin(), lcores.end(), config.cpu.control_lcore) != lcores.end() &&
      lcores.size() > 1) {
    complaints->push_back(
        {"cpu.control_lcore", absl::StrCat("CPU ", config.cpu.control_lcore,
                                           " is one of cpu.lcores too; write a CPU of its own")});
  }
}

void ValidateFlows(const Config& config, std::vector<Complaint>* complaints) {
  const uint64_t workers = std::max<uint64_t>(config.cpu.lcores.size(), 1);
  // A table of many flows has capacity / 0.98 slots and one in a thousand for whole words (flow/flow_table.h); both tables of a worker
  // share one index space.
  const uint64_t slots =
      (config.flows.capacity + config.flows.capacity_ipv6) / workers * 1000 / 979 + 128;
  if (slots > kMaxFlowsPerWorker) {
    complaints->push_back(
        {"flows.capacity", absl::StrCat("a worker can hold ", FormatCount(kMaxFlowsPerWorker),
                                        " flow slots and would need ", slots,
                                        "; lower flows.capacity or add CPUs to cpu.lcores")});
  }
}

void ValidatePort(const Config& config, const std::map<std::string, size_t>& by_name, size_t i,
                  std::vector<Complaint>* complaints) {
  const PortConfig& port = config.ports[i];
  if (port.mode == PortMode::kMonitor) {
    if (!port.peer.empty())
      complaints->push_back({PortKey(i, "peer"), "a monitor port sends nothing; leave peer out"});
    return;
  }
  if (port.peer.empty()) {
    complaints->push_back(
        {PortKey(i, "peer"),
         "is missing; name the port that packets leave by, or write mode = \"monitor\""});
    return;
  }
  const auto peer = by_name.find(port.peer);
  if (peer == by_name.end()) {
    complaints->push_back({PortKey(i, "peer"), absl::StrCat("there is no port ", Quoted(port.peer),
                                                            "; write the name of one")});
    return;
  }
  if (peer->second == i) {
    complaints->push_back(
        {PortKey(i, "peer"), "is the port itself; name the other port of the pair"});
    return;
  }
  const PortConfig& other = config.ports[peer->second];
  if (other.peer != port.name || other.mode == PortMode::kMonitor) {
    complaints->push_back(
        {PortKey(i, "peer"),
         absl::StrCat("port ", Quoted(other.name), " does not name ", Quoted(port.name),
                      " as its peer; write peer = ", Quoted(port.name), " there")});
  }
  if (other.zone != port.zone) {
    complaints->push_back(
        {PortKey(i, "zone"), absl::StrCat("differs from its peer's; write zone = ", other.zone)});
  }
}

void ValidatePorts(const Config& config, std::vector<Complaint>* complaints) {
  if (config.ports.empty()) {
    complaints->push_back({"ports", "there is none; add [[ports]] entries with name and device"});
  }
  if (config.ports.size() > kMaxPorts) {
    complaints->push_back({"ports", absl::StrCat("there are ", config.ports.size(), "; at most ",
                                                 kMaxPorts, " are possible")});
  }
  std::map<std::string, size_t> by_name;
  std::map<std::string, size_t> by_device;
  for (size_t i = 0; i < config.ports.size(); ++i) {
    const PortConfig& port = config.ports[i];
    if (port.name.empty())
      complaints->push_back({PortKey(i, "name"), "is missing; give the port a name"});
    if (port.device.empty()) {
      complaints->push_back(
          {PortKey(i, "device"), "is missing; write a PCI address or a virtual device"});
    }
    if (!port.name.empty() && !by_name.emplace(port.name, i).second) {
      complaints->push_back(
          {PortKey(i, "name"),
           absl::StrCat(Quoted(port.name), " is taken by another port; choose another")});
    }
    const std::string device = port.device.substr(0, port.device.find(','));
    if (!device.empty() && !by_device.emplace(device, i).second) {
      complaints->push_back(
          {PortKey(i, "device"),
           absl::StrCat(Quoted(device), " is another port's too; write another device")});
    }
  }
  for (size_t i = 0; i < config.ports.size(); ++i) ValidatePort(config, by_name, i, complaints);
}

}  // namespace

std::vector<Complaint> Validate(const Config& config) {
  std::vector<Complaint> complaints;
  ValidateCpus(config, &complaints);
  ValidateFlows(config, &complaints);
  ValidatePorts(config, &complaints);
  return complaints;
}

}  // namespace coretrack
