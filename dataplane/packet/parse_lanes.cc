#include "dataplane/packet/parse_lanes.h"

#include <bit>
#include <cstddef>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/header_lanes.h"
#include "dataplane/packet/option_lanes.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_options.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace header_lanes;  // NOLINT(google-build-using-namespace): as below
using namespace option_lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// Of those of `packets`, which are UDP, the common ones. `bytes` and `wire_bytes`: of frames. (No Headers: they would have to lie in
// memory then.)
[[gnu::noinline]] Mask SoundDatagrams(Lanes bytes, Lanes wire_bytes, Lanes link_bytes,
                                      Lanes ip_bytes, Lanes total_bytes, Lanes udp_length,
                                      Mask packets) {
  const Lanes stated = SwapBytes(udp_length) >> 16;
  const Lanes negative = (total_bytes - ip_bytes - stated) | (stated - kUdpBytes) |
                         (wire_bytes - link_bytes - total_bytes) |
                         (bytes - link_bytes - ip_bytes - kUdpBytes) | (wire_bytes - bytes);
  return packets & static_cast<Mask>(~IsNegative(negative));
}

// What is behind IP, and all that is stored. kWords: of addresses.
template <uint32_t kWords>
[[gnu::always_inline]] inline Mask Finish(const FrameLanes& frames, Lanes bytes, Lanes wire_bytes,
                                          Mask eligible, const Headers& ip, Matrix* matrix,
                                          KeyWords* words, SegmentLanes* segments,
                                          Fetches* meanwhile) {
  Matrix& m = *matrix;
  // Lengths. The data offset may be less than a header, and lengths more than there is: below zero then.
  Lanes fixed = SwapBytes(m.row[kFixed]);  // offset, flags, window
  const Lanes header_bytes = fixed >> 26 & 0x3c;
  Lanes option_bytes = header_bytes - kTcpMinBytes;
  Lanes payload_bytes = ip.total_bytes - ip.ip_bytes - header_bytes;
  const Test contradicted =
      IsNegative(payload_bytes | (wire_bytes - ip.link_bytes - ip.total_bytes) |
                 (bytes - (ip.link_bytes + ip.ip_bytes) - header_bytes) | (wire_bytes - bytes));

  using namespace tcp_flag;
  const Test tcp = ip.known & Equal(ip.protocol, All(ip_protocol::kTcp)) & ~contradicted;
  const Test without_options = Equal(option_bytes, All(0));
  const Test has_stamps =
      Equal(option_bytes, All(kTimestampsBytes)) & Equal(m.row[kOptions], All(kTimestampsBegin));
  const Test acknowledges = HasAny(fixed, All(0xffff)) &
                            Equal(fixed & uint32_t{kSyn | kFin | kRst | tcp_flag::kAck} << 16,
                                  All(uint32_t{tcp_flag::kAck} << 16));
  const Test is_plain = tcp & (without_options | has_stamps) & acknowledges;
  Mask stamped = has_stamps, plain = eligible & is_plain;
  Mask common = plain, udp = 0;
  if (plain != kEach) [[unlikely]] {
    const Mask sound = eligible & tcp, bare = without_options;
    const Mask syns = sound & HasAny(fixed, All(uint32_t{kSyn} << 16));
    constexpr uint32_t kNothing =
        SynOptions::kNoScale << SynOptions::kScaleShift | SynOptions::kKnown;
    SynLanes syn{
        .known = static_cast<Mask>(syns & bare), .word = All(kNothing), .ts_value = All(0)};
    if (syn.known != syns) {
      // (Copies: what is handed over by reference lies in memory, for all segments.)
      const Lanes first_words[] = {m.row[kOptions], m.row[kTsValue], m.row[kTsEcho]};
      const Lanes of_syn = option_bytes;
      syn = ReadSyns(frames, ip.link_bytes + ip.ip_bytes, of_syn, first_words, syns);
    }
    common = sound & ((~syns & (bare | stamped)) | syn.known);
    if (const Mask others = sound & static_cast<Mask>(~syns & ~common); others != 0) {
      Mask also_stamped;
      const Mask sack = HaveSack(frames, ip.link_bytes + ip.ip_bytes, option_bytes, m.row[kOptions],
                                 others, &also_stamped);
      common |= sack;
      stamped |= also_stamped;
      plain |= sack & acknowledges;
    }
    udp = eligible & (ip.known & Equal(ip.protocol, All(ip_protocol::kUdp)));
    if (udp != 0) {
      udp = SoundDatagrams(bytes, wire_bytes, ip.link_bytes, ip.ip_bytes, ip.total_bytes,
                           m.row[kUdpLength], udp);
      common |= udp;
      plain |= udp;
      stamped &= ~udp;
      const auto of_tcp = [udp](Lanes* field) { *field = Select(udp, All(0), *field); };
      of_tcp(&m.row[kSeq]);
      of_tcp(&m.row[header_lanes::kAck]);
      of_tcp(&m.row[kTsValue]);
      of_tcp(&m.row[kTsEcho]);
      of_tcp(&payload_bytes);
      of_tcp(&fixed);
      of_tcp(&option_bytes);
    }
    if (syns != 0) {
      Store(syn.word, &segments->syn[frames.first]);
      m.row[kTsValue] = Select(syns, syn.ts_value, m.row[kTsValue]);
    }
  }

  const uint32_t first = frames.first;
  const auto put_words = [first](Lanes low, Lanes high, std::array<uint64_t, kMaxBurst>* to) {
    const auto [first_half, last_half] = Interleave(low, high);
    StoreWords(first_half, &(*to)[first]);
    StoreWords(last_half, &(*to)[first + kLanes / 2]);
  };
  for (uint32_t word = 0; word < kWords; ++word)
    put_words(ip.address[2 * word], ip.address[2 * word + 1], &words->address[word]);
  const Lanes ports = m.row[kPorts];
  // As MakeContext() has it.
  put_words(Select(ip.reverse, SwapHalves(ports), ports), ip.protocol | ip.vlan << 8,
            &words->transport);
  const Lanes version = Select(ip.ipv6, All(FlowKey::kIpv6Place), All(0));
  const Lanes place = LoadBytes(frames.zone) | version;
  StoreWords(WidenFirst(place), &words->place[first]);
  StoreWords(WidenLast(place), &words->place[first + kLanes / 2]);
  words->ipv6 = (words->ipv6 & ~(uint64_t{kEach} << first)) |
                uint64_t{static_cast<Mask>(common & ip.ipv6)} << first;

  const auto put = [first](Lanes value, SegmentLanes::Field* to) { Store(value, &(*to)[first]); };
  put(SwapBytes(m.row[kSeq]), &segments->seq);
  put(SwapBytes(m.row[header_lanes::kAck]), &segments->ack);
  put(payload_bytes, &segments->payload_bytes);
  put((fixed & 0x00ffffff) | option_bytes << 24, &segments->flags_window);
  put(ip.total_bytes, &segments->ip_bytes);
  put(SwapBytes(m.row[kTsValue]), &segments->ts_value);
  put(SwapBytes(m.row[kTsEcho]), &segments->ts_echo);
  const auto put_bits = [first](Mask bits, SegmentLanes::Bits* to) {
    (*to)[first / kLanes] = bits;
  };
  put_bits(common, &segments->common);
  put_bits(plain, &segments->plain);
  put_bits(udp, &segments->udp);
  put_bits(ip.tagged, &segments->tagged);
  put_bits(ip.reverse, &segments->reverse);
  put_bits(stamped, &segments->stamped);
  meanwhile->Part(1);
  meanwhile->Done();
  return common;
}

// Those of one format.
template <Format kFormat>
[[gnu::always_inline]] inline Mask ParseOneFormat(const FrameLanes& frames, Mask eligible,
                                                  KeyWords* words, SegmentLanes* segments,
                                                  Fetches* meanwhile) {
  const Lanes bytes = LoadAnywhere(frames.bytes), wire_bytes = LoadAnywhere(frames.wire_bytes);
  Matrix m;
  LoadRows<RowBegins(kFormat)>(frames, bytes, &m);
  meanwhile->Part(0);
  Headers headers;
  Lanes type, before_type;
  if constexpr (kFormat.ipv6) {
    const Quarter begin = LoadBeginnings(frames, bytes);
    constexpr uint32_t kType = kFormat.tag_bytes() / 4;
    type = begin.row[kType];
    before_type = begin.row[0];
    headers = ReadIpv6(m, begin.row[kType + 1], begin.row[kType + 2]);
  } else {
    type = m.row[2];
    before_type = m.row[1];
    headers = ReadIpv4(m);
  }
  headers.known =
      headers.known & HasType(type, kFormat.ipv6 ? ether_type::kIpv6 : ether_type::kIpv4);
  if (kFormat.tagged) headers.known = headers.known & HasType(before_type, ether_type::kVlan);
  headers.link_bytes = All(kFormat.link_bytes());
  headers.ipv6 = kFormat.ipv6 ? kEach : 0;
  headers.tagged = kFormat.tagged ? kEach : 0;
  headers.vlan = kFormat.tagged ? VlanOf(type) : All(0);
  constexpr uint32_t kWords = kFormat.ipv6 ? 4 : 1;
  return Finish<kWords>(frames, bytes, wire_bytes, eligible, headers, &m, words, segments,
                        meanwhile);
}

template <Format kFormat>
[[gnu::noinline]] Mask ParseFormat(const FrameLanes& frames, Mask eligible, KeyWords* words,
                                   SegmentLanes* segments, Fetches* meanwhile) {
  return ParseOneFormat<kFormat>(frames, eligible, words, segments, meanwhile);
}

// What frames' beginnings say of their formats.
struct Formats {
  Mask tagged;
  Lanes type;  // the number that ends with IP's EtherType
  Mask ipv4, ipv6;
};
[[gnu::always_inline]] inline Formats FormatsOf(const Quarter& begin) {
  const Mask tagged = HasType(begin.row[0], ether_type::kVlan);
  const Lanes type = Select(tagged, begin.row[1], begin.row[0]);
  return {tagged, type, HasType(type, ether_type::kIpv4), HasType(type, ether_type::kIpv6)};
}
// How many of `packets` are of another format than `one`.
int CountOthers(const Formats& formats, const Format& one, Mask packets) {
  const Mask of_version = one.ipv6 ? formats.ipv6 : formats.ipv4;
  const Mask of_one = of_version & (one.tagged ? formats.tagged : ~formats.tagged);
  return std::popcount(static_cast<Mask>(packets & (formats.ipv4 | formats.ipv6) & ~of_one));
}

// Those of all formats: each one's row is where its own format has it.
[[gnu::noinline]] Mask ParseFormats(const FrameLanes& frames, Mask eligible, KeyWords* words,
                                    SegmentLanes* segments, Fetches* meanwhile) {
  const Lanes bytes = LoadAnywhere(frames.bytes), wire_bytes = LoadAnywhere(frames.wire_bytes);
  const Quarter begin = LoadBeginnings(frames, bytes);
  const Formats formats = FormatsOf(begin);
  const Lanes tag_bytes = Select(formats.tagged, All(kVlanTagBytes), All(0));
  const Lanes begins =
      Select(formats.ipv6, All(RowBegins({.ipv6 = true})), All(RowBegins({.ipv6 = false}))) +
      tag_bytes;
  Matrix m;
  LoadRows(frames, bytes, begins, &m);
  meanwhile->Part(0);
  Headers headers = ReadIpv6(m, Select(formats.tagged, begin.row[2], begin.row[1]),
                             Select(formats.tagged, begin.row[3], begin.row[2]));
  const Headers of_ipv4 = ReadIpv4(m);
  const Test ipv4 = AsTest(formats.ipv4), ipv6 = AsTest(formats.ipv6);
  headers.known = (headers.known & ipv6) | (of_ipv4.known & ipv4);
  headers.reverse = (headers.reverse & ~ipv4) | (of_ipv4.reverse & ipv4);
  for (const auto field : {&Headers::ip_bytes, &Headers::protocol, &Headers::total_bytes})
    headers.*field = Select(ipv4, of_ipv4.*field, headers.*field);
  for (uint32_t half = 0; half < 2; ++half)
    headers.address[half] = Select(ipv4, of_ipv4.address[half], headers.address[half]);
  headers.ipv6 = formats.ipv6;
  headers.tagged = formats.tagged;
  headers.link_bytes = kEthernetBytes + tag_bytes;
  headers.vlan = Select(formats.tagged, VlanOf(formats.type), All(0));
  const auto ones = [](Mask some) { return some == 0 || some == kEach; };
  segments->many_formats = !ones(formats.ipv6) || !ones(formats.tagged);
  return Finish<4>(frames, bytes, wire_bytes, eligible, headers, &m, words, segments, meanwhile);
}

// By its EtherTypes; what is neither IPv4 nor IPv6 behind one tag at most is something.
Format FormatOf(const uint8_t* frame, uint32_t bytes) {
  if (bytes < kEthernetBytes + kVlanTagBytes) return {};
  constexpr uint32_t kType = kEthernetBytes - sizeof(uint16_t);
  auto type = LoadRaw<uint16_t>(frame + kType);
  const bool tagged = type == Swap16(ether_type::kVlan);
  if (tagged) type = LoadRaw<uint16_t>(frame + kType + kVlanTagBytes);
  return {.ipv6 = type == Swap16(ether_type::kIpv6), .tagged = tagged};
}

}  // namespace

Mask ParseLanes(const FrameLanes& frames, bool verify, KeyWords* words, SegmentLanes* segments,
                Fetches* meanwhile) {
  const Mask eligible = verify ? NotZero(frames.checksum_known_good) : kEach;
  if (segments->many_formats) return ParseFormats(frames, eligible, words, segments, meanwhile);
  // That of the first packet is nearly always that of all.
  const Format format = FormatOf(frames.data[0], frames.bytes[0]);
  const auto parse = [&]<Format kFormat>() {
    return ParseFormat<kFormat>(frames, eligible, words, segments, meanwhile);
  };
  Mask common;
  if (!format.tagged && !format.ipv6) [[likely]] {
    common = ParseOneFormat<Format{}>(frames, eligible, words, segments, meanwhile);
  } else if (!format.tagged) {
    common = parse.template operator()<Format{true, false}>();
  } else {
    common = format.ipv6 ? parse.template operator()<Format{true, true}>()
                         : parse.template operator()<Format{false, true}>();
  }
  const Mask left = eligible & ~common;
  constexpr int kWorthwhile = kLanes / 4;
  if (std::popcount(left) < kWorthwhile) return common;
  const Quarter begin = LoadBeginnings(frames, LoadAnywhere(frames.bytes));
  if (CountOthers(FormatsOf(begin), format, left) < kWorthwhile) return common;
  return ParseFormats(frames, eligible, words, segments, meanwhile);
}

#else

Mask ParseLanes(const FrameLanes&, bool, KeyWords*, SegmentLanes*, Fetches*) { return 0; }

#endif

}  // namespace coretrack
