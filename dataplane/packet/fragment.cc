#include "dataplane/packet/fragment.h"

#include "dataplane/packet/layers.h"

namespace coretrack {

Fragment ReadFragment(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                      const ParseOptions& options) {
  IpInfo ip;
  LinkInfo link;
  // It has been found sound: options.verify_checksums would only cost.
  ParseToIp({data, bytes, wire_bytes}, {.link = options.link}, &ip, &link);
  return {.id = ip.fragment_id,
          .offset_bytes = ip.fragment_offset_bytes,
          .data_bytes = ip.payload.wire_bytes,
          .more = ip.more_fragments,
          .data = ip.payload.data,
          .readable_bytes = ip.payload.bytes,
          .addresses = ip.addresses,
          .ip_bytes = ip.ip_bytes,
          .vlan_context = link.vlan_context,
          .protocol = ip.protocol,
          .zone = options.zone,
          .ipv6 = ip.ipv6};
}

void ParseWhole(const Fragment& fragment, const uint8_t* head, uint32_t head_bytes,
                uint32_t payload_bytes, PacketMeta* meta) {
  *meta = PacketMeta{};
  meta->key.SetPlace(fragment.zone, fragment.ipv6);  // also of what is malformed: whose table it is
  IpInfo ip;
  ip.addresses = fragment.addresses;
  ip.payload = {head, std::min(head_bytes, payload_bytes), payload_bytes};
  ip.protocol = fragment.protocol;
  ip.ipv6 = fragment.ipv6;
  Malformed reason = Malformed::kNone;
  if (ip.ipv6) reason = WalkIpv6Extensions(IpContext::kOuter, &ip);
  if (reason != Malformed::kNone) {
    SetMalformed(reason, meta);
  } else {
    ip.fragment = false;
    ParseTransport(ip, {fragment.vlan_context, fragment.zone}, /*verify_checksum=*/false, meta);
  }
  meta->whole_kind = meta->kind;
  meta->kind = PacketKind::kWhole;
}

}  // namespace coretrack
