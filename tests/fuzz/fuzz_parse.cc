// libFuzzer target of the parser: no read outside the packet (AddressSanitizer), an answer that
// holds together, and the fast path equal to the general one.
//
// Input  Two bytes of options (link layer, checksums, zone; how much the capture cut off), then the
// packet.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/fragment.h"
#include "dataplane/packet/layers.h"
#include "dataplane/packet/meta_lanes.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/parse_fast.h"
#include "dataplane/packet/parse_lanes.h"
#include "dataplane/packet/tcp_checksum.h"
#include "dataplane/packet/tcp_options.h"

namespace coretrack {
namespace {

const FlowHasher kHasher({1, 2});

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

void CheckAnswer(const PacketMeta& meta, const uint8_t* data, uint32_t bytes, uint32_t wire_bytes) {
  const bool wrong = meta.kind == PacketKind::kMalformed || meta.kind == PacketKind::kBadSegment;
  Check(wrong == (meta.malformed != Malformed::kNone), "a reason exactly when something is wrong");
  Check(meta.malformed < Malformed::kCount, "a known reason");
  Check(meta.ip_bytes <= wire_bytes, "no more IP bytes than on the wire");
  const TcpHeader& tcp = meta.tcp;
  if (tcp.options == nullptr) {
    Check(tcp.option_bytes == 0, "no options, no option bytes");
    return;
  }
  Check(tcp.options >= data && tcp.options + tcp.option_bytes <= data + bytes,
        "options inside the packet");
  TcpOptions all;
  const bool sound = ReadTcpOptions(tcp.options, tcp.option_bytes, &all);
  Check(sound == (meta.malformed != Malformed::kBadTcpOption), "options judged by the walk");
}

void CheckSame(const PacketMeta& a, const PacketMeta& b) {
  Check(a.key == b.key && a.kind == b.kind && a.malformed == b.malformed &&
            a.direction == b.direction && a.ip_bytes == b.ip_bytes && a.vlan_tags == b.vlan_tags &&
            a.tcp.seq == b.tcp.seq && a.tcp.ack == b.tcp.ack && a.tcp.flags == b.tcp.flags &&
            a.tcp.window == b.tcp.window && a.tcp.payload_bytes == b.tcp.payload_bytes &&
            a.tcp.options == b.tcp.options && a.tcp.option_bytes == b.tcp.option_bytes,
        "fast path equals general path");
}

// What is known of a SYN's options is what they say.
void CheckSyn(const PacketMeta& meta) {
  if (!meta.syn.known()) return;
  SynOptions read;
  Check((meta.tcp.flags & tcp_flag::kSyn) != 0 &&
            ReadSynOptions(meta.tcp.options, meta.tcp.option_bytes, &read) && read == meta.syn,
        "a SYN's options as they are read one by one");
}

void CheckFragment(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                   const ParseOptions& options) {
  const Fragment f = ReadFragment(data, bytes, wire_bytes, options);
  Check(f.data_bytes != 0 && f.end_bytes() <= kMaxDatagramBytes, "a length that a fragment has");
  Check(f.readable_bytes <= f.data_bytes && f.data + f.readable_bytes <= data + bytes,
        "data inside the packet");
  PacketMeta whole;
  ParseWhole(f, f.data, f.readable_bytes, f.end_bytes(), &whole);
  Check(whole.kind == PacketKind::kWhole && whole.whole_kind != PacketKind::kFragment,
        "a whole is no fragment");
}

// The packet in every lane: each says what the general path says.
void CheckLanes(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                const ParseOptions& options, const PacketMeta& general) {
  if (!kHasLanes || options.link != LinkLayer::kEthernet) return;
  alignas(kCacheLine) std::array<const uint8_t*, kLanes> all_data;
  std::array<uint32_t, kLanes> all_bytes, all_wire_bytes;
  std::array<uint8_t, kLanes> zones;
  const std::array<bool, kLanes> known_good{};
  all_data.fill(data);
  all_bytes.fill(bytes);
  all_wire_bytes.fill(wire_bytes);
  zones.fill(options.zone);
  static KeyWords words;
  static SegmentLanes segments;
  words.Clear();
  segments.Clear();
  Fetches none;
  const Mask common = ParseLanes({.first = 0,
                                  .data = all_data.data(),
                                  .bytes = all_bytes.data(),
                                  .wire_bytes = all_wire_bytes.data(),
                                  .zone = zones.data(),
                                  .checksum_known_good = known_good.data()},
                                 options.verify_checksums, &words, &segments, &none);
  constexpr auto kAll = static_cast<Mask>((uint64_t{1} << kLanes) - 1);
  Check(common == 0 || common == kAll, "what one lane takes, all take");
  if (common == 0) return;
  static std::array<PacketMeta, kLanes> metas;
  FillMetaLanes(segments, words, 0, common, all_data.data(), metas.data());
  for (uint32_t i = 0; i < kLanes; ++i) {
    PacketMeta meta;
    FillMeta(segments, words, i, data, &meta);
    CheckSame(meta, general);
    CheckSame(metas[i], general);
    CheckSyn(meta);
    CheckSyn(metas[i]);
  }
}

// What is found right at a glance is found right.
void CheckChecksums(const uint8_t* data, uint32_t bytes, uint32_t wire_bytes,
                    ParseOptions options) {
  if (options.link != LinkLayer::kEthernet || !ChecksumsAreRight(data, bytes)) return;
  PacketMeta verified, believed;
  options.verify_checksums = true;
  ParseGeneral({data, bytes, wire_bytes}, options, &verified);
  options.verify_checksums = false;
  ParseGeneral({data, bytes, wire_bytes}, options, &believed);
  CheckSame(verified, believed);
}

void FuzzOne(const uint8_t* input, size_t size) {
  if (size < 2) return;
  const ParseOptions options{.link = (input[0] & 1) != 0 ? LinkLayer::kRawIp : LinkLayer::kEthernet,
                             .verify_checksums = (input[0] & 2) != 0,
                             .zone = static_cast<uint8_t>(input[0] >> 2 & 7)};
  const auto bytes = static_cast<uint32_t>(size - 2);
  const uint32_t wire_bytes = bytes + input[1];
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes]);
  std::memcpy(exact.get(), input + 2, bytes);

  PacketMeta meta, general;
  Parse(exact.get(), bytes, wire_bytes, options, &meta);
  CheckAnswer(meta, exact.get(), bytes, wire_bytes);
  ParseGeneral({exact.get(), bytes, wire_bytes}, options, &general);
  CheckSame(meta, general);
  CheckSyn(meta);
  CheckLanes(exact.get(), bytes, wire_bytes, options, general);
  CheckChecksums(exact.get(), bytes, wire_bytes, options);
  Check(kHasher.Of(meta.key) == kHasher.Of(general.key), "equal keys, equal hashes");
  if (meta.kind == PacketKind::kFragment) CheckFragment(exact.get(), bytes, wire_bytes, options);
}

}  // namespace
}  // namespace coretrack

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  coretrack::FuzzOne(data, size);
  return 0;
}
