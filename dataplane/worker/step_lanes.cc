#include "dataplane/worker/step_lanes.h"

#include <bit>

#include "dataplane/packet/protocols.h"
#include "dataplane/tcp/steps.h"
#include "dataplane/worker/detail_lanes.h"
#include "dataplane/worker/established_lanes.h"
#include "dataplane/worker/established_path.h"

namespace coretrack {

#ifdef CORETRACK_LANES

namespace {

using namespace line_lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// tcp::internal::kSteps, and how long a pair of states lives: the pair in the low 7 bits, then whether the receiver moves, then
// the TimeoutClass. And one that is not looked at.
constexpr uint32_t kPairMask = 0x7f, kReceiverMoves = 0x80, kClassShift = 8;
constexpr auto kPackedSteps = [] {
  static_assert(tcp::kStatePairs < kPairMask);
  std::array<uint16_t, tcp::kStatePairs * tcp::internal::kStepInputs + 1> packed{};
  for (size_t i = 0; i + 1 < packed.size(); ++i) {
    const tcp::Step step =
        tcp::internal::kSteps[i / tcp::internal::kStepInputs][i % tcp::internal::kStepInputs];
    packed[i] = kPairMask;
    if (!step.known()) continue;
    packed[i] =
        static_cast<uint16_t>(step.pair | (step.receiver_moves ? kReceiverMoves : 0) |
                              static_cast<uint32_t>(tcp::TimeoutClassOf(step.pair)) << kClassShift);
  }
  return packed;
}();

// The letters that a step may add, by `said` below and, 4 further, from the responder.
enum Said : uint32_t { kSaidAck, kSaidData, kSaidFin };
constexpr uint32_t kFromResponder = 4;
// Their codes, to be picked from.
constexpr Lanes kCodes = [] {
  const auto code = [](Letter letter, bool from_responder) {
    return Histories::Code(letter, from_responder);
  };
  return Lanes{code(Letter::kAck, false), code(Letter::kData, false), code(Letter::kFin, false), 0,
               code(Letter::kAck, true),  code(Letter::kData, true),  code(Letter::kFin, true),  0};
}();

}  // namespace

void TrackStepLanes(const SegmentLanes& segments, const KeyWords& words, const FlowHash* hashes,
                    AtomicLine* const* all_lines, const FlowTable& table, Histories* histories,
                    uint32_t first, Mask packets, Now now, const tcp::TimeoutsMs& timeouts_ms,
                    StepsTracked* steps) {
  using namespace tcp::internal;
  const auto field = [first](const SegmentLanes::Field& f) { return Load(&f[first]); };
  const Lanes flags_window = field(segments.flags_window), tcp_flags = flags_window >> 16;
  const Mask reversed = segments.reverse[first / kLanes];
  const Test reverse = AsTest(reversed), stamped = AsTest(segments.stamped[first / kLanes]);
  const Mask eligible =
      packets & segments.common[first / kLanes] &
      Equal(tcp_flags & (tcp_flag::kSyn | tcp_flag::kRst | tcp_flag::kAck), All(tcp_flag::kAck)) &
      HasAny(flags_window, All(0xffff));
  steps->tracked = 0;
  if (std::popcount(eligible) < kEnoughForLanes) return;
  Lines lines;
  Details details;
  alignas(kCacheLine) Places instead;
  LoadLines(table, all_lines + first, eligible, &instead, &lines, &details);
  auto& row = lines.held.row;

  const Lanes d = Select(reverse, All(1), All(0));
  const Lanes by_8 = d << 3, by_16 = d << 4;
  const Lanes head = row[kHead], flags = row[kFlags], state = head >> 8 & 0xff;
  const Lanes seq = field(segments.seq), ack = field(segments.ack);
  const Lanes payload_bytes = field(segments.payload_bytes), fin = tcp_flags & tcp_flag::kFin;
  Lines::Both end = lines.Get(kEnd, reverse), max_end = lines.Get(kMaxEnd, reverse);
  Lines::Both acked = lines.Get(kAck, reverse), ts = lines.Get(kTsRecent, reverse);

  // tcp::CheckStep().
  const Lanes pair = (state & kStateCodeMask) - 1;
  const Test is_tcp = Below(pair, All(tcp::kStatePairs));
  const Test from_responder = reverse ^ IsSet(state & kOriginatorReverse);
  const Lanes end_after = seq + payload_bytes + fin;
  const Test has_payload = IsSet(payload_bytes), has_fin = IsSet(fin);
  static_assert(tcp_flag::kFin == kStepFin);
  const auto bit = [](Test test, uint32_t value) { return Select(test, All(value), All(0)); };
  const Lanes input = fin | bit(has_payload, kStepPayload) |
                      bit(Equal(ack, end.receiver), kStepAcksAll) |
                      bit(Equal(acked.receiver, end_after), kStepAllAcked) |
                      bit(from_responder, kStepFromResponder);
  const Lanes step = Gather(is_tcp, kPackedSteps.data(), pair * kStepInputs + input);
  const Lanes pair_after = step & kPairMask;
  constexpr uint32_t kThirdAck = tcp::Code({tcp::State::kSynSent, tcp::State::kSynRcvd}),
                     kThirdAckOfResponder = tcp::Code({tcp::State::kSynRcvd, tcp::State::kSynSent});
  const Test ends_handshake =
      Equal(pair, Select(from_responder, All(kThirdAckOfResponder), All(kThirdAck)));
  const Test known =
      is_tcp & Below(pair_after, All(tcp::kStatePairs)) & HasAny(flags, All(0x00ff0000)) &
      HasAny(flags, All(0xff000000)) & ~(has_fin & Before(end.sender, acked.receiver)) &
      (~ends_handshake |
       (Equal(seq, max_end.sender) & Equal(acked.receiver, seq) & ~Equal(ack, acked.sender)));
  // tcp::IsInOrder().
  const Test paws = IsSet(ts.sender);
  const Lanes ts_value = field(segments.ts_value), ts_echo = field(segments.ts_echo);
  const Test in_order = Equal(seq, end.sender) & ~Before(max_end.sender, seq) &
                        AtMost(end.receiver - ack, All(tcp::kMinAckWindow)) &
                        (~paws | (stamped & ~Before(ts_value, ts.sender)));
  const Test alive = Before(All(now.tick.ms()), row[kDeadline]);
  const Lanes ip_bytes = field(segments.ip_bytes);
  const Test room = HaveRoom(lines, d, ip_bytes);
  Mask tracked = eligible & (known & in_order & alive & room);
  tracked = AreHeldOnce(lines, words, hashes, first, tracked);
  if (tracked == 0) return;

  LoadDetails(&details);
  tracked &= static_cast<Mask>(~HasAny(details.facts, All(kKept)));
  if (tracked == 0) return;
  // What it is, first of its kind or not.
  const Lanes said = bit(has_payload, kSaidData) | bit(has_fin & ~has_payload, kSaidFin) |
                     bit(from_responder, kFromResponder);
  const auto add = [&](const Lanes& which, Mask wanted) {
    AddLetters(histories, Pick(kCodes, which), wanted, &details);
  };
  add(said, tracked);
  if (const Mask both = tracked & (has_fin & has_payload); both != 0) [[unlikely]]
    add(All(kSaidFin) | bit(from_responder, kFromResponder), both);

  // tcp::MoveStep(), and what is counted.
  const Lanes window = OfferedWindow(flags, d, flags_window & 0xffff);
  const Lanes code = Right(flags >> 16, by_8) & 0xff;
  const Lanes code_after = Select(Below(DecodeWindow(code), window), EncodeWindow(window), code);
  const Lanes offered_by_receiver = DecodeWindow(Right(flags >> 16, 8 - by_8) & 0xff);
  acked.sender = Select(ends_handshake, ack, Later(acked.sender, ack));
  lines.Set(kEnd, reverse, {end_after, end.receiver});
  lines.Set(kMaxEnd, reverse,
            {Select(ends_handshake, acked.receiver + offered_by_receiver, max_end.sender),
             Later(max_end.receiver, ack + window)});
  lines.Set(kAck, reverse, acked);
  lines.Set(kTsRecent, reverse,
            {ts.sender, Select(paws & IsSet(ts_echo), Later(ts.receiver, ts_echo), ts.receiver)});
  row[kBytes] += Left(ip_bytes, by_16);

  // The facts, and what of them the line says.
  const Lanes own = Left(All(1u << kProvisionalShift), d);
  const Lanes others = Left(All(1u << kProvisionalShift), 1 - d);
  constexpr uint32_t kBothEstablished = PairCodeOf(established::kBothEstablished);
  const Lanes facts = (details.facts & ~own) |
                      Select(HasAny(step, All(kReceiverMoves)), others, All(0)) |
                      bit(Equal(pair_after, All(kBothEstablished)), kAssured);
  steps->assured = tracked & HasAny(facts & ~details.facts, All(kAssured));
  const Test attention =
      ~HasAny(facts, All(kAssured)) | HasAny(facts, All(3u << kProvisionalShift));
  const Lanes seen = bit(has_payload, flow_flag::DataSeen(Direction::kForward)) |
                     bit(~has_payload & ~has_fin, flow_flag::AckSeen(Direction::kForward));
  row[kFlags] = (flags & ~(Left(All(0xff0000), by_8) | flow_flag::kAttention)) |
                Left(code_after << 16, by_8) | Left(seen, d) |
                bit(attention, flow_flag::kAttention);

  // Word 0 as it will be.
  const Lanes state_after = (pair_after + 1) | (state & kOriginatorReverse);
  const Lanes head_after = HeadAfter(head, d, state_after);
  const Lanes old_deadline = row[kDeadline];
  const Lanes timeout = step >> kClassShift;
  const Lanes deadline = now.tick.ms() + LookUp(timeouts_ms, timeout);
  Store(deadline, steps->deadlines);
  Store((state & kStateCodeMask) << 8 | (pair_after + 1), steps->moves);
  steps->tracked = tracked;
  steps->sooner = tracked & Before(deadline, old_deadline);
  steps->last = tracked & Equal(timeout, All(static_cast<uint32_t>(tcp::TimeoutClass::kTimeWait)));
  steps->moved = tracked & static_cast<Mask>(~Equal(state, state_after));

  details.facts = facts;
  if (const Mask ending = tracked & ends_handshake; ending != 0)
    SetAnswerTimes(table, all_lines + first, ending, reverse, now.unix_us, &details);
  StoreDetails(details, all_lines + first, tracked);
  StoreLines<Write::kHasBegun>(lines.held, Interleave(head_after, deadline), all_lines + first,
                               tracked);
}

Mask SameAs(const uint32_t* numbers, uint32_t of) { return Equal(Load(numbers), All(numbers[of])); }

#else

Mask SameAs(const uint32_t* numbers, uint32_t of) {
  Mask same = 0;
  for (uint32_t i = 0; i < kLanes; ++i)
    same = static_cast<Mask>(same | uint32_t{numbers[i] == numbers[of]} << i);
  return same;
}
void TrackStepLanes(const SegmentLanes&, const KeyWords&, const FlowHash*, AtomicLine* const*,
                    const FlowTable&, Histories*, uint32_t, Mask, Now, const tcp::TimeoutsMs&,
                    StepsTracked* steps) {
  steps->tracked = 0;
}

#endif

}  // namespace coretrack
