#include "dataplane/packet/parse.h"

#include "dataplane/packet/layers.h"
#include "dataplane/packet/parse_fast.h"

namespace coretrack {

void ParseGeneral(Span frame, const ParseOptions& options, PacketMeta* meta) {
  const LinkInfo link =
      options.link == LinkLayer::kEthernet ? ParseEthernet(frame) : ParseRawIp(frame);
  meta->vlan_tags = link.vlan_tags;
  Malformed reason = link.malformed;
  IpInfo ip;
  switch (link.kind) {
    case LinkPayload::kIpv4:
      reason = ParseIpv4(link.payload, IpContext::kOuter, options.verify_checksums, &ip);
      break;
    case LinkPayload::kIpv6:
      reason = ParseIpv6(link.payload, IpContext::kOuter, &ip);
      break;
    case LinkPayload::kOther:
      return;  // kNotIp
    case LinkPayload::kMalformed:
      break;
  }
  if (reason != Malformed::kNone) {
    // Behind labels it was a guess that this is IP at all.
    if (link.mpls && link.kind != LinkPayload::kMalformed) return;
    return SetMalformed(reason, meta);
  }
  meta->ip_bytes = ip.ip_bytes;
  ParseTransport(ip, {link.vlan_context, options.zone}, options.verify_checksums, meta);
}

void Parse(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes, const ParseOptions& options,
           PacketMeta* meta) {
  ParseInline(data, bytes, wire_bytes, options, meta);
}

}  // namespace coretrack
