#include "dataplane/packet/bytes.h"
#include "dataplane/packet/layers.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {
namespace {

constexpr uint8_t kMaxVlanTags = 2;

bool IsVlan(uint16_t type) {
  return type == ether_type::kVlan || type == ether_type::kProviderVlan ||
         type == ether_type::kOldProviderVlan;
}

LinkInfo& Fail(Malformed reason, LinkInfo& link) {
  link.kind = LinkPayload::kMalformed;
  link.malformed = reason;
  return link;
}

// The payload of labels has no type field; its first nibble tells IP from the rest (RFC 4928 2).
LinkPayload GuessByVersion(uint8_t first_byte) {
  switch (first_byte >> 4) {
    case 4:
      return LinkPayload::kIpv4;
    case 6:
      return LinkPayload::kIpv6;
    default:
      return LinkPayload::kOther;
  }
}

// RFC 3032 2.1: labels of four bytes, the last one marked.
LinkInfo& SkipLabels(LinkInfo& link) {
  link.mpls = true;
  for (int label = 0; label < kMaxMplsLabels; ++label) {
    if (!link.payload.Has(kMplsLabelBytes + 1)) return Fail(Malformed::kTruncatedEthernet, link);
    const bool bottom = link.payload.data[2] & 1;
    link.payload = link.payload.From(kMplsLabelBytes);
    if (bottom) {
      link.kind = GuessByVersion(link.payload.data[0]);
      return link;
    }
  }
  return link;
}

}  // namespace

LinkInfo ParseEthernet(Span frame) {
  LinkInfo link;
  if (!frame.Has(kEthernetBytes)) return Fail(Malformed::kTruncatedEthernet, link);
  uint16_t type = LoadBe16(frame.data + 12);
  link.payload = frame.From(kEthernetBytes);
  uint16_t vlans[kMaxVlanTags] = {};
  int named = 0;
  while (IsVlan(type)) {
    if (link.vlan_tags == kMaxVlanTags) return Fail(Malformed::kTooManyVlanTags, link);
    if (!link.payload.Has(kVlanTagBytes)) return Fail(Malformed::kTruncatedEthernet, link);
    ++link.vlan_tags;
    const uint16_t vlan = LoadBe16(link.payload.data) & 0xfff;
    if (vlan != 0) vlans[named++] = vlan;
    type = LoadBe16(link.payload.data + 2);
    link.payload = link.payload.From(kVlanTagBytes);
  }
  link.vlan_context = MakeContext(0, vlans[0], vlans[1]);
  switch (type) {
    case ether_type::kIpv4:
      link.kind = LinkPayload::kIpv4;
      return link;
    case ether_type::kIpv6:
      link.kind = LinkPayload::kIpv6;
      return link;
    case ether_type::kMpls:
    case ether_type::kMplsMulticast:
      return SkipLabels(link);
    default:
      return link;
  }
}

LinkInfo ParseRawIp(Span packet) {
  LinkInfo link;
  link.payload = packet;
  if (!packet.Has(1)) return Fail(Malformed::kTruncatedIpv4, link);
  link.kind = GuessByVersion(packet.data[0]);
  if (link.kind == LinkPayload::kOther) return Fail(Malformed::kBadIpv4Version, link);
  return link;
}

}  // namespace coretrack
