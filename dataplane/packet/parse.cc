#include "dataplane/packet/parse.h"

#include <algorithm>

#include "dataplane/packet/layers.h"
#include "dataplane/packet/parse_fast.h"

namespace coretrack {

Malformed ParseToIp(Span frame, const ParseOptions& options, IpInfo* ip, LinkInfo* link) {
  *link = options.link == LinkLayer::kEthernet ? ParseEthernet(frame) : ParseRawIp(frame);
  switch (link->kind) {
    case LinkPayload::kIpv4:
      return ParseIpv4(link->payload, IpContext::kOuter, options.verify_checksums, ip);
    case LinkPayload::kIpv6:
      return ParseIpv6(link->payload, IpContext::kOuter, ip);
    case LinkPayload::kOther:
    case LinkPayload::kMalformed:
      break;
  }
  return link->malformed;
}

void ParseGeneral(Span frame, const ParseOptions& options, PacketMeta* meta) {
  *meta = PacketMeta{};
  IpInfo ip;
  LinkInfo link;
  const Malformed reason = ParseToIp(frame, options, &ip, &link);
  meta->vlan_tags = link.vlan_tags;
  if (link.kind == LinkPayload::kOther) return;  // kNotIp
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
  if (options.link == LinkLayer::kEthernet && !options.verify_checksums &&
      (ParseFast(data, bytes, wire_bytes, options.zone, meta) ||
       ParseFastSyn(data, bytes, wire_bytes, options.zone, meta) ||
       ParseFastUdp(data, bytes, wire_bytes, options.zone, meta))) {
    return;
  }
  ParseGeneral({data, bytes, std::max(wire_bytes, bytes)}, options, meta);
}

}  // namespace coretrack
