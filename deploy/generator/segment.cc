#include "deploy/generator/segment.h"

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <cstring>

#include "dataplane/packet/packet_meta.h"

namespace coretrack::demo {
namespace {

constexpr uint8_t kClientMac[] = {2, 0x77, 0, 0, 0, 1}, kServerMac[] = {2, 0x77, 0, 0, 0, 2};
// MSS 1460, SACK permitted, NOP, window scale 7, three NOPs.
constexpr uint8_t kSynOptions[] = {2, 4, 0x05, 0xb4, 4, 2, 1, 3, 3, 7, 1, 1};
static_assert(sizeof(kSynOptions) % 4 == 0);

}  // namespace

size_t WriteFrame(const Segment& segment, uint8_t* frame) {
  const bool is_syn = (segment.flags & tcp_flag::kSyn) != 0;
  const size_t tcp_bytes = sizeof(rte_tcp_hdr) + (is_syn ? sizeof(kSynOptions) : 0);
  const size_t ip_bytes = segment.ipv6 ? sizeof(rte_ipv6_hdr) : sizeof(rte_ipv4_hdr);
  const size_t frame_bytes = sizeof(rte_ether_hdr) + ip_bytes + tcp_bytes + segment.payload_bytes;
  uint8_t* const ip = frame + sizeof(rte_ether_hdr);
  std::memset(frame, 0, sizeof(rte_ether_hdr) + ip_bytes + tcp_bytes);

  auto* ether = reinterpret_cast<rte_ether_hdr*>(frame);
  // The server is the one with the well-known port.
  const bool to_server = segment.destination.port < segment.source.port;
  std::memcpy(&ether->dst_addr, to_server ? kServerMac : kClientMac, RTE_ETHER_ADDR_LEN);
  std::memcpy(&ether->src_addr, to_server ? kClientMac : kServerMac, RTE_ETHER_ADDR_LEN);
  ether->ether_type = rte_cpu_to_be_16(segment.ipv6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);

  auto* tcp = reinterpret_cast<rte_tcp_hdr*>(ip + ip_bytes);
  tcp->src_port = rte_cpu_to_be_16(segment.source.port);
  tcp->dst_port = rte_cpu_to_be_16(segment.destination.port);
  tcp->sent_seq = rte_cpu_to_be_32(segment.sequence);
  tcp->recv_ack = rte_cpu_to_be_32(segment.acknowledgment);
  tcp->data_off = static_cast<uint8_t>(tcp_bytes / 4 << 4);
  tcp->tcp_flags = segment.flags;
  tcp->rx_win = rte_cpu_to_be_16(is_syn ? 64240 : 502);
  if (is_syn) std::memcpy(tcp + 1, kSynOptions, sizeof(kSynOptions));
  std::memset(ip + ip_bytes + tcp_bytes, 'x', segment.payload_bytes);

  const auto transport_bytes = static_cast<uint16_t>(tcp_bytes + segment.payload_bytes);
  if (segment.ipv6) {
    auto* header = reinterpret_cast<rte_ipv6_hdr*>(ip);
    header->vtc_flow = rte_cpu_to_be_32(6u << 28);
    header->payload_len = rte_cpu_to_be_16(transport_bytes);
    header->proto = IPPROTO_TCP;
    header->hop_limits = 64;
    std::memcpy(header->src_addr, segment.source.address.data(), sizeof(header->src_addr));
    std::memcpy(header->dst_addr, segment.destination.address.data(), sizeof(header->dst_addr));
    tcp->cksum = rte_ipv6_udptcp_cksum(header, tcp);
  } else {
    auto* header = reinterpret_cast<rte_ipv4_hdr*>(ip);
    header->version_ihl = RTE_IPV4_VHL_DEF;
    header->total_length = rte_cpu_to_be_16(static_cast<uint16_t>(ip_bytes + transport_bytes));
    header->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
    header->time_to_live = 64;
    header->next_proto_id = IPPROTO_TCP;
    std::memcpy(&header->src_addr, segment.source.address.data(), sizeof(header->src_addr));
    std::memcpy(&header->dst_addr, segment.destination.address.data(), sizeof(header->dst_addr));
    header->hdr_checksum = rte_ipv4_cksum(header);
    tcp->cksum = rte_ipv4_udptcp_cksum(header, tcp);
  }
  return frame_bytes;
}

}  // namespace coretrack::demo
