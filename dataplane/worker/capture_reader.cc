#include "dataplane/worker/capture_reader.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {

constexpr uint32_t kEthernetBytes = 14;
// Linux cooked captures, v1 and v2 (tcpdump.org/linktypes): header size, and where the EtherType
// lies in it.
constexpr uint32_t kSll1Bytes = 16, kSll1Protocol = 14, kSll2Bytes = 20, kSll2Protocol = 0;
// BSD loopback: a 4-byte address family before the IP header, in the byte order of the capturing
// host (NULL) or the network's (LOOP). The parser looks at the IP version anyway.
constexpr uint32_t kLoopbackBytes = 4;

bool IsSupported(int link_type) {
  constexpr std::array kSupported = {DLT_EN10MB,    DLT_RAW,        DLT_IPV4, DLT_IPV6,
                                     DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, DLT_LOOP};
  return std::find(kSupported.begin(), kSupported.end(), link_type) != kSupported.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureReader>> CaptureReader::Open(const std::string& file) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* handle = pcap_open_offline_with_tstamp_precision(
      file.c_str(), PCAP_TSTAMP_PRECISION_MICRO, error.data());
  if (handle == nullptr)
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read the capture ", file, ": ", error.data()));
  const int link_type = pcap_datalink(handle);
  std::unique_ptr<CaptureReader> reader(new CaptureReader(file, handle, link_type));
  if (!IsSupported(link_type)) {
    const char* name = pcap_datalink_val_to_name(link_type);
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": link type ", link_type, " (", name != nullptr ? name : "unknown",
                     ") is not supported; Ethernet, raw IP, Linux cooked and BSD loopback are"));
  }
  return reader;
}

CaptureReader::~CaptureReader() { pcap_close(handle_); }

absl::StatusOr<bool> CaptureReader::Next(CapturedPacket* packet) {
  pcap_pkthdr* header = nullptr;
  const uint8_t* data = nullptr;
  const int result = pcap_next_ex(handle_, &header, &data);
  if (result == PCAP_ERROR_BREAK) return false;
  if (result != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_, ": packet ", count_ + 1, ": ", pcap_geterr(handle_)));
  }
  ++count_;
  *packet = {.data = data,
             .bytes = header->caplen,
             .wire_bytes = std::max(header->len, header->caplen),
             .link = LinkLayer::kEthernet,
             .unix_us = uint64_t{static_cast<uint32_t>(header->ts.tv_sec)} * 1'000'000 +
                        static_cast<uint64_t>(header->ts.tv_usec)};
  const auto skip = [packet](uint32_t bytes) {
    const uint32_t skipped = std::min(bytes, packet->bytes);
    packet->data += skipped;
    packet->bytes -= skipped;
    packet->wire_bytes -= skipped;
    packet->link = LinkLayer::kRawIp;
  };
  switch (link_type_) {
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      skip(0);
      break;
    case DLT_NULL:
    case DLT_LOOP:
      skip(kLoopbackBytes);
      break;
    case DLT_LINUX_SLL:
      FromCooked(data, kSll1Bytes, kSll1Protocol, packet);
      break;
    case DLT_LINUX_SLL2:
      FromCooked(data, kSll2Bytes, kSll2Protocol, packet);
      break;
    default:
      break;
  }
  return true;
}

// Puts an Ethernet header in the place of a cooked one, so that VLAN tags and EtherTypes have one
// parser.
void CaptureReader::FromCooked(const uint8_t* data, uint32_t header_bytes, uint32_t protocol_offset,
                               CapturedPacket* packet) {
  if (packet->bytes < header_bytes) {
    packet->bytes = 0;  // a truncated frame, for the parser to name
    return;
  }
  const uint32_t payload = packet->bytes - header_bytes;
  rewritten_.assign(kEthernetBytes + payload, 0);
  std::copy_n(data + protocol_offset, 2, rewritten_.begin() + kEthernetBytes - 2);
  std::copy_n(data + header_bytes, payload, rewritten_.begin() + kEthernetBytes);
  packet->data = rewritten_.data();
  packet->bytes = kEthernetBytes + payload;
  packet->wire_bytes = packet->wire_bytes - header_bytes + kEthernetBytes;
}

}  // namespace coretrack
