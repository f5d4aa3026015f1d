#include "bench/traffic.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

namespace coretrack::bench {
namespace {

constexpr uint32_t kMostOptionBytes = 20;

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
  uint8_t options_and_payload[kMostOptionBytes + kPayloadBytes] = {};
};
static_assert(sizeof(Frame) == 60 + kMostOptionBytes);

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
static_assert(sizeof(Frame6) == 80 + kMostOptionBytes);

struct [[gnu::packed]] SynOptions {
  uint8_t mss[4] = {2, 4, 1460 >> 8, 1460 & 0xff};
  uint8_t sack_permitted[2] = {4, 2};
  uint8_t timestamps[2] = {8, 10};
  uint32_t value = 0, echo = 0;
  uint8_t window_scale[4] = {1, 3, 3, 7};
};
static_assert(sizeof(SynOptions) == kMostOptionBytes);

struct [[gnu::packed]] UsualOptions {
  uint8_t timestamps[4] = {1, 1, 8, 10};
  uint32_t value = 0, echo = 0;
};
static_assert(sizeof(UsualOptions) <= kMostOptionBytes);

}  // namespace

Traffic::Traffic(uint32_t flows, uint32_t active, bool ipv6, Stack stack, uint32_t most_payload)
    : ends_(flows),
      stamps_(stack == Stack::kLinux ? flows : 0),
      order_(active),
      ipv6_(ipv6),
      stack_(stack) {
  static uint32_t made = 0;
  const std::string name = "bench" + std::to_string(made++);
  pool_ =
      rte_pktmbuf_pool_create(name.c_str(), 2 * kBacklog - 1, 0, 0,
                              static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + 122 + most_payload), 0);
  if (pool_ != nullptr && rte_pktmbuf_alloc_bulk(pool_, mbufs_.data(), kBacklog) != 0) {
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
  rte_pktmbuf_free_bulk(mbufs_.data(), kBacklog);
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
  const uint32_t option_bytes =
      PutOptions(i, from_client, (flags & tcp_flag::kSyn) != 0, frame.options_and_payload);
  const uint32_t segment_bytes = 20 + option_bytes + payload;
  frame.data_offset = static_cast<uint8_t>((20 + option_bytes) / 4 << 4);
  frame.total_bytes = __builtin_bswap16(static_cast<uint16_t>(20 + segment_bytes));
  mine += payload + ((flags & (tcp_flag::kSyn | tcp_flag::kFin)) != 0 ? 1 : 0);
  if (!ipv6_) return Put(slot, frame, option_bytes, payload);
  Frame6 frame6;
  frame6.payload_bytes = __builtin_bswap16(static_cast<uint16_t>(segment_bytes));
  frame6.source[3] = frame.source;
  frame6.destination[3] = frame.destination;
  std::memcpy(frame6.tcp_and_payload, &frame.source_port, sizeof(frame6.tcp_and_payload));
  Put(slot, frame6, option_bytes, payload);
}

// Answers how many bytes they are.
uint32_t Traffic::PutOptions(uint32_t i, bool from_client, bool syn, uint8_t* options) {
  if (stack_ == Stack::kBare) return 0;
  Stamps& stamps = stamps_[i];
  uint32_t& mine = from_client ? stamps.client : stamps.server;
  mine = ++clock_;
  const auto put = [&](auto of) {
    of.value = __builtin_bswap32(mine);
    of.echo = __builtin_bswap32(from_client ? stamps.server : stamps.client);
    std::memcpy(options, &of, sizeof(of));
    return static_cast<uint32_t>(sizeof(of));
  };
  return syn ? put(SynOptions()) : put(UsualOptions());
}

template <typename T>
void Traffic::Put(uint32_t slot, const T& frame, uint32_t option_bytes, uint32_t payload) {
  rte_mbuf* m = mbufs_[slot];
  std::memcpy(rte_pktmbuf_mtod(m, void*), &frame, sizeof(frame));
  // What a larger payload is, nobody looks at; a smaller one is padding.
  const auto bytes = static_cast<uint16_t>(sizeof(frame) - kMostOptionBytes - kPayloadBytes +
                                           option_bytes + std::max(payload, kPayloadBytes));
  m->data_len = bytes;
  m->pkt_len = bytes;
}

}  // namespace coretrack::bench
