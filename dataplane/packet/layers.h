// The layers of Parse(), one function each, innermost last. For parse.cc and its siblings only.
//
// Each layer takes a Span, trusts nothing in it, and hands a smaller Span to the next one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/packet/canonical.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/parse.h"

namespace coretrack {

// A layer's bytes. Invariant: bytes <= wire_bytes; only `bytes` of them may be read, the rest was
// cut off by the capture.
struct Span {
  const uint8_t* data = nullptr;
  uint32_t bytes = 0;
  uint32_t wire_bytes = 0;

  bool Has(uint32_t count) const { return count <= bytes; }
  bool Cut() const { return bytes < wire_bytes; }
  // REQUIRES: Has(count).
  Span From(uint32_t count) const { return {data + count, bytes - count, wire_bytes - count}; }
  // At most `count` bytes of the wire.
  Span First(uint32_t count) const {
    return {data, std::min(bytes, count), std::min(wire_bytes, count)};
  }
};

// What of a key lies outside the IP header.
struct Scope {
  uint32_t vlan_context = 0;  // MakeContext(0, outer, inner)
  uint8_t zone = 0;
};

// All of Parse() but its fast path (parse_fast.h), which must agree with it wherever it answers.
void ParseGeneral(Span frame, const ParseOptions& options, PacketMeta* meta);

// Found behind the link layer.
enum class LinkPayload : uint8_t { kIpv4, kIpv6, kOther, kMalformed };

struct LinkInfo {
  Span payload;
  LinkPayload kind = LinkPayload::kOther;
  Malformed malformed = Malformed::kNone;
  uint32_t vlan_context = 0;
  uint8_t vlan_tags = 0;
  bool mpls = false;  // behind labels the kind is a guess from the version nibble (RFC 4928)
};
LinkInfo ParseEthernet(Span frame);
LinkInfo ParseRawIp(Span packet);

// Found in an IP header (and the IPv6 extension headers behind it).
struct IpInfo {
  const uint8_t* addresses = nullptr;  // source, then destination: 2 * 4 or 2 * 16 bytes
  Span payload;                        // by the IP length
  uint32_t ip_bytes = 0;
  uint8_t protocol = 0;
  bool ipv6 = false;
  bool fragment = false;        // other than an atomic one
  bool first_fragment = false;  // ... and at offset 0
  bool more_fragments = false;  // ... and not the last
  uint32_t fragment_offset_bytes = 0;
  uint32_t fragment_id = 0;
  // The destination is not the one that the checksum was made for (a routing header with segments
  // left).
  bool routed = false;
};

// kQuoted: inside an ICMP error, where the packet goes on beyond what was quoted, so that lengths
// prove nothing.
enum class IpContext : uint8_t { kOuter, kQuoted };
Malformed ParseIpv4(Span packet, IpContext context, bool verify_checksum, IpInfo* ip);
Malformed ParseIpv6(Span packet, IpContext context, IpInfo* ip);
// Walks the extension headers that `ip` stands at (RFC 8200 4). Leaves ip->payload and ip->protocol
// at the first header that is not one, or behind the header of a real fragment.
Malformed WalkIpv6Extensions(IpContext context, IpInfo* ip);
// Of a fragment whose payload is all of ip.payload: lengths that no fragment can have.
Malformed CheckFragment(const IpInfo& ip);
// What ParseGeneral() does down to the IP payload. kNone with a null `addresses`: not IP.
Malformed ParseToIp(Span frame, const ParseOptions& options, IpInfo* ip, LinkInfo* link);

// Transport: sets kind, malformed, key, direction and what belongs to the protocol.
void ParseTransport(const IpInfo& ip, const Scope& scope, bool verify_checksum, PacketMeta* meta);
void ParseTcp(const IpInfo& ip, const Scope& scope, bool verify_checksum, PacketMeta* meta);
void ParseIcmp(const IpInfo& ip, const Scope& scope, PacketMeta* meta);

// The key of `ip` with `ports` as loaded (source | destination << 16).
inline void SetKey(const IpInfo& ip, uint32_t ports, const Scope& scope, PacketMeta* meta) {
  const uint32_t context = ip.protocol | scope.vlan_context;
  meta->key.SetPlace(scope.zone, ip.ipv6);
  if (ip.ipv6) {
    SetIpv6Endpoints(ip.addresses, ports, context, meta);
  } else {
    SetIpv4Endpoints(ip.addresses, ports, context, meta);
  }
}

inline void SetMalformed(Malformed reason, PacketMeta* meta) {
  meta->kind = PacketKind::kMalformed;
  meta->malformed = reason;
}

}  // namespace coretrack
