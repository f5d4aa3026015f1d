#include "dataplane/worker/established_lanes.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>

#include "dataplane/packet/protocols.h"
#include "dataplane/tcp/validate.h"
#include "dataplane/worker/established_path.h"
#include "dataplane/worker/line_lanes.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace line_lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// Which packets before one are its flow's. A lane's: of the sixteen, the last one that goes its way, and the last
// one that goes the other way.
struct Chains {
  bool any = false;  // one is not the first of its flow
  Test has_same, has_other;
  Lanes same, other;
  Mask last = kEach;  // nothing of its flow comes behind it
};

[[gnu::always_inline]] inline Chains ChainsOf(Lanes number, Test reverse) {
  Chains chains;
  if (!MayRepeat(number)) return chains;
  const Lanes before = Earlier(number);
  const uint32_t not_last = Union(before);
  chains.any = not_last != 0;
  const Mask back = reverse;
  const Lanes same = before & Select(reverse, All(back), All(static_cast<Mask>(~back)));
  const Lanes other = before & ~same;
  chains.has_same = IsSet(same);
  chains.has_other = IsSet(other);
  chains.same = HighestBit(same);
  chains.other = HighestBit(other);
  chains.last = static_cast<Mask>(~not_last);
  return chains;
}

// Calls `join(has, back)` until every lane has had, step by step, all those before it that go its way on its flow: of the lanes
// `has`, each is to join what it has with what lane `back` of it had before the call.
template <typename Join>
[[gnu::always_inline]] inline void Along(const Chains& chains, const Join& join) {
  Lanes back = chains.same;
  Test has = chains.has_same;
  while (Mask(has) != 0) {  // four times at most: each goes twice as far back
    join(has, back);
    has = has & Pick(has, back);
    back = Pick(back, back);
  }
}

// Not so far from where it was that who is later could not be told from both ends of a chain.
[[gnu::always_inline]] inline Test IsNear(Lanes value, Lanes was) {
  constexpr uint32_t kFar = 1u << 30;
  return Below(value - was + kFar, All(2 * kFar));
}

// As established::IsPlainFor() asks, and of the packets `udp` IsPlainDatagramFor().
[[gnu::always_inline]] inline Test IsNothingNew(const Matrix& held, Lanes d, Lanes payload_bytes,
                                                Mask udp) {
  const Lanes head = held.row[kHead], flags = held.row[kFlags], code = head >> 8 & kStateCodeMask;
  const Lanes seen = d + Select(Equal(payload_bytes, All(0)), All(flow_flag::kAckSeenShift),
                                All(flow_flag::kDataSeenShift));
  const Lanes odd = (code ^ established::kBothEstablished) | (flags & flow_flag::kAttention) |
                    (~Right(flags, seen) & 1);
  const Test plain = Equal(odd, All(0));
  if (udp == 0) [[likely]]
    return plain;
  static_assert(kOriginatorReverse == 1 << 7);
  const Test from_originator = Equal(head >> 15 & 1, d);
  const Test nothing_new =
      Equal(code, All(kDatagramAnswered)) | (Equal(code, All(kDatagramNew)) & from_originator);
  const Test is_udp = AsTest(udp);
  return (plain & ~is_udp) | (nothing_new & is_udp);
}

// Each one's.
[[gnu::always_inline]] inline Lanes TimeoutsOf(const PlainTimeouts& timeouts, Lanes head,
                                               Mask udp) {
  if (udp == 0) [[likely]]
    return All(timeouts.established_ms);
  const Test answered = Equal(head >> 8 & kStateCodeMask, All(kDatagramAnswered));
  return Select(udp, Select(answered, All(timeouts.udp_answered_ms), All(timeouts.udp_ms)),
                All(timeouts.established_ms));
}

// Bytes and packets as one number: sums of sixteen have room.
constexpr uint32_t kPacket = 1u << 24, kByteMask = kPacket - 1;

}  // namespace

Mask TrackEstablishedLanes(const SegmentLanes& segments, const KeyWords& words,
                           const FlowHash* hashes, AtomicLine* const* all_lines, uint32_t first,
                           Mask packets, Tick now, const PlainTimeouts& timeouts,
                           Fetches* meanwhile) {
  const Mask plain = segments.plain[first / kLanes] & packets;
  if (std::popcount(plain) < kEnoughForLanes) return 0;
  const Test reverse = AsTest(segments.reverse[first / kLanes]),
             stamped = AsTest(segments.stamped[first / kLanes]);
  const auto field = [first](const SegmentLanes::Field& f) { return Load(&f[first]); };
  Lines lines;
  alignas(kCacheLine) Places instead;
  Place(all_lines + first, &instead, &lines);
  auto& row = lines.held.row;
  LoadTransposed(lines.at, &lines.held);
  const Chains chains = ChainsOf(lines.number, reverse);
  const Lanes d = Select(reverse, All(1), All(0));
  const Lanes by_8 = d << 3, by_16 = d << 4;

  const Lanes head = row[kHead], flags = row[kFlags], payload_bytes = field(segments.payload_bytes);
  const Mask udp = segments.udp[first / kLanes] & plain;
  const Lanes timeout_ms = TimeoutsOf(timeouts, head, udp);
  // Deadlines in the future, and no further than now + timeout_ms: of one that comes nearer the wheel must hear.
  const Test known = IsNothingNew(lines.held, d, payload_bytes, udp) &
                     Below(row[kDeadline] - now.ms() - 1, timeout_ms);

  // tcp::IsInOrder(): every packet behind those of its flow that come before it. (Of UDP, and of its lines, all that is read here is 0.)
  const Lanes seq = field(segments.seq), ack = field(segments.ack);
  const Lanes ts_value = field(segments.ts_value), ts_echo = field(segments.ts_echo);
  const Lanes largest_window = DecodeWindow(Right(flags >> 16, by_8) & 0xff);
  const Lanes window = OfferedWindow(flags, d, field(segments.flags_window) & 0xffff);
  const Lanes end_after = seq + payload_bytes;
  Lanes latest_ack = ack, latest_limit = ack + window;
  Lanes counted = field(segments.ip_bytes) | kPacket, counted_back = All(0);
  Lines::Both end = lines.Get(kEnd, reverse), max_end = lines.Get(kMaxEnd, reverse);
  Lines::Both acked = lines.Get(kAck, reverse), ts = lines.Get(kTsRecent, reverse);
  // An echo of 0 says nothing (tcp::LaterTimestamp()).
  Lanes latest_echo = Select(Equal(ts_echo, All(0)), ts.receiver, ts_echo);
  Mask chained = kEach;
  if (chains.any) [[unlikely]] {
    const Test stamps = IsSet(ts.sender);
    chained = IsNear(ack, acked.sender) & IsNear(latest_limit, max_end.receiver) &
              // Both or none: which of them is on does not change on the way.
              ~(stamps ^ IsSet(ts.receiver)) & (~stamps | IsNear(latest_echo, ts.receiver));
    Along(chains, [&](Test has, Lanes back) {
      for (Lanes* latest : {&latest_ack, &latest_limit, &latest_echo})
        *latest = Select(has, Later(*latest, Pick(*latest, back)), *latest);
      counted += Select(has, Pick(counted, back), All(0));
    });
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
  const Test no_paws = Equal(ts.sender, All(0));
  const Test in_order = Equal(seq, end.sender) & ~Before(max_end.sender, seq) &
                        AtMost(end.receiver - ack, All(tcp::kMinAckWindow)) &
                        // A window larger than any before is coded, which is rare enough.
                        AtMost(window, largest_window) &
                        (no_paws | (stamped & ~Before(ts_value, ts.sender)));

  // Room in the deltas.
  const Lanes bytes = row[kBytes], counts = head >> 16;
  const Test room = AtMost((Right(bytes, by_16) & 0xffff) + (counted & kByteMask), All(0xffff)) &
                    AtMost((Right(counts, by_8) & 0xff) + (counted >> 24), All(0xff));

  Mask tracked = IsHeld(lines, words, hashes, first, plain & (known & in_order & room) & chained);
  // A flow's packets are tracked here all, or one by one.
  if (chains.any) [[unlikely]]
    tracked &= ~FlowsOf(lines.number, ~tracked);
  if (tracked == 0) return 0;

  // tcp::MoveInOrder(), and what is counted.
  lines.Set(kEnd, reverse, {end_after, end.receiver});
  lines.Set(kMaxEnd, reverse, {max_end.sender, Later(max_end.receiver, latest_limit)});
  lines.Set(kAck, reverse, {Later(acked.sender, latest_ack), acked.receiver});
  lines.Set(kTsRecent, reverse,
            {ts.sender, Select(no_paws, ts.receiver, Later(ts.receiver, latest_echo))});
  row[kBytes] =
      bytes + Left(counted & kByteMask, by_16) + Left(counted_back & kByteMask, 16 - by_16);
  // Word 0 as it will be: the next even version, the packets, the deadline.
  const Lanes added = Left(counted >> 24, by_8) + Left(counted_back >> 24, 8 - by_8);
  const Lanes head_after = ((head & 0xffffff00) + (added << 16)) | (((head | 1) + 1) & 0xff);
  meanwhile->Part(0);
  StoreLines(lines.held, Interleave(head_after, timeout_ms + now.ms()), all_lines + first,
             tracked & chains.last);
  meanwhile->Part(1);
  meanwhile->Done();
  return tracked;
}

#else

Mask TrackEstablishedLanes(const SegmentLanes&, const KeyWords&, const FlowHash*,
                           AtomicLine* const*, uint32_t, Mask, Tick, const PlainTimeouts&,
                           Fetches*) {
  return 0;
}

#endif

}  // namespace coretrack
