// The numbers of IANA's registries that the parser knows by name.
#pragma once

#include <cstdint>

namespace coretrack {

namespace ether_type {
inline constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kMpls = 0x8847, kMplsMulticast = 0x8848,
                          kVlan = 0x8100, kProviderVlan = 0x88a8, kOldProviderVlan = 0x9100;
}

namespace ip_protocol {
inline constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58, kNoNextHeader = 59,
                         kSctp = 132;
// IPv6 extension headers (RFC 8200; mobility: RFC 6275; authentication: RFC 4302).
inline constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                         kDestinationOptions = 60, kMobility = 135;
}  // namespace ip_protocol

inline constexpr uint32_t kEthernetBytes = 14;
inline constexpr uint32_t kVlanTagBytes = 4;
inline constexpr uint32_t kMplsLabelBytes = 4;
inline constexpr uint32_t kIpv4MinBytes = 20;
inline constexpr uint32_t kIpv6Bytes = 40;
inline constexpr uint32_t kTcpMinBytes = 20;
inline constexpr uint32_t kTcpMaxOptionBytes = 40;
inline constexpr uint32_t kUdpBytes = 8;
inline constexpr uint32_t kIcmpMinBytes = 4;    // type, code, checksum: what every message has
inline constexpr uint32_t kIcmpEchoBytes = 8;   // echo and timestamp: identifier and sequence too
inline constexpr uint32_t kIcmpErrorBytes = 8;  // errors: the quote begins behind it
inline constexpr uint32_t kSctpBytes = 12;

}  // namespace coretrack
