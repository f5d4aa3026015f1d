#include "dataplane/io/start.h"

#include <utility>

#include "dataplane/io/dpdk_dataplane.h"
#include "dataplane/io/port_rules.h"

namespace coretrack {
namespace {

absl::StatusOr<std::unique_ptr<RunningDataplane>> StartOn(const DataplaneOptions& options, Eal* eal,
                                                          std::unique_ptr<Eal> own_eal) {
  auto dataplane = std::make_unique<DpdkDataplane>(options, eal, std::move(own_eal));
  if (absl::Status s = dataplane->Start(); !s.ok()) return s;
  return dataplane;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunningDataplane>> StartDataplane(const DataplaneOptions& options) {
  // Before EAL, which starts only once.
  if (absl::Status s = CheckPorts(options.ports); !s.ok()) return s;
  auto eal = Eal::Start(options);
  if (!eal.ok()) return eal.status();
  Eal* const raw = eal->get();
  return StartOn(options, raw, *std::move(eal));
}

absl::StatusOr<std::unique_ptr<RunningDataplane>> StartDataplane(const DataplaneOptions& options,
                                                                 Eal* eal) {
  return StartOn(options, eal, nullptr);
}

}  // namespace coretrack
