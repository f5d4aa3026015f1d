// The fixed part of a TCP header (RFC 9293 3.1), shared by the fast path and the general one.
#pragma once

#include <cstdint>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_options.h"

namespace coretrack {

// REQUIRES of all: 20 readable bytes at `header`.
inline uint32_t TcpHeaderBytes(const uint8_t* header) { return (header[12] >> 4) * 4u; }
inline uint8_t TcpFlags(const uint8_t* header) { return header[13]; }

inline void ReadTcpFixed(const uint8_t* header, TcpHeader* tcp) {
  tcp->seq = LoadBe32(header + 4);
  tcp->ack = LoadBe32(header + 8);
  tcp->window = LoadBe16(header + 14);
  tcp->flags = TcpFlags(header);
}

// No options, the timestamps as every stack sends them, SACK blocks as every stack sends them, alone or behind the timestamps: sound
// without a walk.
// REQUIRES: `bytes` readable bytes, if that is at most kTcpMaxOptionBytes. (It may be anything.)
inline bool HasUsualOptions(const uint8_t* options, uint32_t bytes) {
  if (bytes == 0) return true;
  if (bytes < kTimestampsBytes || bytes > kTcpMaxOptionBytes) return false;
  if (!StartsWithTimestamps(options)) return IsSack(options, bytes);
  return bytes == kTimestampsBytes ||
         (bytes > kTimestampsBytes + kSackMinBytes - 1 &&
          IsSack(options + kTimestampsBytes, bytes - kTimestampsBytes));
}

}  // namespace coretrack
