#include "dataplane/packet/layers.h"
#include "dataplane/packet/protocols.h"

namespace coretrack {
namespace {

// Message types (RFC 792, RFC 4443).
namespace v4 {
constexpr uint8_t kEchoReply = 0, kUnreachable = 3, kSourceQuench = 4, kRedirect = 5, kEcho = 8,
                  kTimeExceeded = 11, kParameterProblem = 12, kTimestamp = 13, kTimestampReply = 14;
}
namespace v6 {
constexpr uint8_t kUnreachable = 1, kParameterProblem = 4, kEcho = 128, kEchoReply = 129;
}

enum class IcmpClass : uint8_t { kRequest, kReply, kError, kOther };

IcmpClass ClassOf(bool ipv6, uint8_t type) {
  if (ipv6) {
    if (type == v6::kEcho) return IcmpClass::kRequest;
    if (type == v6::kEchoReply) return IcmpClass::kReply;
    if (type >= v6::kUnreachable && type <= v6::kParameterProblem) return IcmpClass::kError;
    return IcmpClass::kOther;
  }
  switch (type) {
    case v4::kEcho:
    case v4::kTimestamp:
      return IcmpClass::kRequest;
    case v4::kEchoReply:
    case v4::kTimestampReply:
      return IcmpClass::kReply;
    case v4::kUnreachable:
    case v4::kSourceQuench:
    case v4::kRedirect:
    case v4::kTimeExceeded:
    case v4::kParameterProblem:
      return IcmpClass::kError;
    default:
      return IcmpClass::kOther;
  }
}

bool IsIcmp(const IpInfo& ip) {
  return ip.protocol == (ip.ipv6 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp);
}

// The identifier in both places.  REQUIRES: 6 readable bytes at `message`.
uint32_t EchoPorts(const uint8_t* message) { return LoadRaw<uint16_t>(message + 4) * 0x10001u; }

// The ports of a quoted packet, of which RFC 792 promises 8 bytes. False when they are not there.
bool QuotedPorts(const IpInfo& quoted, uint32_t* ports) {
  *ports = 0;
  if (quoted.fragment && !quoted.first_fragment) return true;
  const Span& payload = quoted.payload;
  if (IsIcmp(quoted)) {
    if (!payload.Has(kIcmpMinBytes)) return false;
    const IcmpClass type = ClassOf(quoted.ipv6, payload.data[0]);
    if (type != IcmpClass::kRequest && type != IcmpClass::kReply) return true;
    if (!payload.Has(6)) return false;
    *ports = EchoPorts(payload.data);
    return true;
  }
  switch (quoted.protocol) {
    case ip_protocol::kTcp:
    case ip_protocol::kUdp:
    case ip_protocol::kSctp:
      if (!payload.Has(4)) return false;
      *ports = LoadRaw<uint32_t>(payload.data);
      return true;
    default:
      return true;
  }
}

// False when the quote cannot be told apart; `meta` is untouched then.
bool SetQuotedKey(const IpInfo& error, const Scope& scope, PacketMeta* meta) {
  const Span quote = error.payload.From(kIcmpErrorBytes);
  IpInfo quoted;
  const Malformed reason = error.ipv6 ? ParseIpv6(quote, IpContext::kQuoted, &quoted)
                                      : ParseIpv4(quote, IpContext::kQuoted, false, &quoted);
  uint32_t ports = 0;
  if (reason != Malformed::kNone || !QuotedPorts(quoted, &ports)) return false;
  SetKey(quoted, ports, scope, meta);
  return true;
}

}  // namespace

void ParseIcmp(const IpInfo& ip, const Scope& scope, PacketMeta* meta) {
  const Span& message = ip.payload;
  if (!message.Has(kIcmpMinBytes)) return SetMalformed(Malformed::kTruncatedIcmp, meta);
  meta->kind = PacketKind::kDatagram;
  const IcmpClass type = ClassOf(ip.ipv6, message.data[0]);
  switch (type) {
    case IcmpClass::kRequest:
    case IcmpClass::kReply:
      if (!message.Has(kIcmpEchoBytes)) return SetMalformed(Malformed::kTruncatedIcmp, meta);
      meta->icmp_request = type == IcmpClass::kRequest;
      return SetKey(ip, EchoPorts(message.data), scope, meta);
    case IcmpClass::kError:
      if (!message.Has(kIcmpErrorBytes)) return SetMalformed(Malformed::kTruncatedIcmp, meta);
      if (SetQuotedKey(ip, scope, meta)) {
        meta->kind = PacketKind::kIcmpError;
        return;
      }
      return SetKey(ip, 0, scope, meta);
    case IcmpClass::kOther:
      return SetKey(ip, 0, scope, meta);
  }
}

}  // namespace coretrack
