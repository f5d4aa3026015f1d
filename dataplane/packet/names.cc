#include <array>

#include "dataplane/packet/packet_meta.h"

namespace coretrack {
namespace {

struct Entry {
  Malformed reason;
  std::string_view name;
};

constexpr auto kNames = std::to_array<Entry>({
    {Malformed::kNone, "none"},
    {Malformed::kTruncatedEthernet, "ethernet_truncated"},
    {Malformed::kTooManyVlanTags, "vlan_tags"},
    {Malformed::kTruncatedIpv4, "ipv4_truncated"},
    {Malformed::kBadIpv4Version, "ipv4_version"},
    {Malformed::kBadIpv4HeaderLength, "ipv4_header_length"},
    {Malformed::kBadIpv4TotalLength, "ipv4_total_length"},
    {Malformed::kBadIpv4Checksum, "ipv4_checksum"},
    {Malformed::kTruncatedIpv6, "ipv6_truncated"},
    {Malformed::kBadIpv6Version, "ipv6_version"},
    {Malformed::kBadIpv6PayloadLength, "ipv6_payload_length"},
    {Malformed::kIpv6ChainTooLong, "ipv6_chain"},
    {Malformed::kTruncatedTcp, "tcp_truncated"},
    {Malformed::kBadTcpDataOffset, "tcp_data_offset"},
    {Malformed::kBadTcpOption, "tcp_option"},
    {Malformed::kBadTcpChecksum, "tcp_checksum"},
    {Malformed::kTruncatedUdp, "udp_truncated"},
    {Malformed::kBadUdpLength, "udp_length"},
    {Malformed::kTruncatedIcmp, "icmp_truncated"},
    {Malformed::kTruncatedSctp, "sctp_truncated"},
    {Malformed::kFragmentLength, "fragment_length"},
    {Malformed::kFragmentEnd, "fragment_end"},
    {Malformed::kFragmentOverlap, "fragment_overlap"},
    {Malformed::kFragmentTiny, "fragment_tiny"},
});

constexpr bool NamesAreInOrder() {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (static_cast<size_t>(kNames[i].reason) != i) return false;
  }
  return kNames.size() == static_cast<size_t>(Malformed::kCount);
}
static_assert(NamesAreInOrder(), "one row a reason, in the order of the enum");

}  // namespace

std::string_view Name(Malformed reason) {
  const auto row = static_cast<size_t>(reason);
  return row < kNames.size() ? kNames[row].name : "unknown";
}

}  // namespace coretrack
