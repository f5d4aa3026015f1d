#include "dataplane/packet/bytes.h"
#include "dataplane/packet/layers.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {
namespace {

constexpr uint32_t kExtensionMinBytes = 8;

bool IsExtension(uint8_t protocol) {
  switch (protocol) {
    case ip_protocol::kHopByHop:
    case ip_protocol::kRouting:
    case ip_protocol::kFragment:
    case ip_protocol::kAuthentication:
    case ip_protocol::kDestinationOptions:
    case ip_protocol::kMobility:
      return true;
    default:
      return false;
  }
}

uint32_t ExtensionBytes(uint8_t protocol, uint8_t length_field) {
  switch (protocol) {
    case ip_protocol::kFragment:
      return kExtensionMinBytes;
    case ip_protocol::kAuthentication:
      return (length_field + 2u) * 4;
    default:
      return (length_field + 1u) * 8;
  }
}

// Notes what `header` says of the packet. False when nothing behind it can be read: a fragment.
bool ReadExtension(const uint8_t* header, IpInfo* ip) {
  if (ip->protocol == ip_protocol::kRouting) {
    const bool segments_left = header[3] != 0;
    ip->routed |= segments_left;
    return true;
  }
  if (ip->protocol != ip_protocol::kFragment) return true;
  const uint16_t field = LoadBe16(header + 2);
  const bool more = field & 1;
  const bool offset = field >> 3 != 0;
  ip->fragment = offset || more;
  ip->first_fragment = !offset && more;
  ip->more_fragments = more;
  ip->fragment_offset_bytes = field & 0xfff8u;
  ip->fragment_id = LoadBe32(header + 4);
  return !ip->fragment;
}

}  // namespace

Malformed WalkIpv6Extensions(IpContext context, IpInfo* ip) {
  for (int count = 0; IsExtension(ip->protocol); ++count) {
    if (count == kMaxIpv6Extensions) return Malformed::kIpv6ChainTooLong;
    if (!ip->payload.Has(kExtensionMinBytes)) return Malformed::kTruncatedIpv6;
    const uint8_t* header = ip->payload.data;
    const uint32_t bytes = ExtensionBytes(ip->protocol, header[1]);
    if (!ip->payload.Has(bytes)) return Malformed::kTruncatedIpv6;
    const bool readable = ReadExtension(header, ip);
    ip->protocol = header[0];
    ip->payload = ip->payload.From(bytes);
    // A quoted first fragment may still show the ports.
    if (!readable && context == IpContext::kOuter) return CheckFragment(*ip);
    if (!readable && !ip->first_fragment) break;
  }
  return Malformed::kNone;
}

// RFC 8200 3.
Malformed ParseIpv6(Span packet, IpContext context, IpInfo* ip) {
  if (!packet.Has(kIpv6Bytes)) return Malformed::kTruncatedIpv6;
  const uint8_t* header = packet.data;
  if (header[0] >> 4 != 6) return Malformed::kBadIpv6Version;
  const uint32_t stated_bytes = LoadBe16(header + 4);
  uint32_t payload_bytes = stated_bytes;
  // Zero comes from jumbograms (RFC 2675) and from hosts that capture before segmentation offload.
  if (payload_bytes == 0 || context == IpContext::kQuoted) {
    payload_bytes = packet.wire_bytes - kIpv6Bytes;
  }
  if (payload_bytes > packet.wire_bytes - kIpv6Bytes) return Malformed::kBadIpv6PayloadLength;

  ip->addresses = header + 8;
  ip->payload = packet.From(kIpv6Bytes).First(payload_bytes);
  ip->ip_bytes = kIpv6Bytes + stated_bytes;
  ip->protocol = header[6];
  ip->ipv6 = true;
  return WalkIpv6Extensions(context, ip);
}

}  // namespace coretrack
