#include "dataplane/packet/parse_lanes.h"

#include <array>
#include <bit>
#include <cstddef>
#include <optional>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_options.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

constexpr uint32_t kRowBytes = kLanes * sizeof(uint32_t);

// What lies before the transport's header.
struct Format {
  bool ipv6 = false;
  bool tagged = false;
  constexpr uint32_t tag_bytes() const { return tagged ? kVlanTagBytes : 0; }
  constexpr uint32_t link_bytes() const { return kEthernetBytes + tag_bytes(); }
  constexpr uint32_t ip_bytes() const { return ipv6 ? kIpv6Bytes : kIpv4MinBytes; }
  constexpr uint32_t header_bytes() const { return link_bytes() + ip_bytes(); }
  bool operator==(const Format&) const = default;
};

// Where the TCP header lies in a row, whatever is before it: a row ends behind the timestamps. UDP's lies there, too.
constexpr uint32_t kTcpRow = (kRowBytes - kTimestampsBytes - kTcpMinBytes) / 4;
constexpr uint32_t kPorts = kTcpRow, kSeq = kTcpRow + 1, kAck = kTcpRow + 2, kFixed = kTcpRow + 3,
                   kOptions = kTcpRow + 5, kTsValue = kTcpRow + 6, kTsEcho = kTcpRow + 7;
constexpr uint32_t kUdpLength = kTcpRow + 1;

// What Ethernet and IP say of sixteen packets.
struct Network {
  Lanes odd;  // 0: nothing that is not common
  Lanes protocol;
  Lanes vlan;         // of the tag; anything, where there is none
  Lanes total_bytes;  // of the IP packet, as its header states them
  Mask reverse;
  // The key's addresses, in its order, as 32-bit halves of the words of FlowKey::address.
  Lanes address[8];
};

// The bytes [begins, begins + kRowBytes) of each frame, as far as they are there, and zeros behind them.
[[gnu::always_inline]] inline void LoadRows(const FrameLanes& frames, Lanes bytes, uint32_t begins,
                                            Matrix* m) {
  const Lanes there = Select(Below(bytes, All(begins)), All(0), bytes - begins);
  const Lanes missing = kRowBytes - Least(there, All(kRowBytes));
  alignas(kCacheLine) uint64_t readable[kLanes];
  StoreWords(LowOnes(WidenFirst(missing)), readable);
  StoreWords(LowOnes(WidenLast(missing)), readable + kLanes / 2);
  KeepInMemory(&readable);
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    m->row[i] = LoadBytesOf(readable[i], frames.data[i] + begins);
}

// What lies before such a row of IPv6: the frames' bytes 10 to 25, four numbers each; zeros for those that are shorter.
[[gnu::always_inline]] inline Quarter LoadBeginnings(const FrameLanes& frames, Lanes bytes) {
  constexpr uint32_t kBegins = kEthernetBytes - sizeof(uint32_t);
  constexpr uint8_t kZeros[16] = {};
  const Mask there = AtMost(All(kBegins + sizeof(kZeros)), bytes);
  const uint8_t* rows[kLanes];
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    rows[i] = (there >> i & 1) != 0 ? frames.data[i] + kBegins : kZeros;
  return LoadQuarter(rows);
}

// Header words of a row that must be `wanted` where `mask` is set.
inline Lanes Differs(Lanes value, uint32_t mask, uint32_t wanted) {
  return (value & mask) ^ wanted;
}

constexpr uint32_t InHighHalf(uint16_t be) { return uint32_t{Swap16(be)} << 16; }

// Of numbers that end with the EtherType, and that are before them: what is not as `format` has it.
template <Format kFormat>
[[gnu::always_inline]] inline Lanes OddTypes(Lanes type, Lanes before) {
  constexpr uint16_t kType = kFormat.ipv6 ? ether_type::kIpv6 : ether_type::kIpv4;
  const Lanes odd = Differs(type, 0xffff0000, InHighHalf(kType));
  if constexpr (!kFormat.tagged) return odd;
  return odd | Differs(before, 0xffff0000, InHighHalf(ether_type::kVlan));
}
// The tag's, in the low half of the number that ends with the EtherType.
inline Lanes VlanOf(Lanes type) { return SwapBytes(type) >> 16 & 0xfff; }

template <Format kFormat>
[[gnu::always_inline]] inline Network ReadIpv4(const Matrix& m) {
  // Of the row: twelve bytes of Ethernet, of which the type is the last two, and IP.
  constexpr uint32_t kType = 2, kIpRow = 3;
  static_assert(kIpRow + kIpv4MinBytes / 4 == kTcpRow);
  const Lanes source = m.row[kIpRow + 3], destination = m.row[kIpRow + 4], ports = m.row[kPorts];
  // As SetIpv4Endpoints() has it.
  const Mask reverse =
      Below(destination, source) | (Equal(destination, source) & Below(ports, SwapHalves(ports)));
  return {.odd = OddTypes<kFormat>(m.row[kType], m.row[kType - 1]) |
                 Differs(m.row[kIpRow], 0xff, 0x45) |
                 Differs(m.row[kIpRow + 1], InHighHalf(0x3fff), 0),  // "more fragments" and offset
          .protocol = m.row[kIpRow + 2] >> 8 & 0xff,
          .vlan = VlanOf(m.row[kType]),
          .total_bytes = SwapBytes(m.row[kIpRow]) & 0xffff,
          .reverse = reverse,
          .address = {Select(reverse, destination, source), Select(reverse, source, destination)}};
}

// `begin`: the frames' bytes 10 to 25.
template <Format kFormat>
[[gnu::always_inline]] inline Network ReadIpv6(const Matrix& m, const Quarter& begin) {
  constexpr uint32_t kType = kFormat.tag_bytes() / 4;
  static_assert((kType + 2) * sizeof(Lanes) < sizeof(Quarter));
  const Lanes type = begin.row[kType], version = begin.row[kType + 1],
              length_and_next = begin.row[kType + 2];
  const Lanes* source = &m.row[0];
  const Lanes* destination = &m.row[4];
  const Lanes ports = m.row[kPorts];
  // As SetIpv6Endpoints() has it: by words of 64 bits, the low half of each first in the packet.
  Mask reverse = Below(ports >> 16, ports & 0xffff);
  for (const uint32_t half : {2, 3, 0, 1}) {
    reverse =
        Below(destination[half], source[half]) | (Equal(destination[half], source[half]) & reverse);
  }
  Network ip = {.odd = OddTypes<kFormat>(type, begin.row[0]) | Differs(version, 0xf0, 0x60),
                .protocol = length_and_next >> 16 & 0xff,
                .vlan = VlanOf(type),
                .total_bytes = (SwapBytes(length_and_next) >> 16) + kIpv6Bytes,
                .reverse = reverse,
                .address = {}};
  for (uint32_t half = 0; half < 4; ++half) {
    ip.address[half] = Select(reverse, destination[half], source[half]);
    ip.address[4 + half] = Select(reverse, source[half], destination[half]);
  }
  return ip;
}

// What SYNs say by their options.
struct SynLanes {
  Mask known;
  Lanes word;      // SynOptions
  Lanes ts_value;  // as it lies in memory, where there is one
};

// Of those of `syns` whose options are what the stacks of the day send: nothing, or the MSS and then whole words: NOP and a window
// scale, NOPs or "SACK permitted" and timestamps, NOPs and "SACK permitted", or that and an end. What is not so is for
// ReadSynOptions(). `segment_begins`: where in a frame. Of `syns` all is readable from there to the end of the options;
// `first_words`: the first three of these, as they lie in memory.
[[gnu::noinline]] SynLanes ReadSyns(const FrameLanes& frames, uint32_t segment_begins,
                                    const Lanes& option_bytes, const Lanes* first_words,
                                    Mask syns) {
  constexpr uint32_t kWord = sizeof(uint32_t), kWords = 6, kLastWords = 4;
  // The options' last four words; of few options that begins in the header before them.
  constexpr uint8_t kZeros[kLastWords * kWord] = {};
  alignas(kCacheLine) uint32_t ends[kLanes];
  Spill(option_bytes + (segment_begins + kTcpMinBytes), &ends);
  const uint8_t* rows[kLanes];
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i)
    rows[i] = (syns >> i & 1) != 0 ? frames.data[i] + ends[i] - sizeof(kZeros) : kZeros;
  const Quarter last = LoadQuarter(rows);
  const Mask four = Equal(option_bytes, All(4 * kWord)), five = Equal(option_bytes, All(5 * kWord));
  const Lanes words[kWords] = {first_words[0],
                               first_words[1],
                               first_words[2],
                               Select(four, last.row[3], Select(five, last.row[2], last.row[1])),
                               Select(five, last.row[3], last.row[2]),
                               last.row[3]};

  // As bytes: 4 2 8 10 or 1 1 8 10, and two words of timestamps. One that begins among another's is not looked into.
  Mask there[kWords + 2] = {}, stamp[kWords] = {};
#pragma GCC unroll 6
  for (uint32_t w = 0; w < kWords; ++w) there[w] = Below(All(w * kWord), option_bytes);
  constexpr uint32_t kSackAndStamp = 0x0a080204;
  Lanes sack = All(0), stamp_at = All(0), ts_value = All(0);
  Lanes scale = All(SynOptions::kNoScale);
  Mask unknown = static_cast<Mask>(~AtMost(option_bytes, All(kWords * kWord))) |
                 (there[0] & static_cast<Mask>(~Equal(words[0] & 0xffff, All(0x0402))));
#pragma GCC unroll 6
  for (uint32_t w = 1; w < kWords; ++w) {
    const Mask with_sack = Equal(words[w], All(kSackAndStamp));
    const Mask data = stamp[w - 1] | (w > 1 ? stamp[w - 2] : 0);
    stamp[w] = there[w] & (with_sack | Equal(words[w], All(kTimestampsBegin)));
    // 1 1 4 2, or at the end 4 2 0 0; 1 3 3 scale.
    const Mask just_sack = Equal(words[w], All(0x02040101)) |
                           (Equal(words[w], All(0x00000204)) & static_cast<Mask>(~there[w + 1]));
    const Mask scales = Equal(words[w] & 0xffffff, All(0x030301)) & there[w] & ~data;
    unknown |=
        (there[w] & ~data & ~(stamp[w] | just_sack | scales)) | (stamp[w] & (data | ~there[w + 2]));
    sack |=
        Select((with_sack | just_sack) & there[w] & ~data, All(SynOptions::kSackPermitted), All(0));
    scale = Select(scales, Least(words[w] >> 24, All(SynOptions::kMaxScale)), scale);
    stamp_at = Select(stamp[w], All((w + 1) * kWord << SynOptions::kStampShift), stamp_at);
    if (w + 1 < kWords) ts_value = Select(stamp[w], words[w + 1], ts_value);
  }
  const Lanes mss = Select(there[0], SwapBytes(words[0]) & SynOptions::kMss, All(0));
  return {static_cast<Mask>(syns & ~unknown),
          mss | scale << SynOptions::kScaleShift | sack | stamp_at | SynOptions::kKnown, ts_value};
}

// Whether what is stored of packets that are not common overwrites what is there.
enum class Others : bool { kOverwritten, kKept };

// Of those of `packets`, which are UDP, the common ones; `link_bytes` of each frame are before IP.
[[gnu::noinline]] Mask SoundDatagrams(Lanes bytes, Lanes wire_bytes, uint32_t link_bytes,
                                      uint32_t ip_bytes, Lanes total_bytes, Lanes udp_length,
                                      Mask packets) {
  const Lanes stated = SwapBytes(udp_length) >> 16;
  return packets & static_cast<Mask>(~IsNegative(
                       (total_bytes - ip_bytes - stated) | (stated - kUdpBytes) |
                       (wire_bytes - link_bytes - total_bytes) |
                       (bytes - (link_bytes + ip_bytes + kUdpBytes)) | (wire_bytes - bytes)));
}

template <Format kFormat, Others kOthers>
Mask ParseFormat(const FrameLanes& frames, Mask eligible, KeyWords* words, SegmentLanes* segments,
                 Fetches* meanwhile) {
  constexpr uint32_t kLinkBytes = kFormat.link_bytes(), kIpBytes = kFormat.ip_bytes();
  constexpr uint32_t kRowBegins =
      kLinkBytes + kIpBytes + kTcpMinBytes + kTimestampsBytes - kRowBytes;
  const Lanes bytes = LoadAnywhere(frames.bytes), wire_bytes = LoadAnywhere(frames.wire_bytes);
  Matrix m;
  LoadRows(frames, bytes, kRowBegins, &m);
  Transpose(&m);
  meanwhile->Part(0);
  Network ip;
  if constexpr (kFormat.ipv6) {
    ip = ReadIpv6<kFormat>(m, LoadBeginnings(frames, bytes));
  } else {
    ip = ReadIpv4<kFormat>(m);
  }
  const Mask known = eligible & Equal(ip.odd, All(0));

  // Lengths. The data offset may be less than a header, and lengths more than there is: below zero then.
  Lanes fixed = SwapBytes(m.row[kFixed]);  // offset, flags, window
  const Lanes header_bytes = fixed >> 26 & 0x3c;
  Lanes option_bytes = header_bytes - kTcpMinBytes;
  Lanes payload_bytes = ip.total_bytes - kIpBytes - header_bytes;
  const Mask contradicted =
      IsNegative(payload_bytes | (wire_bytes - kLinkBytes - ip.total_bytes) |
                 (bytes - (kLinkBytes + kIpBytes) - header_bytes) | (wire_bytes - bytes));

  using namespace tcp_flag;
  Mask stamped =
      Equal(option_bytes, All(kTimestampsBytes)) & Equal(m.row[kOptions], All(kTimestampsBegin));
  const Mask without_options = Equal(option_bytes, All(0));
  const Mask tcp = Equal(ip.protocol, All(ip_protocol::kTcp));
  const Mask sound = known & tcp & ~contradicted;
  const Mask syns = sound & HasAny(fixed, All(uint32_t{kSyn} << 16));
  constexpr uint32_t kNothing =
      SynOptions::kNoScale << SynOptions::kScaleShift | SynOptions::kKnown;
  SynLanes syn{.known = static_cast<Mask>(syns & without_options),
               .word = All(kNothing),
               .ts_value = All(0)};
  if (syn.known != syns) [[unlikely]]
    syn = ReadSyns(frames, kLinkBytes + kIpBytes, option_bytes, &m.row[kOptions], syns);
  Mask common = sound & ((~syns & (without_options | stamped)) | syn.known);
  Mask plain = common & HasAny(fixed, All(0xffff)) &
               Equal(fixed >> 16 & (kSyn | kFin | kRst | tcp_flag::kAck), All(tcp_flag::kAck));

  Mask udp = known & static_cast<Mask>(~tcp) & Equal(ip.protocol, All(ip_protocol::kUdp));
  if (udp != 0) [[unlikely]] {
    udp = SoundDatagrams(bytes, wire_bytes, kLinkBytes, kIpBytes, ip.total_bytes, m.row[kUdpLength],
                         udp);
    common |= udp;
    plain |= udp;
    stamped &= ~udp;
    for (Lanes* of_tcp : {&m.row[kSeq], &m.row[kAck], &m.row[kTsValue], &m.row[kTsEcho],
                          &payload_bytes, &fixed, &option_bytes})
      *of_tcp = Select(udp, All(0), *of_tcp);
  }

  const uint32_t first = frames.first;
  const auto put_words = [&](Lanes low, Lanes high, std::array<uint64_t, kMaxBurst>* to) {
    const auto [first_half, last_half] = Interleave(low, high);
    if constexpr (kOthers == Others::kKept) {
      StoreWords(static_cast<uint8_t>(common), first_half, &(*to)[first]);
      StoreWords(static_cast<uint8_t>(common >> 8), last_half, &(*to)[first + kLanes / 2]);
    } else {
      StoreWords(first_half, &(*to)[first]);
      StoreWords(last_half, &(*to)[first + kLanes / 2]);
    }
  };
  for (uint32_t word = 0; word < (kFormat.ipv6 ? 4 : 1); ++word)
    put_words(ip.address[2 * word], ip.address[2 * word + 1], &words->address[word]);
  const Lanes ports = m.row[kPorts];
  // As MakeContext() has it.
  Lanes context = ip.protocol;
  if constexpr (kFormat.tagged) context |= ip.vlan << 8;
  put_words(Select(ip.reverse, SwapHalves(ports), ports), context, &words->transport);
  put_words(LoadBytes(frames.zone) | (kFormat.ipv6 ? uint32_t{FlowKey::kIpv6Place} : 0), All(0),
            &words->place);
  if (kFormat.ipv6) words->ipv6 |= uint64_t{common} << first;

  const auto put = [&](Lanes value, SegmentLanes::Field* to) {
    if constexpr (kOthers == Others::kKept) {
      Store(common, value, &(*to)[first]);
    } else {
      Store(value, &(*to)[first]);
    }
  };
  put(SwapBytes(m.row[kSeq]), &segments->seq);
  put(SwapBytes(m.row[kAck]), &segments->ack);
  put(payload_bytes, &segments->payload_bytes);
  put((fixed & 0x00ffffff) | option_bytes << 24, &segments->flags_window);
  if (syns != 0) [[unlikely]]
    put(syn.word, &segments->syn);
  put(ip.total_bytes, &segments->ip_bytes);
  put(SwapBytes(Select(syns, syn.ts_value, m.row[kTsValue])), &segments->ts_value);
  put(SwapBytes(m.row[kTsEcho]), &segments->ts_echo);
  const auto put_bits = [&](Mask bits, SegmentLanes::Bits* to) {
    uint16_t& at = (*to)[first / kLanes];
    at = kOthers == Others::kKept ? (at & ~common) | (bits & common) : bits;
  };
  put_bits(common, &segments->common);
  put_bits(plain, &segments->plain);
  put_bits(udp, &segments->udp);
  put_bits(kFormat.tagged ? kEach : 0, &segments->tagged);
  put_bits(ip.reverse, &segments->reverse);
  put_bits(stamped, &segments->stamped);
  meanwhile->Part(1);
  meanwhile->Done();
  return common;
}

// By its EtherTypes; nothing of what is neither IPv4 nor IPv6, behind one tag at most.
std::optional<Format> FormatOf(const uint8_t* frame, uint32_t bytes) {
  if (bytes < kEthernetBytes + kVlanTagBytes) return std::nullopt;
  constexpr uint32_t kType = kEthernetBytes - sizeof(uint16_t);
  auto type = LoadRaw<uint16_t>(frame + kType);
  const bool tagged = type == Swap16(ether_type::kVlan);
  if (tagged) type = LoadRaw<uint16_t>(frame + kType + kVlanTagBytes);
  const bool ipv6 = type == Swap16(ether_type::kIpv6);
  if (!ipv6 && type != Swap16(ether_type::kIpv4)) return std::nullopt;
  return Format{.ipv6 = ipv6, .tagged = tagged};
}

template <Others kOthers>
Mask ParseAs(Format format, const FrameLanes& frames, Mask eligible, KeyWords* words,
             SegmentLanes* segments, Fetches* meanwhile) {
  const auto parse = [&]<Format kFormat>() {
    return ParseFormat<kFormat, kOthers>(frames, eligible, words, segments, meanwhile);
  };
  if (format.tagged) [[unlikely]] {
    return format.ipv6 ? parse.template operator()<Format{true, true}>()
                       : parse.template operator()<Format{false, true}>();
  }
  return format.ipv6 ? parse.template operator()<Format{true, false}>()
                     : parse.template operator()<Format{false, false}>();
}

// What is left of a chunk after those in the first packet's format: of another one, if there are enough of it.
[[gnu::noinline]] Mask ParseOtherFormats(Format first_format, const FrameLanes& frames, Mask left,
                                         int worthwhile, KeyWords* words, SegmentLanes* segments,
                                         Fetches* meanwhile) {
  constexpr std::array<Format, 4> kFormats = {
      {{false, false}, {true, false}, {false, true}, {true, true}}};
  std::array<Mask, kFormats.size()> packets{};
  for (uint32_t bits = left; bits != 0; bits &= bits - 1) {
    const auto i = static_cast<uint32_t>(std::countr_zero(bits));
    const std::optional<Format> format = FormatOf(frames.data[i], frames.bytes[i]);
    if (!format || *format == first_format) continue;
    packets[format->ipv6 + 2 * format->tagged] |= static_cast<Mask>(1u << i);
  }
  Mask common = 0;
  for (size_t n = 0; n < kFormats.size(); ++n) {
    if (std::popcount(packets[n]) < worthwhile) continue;
    common |= ParseAs<Others::kKept>(kFormats[n], frames, packets[n], words, segments, meanwhile);
  }
  return common;
}

}  // namespace

Mask ParseLanes(const FrameLanes& frames, bool verify, KeyWords* words, SegmentLanes* segments,
                Fetches* meanwhile) {
  const Mask eligible = verify ? NotZero(frames.checksum_known_good) : kEach;
  // One format at a time, that of the first packet first: it is often that of all.
  const Format format = FormatOf(frames.data[0], frames.bytes[0]).value_or(Format());
  const Mask common =
      ParseAs<Others::kOverwritten>(format, frames, eligible, words, segments, meanwhile);
  const Mask left = eligible & ~common;
  constexpr int kWorthwhile = 4;
  if (std::popcount(left) < kWorthwhile) return common;
  return common | ParseOtherFormats(format, frames, left, kWorthwhile, words, segments, meanwhile);
}

void FillMetaLanes(const SegmentLanes& segments, const KeyWords& words, uint32_t first,
                   Mask packets, const uint8_t* const* data, PacketMeta* meta) {
  static_assert(offsetof(TcpHeader, seq) == 0 && offsetof(TcpHeader, ack) == 4 &&
                offsetof(TcpHeader, payload_bytes) == 8 && offsetof(TcpHeader, window) == 12 &&
                offsetof(TcpHeader, flags) == 14 && offsetof(TcpHeader, option_bytes) == 15 &&
                offsetof(TcpHeader, options) == 16);
  static_assert(offsetof(PacketMeta, tcp) == 0 && offsetof(PacketMeta, ip_bytes) == 24 &&
                offsetof(PacketMeta, kind) == 28 && offsetof(PacketMeta, malformed) == 29 &&
                offsetof(PacketMeta, direction) == 30 && offsetof(PacketMeta, whole_kind) == 31 &&
                offsetof(PacketMeta, vlan_tags) == 32 && offsetof(PacketMeta, syn) == 36 &&
                offsetof(PacketMeta, key) == 40);
  static_assert(offsetof(FlowKey, place) == 0 && offsetof(FlowKey, transport) == 8 &&
                offsetof(FlowKey, address) == 16);
  const auto field = [first](const SegmentLanes::Field& f) { return Load(&f[first]); };
  const Mask reverse = segments.reverse[first / kLanes];
  const Mask udp = segments.udp[first / kLanes];
  const auto ipv6 = static_cast<Mask>(words.ipv6 >> first);
  const Lanes tags = Select(segments.tagged[first / kLanes], All(1), All(0));
  const Lanes options = Select(ipv6, All(Format{.ipv6 = true}.header_bytes() + kTcpMinBytes),
                               All(Format{.ipv6 = false}.header_bytes() + kTcpMinBytes)) +
                        tags * kVlanTagBytes;
  const Words64 first_options = LoadWords(data + first) + WidenFirst(options);
  const Words64 last_options = LoadWords(data + first + kLanes / 2) + WidenLast(options);
  const Lanes kinds = Select(udp, All(static_cast<uint32_t>(PacketKind::kDatagram)),
                             All(static_cast<uint32_t>(PacketKind::kTcp)));
  constexpr auto kWholeKind = static_cast<uint32_t>(PacketKind::kNotIp) << 24;
  static_assert(static_cast<uint32_t>(Malformed::kNone) == 0);
  Matrix m;
  m.row[0] = field(segments.seq);
  m.row[1] = field(segments.ack);
  m.row[2] = field(segments.payload_bytes);
  m.row[3] = field(segments.flags_window);
  m.row[4] = Select(udp, All(0), LowHalves(first_options, last_options));
  m.row[5] = Select(udp, All(0), HighHalves(first_options, last_options));
  m.row[6] = field(segments.ip_bytes);
  m.row[7] = kinds | Select(reverse, All(1 << 16 | kWholeKind), All(kWholeKind));
  m.row[8] = tags | kOneFragment;
  m.row[9] =
      Select(HasAny(m.row[3], All(uint32_t{tcp_flag::kSyn} << 16)), field(segments.syn), All(0));
  const auto put_word = [&](const std::array<uint64_t, kMaxBurst>& from, uint32_t row) {
    const Words64 first_half = LoadWords(&from[first]);
    const Words64 last_half = LoadWords(&from[first + kLanes / 2]);
    m.row[row] = LowHalves(first_half, last_half);
    m.row[row + 1] = HighHalves(first_half, last_half);
  };
  put_word(words.place, 10);
  put_word(words.transport, 12);
  put_word(words.address[0], 14);
  Transpose(&m);
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i) {
    if ((packets >> i & 1) == 0) continue;
    Store(m.row[i], &meta[first + i]);
    if ((ipv6 >> i & 1) == 0) continue;
    for (size_t word = 1; word < words.address.size(); ++word)
      meta[first + i].key.address[word] = words.address[word][first + i];
  }
}

#else

void FillMetaLanes(const SegmentLanes&, const KeyWords&, uint32_t, Mask, const uint8_t* const*,
                   PacketMeta*) {}
Mask ParseLanes(const FrameLanes&, bool, KeyWords*, SegmentLanes*, Fetches*) { return 0; }

#endif

}  // namespace coretrack
