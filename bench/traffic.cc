#include "bench/traffic.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <random>
#include <string>

namespace coretrack::bench {
namespace {

struct [[gnu::packed]] Ethernet {
  uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
};
struct [[gnu::packed]] VlanTag {
  uint16_t type = __builtin_bswap16(0x8100), id = __builtin_bswap16(7);
};
struct [[gnu::packed]] Ipv4 {
  uint16_t ether_type = __builtin_bswap16(0x0800);
  uint8_t version_ihl = 0x45, tos = 0;
  uint16_t total_bytes = 0;
  uint16_t id = 0, fragment = __builtin_bswap16(0x4000);
  uint8_t ttl = 64, protocol = 0;
  uint16_t checksum = 0;
  uint32_t source = 0, destination = 0;
};
struct [[gnu::packed]] Ipv6 {
  uint16_t ether_type = __builtin_bswap16(0x86dd);
  uint32_t version = 0x60;
  uint16_t payload_bytes = 0;
  uint8_t protocol = 0, hop_limit = 64;
  uint32_t source[4] = {0x20, 0, 0, 0}, destination[4] = {0x20, 0, 0, 0};
};
struct [[gnu::packed]] Udp {
  uint16_t source_port = 0, destination_port = 0;
  uint16_t bytes = 0, checksum = 0;
};
struct [[gnu::packed]] Tcp {
  uint16_t source_port = 0, destination_port = 0;
  uint32_t seq = 0, ack = 0;
  uint8_t data_offset = 0, flags = 0;
  uint16_t window = 0xffff, checksum = 0, urgent = 0;
};

// Of a connection, in network byte order. The client's end is [1].
struct Endpoints {
  uint32_t address[2];
  uint16_t port[2];
};
Endpoints EndpointsOf(uint32_t i) {
  return {.address = {__builtin_bswap32(0xc0a80000u + (i & 0xff)),
                      __builtin_bswap32(0x0a000000u + (i >> 4) * 7)},
          .port = {__builtin_bswap16(443),
                   __builtin_bswap16(static_cast<uint16_t>(1024 + (i & 15) * 4001))}};
}

constexpr uint32_t kMostOptionBytes = 24;
// Of a frame, but its payload.
constexpr uint32_t kMostHeaderBytes =
    sizeof(Ethernet) + sizeof(VlanTag) + sizeof(Ipv6) + sizeof(Tcp) + kMostOptionBytes;

struct [[gnu::packed]] SynOptions {
  uint8_t mss[4] = {2, 4, 1460 >> 8, 1460 & 0xff};
  uint8_t sack_permitted[2] = {4, 2};
  uint8_t timestamps[2] = {8, 10};
  uint32_t value = 0, echo = 0;
  uint8_t window_scale[4] = {1, 3, 3, 7};
};
static_assert(sizeof(SynOptions) <= kMostOptionBytes);

struct [[gnu::packed]] UsualOptions {
  uint8_t timestamps[4] = {1, 1, 8, 10};
  uint32_t value = 0, echo = 0;
};
static_assert(sizeof(UsualOptions) <= kMostOptionBytes);

struct [[gnu::packed]] SackOptions {
  uint8_t timestamps[4] = {1, 1, 8, 10};
  uint32_t value = 0, echo = 0;
  uint8_t sack[4] = {1, 1, 5, 10};
  uint32_t from = 0, to = 0;
};
static_assert(sizeof(SackOptions) <= kMostOptionBytes);

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

Traffic::Traffic(const TrafficShape& shape) : order_(shape.active), shape_(shape) {
  static uint32_t made = 0;
  const std::string name = "bench" + std::to_string(made++);
  const auto room =
      static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + kMostHeaderBytes + shape.most_payload);
  pool_ = rte_pktmbuf_pool_create(name.c_str(), 2 * kBacklog - 1, 0, 0, room, 0);
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
  rte_mbuf* const m = mbufs_[slot];
  auto* const frame = rte_pktmbuf_mtod(m, uint8_t*);
  uint32_t bytes = 0;
  const auto append = [frame, &bytes](const auto& header) {
    std::memcpy(frame + bytes, &header, sizeof(header));
    bytes += sizeof(header);
  };
  append(Ethernet());
  if (shape_.tagged) append(VlanTag());
  uint8_t segment[sizeof(Tcp) + kMostOptionBytes];
  const uint32_t header_bytes = PutSegment(i, ends, step, segment);
  const auto segment_bytes = static_cast<uint16_t>(header_bytes + step.payload);
  const uint8_t protocol = shape_.StackOf(i) == Stack::kUdp ? 17 : 6;
  const Endpoints between = EndpointsOf(i);
  const uint32_t source = between.address[step.from_client];
  const uint32_t destination = between.address[!step.from_client];
  if (shape_.IsIpv6(i)) {
    Ipv6 ip;
    ip.payload_bytes = __builtin_bswap16(segment_bytes);
    ip.protocol = protocol;
    ip.source[3] = source;
    ip.destination[3] = destination;
    append(ip);
  } else {
    Ipv4 ip;
    ip.total_bytes = __builtin_bswap16(static_cast<uint16_t>(20 + segment_bytes));
    ip.protocol = protocol;
    ip.source = source;
    ip.destination = destination;
    append(ip);
  }
  std::memcpy(frame + bytes, segment, header_bytes);
  // What the payload is, nobody looks at; the shortest frames are padded.
  constexpr uint32_t kLeastBytes = 60;
  bytes = std::max(bytes + segment_bytes, kLeastBytes);
  m->data_len = static_cast<uint16_t>(bytes);
  m->pkt_len = bytes;
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

// All of a segment that is before its payload. Answers how many bytes that is.
uint32_t Traffic::PutSegment(uint32_t i, const Ends& ends, const Step& step, uint8_t* to) const {
  const bool client = step.from_client;
  const Endpoints between = EndpointsOf(i);
  const Stack stack = shape_.StackOf(i);
  if (stack == Stack::kUdp) {
    Udp udp;
    udp.source_port = between.port[client];
    udp.destination_port = between.port[!client];
    udp.bytes = __builtin_bswap16(static_cast<uint16_t>(sizeof(udp) + step.payload));
    std::memcpy(to, &udp, sizeof(udp));
    return sizeof(udp);
  }
  uint32_t option_bytes = 0;
  const auto put_options = [&](auto of) {
    const uint32_t echo = ends.stamp[!client];
    of.value = __builtin_bswap32(InitialOf(i, client) + ends.clock + 1);
    of.echo = echo == 0 ? 0 : __builtin_bswap32(InitialOf(i, !client) + echo);
    std::memcpy(to + sizeof(Tcp), &of, sizeof(of));
    option_bytes = sizeof(of);
  };
  const uint32_t acked = InitialOf(i, !client) + ends.sent[!client];
  if (stack != Stack::kBare) {
    if ((step.flags & tcp_flag::kSyn) != 0) {
      put_options(SynOptions());
    } else if (stack == Stack::kLossy && (i + ends.clock) % 32 == 0) {
      // Of what has come twice (RFC 2883): nothing need be missing for it.
      put_options(
          SackOptions{.from = __builtin_bswap32(acked - 2), .to = __builtin_bswap32(acked)});
    } else {
      put_options(UsualOptions());
    }
  }
  Tcp tcp;
  tcp.source_port = between.port[client];
  tcp.destination_port = between.port[!client];
  tcp.seq = __builtin_bswap32(InitialOf(i, client) + ends.sent[client]);
  if ((step.flags & tcp_flag::kAck) != 0) tcp.ack = __builtin_bswap32(acked);
  tcp.flags = step.flags;
  const uint32_t header_bytes = sizeof(tcp) + option_bytes;
  tcp.data_offset = static_cast<uint8_t>(header_bytes / 4 << 4);
  std::memcpy(to, &tcp, sizeof(tcp));
  return header_bytes;
}

}  // namespace coretrack::bench
