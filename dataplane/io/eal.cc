#include "dataplane/io/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_memory.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/base/limits.h"
#include "dataplane/io/eal_arguments.h"
#include "dataplane/io/hugepages.h"

namespace coretrack {
namespace {

// The CPUs that this process may use, as EAL will see them.
absl::Status CheckCpus(const DataplaneOptions& options) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return absl::OkStatus();
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  const auto check = [&](const char* key, uint32_t cpu) {
    if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(key, ": CPU ", cpu, " is not one that this process may use; these are: ",
                     absl::StrJoin(cpus, ", "), " (`nproc`, `taskset -p`, cgroup cpusets)"));
  };
  if (absl::Status s = check("cpu.control_lcore", options.control_lcore); !s.ok()) return s;
  for (const uint32_t cpu : options.lcores) {
    if (absl::Status s = check("cpu.lcores", cpu); !s.ok()) return s;
  }
  return absl::OkStatus();
}

std::string PageSummary() {
  uint64_t page_bytes = 0;
  rte_memseg_walk(
      [](const rte_memseg_list*, const rte_memseg* segment, void* bytes) {
        *static_cast<uint64_t*>(bytes) = segment->hugepage_sz;
        return 1;
      },
      &page_bytes);
  if (page_bytes >= uint64_t{1} << 30) return absl::StrCat(page_bytes >> 30, " GiB huge pages");
  if (page_bytes >= uint64_t{1} << 20) return absl::StrCat(page_bytes >> 20, " MiB huge pages");
  return absl::StrCat(page_bytes >> 10, " KiB pages");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Eal>> Eal::Start(const DataplaneOptions& options) {
  static std::atomic<bool> started{false};
  const absl::Status once = absl::FailedPreconditionError(
      "DPDK can be started once in a process and has been; start another process");
  if (started) return once;
  if (options.lcores.empty() || options.lcores.size() > kMaxWorkers) {
    return absl::InvalidArgumentError(absl::StrCat("cpu.lcores names ", options.lcores.size(),
                                                   " CPUs; 1 to ", kMaxWorkers,
                                                   " workers are possible"));
  }
  if (absl::Status s = CheckCpus(options); !s.ok()) return s;
  const auto hugepages = ChooseHugepages(options.hugepages, options.memory_bytes, ReadHugepages());
  if (!hugepages.ok()) return hugepages.status();
  if (started.exchange(true)) return once;

  std::unique_ptr<Eal> eal(new Eal(std::make_unique<DpdkLog>(options.log)));
  if (!hugepages->remark.empty()) {
    eal->log().Say(DataplaneOptions::Severity::kWarning, hugepages->remark);
  }
  std::vector<std::string> arguments = EalArguments(options, hugepages->use);
  eal->log().Say(DataplaneOptions::Severity::kInfo,
                 absl::StrCat("EAL: ", absl::StrJoin(arguments.begin() + 1, arguments.end(), " ")));
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
    const int error = rte_errno;
    const std::string complaints = eal->log().TakeComplaints();
    return absl::FailedPreconditionError(absl::StrCat(
        "DPDK did not start: ", rte_strerror(error), complaints.empty() ? "" : "; DPDK says: ",
        complaints, "; its arguments were: ", absl::StrJoin(arguments, " ")));
  }
  eal->running_ = true;
  unsigned lcore;
  RTE_LCORE_FOREACH_WORKER(lcore) eal->worker_lcores_.push_back(lcore);
  eal->has_hugepages_ = rte_eal_has_hugepages() != 0;
  eal->page_summary_ = PageSummary();
  if (eal->worker_lcores_.empty() || eal->worker_lcores_.size() > kMaxWorkers) {
    return absl::InvalidArgumentError(
        absl::StrCat("the EAL arguments leave ", eal->worker_lcores_.size(),
                     " worker lcores; 1 to ", kMaxWorkers, " are needed beside the main one"));
  }
  return eal;
}

Eal::~Eal() {
  if (!running_) return;
  const std::string folder = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  rmdir(folder.c_str());  // EAL leaves it; ours if it is empty
}

}  // namespace coretrack
