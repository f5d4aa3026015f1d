// CaptureReader: packets of a pcap or pcapng file, as the parser wants them.
//
// Why libpcap  It reads both formats, every byte order and time resolution, and survives damaged
//              files; DPDK depends on it already.
// Limits       All interfaces of one pcapng file must share a link type and a snapshot length
//              (libpcap's own limit).
// Errors       kInvalidArgument naming file and packet; kNotFound when it cannot be opened.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/packet/parse.h"

struct pcap;

namespace coretrack {

struct CapturedPacket {
  const uint8_t* data = nullptr;  // valid until the next Next()
  uint32_t bytes = 0;
  uint32_t wire_bytes = 0;
  LinkLayer link = LinkLayer::kEthernet;
  uint64_t unix_us = 0;
};

class CaptureReader {
 public:
  static absl::StatusOr<std::unique_ptr<CaptureReader>> Open(const std::string& file);
  ~CaptureReader();
  CaptureReader(const CaptureReader&) = delete;
  CaptureReader& operator=(const CaptureReader&) = delete;

  // The next packet; false at the end of the file.
  absl::StatusOr<bool> Next(CapturedPacket* packet);
  // Packets read so far: the number of the last one, from 1.
  uint64_t count() const { return count_; }

 private:
  CaptureReader(std::string file, pcap* handle, int link_type)
      : file_(std::move(file)), handle_(handle), link_type_(link_type) {}
  void FromCooked(const uint8_t* data, uint32_t header_bytes, uint32_t protocol_offset,
                  CapturedPacket* packet);

  std::string file_;
  pcap* handle_;
  int link_type_;
  uint64_t count_ = 0;
  std::vector<uint8_t> rewritten_;  // a cooked packet behind an Ethernet header
};

}  // namespace coretrack
