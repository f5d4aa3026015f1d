#include "control/config/load.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/nearest_name.h"
#include "control/config/parameter_table.h"
#include "control/config/units.h"
#include "control/config/validate.h"
#include "control/config/value_text.h"

namespace coretrack {
namespace {

using Kind = Literal::Kind;

Literal ToLiteral(const toml::node& node) {
  if (const auto* v = node.as_boolean()) return {Kind::kBool, v->get() ? "true" : "false", {}};
  if (const auto* v = node.as_integer()) return {Kind::kInteger, absl::StrCat(v->get()), {}};
  if (const auto* v = node.as_string()) return {Kind::kString, v->get(), {}};
  Literal literal;
  if (const auto* list = node.as_array()) {
    literal.kind = Kind::kList;
    for (const toml::node& item : *list) literal.items.push_back(ToLiteral(item));
    return literal;
  }
  // Floats, dates and tables are no parameter's type; the text is for the message.
  std::ostringstream text;
  node.visit([&text](const auto& n) { text << n; });
  literal.text = text.str();
  return literal;
}

class Reader {
 public:
  explicit Reader(std::string file_name) : file_name_(std::move(file_name)) {}

  absl::StatusOr<Config> Read(const toml::table& root) {
    Config config;
    for (const auto& [key, node] : root) ReadSection(std::string(key.str()), node, &config);
    // The rules over several parameters make sense only of values that were all accepted.
    if (errors_.empty()) {
      for (const Complaint& complaint : Validate(config)) {
        Error(LineOf(complaint.key), complaint.key, complaint.text);
      }
    }
    if (errors_.empty()) return config;
    std::stable_sort(errors_.begin(), errors_.end(),
                     [](const Entry& a, const Entry& b) { return a.line < b.line; });
    return absl::InvalidArgumentError(absl::StrJoin(
        errors_, "\n", [](std::string* out, const Entry& e) { out->append(e.text); }));
  }

 private:
  struct Entry {
    uint32_t line;
    std::string text;
  };

  void Error(uint32_t line, const std::string& key, const std::string& text) {
    errors_.push_back({line, absl::StrCat(file_name_, line != 0 ? absl::StrCat(":", line) : "",
                                          ": ", key, ": ", text)});
  }

  // A key that the file does not have is at its table's line.
  uint32_t LineOf(std::string key) const {
    while (true) {
      if (const auto it = lines_.find(key); it != lines_.end()) return it->second;
      const size_t dot = key.rfind('.');
      if (dot == key.npos) return 0;
      key.resize(dot);
    }
  }

  void ReadSection(const std::string& section, const toml::node& node, Config* config) {
    const uint32_t line = node.source().begin.line;
    lines_[section] = line;
    if (section == "ports") return ReadPorts(node, config);
    std::vector<std::string> known = {"ports"};
    for (const Row<Config>& row : Parameters()) {
      const std::string name = row.parameter.name;
      known.push_back(name.substr(0, name.find('.')));
    }
    if (std::find(known.begin(), known.end(), section) == known.end()) {
      return Error(line, section,
                   absl::StrCat("there is no such section", Suggestion(section, known)));
    }
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return Error(line, section,
                   absl::StrCat("is a section; write [", section, "] and its keys below"));
    }
    ReadTable(*table, section + ".", section + ".", Parameters(), config);
  }

  void ReadPorts(const toml::node& node, Config* config) {
    const toml::array* list = node.as_array();
    if (list == nullptr) {
      return Error(node.source().begin.line, "ports",
                   "is a list of tables; write [[ports]] in double brackets for each port");
    }
    for (size_t i = 0; i < list->size(); ++i) {
      const toml::node& item = (*list)[i];
      const std::string key = absl::StrCat("ports[", i, "]");
      lines_[key] = item.source().begin.line;
      const toml::table* table = item.as_table();
      if (table == nullptr) {
        Error(item.source().begin.line, key, "is no table; write [[ports]] and its keys below");
        continue;
      }
      PortConfig port;
      ReadTable(*table, key + ".", "", PortParameters(), &port);
      config->ports.push_back(port);
    }
  }

  // `shown` goes before a key in messages, `prefix` before it in the table of parameters.
  template <typename Owner>
  void ReadTable(const toml::table& table, const std::string& shown, const std::string& prefix,
                 std::span<const Row<Owner>> rows, Owner* owner) {
    for (const auto& [toml_key, node] : table) {
      const std::string key(toml_key.str());
      const uint32_t line = toml_key.source().begin.line;
      lines_[shown + key] = line;
      const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row<Owner>& r) {
        return prefix + key == r.parameter.name;
      });
      if (row == rows.end()) {
        std::vector<std::string> known;
        for (const Row<Owner>& r : rows) {
          const std::string name = r.parameter.name;
          if (name.starts_with(prefix)) known.push_back(name.substr(prefix.size()));
        }
        Error(line, shown + key,
              absl::StrCat("there is no such parameter", Suggestion(key, known)));
        continue;
      }
      const absl::Status status = Store(row->parameter, ToLiteral(node), row->field(*owner));
      if (!status.ok()) Error(line, shown + key, std::string(status.message()));
    }
  }

  std::string file_name_;
  std::map<std::string, uint32_t> lines_;
  std::vector<Entry> errors_;
};

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view text, const std::string& file_name) {
  // Debian's library is built with exceptions: the one place where one is caught.
  try {
    return Reader(file_name).Read(toml::parse(text, file_name));
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ":", error.source().begin.line,
                     ": not valid TOML: ", std::string(error.description())));
  }
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  std::error_code ignored;
  if (!file.is_open() || std::filesystem::is_directory(path, ignored)) {
    return absl::NotFoundError(
        absl::StrCat("cannot read ", path, "; is the path right, and may you read it?"));
  }
  text << file.rdbuf();
  return ParseConfig(text.str(), path);
}

}  // namespace coretrack
