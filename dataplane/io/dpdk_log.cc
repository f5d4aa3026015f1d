#include "dataplane/io/dpdk_log.h"

#include <rte_log.h>

#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"

namespace coretrack {

DpdkLog::DpdkLog(DataplaneOptions::Log log) : log_(std::move(log)) {
  stream_ =
      fopencookie(this, "w", {.read = nullptr, .write = Write, .seek = nullptr, .close = nullptr});
  if (stream_ == nullptr) return;  // DPDK keeps its own stream
  setvbuf(stream_, nullptr, _IOLBF, 0);
  rte_openlog_stream(stream_);
}

DpdkLog::~DpdkLog() {
  if (stream_ == nullptr) return;
  rte_openlog_stream(nullptr);
  std::fclose(stream_);
}

std::string DpdkLog::TakeComplaints() {
  const absl::MutexLock lock(&mutex_);
  std::string all = absl::StrJoin(complaints_, "; ");
  complaints_.clear();
  return all;
}

ssize_t DpdkLog::Write(void* self, const char* text, size_t bytes) {
  auto* log = static_cast<DpdkLog*>(self);
  std::vector<std::string> lines;
  {
    const absl::MutexLock lock(&log->mutex_);
    for (const char c : std::string_view(text, bytes)) {
      if (c != '\n') {
        log->partial_ += c;
      } else if (!log->partial_.empty()) {
        lines.push_back(std::exchange(log->partial_, ""));
      }
    }
  }
  for (const std::string& line : lines) log->Line(line);
  return static_cast<ssize_t>(bytes);
}

void DpdkLog::Line(const std::string& line) {
  using enum DataplaneOptions::Severity;
  const int level = rte_log_cur_msg_loglevel();
  if (level <= static_cast<int>(RTE_LOG_WARNING)) {
    const absl::MutexLock lock(&mutex_);
    complaints_.push_back(line);
    if (complaints_.size() > kLines) complaints_.pop_front();
  }
  Say(level <= static_cast<int>(RTE_LOG_ERR)       ? kError
      : level <= static_cast<int>(RTE_LOG_WARNING) ? kWarning
      : level <= static_cast<int>(RTE_LOG_NOTICE)  ? kInfo
                                                   : kDebug,
      "DPDK: " + line);
}

}  // namespace coretrack
