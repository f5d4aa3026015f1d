// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {

// Adds `bytes` bytes as 16-bit words to a running sum; an odd last byte counts as if followed by
// zero.  REQUIRES: bytes < 2^32 and all parts but the last have even lengths.
inline uint64_t ChecksumAdd(const uint8_t* data, uint32_t bytes, uint64_t sum) {
  // 32-bit loads into 64 bits: no carry is lost below 2^32 of them.
  for (; bytes >= 4; data += 4, bytes -= 4) sum += LoadRaw<uint32_t>(data);
  if (bytes >= 2) {
    sum += LoadRaw<uint16_t>(data);
    data += 2;
    bytes -= 2;
  }
  return bytes != 0 ? sum + data[0] : sum;
}

// Folded to 16 bits: 0xffff over data that contain their own right checksum.
inline uint16_t ChecksumFold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// Is the checksum of a whole TCP segment right? The pseudo header is the addresses (8 or 32 bytes, one behind the other), the protocol
// and the length (RFC 9293 3.1, RFC 8200 8.1).
inline bool TcpChecksumIsRight(const uint8_t* addresses, uint32_t address_bytes,
                               const uint8_t* segment, uint32_t bytes) {
  uint64_t sum = ChecksumAdd(addresses, address_bytes, 0);
  sum += Swap16(uint16_t{ip_protocol::kTcp});
  sum +=
      uint64_t{Swap16(static_cast<uint16_t>(bytes))} + Swap16(static_cast<uint16_t>(bytes >> 16));
  return ChecksumFold(ChecksumAdd(segment, bytes, sum)) == 0xffff;
}

}  // namespace coretrack
