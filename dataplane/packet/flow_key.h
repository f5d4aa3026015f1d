// FlowKey: what makes two packets belong to one flow, the same for both directions.
//
// Layout  The endpoint whose (address, port) is smaller comes first, so that both directions give
//         equal bytes. An IPv4 key uses address[0] alone: endpoint 0 in its low half, endpoint 1 in
//         its high half. Addresses and ports are kept as the packet has them (network byte order).
#pragma once

#include <array>
#include <cstdint>

namespace coretrack {

// `place`, `transport` and `address` are the words that are hashed, and stored as such: a word that is
// stored in pieces and loaded whole stalls the core.
struct FlowKey {
  union {
    struct {
      // Which pair of ports (DPDK ports) saw it, 0 to kMaxZones - 1.
      uint8_t zone;
      bool ipv6;
    };
    uint64_t place = 0;  // zone | ipv6 << 8
  };
  union {
    struct {
      // endpoint 0 | endpoint 1 << 16. ICMP echo: the identifier twice. Protocols without ports: 0.
      uint32_t ports;
      // protocol | outer VLAN << 8 | inner VLAN << 20. VID 0 (untagged, or a priority tag) means "no
      // such tag".
      uint32_t context;
    };
    uint64_t transport = 0;  // ports | context << 32
  };
  // IPv4: {endpoint 0 | endpoint 1 << 32}, of the rest nothing is said. IPv6: {endpoint 0's 16 bytes,
  // endpoint 1's 16 bytes}.
  std::array<uint64_t, 4> address{};

  friend bool operator==(const FlowKey& a, const FlowKey& b) {
    return a.transport == b.transport && a.place == b.place &&
           (a.ipv6 ? a.address == b.address : a.address[0] == b.address[0]);
  }

  static constexpr uint64_t kIpv6Place = 1 << 8;
  void SetPlace(uint8_t in_zone, bool is_ipv6) { place = in_zone | (is_ipv6 ? kIpv6Place : 0); }

  uint8_t protocol() const { return static_cast<uint8_t>(context); }
  uint16_t outer_vlan() const { return (context >> 8) & 0xfff; }
  uint16_t inner_vlan() const { return context >> 20; }
};

constexpr uint32_t MakeContext(uint8_t protocol, uint16_t outer_vlan, uint16_t inner_vlan) {
  return protocol | (outer_vlan & 0xfffu) << 8 | (inner_vlan & 0xfffu) << 20;
}

}  // namespace coretrack
