#include "bench/traffic.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <random>
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

// Where an end's numbers begin (1: the client's).
uint32_t InitialOf(uint32_t i, bool client) { return (2 * i + (client ? 1 : 0)) * 0x9e3779b1u; }

// Bit n: segment 64 * block + n of the data of connection `i` is the client's. As many in each block.
constexpr uint32_t kBlock = 64;
uint64_t ClientsTurns(uint32_t i, uint32_t block) {
  uint64_t bits = (i + uint64_t{1}) * 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  bits ^= bits >> 31;
  return std::rotl(bits, static_cast<int>(block * 0x9e3779b1u >> 26));
}

}  // namespace

Traffic::Traffic(uint32_t active, bool ipv6, Stack stack, uint32_t most_payload)
    : order_(active), ipv6_(ipv6), stack_(stack) {
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

void Traffic::Write(uint32_t slot, uint32_t i, const Ends& ends, const Step& step) {
  const bool from_client = step.from_client;
  Frame frame;
  const uint32_t client = 0x0a000000u + (i >> 4) * 7;
  const auto client_port = static_cast<uint16_t>(1024 + (i & 15) * 4001);
  const uint32_t server = 0xc0a80000u + (i & 0xff);
  frame.source = __builtin_bswap32(from_client ? client : server);
  frame.destination = __builtin_bswap32(from_client ? server : client);
  frame.source_port = __builtin_bswap16(from_client ? client_port : 443);
  frame.destination_port = __builtin_bswap16(from_client ? 443 : client_port);
  frame.seq = __builtin_bswap32(InitialOf(i, from_client) + ends.sent[from_client]);
  if ((step.flags & tcp_flag::kAck) != 0)
    frame.ack = __builtin_bswap32(InitialOf(i, !from_client) + ends.sent[!from_client]);
  frame.flags = step.flags;
  const uint32_t option_bytes = PutOptions(i, ends, step, frame.options_and_payload);
  const uint32_t segment_bytes = 20 + option_bytes + step.payload;
  frame.data_offset = static_cast<uint8_t>((20 + option_bytes) / 4 << 4);
  frame.total_bytes = __builtin_bswap16(static_cast<uint16_t>(20 + segment_bytes));
  if (!ipv6_) return Put(slot, frame, option_bytes, step.payload);
  Frame6 frame6;
  frame6.payload_bytes = __builtin_bswap16(static_cast<uint16_t>(segment_bytes));
  frame6.source[3] = frame.source;
  frame6.destination[3] = frame.destination;
  std::memcpy(frame6.tcp_and_payload, &frame.source_port, sizeof(frame6.tcp_and_payload));
  Put(slot, frame6, option_bytes, step.payload);
}

void Traffic::WriteData(uint32_t slot, uint32_t i, uint32_t n, uint32_t payload) {
  const uint32_t block = n / kBlock, turn = n % kBlock;
  const uint64_t clients = ClientsTurns(i, block);
  const auto by_client = static_cast<uint32_t>(
      block * std::popcount(clients) + std::popcount(clients & ((uint64_t{1} << turn) - 1)));
  Ends ends = established_;
  ends.clock += n;
  ends.sent[1] += by_client * payload;
  ends.sent[0] += (n - by_client) * payload;
  // Of the last 64 segments; the highest bit is the last one.
  const uint64_t last = turn == 0 ? ClientsTurns(i, block - 1)
                                  : clients << (kBlock - turn) | ClientsTurns(i, block - 1) >> turn;
  for (const bool client : {false, true}) {
    const auto since = static_cast<uint32_t>(std::countl_zero(client ? last : ~last));
    if (since < std::min(n, kBlock)) ends.stamp[client] = ends.clock - since;
  }
  const bool from_client = (clients >> turn & 1) != 0;
  Write(slot, i, ends, {from_client, tcp_flag::kAck | tcp_flag::kPsh, payload});
}

// Answers how many bytes they are.
uint32_t Traffic::PutOptions(uint32_t i, const Ends& ends, const Step& step,
                             uint8_t* options) const {
  if (stack_ == Stack::kBare) return 0;
  const auto put = [&](auto of) {
    const uint32_t echo = ends.stamp[!step.from_client];
    of.value = __builtin_bswap32(InitialOf(i, step.from_client) + ends.clock + 1);
    of.echo = echo == 0 ? 0 : __builtin_bswap32(InitialOf(i, !step.from_client) + echo);
    std::memcpy(options, &of, sizeof(of));
    return static_cast<uint32_t>(sizeof(of));
  };
  return (step.flags & tcp_flag::kSyn) != 0 ? put(SynOptions()) : put(UsualOptions());
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
