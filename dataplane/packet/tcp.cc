#include "dataplane/packet/checksum.h"
#include "dataplane/packet/layers.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_header.h"
#include "dataplane/packet/tcp_options.h"

namespace coretrack {
namespace {

void SetBadSegment(Malformed reason, PacketMeta* meta) {
  meta->kind = PacketKind::kBadSegment;
  meta->malformed = reason;
}

// The options of a SYN are believed later, so all are walked; elsewhere the usual layouts are known
// to be sound.
bool OptionsAreSound(const TcpHeader& tcp) {
  if ((tcp.flags & tcp_flag::kSyn) == 0 && HasUsualOptions(tcp.options, tcp.option_bytes)) {
    return true;
  }
  TcpOptions ignored;
  return ReadTcpOptions(tcp.options, tcp.option_bytes, &ignored);
}

}  // namespace

void ParseTcp(const IpInfo& ip, const Scope& scope, bool verify_checksum, PacketMeta* meta) {
  const Span& segment = ip.payload;
  if (!segment.Has(4)) return SetMalformed(Malformed::kTruncatedTcp, meta);
  SetKey(ip, LoadRaw<uint32_t>(segment.data), scope, meta);
  // The ports name a flow, which counts what is wrong from here on.
  if (!segment.Has(kTcpMinBytes)) return SetBadSegment(Malformed::kTruncatedTcp, meta);
  ReadTcpFixed(segment.data, &meta->tcp);
  const uint32_t header_bytes = TcpHeaderBytes(segment.data);
  if (header_bytes < kTcpMinBytes || header_bytes > segment.wire_bytes) {
    return SetBadSegment(Malformed::kBadTcpDataOffset, meta);
  }
  if (!segment.Has(header_bytes)) return SetBadSegment(Malformed::kTruncatedTcp, meta);
  meta->tcp.options = segment.data + kTcpMinBytes;
  meta->tcp.option_bytes = static_cast<uint8_t>(header_bytes - kTcpMinBytes);
  meta->tcp.payload_bytes = segment.wire_bytes - header_bytes;
  if (!OptionsAreSound(meta->tcp)) return SetBadSegment(Malformed::kBadTcpOption, meta);
  if (verify_checksum && !segment.Cut() && !ip.routed &&
      !TcpChecksumIsRight(ip.addresses, ip.ipv6 ? 32 : 8, segment.data, segment.bytes)) {
    return SetBadSegment(Malformed::kBadTcpChecksum, meta);
  }
  meta->kind = PacketKind::kTcp;
}

}  // namespace coretrack
