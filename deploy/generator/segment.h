// Segment: writes a TCP segment as an Ethernet frame, checksums included.
//
// Threads  Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace coretrack::demo {

struct Host {
  std::array<uint8_t, 16> address{};  // network order; IPv4: the first 4 bytes
  uint16_t port = 0;
};

struct Segment {
  bool ipv6 = false;
  Host source, destination;
  uint32_t sequence = 0, acknowledgment = 0;
  uint8_t flags = 0;
  uint16_t payload_bytes = 0;  // all of them 'x'
};

inline constexpr size_t kMaxFrameBytes = 1518;

// Returns the frame's length. A SYN carries MSS, SACK permitted and window scale.
// REQUIRES: the frame fits kMaxFrameBytes.
size_t WriteFrame(const Segment& segment, uint8_t* frame);

}  // namespace coretrack::demo
