#include "dataplane/worker/fill.h"

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <bit>
#include <cstddef>

#include "dataplane/base/lanes.h"

namespace coretrack {
namespace {

constexpr uint64_t kGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
constexpr uint64_t kChecksumFlags = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;

// What some packets have that others do not: bits that are not 0.
struct Odd {
  uint32_t port = 0, segments = 0;
};

void FillOne(const rte_mbuf& packet, uint32_t i, const std::array<PollPort, kMaxPorts>& ports,
             HeaderCopies* copies, Burst* burst) {
  const auto* data = rte_pktmbuf_mtod(&packet, const uint8_t*);
  uint32_t bytes = packet.data_len;
  if (packet.nb_segs > 1 && bytes < kHeaderBytes) [[unlikely]] {
    bytes = std::min(packet.pkt_len, kHeaderBytes);
    data = static_cast<const uint8_t*>(rte_pktmbuf_read(&packet, 0, bytes, (*copies)[i].data()));
  } else {
    rte_prefetch0(data);
  }
  burst->data[i] = data;
  burst->bytes[i] = bytes;
  burst->wire_bytes[i] = packet.pkt_len;
  burst->zone[i] = ports[packet.port].zone;
  burst->checksum_known_good[i] = (packet.ol_flags & kChecksumFlags) == kGood;
}

#ifdef CORETRACK_LANES

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what these functions are written in

// Packets `first` to `first` + kLanes - 1, of which all that are not from `port` are made to be, if it is theirs to be. How long they
// are is added to `bytes`.
[[gnu::always_inline]] inline Odd FillTogether(rte_mbuf* const* packets, uint32_t first,
                                               uint16_t port, bool is_theirs,
                                               const std::array<PollPort, kMaxPorts>& ports,
                                               HeaderCopies* copies, Burst* burst, Lanes* bytes) {
  // Three quarters of an mbuf's first line.
  static_assert(offsetof(rte_mbuf, buf_addr) == 0 && offsetof(rte_mbuf, data_off) == 16 &&
                offsetof(rte_mbuf, nb_segs) == 20 && offsetof(rte_mbuf, port) == 22 &&
                offsetof(rte_mbuf, ol_flags) == 24 && offsetof(rte_mbuf, pkt_len) == 36 &&
                offsetof(rte_mbuf, data_len) == 40);
  static_assert(kChecksumFlags <= 0xffffffff);
  const Quarter place = LoadQuarter(packets), rearm = LoadQuarter<16>(packets),
                lengths = LoadQuarter<32>(packets);
  const Lanes offset = rearm.row[0] & 0xffff;
  const Lanes segments = rearm.row[1] & 0xffff, from = rearm.row[1] >> 16;
  const Halves begin = Interleave(place.row[0], place.row[1]);
  StoreWords(begin.first + WidenFirst(offset), &burst->data[first]);
  StoreWords(begin.last + WidenLast(offset), &burst->data[first + kLanes / 2]);
  Store(lengths.row[2] & 0xffff, &burst->bytes[first]);
  Store(lengths.row[1], &burst->wire_bytes[first]);
  *bytes += lengths.row[1];
  StoreBits(Equal(rearm.row[2] & static_cast<uint32_t>(kChecksumFlags),
                  All(static_cast<uint32_t>(kGood))),
            &burst->checksum_known_good[first]);
  std::fill_n(&burst->zone[first], kLanes, ports[port].zone);
  KeepInMemory(&burst->data);
#pragma GCC unroll 16
  for (uint32_t i = first; i < first + kLanes; ++i) rte_prefetch0(burst->data[i]);
  Odd odd{.port = static_cast<Mask>(~Equal(from, All(port))),
          .segments = static_cast<Mask>(~Equal(segments, All(1)))};
  if ((odd.port | odd.segments) != 0) [[unlikely]] {
    for (uint32_t left = odd.port | odd.segments; left != 0; left &= left - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(left));
      if (is_theirs) packets[i]->port = port;
      FillOne(*packets[i], first + i, ports, copies, burst);
    }
    if (is_theirs) odd.port = 0;
  }
  return odd;
}

uint64_t SumOf(Lanes a) {
  const Words64 pairs = WidenFirst(a) + WidenLast(a);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < kLanes / 2; ++i) sum += pairs[i];
  return sum;
}

#endif

}  // namespace

Filled FillBurst(std::span<rte_mbuf* const> packets, std::optional<uint16_t> port,
                 const std::array<PollPort, kMaxPorts>& ports, HeaderCopies* copies, Burst* burst) {
  const auto count = static_cast<uint32_t>(packets.size());
  burst->count = count;
  if (count == 0) return {};
  const uint16_t first_port = port.value_or(packets[0]->port);
  Odd odd;
  uint64_t bytes = 0;
  uint32_t i = 0;
#ifdef CORETRACK_LANES
  // Sums of eight packets at most: an overflow would take one of 2^29 bytes.
  static_assert(kMaxBurst / kLanes <= 8);
  Lanes of_lanes = All(0);
  for (; i + kLanes <= count; i += kLanes) {
    const Odd more =
        FillTogether(&packets[i], i, first_port, port.has_value(), ports, copies, burst, &of_lanes);
    odd.port |= more.port;
    odd.segments |= more.segments;
  }
  bytes = SumOf(of_lanes);
#endif
  for (; i < count; ++i) {
    if (port.has_value()) packets[i]->port = *port;
    FillOne(*packets[i], i, ports, copies, burst);
    odd.port |= packets[i]->port ^ first_port;
    odd.segments |= packets[i]->nb_segs ^ 1u;
    bytes += burst->wire_bytes[i];
  }
  return {.bytes = bytes, .one_port = odd.port == 0, .segmented = odd.segments != 0};
}

}  // namespace coretrack
