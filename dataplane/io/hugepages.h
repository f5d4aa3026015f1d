// Hugepages: whether to use them, and what to say when not.
//
// Threads  Start only.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/arena.h"
#include "dataplane/io/options.h"

namespace coretrack {

struct HugepageSupply {
  uint64_t free_bytes = 0;  // of all sizes together
  uint64_t page_bytes = 0;  // the size that most of them have; 0: none is free
  uint64_t pages_2m = 0;    // of 2 MiB, free or in use: /proc/sys/vm/nr_hugepages
};
// Reads `folder`, which the kernel keeps at /sys/kernel/mm/hugepages.
HugepageSupply ReadHugepages(const std::string& folder = "/sys/kernel/mm/hugepages");

struct HugepageChoice {
  bool use = false;
  std::string remark;  // one line worth saying, or empty
};
// kFailedPrecondition with the cure when they are required and fewer than `needed_bytes` are free.
absl::StatusOr<HugepageChoice> ChooseHugepages(HugepageUse use, uint64_t needed_bytes,
                                               const HugepageSupply& supply);

// The same of a worker's flow tables, which take what packet buffers have left: they lie on `got`.
absl::Status CheckTables(HugepageUse use, PageKind got, uint64_t bytes, size_t workers);

}  // namespace coretrack
