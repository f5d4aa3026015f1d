#include "control/query/scan.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {

uint32_t SlotsOf(const Pipeline& pipeline) {
  return pipeline.table(false).slots() + pipeline.table(true).slots();
}

}  // namespace

Now ClockOf(const Pipeline& pipeline) {
  uint64_t unix_us = pipeline.counters().now_unix_us.Read();
  if (unix_us == 0) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    unix_us =
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  }
  // A tick is a unix millisecond modulo 2^32.
  return {.tick = Tick(static_cast<uint32_t>(unix_us / 1000)), .unix_us = unix_us};
}

absl::Status FlowScan::Seek(std::string_view cursor) {
  const char* const end = cursor.data() + cursor.size();
  uint32_t worker = 0;
  uint32_t slot = 0;
  auto [at, error] = std::from_chars(cursor.data(), end, worker);
  if (error == std::errc() && at != end && *at == '.') {
    const auto [stop, slot_error] = std::from_chars(at + 1, end, slot);
    if (slot_error == std::errc() && stop == end && worker < workers_.size() &&
        slot < SlotsOf(*workers_[worker].pipeline)) {
      worker_ = worker;
      slot_ = slot;
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      "cursor: not one that this run of the daemon gave; begin again without it");
}

std::string FlowScan::cursor() const { return absl::StrCat(worker_, ".", slot_); }

void FlowScan::Run(uint32_t slots, const Visitor& visit) {
  FlowCopy copy;
  FlowRecord flow;
  while (slots != 0 && !done()) {
    const Pipeline& pipeline = *workers_[worker_].pipeline;
    const uint32_t ipv4_slots = pipeline.table(false).slots();
    const FlowTable& table = pipeline.table(slot_ >= ipv4_slots);
    const uint32_t first = table.ipv6() ? ipv4_slots : 0;
    const uint32_t last = slot_ + std::min(slots, first + table.slots() - slot_);
    slots -= last - slot_;
    const Now now = ClockOf(pipeline);
    bool go_on = true;
    for (; slot_ != last && go_on; ++slot_) {
      const FlowIndex index{table.first_index() + slot_ - first};
      if (table.LooksEmpty(index) || !table.Read(index, &copy)) continue;
      if (copy.line.deadline().AtOrBefore(now.tick)) continue;
      FillRecord(pipeline.options().worker, index, copy, now, tunables_, pipeline.histories(),
                 End::kActive, &flow);
      if (filter_.Matches(flow)) go_on = visit(flow);
    }
    if (slot_ == SlotsOf(pipeline)) {
      ++worker_;
      slot_ = 0;
    }
    if (!go_on) return;
  }
}

absl::StatusOr<FlowRecord> FindFlow(const std::vector<WorkerInfo>& workers,
                                    const Tunables& tunables, FlowId id) {
  for (const WorkerInfo& worker : workers) {
    const Pipeline& pipeline = *worker.pipeline;
    if (pipeline.options().worker != id.worker) continue;
    for (const bool ipv6 : {false, true}) {
      const FlowTable& table = pipeline.table(ipv6);
      FlowCopy copy;
      if (!table.Contains(id.index) || !table.Read(id.index, &copy)) continue;
      const Now now = ClockOf(pipeline);
      if (GenerationOf(copy.detail.start_us) != id.generation) continue;
      if (copy.line.deadline().AtOrBefore(now.tick)) continue;
      return MakeRecord(id.worker, id.index, copy, now, tunables, pipeline.histories(),
                        End::kActive);
    }
  }
  return absl::NotFoundError(absl::StrCat("no flow ", ToString(id), "; it may have ended"));
}

}  // namespace coretrack
