// ChecksumsAreRight: verifies what a NIC would have, for the packets that nearly all are.
#pragma once

#include <cstdint>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {

// Is `frame` untagged Ethernet with IPv4 (no options, no fragment) or IPv6 (no extension headers) and TCP, all of it there,
// and are its checksums right (RFC 9293 3.1, RFC 8200 8.1)? Then ParseGeneral() need not verify them; false says nothing.
inline bool ChecksumsAreRight(const uint8_t* frame, uint32_t bytes) {
  if (bytes < kEthernetBytes + kIpv4MinBytes + kTcpMinBytes) return false;
  const auto type = LoadRaw<uint16_t>(frame + kEthernetBytes - 2);
  const uint8_t* ip = frame + kEthernetBytes;
  const uint32_t there = bytes - kEthernetBytes;
  // The pseudo header, as 16-bit words in network byte order: addresses, length, protocol.
  const auto is_right = [ip](uint32_t ip_bytes, uint32_t segment_bytes, uint64_t addresses) {
    const uint64_t sum = addresses + Swap16(static_cast<uint16_t>(segment_bytes)) +
                         Swap16(uint16_t{ip_protocol::kTcp});
    return ChecksumFold(ChecksumAdd(ip + ip_bytes, segment_bytes, sum)) == 0xffff;
  };
  if (type == Swap16(ether_type::kIpv4)) {
    const uint32_t total_bytes = LoadBe16(ip + 2);
    if (ip[0] != 0x45 || (LoadBe16(ip + 6) & 0x3fff) != 0 || ip[9] != ip_protocol::kTcp ||
        total_bytes < kIpv4MinBytes + kTcpMinBytes || total_bytes > there ||
        ChecksumFold(ChecksumAdd(ip, kIpv4MinBytes, 0)) != 0xffff) {
      return false;
    }
    return is_right(kIpv4MinBytes, total_bytes - kIpv4MinBytes, ChecksumAdd(ip + 12, 8, 0));
  }
  if (type == Swap16(ether_type::kIpv6) && there >= kIpv6Bytes + kTcpMinBytes) {
    const uint32_t segment_bytes = LoadBe16(ip + 4);
    if (ip[0] >> 4 != 6 || ip[6] != ip_protocol::kTcp || segment_bytes < kTcpMinBytes ||
        segment_bytes > there - kIpv6Bytes) {
      return false;
    }
    return is_right(kIpv6Bytes, segment_bytes, ChecksumAdd(ip + 8, 32, 0));
  }
  return false;
}

}  // namespace coretrack
