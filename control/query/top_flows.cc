#include "control/query/top_flows.h"

#include <algorithm>
#include <tuple>

namespace coretrack {
namespace {

// Larger comes first. For times: earlier is more.
uint64_t MeasureOf(SortBy by, const FlowRecord& flow) {
  switch (by) {
    case SortBy::kBytes:
      return flow.originator.bytes + flow.responder.bytes;
    case SortBy::kPackets:
      return flow.originator.packets + flow.responder.packets;
    case SortBy::kAge:
      return ~flow.start_us;
    case SortBy::kIdle:
      return ~flow.last_us;
  }
  return 0;
}

}  // namespace

std::optional<SortBy> ParseSortBy(std::string_view text) {
  if (text == "bytes") return SortBy::kBytes;
  if (text == "packets") return SortBy::kPackets;
  if (text == "age") return SortBy::kAge;
  if (text == "idle") return SortBy::kIdle;
  return std::nullopt;
}

// Does `a` come before `b` in the answer?
bool TopFlows::Before(const Entry& a, const Entry& b) {
  if (a.first != b.first) return a.first > b.first;
  const auto rank = [](FlowId id) { return std::tuple(id.worker, Raw(id.index), id.generation); };
  return rank(a.second.id) < rank(b.second.id);
}

void TopFlows::Add(const FlowRecord& flow) {
  const uint64_t measure = MeasureOf(by_, flow);
  if (heap_.size() == count_) {
    if (measure < heap_.front().first) return;
    Entry entry(measure, flow);
    if (!Before(entry, heap_.front())) return;
    std::ranges::pop_heap(heap_, Before);
    heap_.back() = std::move(entry);
  } else {
    heap_.emplace_back(measure, flow);
  }
  std::ranges::push_heap(heap_, Before);
}

std::vector<FlowRecord> TopFlows::Take() {
  std::ranges::sort_heap(heap_, Before);
  std::vector<FlowRecord> flows;
  flows.reserve(heap_.size());
  for (const Entry& entry : heap_) flows.push_back(entry.second);
  heap_.clear();
  return flows;
}

}  // namespace coretrack
