#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/fragment.h"
#include "dataplane/packet/layers.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {

// RFC 791 3.1.
Malformed ParseIpv4(Span packet, IpContext context, bool verify_checksum, IpInfo* ip) {
  if (!packet.Has(kIpv4MinBytes)) return Malformed::kTruncatedIpv4;
  const uint8_t* header = packet.data;
  if (header[0] >> 4 != 4) return Malformed::kBadIpv4Version;
  const uint32_t header_bytes = (header[0] & 0xf) * 4;
  if (header_bytes < kIpv4MinBytes) return Malformed::kBadIpv4HeaderLength;
  if (!packet.Has(header_bytes)) return Malformed::kTruncatedIpv4;

  const uint32_t stated_bytes = LoadBe16(header + 2);
  uint32_t total_bytes = stated_bytes;
  // Zero comes from hosts that capture before segmentation offload: the frame's own length bounds
  // the payload. As bytes it counts as what it says, as other tools count it (Zeek's orig_ip_bytes).
  if (total_bytes == 0 || context == IpContext::kQuoted) total_bytes = packet.wire_bytes;
  if (total_bytes < header_bytes || total_bytes > packet.wire_bytes) {
    return Malformed::kBadIpv4TotalLength;
  }
  if (verify_checksum && ChecksumFold(ChecksumAdd(header, header_bytes, 0)) != 0xffff) {
    return Malformed::kBadIpv4Checksum;
  }

  const uint16_t fragment_field = LoadBe16(header + 6);
  const uint16_t offset = fragment_field & 0x1fff;
  const bool more = fragment_field & 0x2000;
  ip->addresses = header + 12;
  ip->payload = packet.First(total_bytes).From(header_bytes);
  ip->ip_bytes = stated_bytes;
  ip->protocol = header[9];
  ip->ipv6 = false;
  ip->fragment = offset != 0 || more;
  ip->first_fragment = offset == 0 && more;
  ip->more_fragments = more;
  ip->fragment_offset_bytes = offset * 8u;
  ip->fragment_id = LoadBe16(header + 4);
  return ip->fragment && context == IpContext::kOuter ? CheckFragment(*ip) : Malformed::kNone;
}

Malformed CheckFragment(const IpInfo& ip) {
  const uint32_t bytes = ip.payload.wire_bytes;
  if (bytes == 0 || (ip.more_fragments && bytes % 8 != 0)) return Malformed::kFragmentLength;
  if (ip.fragment_offset_bytes + bytes > kMaxDatagramBytes) return Malformed::kFragmentEnd;
  return Malformed::kNone;
}

}  // namespace coretrack
