// Cuts packets into fragments, as a router would (RFC 791 3.2) or a host (RFC 8200 4.5).
#pragma once

#include "dataplane/packet/protocols.h"
#include "tests/packet/packet_builder.h"

namespace coretrack::testing {

// One fragment of `frame`: Ethernet, IPv4 without options or IPv6 without extension headers, no VLAN.
// Bytes [begin, end) of its IP payload; `more`: the flag.
inline Bytes FragmentOf(const Bytes& frame, uint32_t begin, uint32_t end, bool more, uint32_t id) {
  constexpr uint32_t kLink = 14;
  const bool ipv6 = frame[12] == 0x86;
  const uint32_t header_bytes = ipv6 ? kIpv6Bytes : kIpv4MinBytes;
  const auto at = [&](uint32_t offset) { return frame.begin() + kLink + offset; };
  Bytes fragment(frame.begin(), at(header_bytes));
  if (ipv6) {
    Bytes extension = {fragment[kLink + 6], 0, 0, 0, 0, 0, 0, 0};
    Set16(&extension, 2, begin | (more ? 1 : 0));
    Set32(&extension, 4, id);
    fragment[kLink + 6] = ip_protocol::kFragment;
    fragment.insert(fragment.end(), extension.begin(), extension.end());
    Set16(&fragment, kLink + 4, 8 + end - begin);
  } else {
    Set16(&fragment, kLink + 2, header_bytes + end - begin);
    Set16(&fragment, kLink + 4, id);
    Set16(&fragment, kLink + 6, begin / 8 | (more ? 0x2000 : 0));
  }
  fragment.insert(fragment.end(), at(header_bytes + begin), at(header_bytes + end));
  return fragment;
}

// All of it, in pieces of `bytes`, a multiple of 8.
inline std::vector<Bytes> Fragments(const Bytes& frame, uint32_t bytes, uint32_t id) {
  const uint32_t header_bytes = 14 + (frame[12] == 0x86 ? kIpv6Bytes : kIpv4MinBytes);
  const auto total = static_cast<uint32_t>(frame.size()) - header_bytes;
  std::vector<Bytes> all;
  for (uint32_t begin = 0; begin < total; begin += bytes) {
    const uint32_t end = std::min(begin + bytes, total);
    all.push_back(FragmentOf(frame, begin, end, end != total, id));
  }
  return all;
}

}  // namespace coretrack::testing
