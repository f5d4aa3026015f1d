#include "dataplane/worker/opening_lanes.h"

#include <bit>

#include "dataplane/packet/protocols.h"
#include "dataplane/packet/tcp_options.h"
#include "dataplane/worker/detail_lanes.h"
#include "dataplane/worker/established_lanes.h"
#include "dataplane/worker/established_path.h"

namespace coretrack {

#ifdef CORETRACK_LANES

using namespace line_lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

namespace {

constexpr uint32_t kSeen = detail_flag::SynSeen(0), kSack = detail_flag::Sack(0),
                   kStamps = detail_flag::Timestamps(0);

// What a SYN's options say of its sender, as facts of direction 0, without the window scale.
[[gnu::always_inline]] inline Lanes Said(Lanes says) {
  return kSeen | Select(HasAny(says, All(SynOptions::kSackPermitted)), All(kSack), All(0)) |
         Select(IsSet(says >> SynOptions::kStampShift), All(kStamps), All(0));
}
inline Lanes OfferedScale(Lanes says) { return says >> SynOptions::kScaleShift & 0xf; }

// Those of `packets` that have no payload, a window, and of SYN, FIN, RST and ACK `flags`.
[[gnu::always_inline]] inline Mask ArePlain(const SegmentLanes& segments, uint32_t first,
                                            Mask packets, uint32_t flags) {
  const Lanes flags_window = Load(&segments.flags_window[first]);
  constexpr uint32_t kFlags = tcp_flag::kSyn | tcp_flag::kFin | tcp_flag::kRst | tcp_flag::kAck;
  return packets & segments.common[first / kLanes] &
         Equal(flags_window & kFlags << 16, All(flags << 16)) & HasAny(flags_window, All(0xffff)) &
         Equal(Load(&segments.payload_bytes[first]), All(0));
}

}  // namespace

Mask ComposeOpenings(const SegmentLanes& segments, const KeyWords& words, const FlowHash* hashes,
                     uint32_t first, Mask packets, Openings* openings) {
  const auto field = [first](const SegmentLanes::Field& f) { return Load(&f[first]); };
  Mask opening = ArePlain(segments, first, packets, tcp_flag::kSyn);
  if (std::popcount(opening) < kEnoughForLanes) return 0;
  const Lanes hash = LowHalves(hashes, first);
  if (MayRepeat(hash)) [[unlikely]]
    opening &= ~FlowsOf(hash, IsSet(Earlier(hash)));

  const Test reverse = AsTest(segments.reverse[first / kLanes]);
  const Lanes d = Select(reverse, All(1), All(0)), other = 1 - d;
  const auto of_sender = [reverse](Lanes value) {
    return Interleave(Select(reverse, All(0), value), Select(reverse, value, All(0)));
  };
  const auto put = [](const Halves& halves, uint64_t* to) {
    StoreWords(halves.first, to);
    StoreWords(halves.last, to + kLanes / 2);
  };
  const Lanes says = field(segments.syn);
  const Lanes facts = Left(Said(says), d) | Left(OfferedScale(says) << kOfferedShift, d << 2) |
                      Left(All(tcp::kNoScale << kOfferedShift), other << 2) |
                      Left(All(1u << kProvisionalShift), other);
  put(Interleave(Left(says & SynOptions::kMss, d << 4), facts), openings->detail_word0);
  const Lanes zone = LowHalves(words.place, first) & flow_flag::kZoneMask;
  const Lanes window = field(segments.flags_window) & 0xffff;
  const Lanes flags = zone | flow_flag::kAttention |
                      Left(All(tcp::kUnknownScale << line_word::ScaleShift(0)), d << 2) |
                      Left(EncodeWindow(window) << line_word::MaxWindowShift(0), d << 3);
  put(Interleave(flags, Left(field(segments.ip_bytes), d << 4)), openings->line_word3);
  put(of_sender(field(segments.seq) + 1), openings->end);
  put(of_sender(field(segments.ts_value)), openings->timestamp);
  constexpr uint8_t kState = StateCode({tcp::State::kSynSent, tcp::State::kListen});
  Store(All(kState << 8) | Select(reverse, All(kOriginatorReverse << 8), All(0)) |
            Left(All(1u << 16), d << 3),
        openings->head);
  return opening;
}

void TrackAnswerLanes(const SegmentLanes& segments, const KeyWords& words, const FlowHash* hashes,
                      AtomicLine* const* all_lines, const FlowTable& table, Histories* histories,
                      uint32_t first, Mask packets, Now now, const tcp::TimeoutsMs& timeouts_ms,
                      StepsTracked* steps) {
  const auto field = [first](const SegmentLanes::Field& f) { return Load(&f[first]); };
  const Lanes window = field(segments.flags_window) & 0xffff;
  const Mask reversed = segments.reverse[first / kLanes];
  const Test reverse = AsTest(reversed);
  const Mask eligible = ArePlain(segments, first, packets, tcp_flag::kSyn | tcp_flag::kAck);
  steps->tracked = 0;
  if (std::popcount(eligible) < kEnoughForLanes) return;
  Lines lines;
  Details details;
  alignas(kCacheLine) Places instead;
  LoadLines(table, all_lines + first, eligible, &instead, &lines, &details);
  auto& row = lines.held.row;

  const Lanes d = Select(reverse, All(1), All(0)), other = 1 - d;
  const Lanes head = row[kHead], flags = row[kFlags], state = head >> 8 & 0xff;
  const Lanes seq = field(segments.seq), ack = field(segments.ack);
  Lines::Both end = lines.Get(kEnd, reverse), max_end = lines.Get(kMaxEnd, reverse);
  Lines::Both acked = lines.Get(kAck, reverse), ts = lines.Get(kTsRecent, reverse);
  const Lanes max_window_of_sender = Right(flags >> 16, d << 3) & 0xff;
  const Lanes max_window_of_receiver = Right(flags >> 16, other << 3) & 0xff;
  const Lanes ip_bytes = field(segments.ip_bytes);
  constexpr uint8_t kBefore = StateCode({tcp::State::kSynSent, tcp::State::kListen});
  constexpr tcp::StatePair kPairAfter = {tcp::State::kSynSent, tcp::State::kSynRcvd};
  const Test from_responder = reverse ^ IsSet(state & kOriginatorReverse);
  const Test room = HaveRoom(lines, d, ip_bytes);
  Mask tracked = eligible & (from_responder & Equal(state & kStateCodeMask, All(kBefore)) &
                             Equal(ack, end.receiver) & Equal(ack, max_end.receiver) &
                             Equal(max_window_of_sender, All(0)) & IsSet(max_window_of_receiver) &
                             Before(All(now.tick.ms()), row[kDeadline]) & room);
  tracked = AreHeldOnce(lines, words, hashes, first, tracked);
  if (tracked == 0) return;

  LoadDetails(&details);
  constexpr uint32_t kBothSeen = kSeen | detail_flag::SynSeen(1),
                     kBothStamps = kStamps | detail_flag::Timestamps(1);
  tracked &= static_cast<Mask>(~HasAny(details.facts, All(kKept))) &
             Equal(details.facts & kBothSeen, Left(All(kSeen), other));
  if (tracked == 0) return;
  AddLetters(histories, All(Histories::Code(Letter::kSynAck, true)), tracked, &details);

  // The facts: what the segment says of its sender, in place of what there was.
  const Lanes says = field(segments.syn);
  const Lanes facts =
      (details.facts & ~(Left(All(kSeen | kSack | kStamps | 1u << kProvisionalShift), d) |
                         Left(All(0xfu << kOfferedShift), d << 2))) |
      Left(Said(says), d) | Left(OfferedScale(says) << kOfferedShift, d << 2);
  const Lanes mss =
      (details.mss & ~Left(All(0xffff), d << 4)) | Left(says & SynOptions::kMss, d << 4);
  // A window scale is in force only if both SYNs carry it, and so is PAWS (RFC 7323 1.3).
  const Lanes both_offered = facts >> kOfferedShift & 0xff;
  const Test scaled = ~(Equal(both_offered & 0xf, All(tcp::kNoScale)) |
                        Equal(both_offered >> 4, All(tcp::kNoScale)));
  const Test stamped = Equal(facts & kBothStamps, All(kBothStamps));

  // The line.
  end.sender = seq + 1;
  max_end.sender = seq + 1 + DecodeWindow(max_window_of_receiver);
  acked = {.sender = ack, .receiver = seq};  // one below the first number it can acknowledge
  ts.sender = Select(stamped, field(segments.ts_value), All(0));
  ts.receiver = Select(stamped, ts.receiver, All(0));
  lines.Set(kEnd, reverse, end);
  lines.Set(kMaxEnd, reverse, max_end);
  lines.Set(kAck, reverse, acked);
  lines.Set(kTsRecent, reverse, ts);
  row[kBytes] += Left(ip_bytes, d << 4);
  row[kFlags] = (flags & 0xffff00ff) | Select(scaled, both_offered << 8, All(0)) |
                Left(EncodeWindow(window) << 16, d << 3);

  const Lanes head_after = HeadAfter(head, d, (state & kOriginatorReverse) | StateCode(kPairAfter));
  const Lanes deadline =
      All((now.tick + timeouts_ms[static_cast<size_t>(tcp::TimeoutClassOf(kPairAfter))]).ms());
  Store(deadline, steps->deadlines);
  Store(All(kBefore << 8 | StateCode(kPairAfter)), steps->moves);
  steps->tracked = steps->moved = tracked;
  steps->sooner = tracked & Before(deadline, row[kDeadline]);
  steps->last = steps->assured = 0;

  details.mss = mss;
  details.facts = facts;
  SetSynAckTimes(table, all_lines + first, tracked, reverse, now.unix_us, &details);
  StoreDetails(details, all_lines + first, tracked);
  StoreLines<Write::kHasBegun>(lines.held, Interleave(head_after, deadline), all_lines + first,
                               tracked);
}

#else

Mask ComposeOpenings(const SegmentLanes&, const KeyWords&, const FlowHash*, uint32_t, Mask,
                     Openings*) {
  return 0;
}
void TrackAnswerLanes(const SegmentLanes&, const KeyWords&, const FlowHash*, AtomicLine* const*,
                      const FlowTable&, Histories*, uint32_t, Mask, Now, const tcp::TimeoutsMs&,
                      StepsTracked* steps) {
  steps->tracked = 0;
}

#endif

}  // namespace coretrack
