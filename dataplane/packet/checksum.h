// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>

#include "dataplane/packet/bytes.h"

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

}  // namespace coretrack
