// CaptureWriter: pcap and pcapng files by hand, right and wrong.
#pragma once

#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/packet/packet_builder.h"

namespace coretrack::testing {

enum class LinkType : uint32_t {
  kNull = 0,
  kEthernet = 1,
  kRaw = 101,
  kIeee80211 = 105,
  kLoop = 108,
  kSll = 113,
  kIpv4 = 228,
  kIpv6 = 229,
  kSll2 = 276,
};

struct Captured {
  uint64_t unix_us = 0;
  Bytes bytes;
  uint32_t wire_bytes = 0;  // 0: as many
};

class CaptureWriter {
 public:
  explicit CaptureWriter(bool big_endian = false) : big_endian_(big_endian) {}

  CaptureWriter& PcapHeader(LinkType link, bool nanoseconds = false) {
    nanoseconds_ = nanoseconds;
    U32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
    U16(2);
    U16(4);
    U32(0);
    U32(0);
    U32(262144);
    U32(static_cast<uint32_t>(link));
    return *this;
  }
  CaptureWriter& PcapPacket(const Captured& p) {
    U32(static_cast<uint32_t>(p.unix_us / 1'000'000));
    U32(static_cast<uint32_t>(p.unix_us % 1'000'000 * (nanoseconds_ ? 1000 : 1)));
    U32(static_cast<uint32_t>(p.bytes.size()));
    U32(WireBytes(p));
    return Raw(p.bytes);
  }
  // Section header and one interface; microseconds are the default resolution.
  CaptureWriter& PcapngHeader(LinkType link) {
    for (const uint32_t v : {0x0a0d0d0au, 28u, 0x1a2b3c4du}) U32(v);
    U16(1);
    U16(0);
    for (const uint32_t v : {0xffffffffu, 0xffffffffu, 28u}) U32(v);
    return PcapngInterface(link);
  }
  CaptureWriter& PcapngInterface(LinkType link) {
    for (const uint32_t v : {1u, 20u}) U32(v);
    U16(static_cast<uint16_t>(link));
    U16(0);
    for (const uint32_t v : {262144u, 20u}) U32(v);
    return *this;
  }
  CaptureWriter& PcapngPacket(const Captured& p) {
    const auto padded = static_cast<uint32_t>((p.bytes.size() + 3) / 4 * 4);
    U32(6);
    U32(32 + padded);
    U32(0);
    U32(static_cast<uint32_t>(p.unix_us >> 32));
    U32(static_cast<uint32_t>(p.unix_us));
    U32(static_cast<uint32_t>(p.bytes.size()));
    U32(WireBytes(p));
    Raw(p.bytes);
    Raw(Bytes(padded - p.bytes.size()));
    U32(32 + padded);
    return *this;
  }
  CaptureWriter& Raw(const Bytes& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Bytes& bytes() { return bytes_; }

 private:
  static uint32_t WireBytes(const Captured& p) {
    return p.wire_bytes != 0 ? p.wire_bytes : static_cast<uint32_t>(p.bytes.size());
  }
  void U16(uint16_t v) {
    const uint8_t low = v & 0xff, high = v >> 8;
    Raw(big_endian_ ? Bytes{high, low} : Bytes{low, high});
  }
  void U32(uint32_t v) {
    const uint16_t low = v & 0xffff, high = v >> 16;
    U16(big_endian_ ? high : low);
    U16(big_endian_ ? low : high);
  }

  bool big_endian_;
  bool nanoseconds_ = false;
  Bytes bytes_;
};

// A file of its own that goes with the object, also when a test fails.
class TemporaryFile {
 public:
  explicit TemporaryFile(const Bytes& content) {
    const char* directory = std::getenv("TMPDIR");
    path_ = std::string(directory != nullptr ? directory : "/tmp") + "/coretrack-test-XXXXXX";
    const int file = mkstemp(path_.data());
    if (file >= 0) close(file);
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace coretrack::testing
