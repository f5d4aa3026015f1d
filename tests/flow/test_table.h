// What the flow tests share: a table with an arena of its own, keys by number, a plain hash.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "dataplane/flow/flow_table.h"

namespace coretrack {

constexpr uint64_t Mix(uint64_t x) {  // splitmix64's finalizer
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

inline FlowHash PlainHash(const FlowKey& key) {
  uint64_t h = Mix(key.ports | uint64_t{key.context} << 32) + key.zone * 2 + (key.ipv6 ? 1 : 0);
  for (const uint64_t word : key.address) h = Mix(h ^ word);
  return FlowHash{h | 1};
}

// Different for every `id`, and neighbours in number differ in one attribute alone: ports,
// protocol, VLANs, zone; for IPv6 also the last address word.
inline FlowKey KeyOf(uint32_t id, bool ipv6) {
  FlowKey key;
  key.ipv6 = ipv6;
  key.ports = 0x5000'0050 + (id & 3);
  const uint32_t tag = id >> 3 & 3;
  key.context =
      MakeContext((id & 4) != 0 ? 17 : 6, tag == 1 || tag == 3 ? 100 : 0, tag >= 2 ? 7 : 0);
  key.zone = (id & 32) != 0 ? 5 : 0;
  const uint64_t rest = id >> 6;
  if (ipv6) {
    key.address = {0x0db8'0120, rest >> 8, 0x0db8'0220, rest & 0xff};
  } else {
    key.address[0] = 0x0a00'0001 + (rest << 32);
  }
  return key;
}

// Names the instances of tests that run for both IP versions.
inline std::string IpVersionName(const testing::TestParamInfo<bool>& ipv6) {
  return ipv6.param ? "6" : "4";
}

inline FlowDetail DetailOf(const FlowTable& table, FlowIndex index) {
  FlowDetail detail{.mss = {1, 2}, .flags = 3, .small = 4, .history = 5, .related_icmp = 6};
  table.LoadDetail(index, &detail);
  return detail;
}

class TestTable {
 public:
  explicit TestTable(const FlowTable::Shape& shape)
      : arena_(*Arena::Create(FlowTable::ArenaBytes(shape), /*allow_hugetlb=*/false)),
        table_(shape, &arena_) {}
  FlowTable& operator*() { return table_; }
  FlowTable* operator->() { return &table_; }

 private:
  Arena arena_;
  FlowTable table_;
};

// Makes the flow visible to readers, with `mark` in it.
inline void Publish(FlowTable& table, FlowIndex index, uint32_t mark) {
  AtomicLine& line = table.line(index);
  auto value = line.LoadOwned<FlowLine>();
  value.state = 1;
  value.protocol_words[7] = mark;
  BeginWrite(line);
  EndWrite(line, value);
}

// Takes all slots but one, the answer, which is the next one's from then on, until two are free. (Keys from a million on.)
inline FlowIndex FillButOne(FlowTable& table) {
  FlowKey last;
  FlowIndex index = FlowIndex::kNone;
  for (uint32_t id = 1'000'000;; ++id) {
    const FlowKey key = KeyOf(id, table.ipv6());
    const FlowIndex next = table.Insert(key, PlainHash(key));
    if (next == FlowIndex::kNone) break;
    index = next;
    last = key;
  }
  table.Erase(index, PlainHash(last));
  return index;
}

}  // namespace coretrack
