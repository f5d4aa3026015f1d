#include "bench/traffic.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

namespace coretrack::bench {
namespace {

struct [[gnu::packed]] Frame {
  uint8_t ethernet[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  uint16_t ether_type = __builtin_bswap16(0x0800);
  uint8_t version_ihl = 0x45, tos = 0;
  uint16_t total_bytes = __builtin_bswap16(40);
  uint16_t id = 0, fragment = __builtin_bswap16(0x4000);
  uint8_t ttl = 64, protocol = 6;
  uint16_t ip_checksum = 0;
  uint32_t source = 0, destination = 0;
  uint16_t source_port = 0, destination_port = 0;
  uint32_t seq = 0, ack = 0;
  uint8_t data_offset = 0x50, flags = 0;
  uint16_t window = 0xffff, checksum = 0, urgent = 0;
  uint8_t payload[kPayloadBytes] = {};
};
static_assert(sizeof(Frame) == 60);

// The same segment over IPv6.
struct [[gnu::packed]] Frame6 {
  uint8_t ethernet[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  uint16_t ether_type = __builtin_bswap16(0x86dd);
  uint32_t version = 0x60;
  uint16_t payload_bytes = 0;
  uint8_t next_header = 6, hop_limit = 64;
  uint32_t source[4] = {0x20, 0, 0, 0}, destination[4] = {0x20, 0, 0, 0};
  uint8_t tcp_and_payload[sizeof(Frame) - offsetof(Frame, source_port)] = {};
};
static_assert(sizeof(Frame6) == 80);

}  // namespace

Traffic::Traffic(uint32_t flows, uint32_t active, bool ipv6, uint32_t most_payload)
    : ends_(flows), order_(active), ipv6_(ipv6) {
  static uint32_t made = 0;
  const std::string name = "bench" + std::to_string(made++);
  pool_ =
      rte_pktmbuf_pool_create(name.c_str(), 1023, 0, 0,
                              static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + 122 + most_payload), 0);
  if (pool_ != nullptr && rte_pktmbuf_alloc_bulk(pool_, mbufs_.data(), kPoll) != 0) {
    rte_mempool_free(pool_);
    pool_ = nullptr;
  }
  if (pool_ != nullptr) {
    for (rte_mbuf* m : mbufs_)
      m->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  }
  std::iota(order_.begin(), order_.end(), 0);
  std::shuffle(order_.begin(), order_.end(), std::mt19937_64(7));
}

Traffic::~Traffic() {
  if (pool_ == nullptr) return;
  rte_pktmbuf_free_bulk(mbufs_.data(), kPoll);
  rte_mempool_free(pool_);
}

void Traffic::Write(uint32_t slot, uint32_t i, bool from_client, uint8_t flags, uint32_t payload) {
  Ends& ends = ends_[i];
  Frame frame;
  const uint32_t client = 0x0a000000u + (i >> 4) * 7;
  const auto client_port = static_cast<uint16_t>(1024 + (i & 15) * 4001);
  const uint32_t server = 0xc0a80000u + (i & 0xff);
  frame.source = __builtin_bswap32(from_client ? client : server);
  frame.destination = __builtin_bswap32(from_client ? server : client);
  frame.source_port = __builtin_bswap16(from_client ? client_port : 443);
  frame.destination_port = __builtin_bswap16(from_client ? 443 : client_port);
  uint32_t& mine = from_client ? ends.client : ends.server;
  frame.seq = __builtin_bswap32(mine);
  frame.ack = __builtin_bswap32(
      (flags & tcp_flag::kAck) != 0 ? (from_client ? ends.server : ends.client) : 0);
  frame.flags = flags;
  frame.total_bytes = __builtin_bswap16(static_cast<uint16_t>(40 + payload));
  mine += payload + ((flags & (tcp_flag::kSyn | tcp_flag::kFin)) != 0 ? 1 : 0);
  if (!ipv6_) return Put(slot, frame, payload);
  Frame6 frame6;
  frame6.payload_bytes = __builtin_bswap16(static_cast<uint16_t>(20 + payload));
  frame6.source[3] = frame.source;
  frame6.destination[3] = frame.destination;
  std::memcpy(frame6.tcp_and_payload, &frame.source_port, sizeof(frame6.tcp_and_payload));
  Put(slot, frame6, payload);
}

template <typename T>
void Traffic::Put(uint32_t slot, const T& frame, uint32_t payload) {
  rte_mbuf* m = mbufs_[slot];
  std::memcpy(rte_pktmbuf_mtod(m, void*), &frame, sizeof(frame));
  // What a larger payload is, nobody looks at; a smaller one is padding.
  const auto bytes =
      static_cast<uint16_t>(sizeof(frame) - kPayloadBytes + std::max(payload, kPayloadBytes));
  m->data_len = bytes;
  m->pkt_len = bytes;
}

}  // namespace coretrack::bench
