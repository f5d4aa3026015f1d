// What the parser tests share.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <tuple>

#include "dataplane/packet/layers.h"
#include "dataplane/packet/parse.h"
#include "tests/packet/packet_builder.h"

namespace coretrack::testing {

// Equal in all but the hash. `options` compares as a place: both must point into the same packet.
inline bool SameMeta(const PacketMeta& a, const PacketMeta& b) {
  const auto fields = [](const PacketMeta& m) {
    const TcpHeader& t = m.tcp;
    return std::tuple(m.key, t.seq, t.ack, t.payload_bytes, t.window, t.flags, t.option_bytes,
                      t.options, m.ip_bytes, m.kind, m.malformed, m.direction, m.vlan_tags,
                      m.icmp_request);
  };
  return fields(a) == fields(b);
}

// Parses a copy in a heap block of exactly its size, so that AddressSanitizer sees any read past
// it, and holds the answer against that of the general path.
inline PacketMeta ParseBytes(const Bytes& packet, const ParseOptions& options = {},
                             uint32_t wire_bytes = 0) {
  const auto bytes = static_cast<uint32_t>(packet.size());
  if (wire_bytes == 0) wire_bytes = bytes;
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes]);
  if (bytes != 0) std::memcpy(exact.get(), packet.data(), bytes);
  PacketMeta meta, general;
  Parse(exact.get(), bytes, wire_bytes, options, &meta);
  ParseGeneral({exact.get(), bytes, wire_bytes}, options, &general);
  EXPECT_TRUE(SameMeta(meta, general)) << "the fast path answers differently";
  meta.tcp.options = nullptr;  // into `exact`, which is gone
  return meta;
}

inline uint16_t PortsOf(const PacketMeta& meta, int endpoint) {
  return __builtin_bswap16(static_cast<uint16_t>(meta.key.ports >> 16 * endpoint));
}
// Source and destination as the packet has them.
inline uint16_t SourcePort(const PacketMeta& meta) {
  return PortsOf(meta, static_cast<int>(Raw(meta.direction)));
}
inline uint16_t DestinationPort(const PacketMeta& meta) {
  return PortsOf(meta, 1 - static_cast<int>(Raw(meta.direction)));
}
inline std::string SourceAddress(const PacketMeta& meta) {
  char text[INET6_ADDRSTRLEN];
  const auto* bytes = reinterpret_cast<const uint8_t*>(meta.key.address.data());
  if (meta.direction == Direction::kReverse) bytes += meta.key.ipv6 ? 16 : 4;
  return inet_ntop(meta.key.ipv6 ? AF_INET6 : AF_INET, bytes, text, sizeof(text));
}

}  // namespace coretrack::testing
