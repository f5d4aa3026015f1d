// DpdkLog: DPDK's log lines -> the daemon's log, and the last complaint for error messages.
//
// Threads  DPDK logs from any thread; a mutex guards the state. Never on the packet path.
// Limits   Keeps kLines complaints of at most one line each.
#pragma once

#include <cstdio>
#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/io/options.h"

namespace coretrack {

class DpdkLog {
 public:
  static constexpr size_t kLines = 4;

  // Becomes DPDK's log stream until destruction. At most one at a time.
  explicit DpdkLog(DataplaneOptions::Log log);
  ~DpdkLog();
  DpdkLog(const DpdkLog&) = delete;
  DpdkLog& operator=(const DpdkLog&) = delete;

  void Say(DataplaneOptions::Severity severity, std::string_view line) const {
    if (log_) log_(severity, line);
  }

  // Warnings and errors since the last call, "; " between them. Empty: there were none.
  std::string TakeComplaints();

 private:
  static ssize_t Write(void* self, const char* text, size_t bytes);
  void Line(const std::string& line);

  const DataplaneOptions::Log log_;
  FILE* stream_ = nullptr;
  absl::Mutex mutex_;
  std::string partial_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> complaints_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace coretrack
