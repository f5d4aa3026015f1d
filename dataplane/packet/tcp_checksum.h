// ChecksumsAreRight: verifies what a NIC would have, for the packets that nearly all are.
#pragma once

#include <cstdint>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {

// Is `frame` untagged Ethernet with IPv4 (no options, no fragment) or IPv6 (no extension headers) and TCP, all of it there,
// and are its checksums right? Then ParseGeneral() need not verify them; false says nothing.
inline bool ChecksumsAreRight(const uint8_t* frame, uint32_t bytes) {
  if (bytes < kEthernetBytes + kIpv4MinBytes + kTcpMinBytes) return false;
  const auto type = LoadRaw<uint16_t>(frame + kEthernetBytes - 2);
  const uint8_t* ip = frame + kEthernetBytes;
  const uint32_t there = bytes - kEthernetBytes;
  if (type == Swap16(ether_type::kIpv4)) {
    const uint32_t total_bytes = LoadBe16(ip + 2);
    return ip[0] == 0x45 && (LoadBe16(ip + 6) & 0x3fff) == 0 && ip[9] == ip_protocol::kTcp &&
           total_bytes >= kIpv4MinBytes + kTcpMinBytes && total_bytes <= there &&
           ChecksumFold(ChecksumAdd(ip, kIpv4MinBytes, 0)) == 0xffff &&
           TcpChecksumIsRight(ip + 12, 8, ip + kIpv4MinBytes, total_bytes - kIpv4MinBytes);
  }
  if (type == Swap16(ether_type::kIpv6) && there >= kIpv6Bytes + kTcpMinBytes) {
    const uint32_t segment_bytes = LoadBe16(ip + 4);
    return ip[0] >> 4 == 6 && ip[6] == ip_protocol::kTcp && segment_bytes >= kTcpMinBytes &&
           segment_bytes <= there - kIpv6Bytes &&
           TcpChecksumIsRight(ip + 8, 32, ip + kIpv6Bytes, segment_bytes);
  }
  return false;
}

}  // namespace coretrack
