// PacketBuilder: small packets by hand, with lengths, types and checksums filled in.
//
// Layers are named from the outside in, and each one fixes the type field of the one before it:
//   Bytes syn = PacketBuilder().Ethernet().Vlan(10).Ipv4("10.0.0.1", "10.0.0.2")
//                   .Tcp({.source_port = 40000, .destination_port = 80, .flags = tcp_flag::kSyn})
//                   .Payload(100).Build();
// Without Ethernet() the packet is raw IP. A test that wants a wrong packet builds a right one and
// breaks it with Set8/Set16. Offsets of the layers: Offset(n), n counting from 0.
#pragma once

#include <arpa/inet.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/protocols.h"

namespace coretrack::testing {

using Bytes = std::vector<uint8_t>;

inline void Set8(Bytes* packet, size_t at, unsigned value) {
  packet->at(at) = static_cast<uint8_t>(value);
}
inline void Set16(Bytes* packet, size_t at, unsigned value) {
  Set8(packet, at, value >> 8 & 0xff);
  Set8(packet, at + 1, value & 0xff);
}
inline void Set32(Bytes* packet, size_t at, uint32_t value) {
  Set16(packet, at, value >> 16);
  Set16(packet, at + 2, value & 0xffff);
}

struct TcpFields {
  uint16_t source_port = 40000;
  uint16_t destination_port = 80;
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint8_t flags = tcp_flag::kAck;
  uint16_t window = 65535;
  Bytes options = {};  // padded with zeros to a multiple of 4
};

// The usual options, to be joined: Join({MssOption(1460), WindowScaleOption(7)}).
inline Bytes MssOption(uint16_t mss) {
  return {2, 4, static_cast<uint8_t>(mss >> 8), static_cast<uint8_t>(mss)};
}
inline Bytes WindowScaleOption(uint8_t shift) { return {1, 3, 3, shift}; }
inline Bytes SackPermittedOption() { return {1, 1, 4, 2}; }
inline Bytes TimestampsOption(uint32_t value, uint32_t echo) {
  Bytes option = {1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0};
  Set32(&option, 4, value);
  Set32(&option, 8, echo);
  return option;
}
// Of `blocks` blocks, each of as much behind `first`.
inline Bytes SackOption(uint32_t blocks, uint32_t first) {
  Bytes option = {1, 1, 5, static_cast<uint8_t>(2 + 8 * blocks)};
  option.resize(4 + 8 * blocks);
  for (uint32_t i = 0; i < 2 * blocks; ++i) Set32(&option, 4 + 4 * i, first + 1000 * i);
  return option;
}
inline Bytes Join(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

struct Ipv4Fields {
  uint8_t protocol = 0;         // 0: that of the next layer
  uint16_t fragment_field = 0;  // flags and offset as in the header: 0x2000 is "more fragments"
  uint8_t ttl = 64;
  Bytes options = {};
};

class PacketBuilder {
 public:
  PacketBuilder& Ethernet(uint16_t type = 0) {
    Bytes header = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 0};
    if (type != 0) Set16(&header, 12, type);
    return Add(Layer::kEthernet, header);
  }
  PacketBuilder& Vlan(uint16_t tag, uint16_t type = ether_type::kVlan) {
    SetPreviousEtherType(type);
    Bytes header(kVlanTagBytes);
    Set16(&header, 0, tag);
    return Add(Layer::kVlan, header);
  }
  PacketBuilder& Mpls(uint32_t label, bool bottom) {
    SetPreviousEtherType(ether_type::kMpls);
    Bytes header(kMplsLabelBytes);
    Set32(&header, 0, label << 12 | (bottom ? 0x100u : 0u) | 64);
    return Add(Layer::kMpls, header);
  }
  PacketBuilder& Ipv4(std::string_view source, std::string_view destination,
                      const Ipv4Fields& fields = {}) {
    SetPreviousEtherType(ether_type::kIpv4);
    Bytes header(kIpv4MinBytes);
    Append(&header, Padded(fields.options));
    header[0] = static_cast<uint8_t>(0x40 | header.size() / 4);
    Set16(&header, 6, fields.fragment_field);
    header[8] = fields.ttl;
    header[9] = fields.protocol;
    PutAddress(AF_INET, source, &header[12]);
    PutAddress(AF_INET, destination, &header[16]);
    return Add(Layer::kIpv4, header);
  }
  PacketBuilder& Ipv6(std::string_view source, std::string_view destination,
                      uint8_t next_header = ip_protocol::kNoNextHeader) {
    SetPreviousEtherType(ether_type::kIpv6);
    Bytes header(kIpv6Bytes);
    header[0] = 0x60;
    header[6] = next_header;
    header[7] = 64;
    PutAddress(AF_INET6, source, &header[8]);
    PutAddress(AF_INET6, destination, &header[24]);
    return Add(Layer::kIpv6, header);
  }
  // An IPv6 extension header of `bytes` bytes whose bytes 2.. are zero (for routing: no segments
  // left).
  PacketBuilder& Extension(uint8_t protocol, uint32_t bytes = 8) {
    SetPreviousProtocol(protocol);
    Bytes header(bytes);
    header[0] = ip_protocol::kNoNextHeader;
    header[1] = static_cast<uint8_t>(protocol == ip_protocol::kAuthentication ? bytes / 4 - 2
                                                                              : bytes / 8 - 1);
    return Add(Layer::kExtension, header);
  }
  PacketBuilder& Ipv6Fragment(uint16_t offset_8_bytes, bool more,
                              uint8_t next_header = ip_protocol::kNoNextHeader) {
    SetPreviousProtocol(ip_protocol::kFragment);
    Bytes header = {next_header, 0, 0, 0, 0, 0, 0, 1};
    Set16(&header, 2, offset_8_bytes << 3 | (more ? 1 : 0));
    return Add(Layer::kExtension, header);
  }
  PacketBuilder& Tcp(const TcpFields& fields = {}) {
    SetPreviousProtocol(ip_protocol::kTcp);
    Bytes header(kTcpMinBytes);
    Append(&header, Padded(fields.options));
    Set16(&header, 0, fields.source_port);
    Set16(&header, 2, fields.destination_port);
    Set32(&header, 4, fields.seq);
    Set32(&header, 8, fields.ack);
    header[12] = static_cast<uint8_t>(header.size() / 4 << 4);
    header[13] = fields.flags;
    Set16(&header, 14, fields.window);
    return Add(Layer::kTcp, header);
  }
  PacketBuilder& Udp(uint16_t source_port, uint16_t destination_port) {
    SetPreviousProtocol(ip_protocol::kUdp);
    Bytes header(kUdpBytes);
    Set16(&header, 0, source_port);
    Set16(&header, 2, destination_port);
    return Add(Layer::kUdp, header);
  }
  // `rest` is what stands behind the checksum: for echo identifier << 16 | sequence.
  PacketBuilder& Icmp(uint8_t type, uint8_t code, uint32_t rest) {
    SetPreviousProtocol(ip_protocol::kIcmp);
    return Add(Layer::kIcmp, IcmpHeader(type, code, rest));
  }
  PacketBuilder& Icmpv6(uint8_t type, uint8_t code, uint32_t rest) {
    SetPreviousProtocol(ip_protocol::kIcmpv6);
    return Add(Layer::kIcmpv6, IcmpHeader(type, code, rest));
  }
  PacketBuilder& Sctp(uint16_t source_port, uint16_t destination_port) {
    SetPreviousProtocol(ip_protocol::kSctp);
    Bytes header(kSctpBytes);  // its checksum (CRC32C) stays zero: nobody here looks at it
    Set16(&header, 0, source_port);
    Set16(&header, 2, destination_port);
    return Add(Layer::kOther, header);
  }
  // `bytes` bytes that count up, so that checksums have something to do.
  PacketBuilder& Payload(size_t bytes) {
    Bytes data(bytes);
    for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<uint8_t>(i + 1);
    return Add(Layer::kOther, data);
  }
  PacketBuilder& Payload(const Bytes& data) { return Add(Layer::kOther, data); }
  // Bytes behind the IP packet, in no length (Ethernet padding).
  PacketBuilder& Trailer(size_t bytes) {
    trailer_bytes_ = bytes;
    return *this;
  }

  size_t Offset(size_t layer) const { return layers_.at(layer).offset; }

  Bytes Build() const {
    Bytes packet = packet_;
    for (const Layer& layer : layers_) FillLength(layer, &packet);
    for (size_t i = layers_.size(); i-- > 0;) FillChecksum(i, &packet);
    packet.insert(packet.end(), trailer_bytes_, 0);
    return packet;
  }

 private:
  struct Layer {
    enum Kind {
      kEthernet,
      kVlan,
      kMpls,
      kIpv4,
      kIpv6,
      kExtension,
      kTcp,
      kUdp,
      kIcmp,
      kIcmpv6,
      kOther
    };
    Kind kind;
    size_t offset;
    size_t header_bytes;
  };

  PacketBuilder& Add(Layer::Kind kind, const Bytes& header) {
    layers_.push_back({kind, packet_.size(), header.size()});
    Append(&packet_, header);
    return *this;
  }
  static void Append(Bytes* to, const Bytes& what) {
    to->insert(to->end(), what.begin(), what.end());
  }
  static Bytes Padded(Bytes options) {
    options.resize((options.size() + 3) / 4 * 4);
    return options;
  }
  static void PutAddress(int family, std::string_view text, uint8_t* to) {
    if (inet_pton(family, std::string(text).c_str(), to) != 1) {
      throw std::invalid_argument("no address: " + std::string(text));
    }
  }
  static Bytes IcmpHeader(uint8_t type, uint8_t code, uint32_t rest) {
    Bytes header = {type, code, 0, 0, 0, 0, 0, 0};
    Set32(&header, 4, rest);
    return header;
  }

  void SetPreviousEtherType(uint16_t type) {
    if (layers_.empty()) return;
    const Layer& last = layers_.back();
    if (last.kind == Layer::kEthernet) Set16(&packet_, last.offset + 12, type);
    if (last.kind == Layer::kVlan) Set16(&packet_, last.offset + 2, type);
  }
  void SetPreviousProtocol(uint8_t protocol) {
    if (layers_.empty()) return;
    const Layer& last = layers_.back();
    if (last.kind == Layer::kIpv4 && packet_[last.offset + 9] == 0) {
      packet_[last.offset + 9] = protocol;
    }
    if (last.kind == Layer::kIpv6) packet_[last.offset + 6] = protocol;
    if (last.kind == Layer::kExtension) packet_[last.offset] = protocol;
  }

  static void FillLength(const Layer& layer, Bytes* packet) {
    const auto bytes = static_cast<unsigned>(packet->size() - layer.offset);
    if (layer.kind == Layer::kIpv4) Set16(packet, layer.offset + 2, bytes);
    if (layer.kind == Layer::kIpv6) Set16(packet, layer.offset + 4, bytes - kIpv6Bytes);
    if (layer.kind == Layer::kUdp) Set16(packet, layer.offset + 4, bytes);
  }

  void FillChecksum(size_t index, Bytes* packet) const {
    const Layer& layer = layers_[index];
    switch (layer.kind) {
      case Layer::kIpv4:
        return PutChecksum(layer.offset, layer.header_bytes, 10, 0, packet);
      case Layer::kIcmp:
        return PutChecksum(layer.offset, packet->size() - layer.offset, 2, 0, packet);
      case Layer::kTcp:
        return PutTransportChecksum(index, ip_protocol::kTcp, 16, packet);
      case Layer::kUdp:
        return PutTransportChecksum(index, ip_protocol::kUdp, 6, packet);
      case Layer::kIcmpv6:
        return PutTransportChecksum(index, ip_protocol::kIcmpv6, 2, packet);
      default:
        return;
    }
  }
  // RFC 1071, two bytes at a time: slow, plain, and not the code under test.
  static uint32_t Sum(const uint8_t* data, size_t bytes) {
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes; ++i) sum += i % 2 == 0 ? data[i] << 8u : data[i];
    return sum;
  }
  static void PutChecksum(size_t offset, size_t bytes, size_t field, uint32_t sum, Bytes* packet) {
    sum += Sum(packet->data() + offset, bytes);
    while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
    Set16(packet, offset + field, ~sum & 0xffff);
  }
  void PutTransportChecksum(size_t index, uint8_t protocol, size_t field, Bytes* packet) const {
    const size_t bytes = packet->size() - layers_[index].offset;
    size_t ip = index;
    while (ip > 0 && layers_[ip].kind != Layer::kIpv4 && layers_[ip].kind != Layer::kIpv6) --ip;
    const bool ipv6 = layers_[ip].kind == Layer::kIpv6;
    Bytes pseudo(8);
    Set16(&pseudo, 2, protocol);
    Set32(&pseudo, 4, static_cast<uint32_t>(bytes));
    const size_t addresses = layers_[ip].offset + (ipv6 ? 8 : 12);
    const uint32_t sum =
        Sum(pseudo.data(), pseudo.size()) + Sum(packet->data() + addresses, ipv6 ? 32 : 8);
    PutChecksum(layers_[index].offset, bytes, field, sum, packet);
  }

  Bytes packet_;
  std::vector<Layer> layers_;
  size_t trailer_bytes_ = 0;
};

}  // namespace coretrack::testing
