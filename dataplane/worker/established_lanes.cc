#include "dataplane/worker/established_lanes.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>

#include "dataplane/packet/protocols.h"
#include "dataplane/tcp/validate.h"
#include "dataplane/worker/established_path.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// What null stands for: a line for each lane, that holds nothing; and one behind the last.
const AtomicLine kNoLine[kLanes + 1];
alignas(kCacheLine) const std::array<const AtomicLine*, kLanes> kNothing = [] {
  std::array<const AtomicLine*, kLanes> lines;
  for (uint32_t i = 0; i < kLanes; ++i) lines[i] = &kNoLine[i];
  return lines;
}();

constexpr uint32_t RowOf(size_t byte) { return static_cast<uint32_t>(byte / sizeof(uint32_t)); }
constexpr uint32_t kHead = 0, kDeadline = RowOf(offsetof(FlowLine, deadline_ms)),
                   kPorts = RowOf(offsetof(FlowLine, ports)),
                   kContext = RowOf(offsetof(FlowLine, context)),
                   kAddress = RowOf(offsetof(FlowLine, address)),
                   kFlags = RowOf(offsetof(FlowLine, zone_flags)),
                   kBytes = RowOf(offsetof(FlowLine, bytes)),
                   kProtocol = RowOf(offsetof(FlowLine, protocol_words)), kEnd = kProtocol,
                   kMaxEnd = kProtocol + 2, kAck = kProtocol + 4, kTsRecent = kProtocol + 6;
static_assert(offsetof(FlowLine, zone_flags) % 4 == 0 && offsetof(FlowLine, scales) % 4 == 1 &&
              offsetof(FlowLine, max_window) % 4 == 2);

// The halves of sixteen 64-bit words from `first` on.
template <typename Words>
[[gnu::always_inline]] inline Lanes LowHalves(const Words& words, uint32_t first) {
  return lanes::LowHalves(LoadWords(&words[first]), LoadWords(&words[first + kLanes / 2]));
}
template <typename Words>
[[gnu::always_inline]] inline Lanes HighHalves(const Words& words, uint32_t first) {
  return lanes::HighHalves(LoadWords(&words[first]), LoadWords(&words[first + kLanes / 2]));
}

inline Lanes Later(Lanes a, Lanes b) { return Select(Before(a, b), b, a); }
inline Mask IsSet(Lanes a) { return HasAny(a, a); }

// Sixteen lines: where they are, what they hold, and as numbers that tell them apart.
struct Lines {
  const AtomicLine* at[kLanes];
  Matrix held;
  Lanes number;

  // Of the direction that a packet goes, and of the other one: the field whose two rows begin at `row`.
  struct Both {
    Lanes sender, receiver;
  };
  [[gnu::always_inline]] Both Get(uint32_t row, Mask reverse) const {
    return {Select(reverse, held.row[row + 1], held.row[row]),
            Select(reverse, held.row[row], held.row[row + 1])};
  }
  [[gnu::always_inline]] void Set(uint32_t row, Mask reverse, const Both& value) {
    held.row[row] = Select(reverse, value.receiver, value.sender);
    held.row[row + 1] = Select(reverse, value.sender, value.receiver);
  }
};

[[gnu::always_inline]] inline void Place(AtomicLine* const* lines, Lines* to) {
  // Of its own: what must be in memory takes with it the structure that it is part of.
  alignas(kCacheLine) const AtomicLine* at[kLanes];
  const auto place = [&](uint32_t from) {
    const Words64 line = LoadWords(lines + from), nothing = LoadWords(kNothing.data() + from);
    const Words64 there = line != 0 ? line : nothing;
    StoreWords(there, at + from);
    return there;
  };
  const Words64 first = place(0), last = place(kLanes / 2);
  KeepInMemory(&at);
  for (uint32_t i = 0; i < kLanes; ++i) to->at[i] = at[i];
  to->number = lanes::LowHalves(first >> 6, last >> 6);  // 64 bytes apart, fewer than 2^32
}

// Those of the packets `ipv6` whose addresses are not the ones behind their line.
inline Mask OtherAddresses(const KeyWords& words, uint32_t first, const Lines& lines, Mask ipv6) {
  const void* behind[kLanes];
  // Of the others, what is here already.
  for (uint32_t i = 0; i < kLanes; ++i) behind[i] = lines.at[i] + (ipv6 >> i & 1);
  const auto others = [&](uint32_t from) -> uint32_t {
    Words64 address[4];
    static_assert(std::size(address) == std::tuple_size_v<decltype(words.address)>);
    for (size_t word = 0; word < std::size(address); ++word)
      address[word] = LoadWords(&words.address[word][first + from]);
    return OtherRows(behind + from, address);
  };
  return static_cast<Mask>(ipv6 & (others(0) | others(kLanes / 2) << (kLanes / 2)));
}

// Is it the packet's flow?
[[gnu::always_inline]] inline Mask IsHeld(const Lines& lines, const KeyWords& words,
                                          const FlowHash* hashes, uint32_t first, Mask packets) {
  const auto& row = lines.held.row;
  // An IPv6 line has the hash in place of addresses, and these behind it.
  const auto ipv6 = static_cast<Mask>(words.ipv6 >> first & packets);
  Lanes address0 = LowHalves(words.address[0], first);
  Lanes address1 = HighHalves(words.address[0], first);
  if (ipv6 != 0) [[unlikely]] {
    address0 = Select(ipv6, LowHalves(hashes, first), address0);
    address1 = Select(ipv6, HighHalves(hashes, first), address1);
  }
  const Lanes difference = (row[kPorts] ^ LowHalves(words.transport, first)) |
                           (row[kContext] ^ HighHalves(words.transport, first)) |
                           (row[kAddress] ^ address0) | (row[kAddress + 1] ^ address1) |
                           ((row[kFlags] ^ LowHalves(words.place, first)) & flow_flag::kZoneMask);
  const Mask held = packets & Equal(difference, All(0));
  return ipv6 == 0 ? held : held & ~OtherAddresses(words, first, lines, ipv6);
}

// Which packets before one are its flow's. A lane's: of the sixteen, the last one that goes its way, and the last
// one that goes the other way.
struct Chains {
  Mask any = 0;  // not the first of its flow
  Mask has_same = 0, has_other = 0;
  Lanes same{}, other{};
  Mask last = kEach;  // nothing of its flow comes behind it
};

[[gnu::always_inline]] inline Chains ChainsOf(Lanes number, Mask reverse) {
  Chains chains;
  const Lanes before = Earlier(number);
  chains.any = IsSet(before);
  if (chains.any == 0) return chains;
  const Lanes same = before & Select(reverse, All(reverse), All(static_cast<Mask>(~reverse)));
  const Lanes other = before & ~same;
  chains.has_same = IsSet(same);
  chains.has_other = IsSet(other);
  chains.same = HighestBit(same);
  chains.other = HighestBit(other);
  chains.last = static_cast<Mask>(~Union(before));
  return chains;
}

// All lanes of those flows of which one lane is in `some`.
inline Mask FlowsOf(Lanes number, Mask some) {
  alignas(kCacheLine) uint32_t numbers[kLanes];
  Spill(number, &numbers);
  Mask all = some;
  for (uint32_t left = some; left != 0; left &= left - 1)
    all |= Equal(number, All(numbers[std::countr_zero(left)]));
  return all;
}

// For every lane: `join` of its value and those of all before it that go its way on its flow.
template <typename Join>
[[gnu::always_inline]] inline Lanes Along(const Chains& chains, Lanes values, const Join& join) {
  Lanes back = chains.same;
  Mask has = chains.has_same;
  for (uint32_t reach = 1; reach < kLanes; reach *= 2) {
    values = Select(has, join(values, Pick(values, back)), values);
    has &= IsSet(Pick(Select(has, All(1), All(0)), back));
    back = Pick(back, back);
  }
  return values;
}

// Not so far from where it was that who is later could not be told from both ends of a chain.
[[gnu::always_inline]] inline Mask IsNear(Lanes value, Lanes was) {
  constexpr uint32_t kFar = 1u << 30;
  return Below(value - was + kFar, All(2 * kFar));
}

// As established::IsPlainFor() asks, and whether the deadline is in the future, and no further than now + timeout_ms.
[[gnu::always_inline]] inline Mask IsNothingNew(const Matrix& held, Lanes d, Lanes payload_bytes,
                                                Tick now, uint32_t timeout_ms) {
  const Lanes head = held.row[kHead], flags = held.row[kFlags];
  const Lanes seen = d + flow_flag::kAckSeenShift +
                     Select(IsSet(payload_bytes),
                            All(flow_flag::kDataSeenShift - flow_flag::kAckSeenShift), All(0));
  const Lanes odd = ((head >> 8 & kStateCodeMask) ^ established::kBothEstablished) |
                    (flags & flow_flag::kAttention) | (~Right(flags, seen) & 1);
  return Equal(odd, All(0)) & Below(held.row[kDeadline] - now.ms() - 1, All(timeout_ms));
}

// Writes each line that is in `stored`: what `held` has of it, and word 0 as it is to be.
[[gnu::always_inline]] inline void StoreLines(Matrix* held, const Halves& word0,
                                              AtomicLine* const* lines, Mask stored) {
  alignas(kCacheLine) uint64_t word0_after[kLanes];
  StoreWords(word0.first, word0_after);
  StoreWords(word0.last, word0_after + kLanes / 2);
  KeepInMemory(&word0_after);
  held->row[kHead] |= 1;  // as BeginWrite() leaves it
  Transpose(held);
  const auto store = [lines, &word0_after](uint32_t i, Lanes row) {
    AtomicLine& line = *lines[i];
    BeginWrite(line);
    std::atomic_signal_fence(std::memory_order_release);
    Store(row, &line);
    std::atomic_signal_fence(std::memory_order_release);
    line.words[0].store(word0_after[i], std::memory_order_release);
  };
  if (stored == kEach) [[likely]] {
#pragma GCC unroll 16
    for (uint32_t i = 0; i < kLanes; ++i) store(i, held->row[i]);
    return;
  }
  alignas(kCacheLine) Matrix rows = *held;
  KeepInMemory(&rows);
  for (uint32_t left = stored; left != 0; left &= left - 1) {
    const auto i = static_cast<uint32_t>(std::countr_zero(left));
    store(i, rows.row[i]);
  }
}

// Bytes and packets as one number: sums of sixteen have room.
constexpr uint32_t kPacket = 1u << 24, kByteMask = kPacket - 1;

}  // namespace

Mask TrackEstablishedLanes(const SegmentLanes& segments, const KeyWords& words,
                           const FlowHash* hashes, AtomicLine* const* all_lines, uint32_t first,
                           Mask packets, Tick now, uint32_t timeout_ms, Fetches* meanwhile) {
  const Mask plain = segments.plain[first / kLanes] & packets,
             reverse = segments.reverse[first / kLanes], stamped = segments.stamped[first / kLanes];
  if (std::popcount(plain) < kEnoughForLanes) return 0;
  const auto field = [first](const SegmentLanes::Field& f) { return Load(&f[first]); };
  Lines lines;
  Place(all_lines + first, &lines);
  auto& row = lines.held.row;
#pragma GCC unroll 16
  for (uint32_t i = 0; i < kLanes; ++i) row[i] = Load(lines.at[i]);
  const Chains chains = ChainsOf(lines.number, reverse);
  Transpose(&lines.held);
  meanwhile->Part(0);
  const Lanes d = Select(reverse, All(1), All(0));
  const Lanes by_8 = d << 3, by_16 = d << 4;

  const Lanes head = row[kHead], flags = row[kFlags], payload_bytes = field(segments.payload_bytes);
  const Mask established = IsNothingNew(lines.held, d, payload_bytes, now, timeout_ms);

  // tcp::IsInOrder(): every packet behind those of its flow that come before it.
  const Lanes seq = field(segments.seq), ack = field(segments.ack);
  const Lanes ts_value = field(segments.ts_value), ts_echo = field(segments.ts_echo);
  const Lanes window_code = (Right(flags >> 16, by_8) & 0xff) - 1;
  const Lanes largest_window = Left((window_code & 7) + 8, window_code >> 3);
  const Lanes scale = Least(Right(flags >> 8, d << 2) & 0xf, All(tcp::kMaxScale));
  const Lanes window = Left(field(segments.flags_window) & 0xffff, scale);
  const Lanes end_after = seq + payload_bytes;
  Lanes latest_ack = ack, latest_limit = ack + window;
  Lanes counted = field(segments.ip_bytes) | kPacket, counted_back = All(0);
  Lines::Both end = lines.Get(kEnd, reverse), max_end = lines.Get(kMaxEnd, reverse);
  Lines::Both acked = lines.Get(kAck, reverse), ts = lines.Get(kTsRecent, reverse);
  // An echo of 0 says nothing (tcp::LaterTimestamp()).
  Lanes latest_echo = Select(IsSet(ts_echo), ts_echo, ts.receiver);
  Mask chained = kEach;
  if (chains.any != 0) {
    const Mask stamps = IsSet(ts.sender);
    chained = IsNear(ack, acked.sender) & IsNear(latest_limit, max_end.receiver) &
              // Both or none: which of them is on does not change on the way.
              ~(stamps ^ IsSet(ts.receiver)) & (~stamps | IsNear(latest_echo, ts.receiver));
    latest_ack = Along(chains, latest_ack, Later);
    latest_limit = Along(chains, latest_limit, Later);
    latest_echo = Along(chains, latest_echo, Later);
    counted = Along(chains, counted, [](Lanes a, Lanes b) { return a + b; });
    const auto there = [&chains](Lanes value, Lanes otherwise) {
      return Select(chains.has_other, Pick(value, chains.other), otherwise);
    };
    counted_back = there(counted, All(0));
    end.sender = Select(chains.has_same, Pick(end_after, chains.same), end.sender);
    end.receiver = there(end_after, end.receiver);
    max_end.sender = Later(max_end.sender, there(latest_limit, max_end.sender));
    acked.receiver = Later(acked.receiver, there(latest_ack, acked.receiver));
    ts.sender = Select(stamps, Later(ts.sender, there(latest_echo, ts.sender)), ts.sender);
  }
  const Mask paws = IsSet(ts.sender);
  const Mask in_order = Equal(seq, end.sender) & ~Before(max_end.sender, seq) &
                        AtMost(end.receiver - ack, All(tcp::kMinAckWindow)) &
                        // A window larger than any before is coded, which is rare enough.
                        AtMost(window, largest_window) &
                        (~paws | (stamped & ~Before(ts_value, ts.sender)));

  meanwhile->Part(1);
  // Room in the deltas.
  const Lanes bytes = row[kBytes], counts = head >> 16;
  const Mask room = AtMost((Right(bytes, by_16) & 0xffff) + (counted & kByteMask), All(0xffff)) &
                    AtMost((Right(counts, by_8) & 0xff) + (counted >> 24), All(0xff));

  Mask tracked =
      IsHeld(lines, words, hashes, first, plain & established & in_order & room & chained);
  // A flow's packets are tracked here all, or one by one.
  if (chains.any != 0) tracked &= ~FlowsOf(lines.number, ~tracked);
  if (tracked == 0) return 0;

  meanwhile->Part(2);
  // tcp::MoveInOrder(), and what is counted.
  lines.Set(kEnd, reverse, {end_after, end.receiver});
  lines.Set(kMaxEnd, reverse, {max_end.sender, Later(max_end.receiver, latest_limit)});
  lines.Set(kAck, reverse, {Later(acked.sender, latest_ack), acked.receiver});
  lines.Set(kTsRecent, reverse,
            {ts.sender, Select(paws, Later(ts.receiver, latest_echo), ts.receiver)});
  row[kBytes] =
      bytes + Left(counted & kByteMask, by_16) + Left(counted_back & kByteMask, 16 - by_16);
  // Word 0 as it will be: the next even version, the packets, the deadline.
  const Lanes added = Left(counted >> 24, by_8) + Left(counted_back >> 24, 8 - by_8);
  const Lanes head_after = ((head & 0xffffff00) + (added << 16)) | (((head | 1) + 1) & 0xff);
  StoreLines(&lines.held, Interleave(head_after, All(now.ms() + timeout_ms)), all_lines + first,
             tracked & chains.last);
  meanwhile->Part(3);
  meanwhile->Done();
  return tracked;
}

#else

Mask TrackEstablishedLanes(const SegmentLanes&, const KeyWords&, const FlowHash*,
                           AtomicLine* const*, uint32_t, Mask, Tick, uint32_t, Fetches*) {
  return 0;
}

#endif

}  // namespace coretrack
