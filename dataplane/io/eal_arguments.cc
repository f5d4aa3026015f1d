#include "dataplane/io/eal_arguments.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "dataplane/io/device.h"

namespace coretrack {
namespace {

// Is one of these options among the extra arguments, in any of its spellings ("-m 64", "-m64",
// "--socket-mem=64", "--socket-mem 64")?
bool Given(const std::vector<std::string>& arguments,
           std::initializer_list<std::string_view> options) {
  const auto is_given = [&](std::string_view argument) {
    return std::any_of(options.begin(), options.end(), [&](std::string_view option) {
      if (!argument.starts_with(option)) return false;
      const bool is_short = !option.starts_with("--");
      return is_short || argument.size() == option.size() || argument[option.size()] == '=';
    });
  };
  return std::any_of(arguments.begin(), arguments.end(), is_given);
}

// "0@3,1@4,2@5": lcore 0 is the control thread.
std::string LcoreMap(const DataplaneOptions& options) {
  std::string map = absl::StrCat("0@", options.control_lcore);
  for (size_t i = 0; i < options.lcores.size(); ++i) {
    absl::StrAppend(&map, ",", i + 1, "@", options.lcores[i]);
  }
  return map;
}

}  // namespace

std::vector<std::string> EalArguments(const DataplaneOptions& options, bool hugepages) {
  const std::vector<std::string>& extra = options.eal_arguments;
  std::vector<std::string> arguments = {"coretrackd"};
  const auto add = [&](std::string argument) { arguments.push_back(std::move(argument)); };
  if (!Given(extra, {"-l", "-c", "-s", "-S", "--lcores"})) {
    add("--lcores");
    add(LcoreMap(options));
  }
  if (!Given(extra, {"--file-prefix"})) add("--file-prefix=" + options.file_prefix);
  if (!Given(extra, {"-m", "--socket-mem"})) {
    add("-m");
    add(absl::StrCat((options.memory_bytes + (1 << 20) - 1) >> 20));
  }
  // Memory that no other process maps: needs no hugetlbfs mount and leaves nothing behind.
  if (hugepages && !Given(extra, {"--in-memory", "--huge-dir", "--huge-unlink", "--legacy-mem",
                                  "--proc-type", "--no-huge"})) {
    add("--in-memory");
  }
  if (!hugepages && !Given(extra, {"--no-huge"})) add("--no-huge");
  // EAL takes --in-memory for hugepages only; this is what is left of it without them.
  if (!hugepages && !Given(extra, {"--no-shconf", "--proc-type"})) add("--no-shconf");
  if (!options.telemetry && !Given(extra, {"--telemetry", "--no-telemetry"})) {
    add("--no-telemetry");
  }
  bool any_on_bus = Given(extra, {"-a", "--allow", "-b", "--block"});
  for (const PortOptions& port : options.ports) {
    const Device device = ParseDevice(port.device);
    if (device.is_virtual) continue;
    any_on_bus = true;
    add("-a");
    add(device.Specification());
  }
  if (!any_on_bus && !Given(extra, {"--no-pci"})) add("--no-pci");
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  return arguments;
}

}  // namespace coretrack
