// TopFlows: the N flows with the most of something, out of any number, in memory for N.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/worker/flow_record.h"

namespace coretrack {

enum class SortBy : uint8_t { kBytes, kPackets, kAge, kIdle };
std::optional<SortBy> ParseSortBy(std::string_view text);  // "bytes", "packets", "age", "idle"

class TopFlows {
 public:
  // What one answer may hold; a record takes some 300 bytes.
  static constexpr size_t kMaxCount = 10'000;

  // REQUIRES: 0 < count <= kMaxCount.
  TopFlows(SortBy by, size_t count) : by_(by), count_(count) {}
  void Add(const FlowRecord& flow);
  // Most first: the largest, the oldest, the longest silent. Equal ones by id. Empties this.
  std::vector<FlowRecord> Take();

 private:
  using Entry = std::pair<uint64_t, FlowRecord>;
  static bool Before(const Entry& a, const Entry& b);

  SortBy by_;
  size_t count_;
  std::vector<Entry> heap_;  // the least of those kept is at the front
};

}  // namespace coretrack
