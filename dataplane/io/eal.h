// Eal: DPDK's environment, started once in the life of a process.
//
// Threads  The thread that starts it becomes the control lcore (pinned to its CPU; threads that it
//          makes later inherit that) and must be the one that destroys it.
// Errors   kFailedPrecondition: started before, hugepages required and not there, no rights, CPUs
//          that this process may not use. Always with the cure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/io/dpdk_log.h"
#include "dataplane/io/options.h"

namespace coretrack {

class Eal {
 public:
  static absl::StatusOr<std::unique_ptr<Eal>> Start(const DataplaneOptions& options);
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

  // EAL's numbers of the workers' lcores; rte_lcore_cpuset() gives their CPUs.
  const std::vector<uint32_t>& worker_lcores() const { return worker_lcores_; }
  bool has_hugepages() const { return has_hugepages_; }
  // "2 MiB huge pages", "4 KiB pages".
  const std::string& page_summary() const { return page_summary_; }
  DpdkLog& log() { return *log_; }

 private:
  explicit Eal(std::unique_ptr<DpdkLog> log) : log_(std::move(log)) {}

  std::unique_ptr<DpdkLog> log_;
  std::vector<uint32_t> worker_lcores_;
  bool running_ = false;
  bool has_hugepages_ = false;
  std::string page_summary_;
};

}  // namespace coretrack
