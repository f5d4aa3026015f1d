#include "dataplane/packet/layers.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {
namespace {

void ParseUdp(const IpInfo& ip, const Scope& scope, PacketMeta* meta) {
  if (!ip.payload.Has(kUdpBytes)) return SetMalformed(Malformed::kTruncatedUdp, meta);
  const uint32_t length = LoadBe16(ip.payload.data + 4);
  if (length < kUdpBytes || length > ip.payload.wire_bytes) {
    return SetMalformed(Malformed::kBadUdpLength, meta);
  }
  meta->kind = PacketKind::kDatagram;
  SetKey(ip, LoadRaw<uint32_t>(ip.payload.data), scope, meta);
}

void ParseSctp(const IpInfo& ip, const Scope& scope, PacketMeta* meta) {
  if (!ip.payload.Has(kSctpBytes)) return SetMalformed(Malformed::kTruncatedSctp, meta);
  meta->kind = PacketKind::kDatagram;
  SetKey(ip, LoadRaw<uint32_t>(ip.payload.data), scope, meta);
}

void SetByAddresses(PacketKind kind, const IpInfo& ip, const Scope& scope, PacketMeta* meta) {
  meta->kind = kind;
  SetKey(ip, 0, scope, meta);
}

}  // namespace

void ParseTransport(const IpInfo& ip, const Scope& scope, bool verify_checksum, PacketMeta* meta) {
  if (ip.fragment) return SetByAddresses(PacketKind::kFragment, ip, scope, meta);
  switch (ip.protocol) {
    case ip_protocol::kTcp:
      return ParseTcp(ip, scope, verify_checksum, meta);
    case ip_protocol::kUdp:
      return ParseUdp(ip, scope, meta);
    case ip_protocol::kSctp:
      return ParseSctp(ip, scope, meta);
    case ip_protocol::kIcmp:
      if (!ip.ipv6) return ParseIcmp(ip, scope, meta);
      break;
    case ip_protocol::kIcmpv6:
      if (ip.ipv6) return ParseIcmp(ip, scope, meta);
      break;
    default:
      break;
  }
  SetByAddresses(PacketKind::kDatagram, ip, scope, meta);
}

}  // namespace coretrack
