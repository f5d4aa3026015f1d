// The sequence lock: one writer inserting, updating and erasing; readers whose copies must each be
// a function of one (flow, value) pair. Run it under TSan too.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "tests/flow/test_table.h"

namespace coretrack {
namespace {

constexpr uint32_t kFlows = 24;
constexpr uint32_t kReaders = 2;

uint32_t Word(uint32_t id, uint32_t value, uint32_t i) {
  return static_cast<uint32_t>(Mix(uint64_t{value} << 16 | id << 8 | i));
}

// Some of it too large for one that is not wide: flows become wide at any time of their life.
FlowDetail DetailOf(uint32_t id, uint32_t value, uint64_t start_us) {
  const auto word = [=](uint32_t i) { return Mix(uint64_t{value} << 32 | id << 8 | i); };
  const bool wide = value % 4 == 0;
  FlowDetail detail;
  detail.flags = static_cast<uint16_t>(word(0));
  detail.offered_scales = static_cast<uint8_t>(word(1));
  detail.small = static_cast<uint8_t>(word(2));
  detail.history = word(3) & 0x7fff;
  detail.related_icmp = word(4) & FlowDetail::kMaxRelatedIcmp;
  for (uint32_t d = 0; d < 2; ++d) {
    const uint32_t i = 5 + 6 * d;
    detail.mss[d] = static_cast<uint16_t>(word(i));
    detail.handshake_rtt_us[d] = word(i + 1) & FlowDetail::kMaxRtt;
    detail.retransmits[d] = static_cast<uint16_t>(word(i + 2) & (wide ? 0xffff : 63));
    detail.out_of_window[d] = static_cast<uint16_t>(word(i + 3) & (wide ? 0xffff : 15));
    detail.packets[d] = word(i + 4) >> (wide ? 24 : 38);
    detail.bytes[d] = word(i + 5) >> (wide ? 16 : 30);
  }
  detail.start_us = start_us;
  return detail;
}

void Write(FlowTable& table, FlowIndex index, uint32_t id, uint32_t value) {
  AtomicLine& line = table.line(index);
  auto hot = line.LoadOwned<FlowLine>();
  // deadline_ms, packets and bytes stay constant: word 0 changes by its version only.
  hot.state = static_cast<uint8_t>(id + 1);
  hot.protocol_words[0] = value;
  for (uint32_t i = 1; i < hot.protocol_words.size(); ++i) {
    hot.protocol_words[i] = Word(id, value, i);
  }
  const uint64_t start_us = DetailOf(table, index).start_us;
  BeginWrite(line);
  table.StoreDetail(index, DetailOf(id, value, start_us));
  EndWrite(line, hot);
}

bool Whole(const FlowCopy& copy, bool ipv6) {
  const uint32_t id = copy.line.state - 1u;
  const uint32_t value = copy.line.protocol_words[0];
  const FlowKey key = KeyOf(id, ipv6);
  for (uint32_t i = 1; i < copy.line.protocol_words.size(); ++i) {
    if (copy.line.protocol_words[i] != Word(id, value, i)) return false;
  }
  const FlowDetail detail = DetailOf(id, value, copy.detail.start_us);
  return copy.line.ports == key.ports && copy.line.context == key.context &&
         copy.line.zone() == key.zone &&
         copy.line.address == (ipv6 ? PlainHash(key).value : key.address[0]) &&
         (!ipv6 || copy.ipv6_address == key.address) && detail == copy.detail;
}

class Reader : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Ipv, Reader, testing::Bool(), IpVersionName);

TEST_P(Reader, NeverSeesAMixture) {
  const bool ipv6 = GetParam();
  // A few slots: what a flow leaves, one of the next takes.
  TestTable table({.capacity = 20, .ipv6 = ipv6});
  std::atomic<uint32_t> satisfied{0};
  std::atomic<bool> torn{false};
  std::vector<std::thread> readers;
  for (uint32_t r = 0; r < kReaders; ++r) {
    readers.emplace_back([&, r] {
      std::mt19937 random(r);
      for (uint32_t copies = 0; copies < 300'000 && !torn.load(std::memory_order_relaxed);) {
        FlowCopy copy;
        const FlowIndex index{static_cast<uint32_t>(random() % table->slots())};
        if (table->LooksEmpty(index) || !table->Read(index, &copy)) continue;
        ++copies;
        if (!Whole(copy, ipv6)) torn = true;
      }
      ++satisfied;
    });
  }
  std::mt19937 random(99);
  std::vector<std::optional<FlowIndex>> where(kFlows);
  uint32_t operations = 0;
  for (; operations < 200'000 || satisfied < kReaders; ++operations) {
    const uint32_t id = random() % kFlows;
    const FlowHash hash = PlainHash(KeyOf(id, ipv6));
    if (!where[id]) {
      where[id] = table->Insert(KeyOf(id, ipv6), hash);
      ASSERT_NE(*where[id], FlowIndex::kNone);
      Write(*table, *where[id], id, operations);
    } else if (random() % 4 == 0) {
      table->Erase(*where[id], hash);
      where[id].reset();
    } else {
      Write(*table, *where[id], id, operations);
    }
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_FALSE(torn);
}

}  // namespace
}  // namespace coretrack
