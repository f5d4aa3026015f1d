#include "control/config/config.h"

#include <cstdlib>

#include "control/config/parameter_table.h"
#include "control/config/value_text.h"

namespace coretrack {
namespace {

template <typename Owner>
void StoreDefaults(std::span<const Row<Owner>> rows, Owner* owner) {
  for (const Row<Owner>& row : rows) {
    // An empty default means: required, no default. The field is empty text then.
    if (*row.parameter.default_text == '\0') continue;
    const Literal literal = LiteralOf(row.parameter, row.parameter.default_text);
    // A default that its own row refuses is a mistake in the table.
    if (!Store(row.parameter, literal, row.field(*owner)).ok()) std::abort();
  }
}

}  // namespace

PortConfig::PortConfig() { StoreDefaults(PortParameters(), this); }
Config::Config() { StoreDefaults(Parameters(), this); }

}  // namespace coretrack
