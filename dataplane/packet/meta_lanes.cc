#include "dataplane/packet/meta_lanes.h"

#include <array>
#include <cstddef>

#include "dataplane/packet/protocols.h"

namespace coretrack {

#ifdef CORETRACK_LANES

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

void FillMetaLanes(const SegmentLanes& segments, const KeyWords& words, uint32_t first,
                   Mask packets, const uint8_t* const* data, PacketMeta* meta) {
  static_assert(offsetof(TcpHeader, seq) == 0 && offsetof(TcpHeader, ack) == 4 &&
                offsetof(TcpHeader, payload_bytes) == 8 && offsetof(TcpHeader, window) == 12 &&
                offsetof(TcpHeader, flags) == 14 && offsetof(TcpHeader, option_bytes) == 15 &&
                offsetof(TcpHeader, options) == 16);
  static_assert(offsetof(PacketMeta, tcp) == 0 && offsetof(PacketMeta, ip_bytes) == 24 &&
                offsetof(PacketMeta, kind) == 28 && offsetof(PacketMeta, malformed) == 29 &&
                offsetof(PacketMeta, direction) == 30 && offsetof(PacketMeta, whole_kind) == 31 &&
                offsetof(PacketMeta, vlan_tags) == 32 && offsetof(PacketMeta, syn) == 36 &&
                offsetof(PacketMeta, key) == 40);
  static_assert(offsetof(FlowKey, place) == 0 && offsetof(FlowKey, transport) == 8 &&
                offsetof(FlowKey, address) == 16);
  const auto field = [first](const SegmentLanes::Field& f) { return Load(&f[first]); };
  const Mask reverse = segments.reverse[first / kLanes];
  const Mask udp = segments.udp[first / kLanes];
  const auto ipv6 = static_cast<Mask>(words.ipv6 >> first);
  const Lanes tags = Select(segments.tagged[first / kLanes], All(1), All(0));
  const Lanes options = Select(ipv6, All(kIpv6Bytes), All(kIpv4MinBytes)) + tags * kVlanTagBytes +
                        (kEthernetBytes + kTcpMinBytes);
  const Words64 first_options = LoadWords(data + first) + WidenFirst(options);
  const Words64 last_options = LoadWords(data + first + kLanes / 2) + WidenLast(options);
  const Lanes kinds = Select(udp, All(static_cast<uint32_t>(PacketKind::kDatagram)),
                             All(static_cast<uint32_t>(PacketKind::kTcp)));
  constexpr auto kWholeKind = static_cast<uint32_t>(PacketKind::kNotIp) << 24;
  static_assert(static_cast<uint32_t>(Malformed::kNone) == 0);
  Matrix m;
  m.row[0] = field(segments.seq);
  m.row[1] = field(segments.ack);
  m.row[2] = field(segments.payload_bytes);
  m.row[3] = field(segments.flags_window);
  m.row[4] = Select(udp, All(0), LowHalves(first_options, last_options));
  m.row[5] = Select(udp, All(0), HighHalves(first_options, last_options));
  m.row[6] = field(segments.ip_bytes);
  m.row[7] = kinds | Select(reverse, All(1 << 16 | kWholeKind), All(kWholeKind));
  m.row[8] = tags | kOneFragment;
  m.row[9] =
      Select(HasAny(m.row[3], All(uint32_t{tcp_flag::kSyn} << 16)), field(segments.syn), All(0));
  const auto put_word = [&](const std::array<uint64_t, kMaxBurst>& from, uint32_t row) {
    const Words64 first_half = LoadWords(&from[first]);
    const Words64 last_half = LoadWords(&from[first + kLanes / 2]);
    m.row[row] = LowHalves(first_half, last_half);
    m.row[row + 1] = HighHalves(first_half, last_half);
  };
  put_word(words.place, 10);
  put_word(words.transport, 12);
  put_word(words.address[0], 14);
  const Rows rows = RowsOf(m);
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i) {
    if ((packets >> i & 1) == 0) continue;
    Store(rows[i], &meta[first + i]);
    if ((ipv6 >> i & 1) == 0) continue;
    for (size_t word = 1; word < words.address.size(); ++word)
      meta[first + i].key.address[word] = words.address[word][first + i];
  }
}

#else

void FillMetaLanes(const SegmentLanes&, const KeyWords&, uint32_t, Mask, const uint8_t* const*,
                   PacketMeta*) {}

#endif

}  // namespace coretrack
