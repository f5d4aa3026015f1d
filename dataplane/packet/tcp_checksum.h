// ChecksumsAreRight: verifies what a NIC would have, for the packets that nearly all are.
#pragma once

#include <cstdint>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {

// Is `frame` Ethernet with one 802.1Q tag at most, IPv4 (no options, no fragment) or IPv6 (no extension headers), and TCP, all of it
// there, or UDP, and are its checksums right? Then ParseGeneral() need not verify them; false says nothing. (UDP's own nobody
// verifies here: it may be left out, and no state depends on it.)
inline bool ChecksumsAreRight(const uint8_t* frame, uint32_t bytes) {
  if (bytes < kEthernetBytes + kVlanTagBytes) return false;
  auto type = LoadRaw<uint16_t>(frame + kEthernetBytes - 2);
  uint32_t link_bytes = kEthernetBytes;
  if (type == Swap16(ether_type::kVlan)) {
    type = LoadRaw<uint16_t>(frame + kEthernetBytes + kVlanTagBytes - 2);
    link_bytes += kVlanTagBytes;
  }
  const uint8_t* ip = frame + link_bytes;
  const uint32_t there = bytes - link_bytes;
  if (type == Swap16(ether_type::kIpv4) && there >= kIpv4MinBytes) {
    if (ip[0] != 0x45 || (LoadBe16(ip + 6) & 0x3fff) != 0 ||
        ChecksumFold(ChecksumAdd(ip, kIpv4MinBytes, 0)) != 0xffff)
      return false;
    const uint32_t total_bytes = LoadBe16(ip + 2);
    return ip[9] == ip_protocol::kUdp ||
           (ip[9] == ip_protocol::kTcp && total_bytes >= kIpv4MinBytes + kTcpMinBytes &&
            total_bytes <= there &&
            TcpChecksumIsRight(ip + 12, 8, ip + kIpv4MinBytes, total_bytes - kIpv4MinBytes));
  }
  if (type == Swap16(ether_type::kIpv6) && there >= kIpv6Bytes) {
    const uint32_t segment_bytes = LoadBe16(ip + 4);
    return ip[0] >> 4 == 6 && (ip[6] == ip_protocol::kUdp ||
                               (ip[6] == ip_protocol::kTcp && segment_bytes >= kTcpMinBytes &&
                                segment_bytes <= there - kIpv6Bytes &&
                                TcpChecksumIsRight(ip + 8, 32, ip + kIpv6Bytes, segment_bytes)));
  }
  return false;
}

}  // namespace coretrack
