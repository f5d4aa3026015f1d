// Inputs of a burst, as a plain reading of every mbuf has them.
#include "dataplane/worker/fill.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include "dataplane/worker/packet_order.h"
#include "tests/io/ring_link.h"

namespace coretrack {
namespace {

using testing::TestPool;

// Some packets, of which few are of several segments or from somewhere else.
class Packets {
 public:
  Packets(uint32_t count, std::mt19937* random) {
    const bool mixed_ports = (*random)() % 2 == 0;
    const uint32_t chain_in = (*random)() % 2 == 0 ? 10 : 1'000'000;
    for (uint32_t i = 0; i < count; ++i) {
      rte_mbuf* head = nullptr;
      const uint32_t segments = (*random)() % chain_in == 0 ? 2 + (*random)() % 3 : 1;
      for (uint32_t s = 0; s < segments; ++s) {
        rte_mbuf* segment = rte_pktmbuf_alloc(TestPool::Get());
        if (segment == nullptr) throw std::runtime_error("test packets have leaked");
        AfterTaking(&segment, 1);
        if ((*random)() % 4 == 0) segment->data_off -= (*random)() % 100;
        const auto bytes = static_cast<uint16_t>((*random)() % 300);
        auto* data = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(segment, bytes));
        for (uint32_t b = 0; b < bytes; ++b) data[b] = static_cast<uint8_t>((*random)());
        if (head == nullptr) {
          head = segment;
        } else {
          rte_pktmbuf_chain(head, segment);
        }
      }
      head->port = static_cast<uint16_t>(mixed_ports && (*random)() % 8 == 0 ? 3 : 5);
      // Every combination of good, bad, none and unknown.
      const uint64_t flags[] = {RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
                                RTE_MBUF_F_RX_IP_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_BAD,
                                RTE_MBUF_F_RX_RSS_HASH};
      for (const uint64_t flag : flags)
        if ((*random)() % 2 == 0) head->ol_flags |= flag;
      all_.push_back(head);
    }
  }
  ~Packets() {
    BeforeGiving(all_.data(), static_cast<uint32_t>(all_.size()));
    rte_pktmbuf_free_bulk(all_.data(), static_cast<unsigned>(all_.size()));
  }
  std::vector<rte_mbuf*>& all() { return all_; }

 private:
  std::vector<rte_mbuf*> all_;
};

bool IsVouchedFor(const rte_mbuf& m) {
  const auto is = [&m](uint64_t mask, uint64_t value) { return (m.ol_flags & mask) == value; };
  return is(RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_GOOD) &&
         is(RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
}

TEST(FillBurst, SaysWhatEachMbufSays) {
  auto burst = std::make_unique<Burst>();
  auto copies = std::make_unique<HeaderCopies>();
  std::array<PollPort, kMaxPorts> ports{};
  for (size_t port = 0; port < ports.size(); ++port) ports[port].zone = port % kMaxZones;
  uint32_t chains = 0, mixed = 0, right_already = 0;
  for (uint32_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937 random(seed);
    Packets packets(random() % (kMaxBurst + 1), &random);
    std::vector<rte_mbuf*>& all = packets.all();
    std::optional<uint16_t> port;
    if (random() % 2 == 0) port = random() % 2 == 0 ? 4 : 5;
    const bool is_right = port && std::all_of(all.begin(), all.end(), [port](const rte_mbuf* m) {
                            return m->port == *port;
                          });
    const Filled filled = FillBurst(all, port, ports, copies.get(), burst.get());

    uint64_t bytes = 0;
    bool one_port = true, segmented = false;
    ASSERT_EQ(burst->count, all.size());
    for (uint32_t i = 0; i < all.size(); ++i) {
      const rte_mbuf& m = *all[i];
      if (port) {
        ASSERT_EQ(m.port, *port);
      }
      bytes += m.pkt_len;
      one_port &= m.port == all[0]->port;
      segmented |= m.nb_segs != 1;
      const uint32_t there =
          m.nb_segs == 1 ? m.data_len
                         : std::max<uint32_t>(m.data_len, std::min(m.pkt_len, kHeaderBytes));
      ASSERT_EQ(burst->bytes[i], there) << "seed " << seed << " packet " << i;
      std::vector<uint8_t> copy(there);
      const void* plain = rte_pktmbuf_read(&m, 0, there, copy.data());
      if (there > 0) {
        ASSERT_EQ(std::memcmp(burst->data[i], plain, there), 0);
      }
      ASSERT_EQ(burst->wire_bytes[i], m.pkt_len);
      ASSERT_EQ(burst->zone[i], m.port % kMaxZones);
      ASSERT_EQ(burst->checksum_known_good[i], IsVouchedFor(m));
    }
    ASSERT_EQ(filled.bytes, bytes);
    ASSERT_EQ(filled.one_port, one_port);
    ASSERT_EQ(filled.segmented, segmented);
    chains += segmented;
    mixed += !one_port;
    right_already += is_right && !segmented;
  }
  EXPECT_GT(chains, 100u) << "this is not what it claims to test";
  EXPECT_GT(mixed, 100u);
  EXPECT_GT(right_already, 100u);
  EXPECT_EQ(TestPool::Missing(), 0u);
}

}  // namespace
}  // namespace coretrack
