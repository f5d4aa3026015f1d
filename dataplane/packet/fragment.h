// One IP fragment, and a datagram's meta once all its fragments are known.
//
// What for  Fragments are followed, not reassembled (worker/datagram_follower.h): a box that changes
//           nothing needs a datagram's first bytes and its length, not the rest.
// Threads   Pure. Cost: off the fast path; Parse() says only that a packet is a fragment.
#pragma once

#include <cstdint>

#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/parse.h"

namespace coretrack {

inline constexpr uint32_t kMaxDatagramBytes = 65535;

struct Fragment {
  uint32_t id = 0;            // IPv4: 16 bits
  uint32_t offset_bytes = 0;  // of its data in the datagram's payload
  uint32_t data_bytes = 0;    // by the IP length
  bool more = false;          // it is not the last
  const uint8_t* data = nullptr;
  uint32_t readable_bytes = 0;  // less than data_bytes where a capture was cut
  // Of the headers before it, as they stand.
  const uint8_t* addresses = nullptr;  // source, then destination
  uint32_t ip_bytes = 0;
  uint32_t vlan_context = 0;
  uint8_t protocol = 0;  // IPv6: of the first header behind the fragment header
  uint8_t zone = 0;
  bool ipv6 = false;

  uint32_t end_bytes() const { return offset_bytes + data_bytes; }
};

// REQUIRES: Parse() of the same packet said kFragment.
Fragment ReadFragment(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                      const ParseOptions& options);

// The meta of the datagram that `fragment` is one of: kWhole. `head`: the first bytes of its
// payload, as many as there are of a transport header; `payload_bytes` in all. tcp.options points into
// `head`. A checksum is not looked at, for most of what it covers has passed already.
void ParseWhole(const Fragment& fragment, const uint8_t* head, uint32_t head_bytes,
                uint32_t payload_bytes, PacketMeta* meta);

}  // namespace coretrack
