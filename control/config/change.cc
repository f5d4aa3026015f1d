#include "control/config/change.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control/config/nearest_name.h"
#include "control/config/units.h"
#include "control/config/validate.h"
#include "control/config/value_text.h"

namespace coretrack {
namespace {

// A row's field accessor takes a mutable owner; only its text is wanted here.
template <typename Owner>
void AppendValues(std::span<const Row<Owner>> rows, const std::string& prefix, Owner owner,
                  std::vector<ParameterValue>* values) {
  for (const Row<Owner>& row : rows) {
    values->push_back(
        {prefix + row.parameter.name, &row.parameter, TextOf(row.parameter, row.field(owner))});
  }
}

template <typename Owner>
void AppendTable(std::span<const Row<Owner>> rows, std::string* page) {
  absl::StrAppend(
      page, "| key | type | range | default | applies | meaning |\n|---|---|---|---|---|---|\n");
  for (const Row<Owner>& row : rows) {
    const Parameter& p = row.parameter;
    const std::string text = p.default_text;
    absl::StrAppend(page, "| `", p.name, "` | ", Name(p.type), " | ", RangeOf(p), " | ",
                    text.empty() ? "" : absl::StrCat("`", TomlOf(p, text), "`"), " | ",
                    p.applies == Applies::kLive ? "live" : "restart", " | ",
                    absl::StrReplaceAll(p.help, {{"|", "\\|"}}), " |\n");
  }
}

}  // namespace

std::vector<ParameterValue> Describe(const Config& config) {
  std::vector<ParameterValue> values;
  AppendValues(Parameters(), "", config, &values);
  for (size_t i = 0; i < config.ports.size(); ++i) {
    AppendValues(PortParameters(), absl::StrCat("ports[", i, "]."), config.ports[i], &values);
  }
  return values;
}

absl::Status ApplyChange(Config* config, std::string_view name, std::string_view text) {
  if (name.starts_with("ports")) {
    return absl::FailedPreconditionError(
        "ports are set up at start; change them in the file and restart coretrackd");
  }
  std::vector<std::string> known;
  for (const Row<Config>& row : Parameters()) {
    const Parameter& parameter = row.parameter;
    known.emplace_back(parameter.name);
    if (name != parameter.name) continue;
    if (parameter.applies == Applies::kRestart) {
      return absl::FailedPreconditionError(absl::StrCat(
          parameter.name, ": is read at start only; change it in the file and restart coretrackd"));
    }
    absl::Status status = Store(parameter, LiteralOf(parameter, text), row.field(*config));
    if (status.ok()) return status;
    return absl::Status(status.code(), absl::StrCat(parameter.name, ": ", status.message()));
  }
  return absl::NotFoundError(
      absl::StrCat(Quoted(name), ": there is no such parameter", Suggestion(name, known)));
}

std::vector<Difference> Differences(const Config& from, const Config& to) {
  std::map<std::string, ParameterValue> old;
  for (ParameterValue& value : Describe(from)) old.emplace(value.name, std::move(value));
  std::vector<Difference> differences;
  for (const ParameterValue& value : Describe(to)) {
    const auto before = old.find(value.name);
    if (before != old.end() && before->second.value == value.value) {
      old.erase(before);
      continue;
    }
    differences.push_back({value.name, before != old.end() ? before->second.value : "", value.value,
                           value.parameter->applies});
    if (before != old.end()) old.erase(before);
  }
  // Ports that are gone.
  for (const auto& [name, value] : old)
    differences.push_back({name, value.value, "", value.parameter->applies});
  return differences;
}

Config WithLiveOf(const Config& running, const Config& file) {
  Config result = running;
  Config source = file;
  for (const Row<Config>& row : Parameters()) {
    if (row.parameter.applies != Applies::kLive) continue;
    const std::string text = TextOf(row.parameter, row.field(source));
    // It was accepted by the same row when the file was read.
    (void)Store(row.parameter, LiteralOf(row.parameter, text), row.field(result));
  }
  return result;
}

std::string ReferencePage() {
  std::string page =
      "# Configuration reference\n\n"
      "Made from the table in parameter_table.cc; tests/config fails when this page is out of "
      "date, and says how to make it anew.\n"
      "Durations and sizes are text with a unit: `\"500ms\"`, `\"30s\"`, `\"5d\"`; `\"16M\"`, "
      "`\"1G\"` (powers of 1024). *live* parameters change\n"
      "while the daemon runs (`coretrack config set`, `coretrack config reload`); *restart* ones "
      "are read at start.\n\n";
  AppendTable(Parameters(), &page);
  absl::StrAppend(&page, "\nEach `[[ports]]` entry:\n\n");
  AppendTable(PortParameters(), &page);
  return page;
}

}  // namespace coretrack
