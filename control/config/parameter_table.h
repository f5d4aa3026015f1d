// The table of parameters: all that is known of a configuration key, in one row.
//
// What for  The parser, --check, GET /config, `coretrack config show` and REFERENCE.md read it.
// Layout    Parameters() are the keys of the sections, "section.key"; PortParameters() are the keys
//           of one [[ports]] entry, named without a section. Rows are in the order of the file.
// Threads   Constant.
// Limits    min and max are in `unit` for numbers, in characters for text, in items for lists.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/config/config.h"

namespace coretrack {

// How a value is written in the file, and which alternative of Field holds it.
enum class ValueType : uint8_t {
  kBool,      // true               bool*
  kCount,     // 1000 or "1M"       uint32_t* or uint64_t*
  kSize,      // "512M"             uint64_t*
  kDuration,  // "30s"              uint32_t*
  kPercent,   // "25%"              uint32_t*
  kChoice,    // "check"            Choice
  kText,      // "coretrack"        std::string*
  kCpuList,   // [1, 2]             std::vector<uint32_t>*
  kTextList,  // ["a", "b"]         std::vector<std::string>*
};
const char* Name(ValueType type);

// What one step of a stored number is.
enum class Unit : uint8_t {
  kNone,
  kMicroseconds,
  kMilliseconds,
  kBytes,
  kFlows,
  kPackets,
  kPercent,
  kDescriptors,
  kConnections,
  kCpus,
};
const char* Name(Unit unit);

// kLive parameters change while the daemon runs; kRestart ones are read at start only.
enum class Applies : uint8_t { kLive, kRestart };

// An enum field: its index in Parameter::choices.
struct Choice {
  uint8_t* index = nullptr;
};
// Where a parameter's value lies in one Config or PortConfig.
using Field = std::variant<bool*, uint32_t*, uint64_t*, Choice, std::string*,
                           std::vector<uint32_t>*, std::vector<std::string>*>;

struct Parameter {
  const char* name = "";
  ValueType type = ValueType::kText;
  Unit unit = Unit::kNone;
  uint64_t min = 0;
  uint64_t max = 0;
  const char* default_text = "";  // as in value_text.h
  Applies applies = Applies::kRestart;
  const char* help = "";
  std::span<const char* const> choices = {};
  // For text, and for each text of a list: what is wrong with it and what to write, or nullptr.
  const char* (*complaint)(std::string_view) = nullptr;
};

template <typename Owner>
struct Row {
  Parameter parameter;
  Field (*field)(Owner&);
};
std::span<const Row<Config>> Parameters();
std::span<const Row<PortConfig>> PortParameters();

// Largest CPU number that cpu.lcores may name, plus one: what Debian's DPDK is built for.
inline constexpr uint32_t kMaxLcores = 128;
// Longest path that a unix socket can be bound to (sun_path, less its terminator).
inline constexpr uint32_t kMaxSocketPathBytes = 107;

}  // namespace coretrack
