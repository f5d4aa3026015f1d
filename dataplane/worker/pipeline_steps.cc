// TCP segments in order that are not plain: the third ACK, the first of a kind, the steps of closing. Most
// of what a short connection consists of.
//
// Why       The general path (pipeline_tcp.cc) unpacks line and detail, and packs them again. Here a few
//           fields are loaded, moved and stored, as on the established path. What is not this simple is
//           left alone, and the general path decides.
// Layout    FlowLine's halves (established_path.h); words 0 to 3 of FlowDetail.
// Cost      bench: Pipeline/lifecycle
#include <algorithm>
#include <cstddef>

#include "dataplane/worker/established_path.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {
namespace {

using namespace tcp_flag;

static_assert(offsetof(FlowDetail, flags) == 4 && offsetof(FlowDetail, history) == 8 &&
              offsetof(FlowDetail, handshake_rtt_us) == 18 &&
              offsetof(FlowDetail, retransmits) == 24 && offsetof(FlowDetail, start) == 54 &&
              sizeof(FlowDetail::start) == 7 && offsetof(FlowDetail, small) == 7);
constexpr int kFlagsShift = 32, kSmallShift = 56;  // in word 0
// Handshake RTTs in word 2, by Direction.
constexpr uint64_t kRttMask = PackedUint<3>::kMax;
constexpr unsigned RttShift(unsigned d) { return 16 + 24 * d; }

// What the general path must be asked about.
constexpr uint32_t kKeptInMind = detail_flag::FinPending(0) | detail_flag::FinPending(1) |
                                 3u << detail_flag::kUnansweredShift | detail_flag::kInMind |
                                 detail_flag::kRival;

}  // namespace

bool Pipeline::TrackStep(const Burst& burst, uint32_t i, AtomicLine& line, Now now) {
  using namespace established;
  const PacketMeta& meta = burst.meta[i];
  const TcpHeader& s = meta.tcp;
  const unsigned d = Raw(meta.direction);
  FlowTable& table = TableOf(meta.key.ipv6);
  const FlowIndex index = table.IndexOf(line);
  AtomicLine& detail = table.detail(index);
  const uint32_t head = Head(line);
  HalfInLine sender_in_line(line, d), receiver_in_line(line, 1 - d);
  const auto word = [&detail](size_t n) { return detail.words[n].load(std::memory_order_relaxed); };
  uint64_t word0 = word(0);
  if ((s.flags & (kSyn | kRst | tcp_flag::kAck)) != tcp_flag::kAck) return false;
  if ((word0 >> kFlagsShift & kKeptInMind) != 0) return false;
  if (!sender_in_line.HasRoom(meta.ip_bytes)) return false;
  const Tick old_deadline(line.LoadOwned<uint32_t>(offsetof(FlowLine, deadline_ms)));
  const auto state_before = static_cast<uint8_t>(head >> 8);
  if (!IsTcpState(state_before) || !now.tick.Before(old_deadline)) return false;
  const tcp::StatePair before = PairOf(state_before);
  const unsigned originator = Raw(OriginatorOf(state_before));
  tcp::Half sender = sender_in_line.Load(), receiver = receiver_in_line.Load();
  if (!sender.heard() || !receiver.heard()) return false;
  sender.state = d == originator ? before.originator : before.responder;
  receiver.state = d == originator ? before.responder : before.originator;
  const tcp::State receiver_before = receiver.state;
  if (!tcp::StepInOrder(s, sender, receiver)) return false;

  const bool opened =
      before.originator == tcp::State::kSynSent || before.responder == tcp::State::kSynSent;
  const tcp::StatePair after = d == originator ? tcp::StatePair{sender.state, receiver.state}
                                               : tcp::StatePair{receiver.state, sender.state};
  const auto state_after =
      static_cast<uint8_t>(StateCode(after) | (state_before & kOriginatorReverse));
  if ((state_after & kStateCodeMask) == kBothEstablished)
    word0 |= uint64_t{detail_flag::kAssured} << kFlagsShift;
  constexpr uint64_t kProvisional[] = {uint64_t{detail_small::Provisional(0)} << kSmallShift,
                                       uint64_t{detail_small::Provisional(1)} << kSmallShift};
  word0 &= ~kProvisional[d];
  if (receiver.state != receiver_before) word0 |= kProvisional[1 - d];
  const bool attention = (word0 >> kFlagsShift & detail_flag::kAssured) == 0 ||
                         (word0 & (kProvisional[0] | kProvisional[1])) != 0;

  const bool from_responder = d != originator;
  const bool pure_ack = s.payload_bytes == 0 && (s.flags & kFin) == 0;
  uint64_t word1 = word(1);
  uint64_t word2 = word(2);
  if (s.payload_bytes != 0) AddLetter(Letter::kData, from_responder, &word1, &word2);
  if ((s.flags & kFin) != 0) AddLetter(Letter::kFin, from_responder, &word1, &word2);
  if (pure_ack) AddLetter(Letter::kAck, from_responder, &word1, &word2);
  if (opened && static_cast<uint32_t>(word(3)) == 0) {  // nothing was retransmitted
    const uint64_t start_us = (word(6) >> 48 | word(7) << 16) & kStartMask;
    const uint64_t since_start_us = now.unix_us - start_us;
    const uint64_t answer_us = word2 >> RttShift(1 - d) & kRttMask;
    if (answer_us != 0 && since_start_us >= answer_us) {
      const uint64_t rtt_us = std::clamp<uint64_t>(since_start_us - answer_us, 1, kRttMask);
      word2 = (word2 & ~(kRttMask << RttShift(d))) | rtt_us << RttShift(d);
    }
  }

  const Tick deadline =
      now.tick + tunables_.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClassOf(after))];
  uint32_t flags = ZoneFlags(line) | (s.payload_bytes != 0 ? flow_flag::DataSeen(meta.direction) : 0u) |
                   (pure_ack ? flow_flag::AckSeen(meta.direction) : 0u);
  flags = attention ? flags | flow_flag::kAttention : flags & ~uint32_t{flow_flag::kAttention};

  BeginWrite(line, head);
  detail.words[0].store(word0, std::memory_order_release);
  detail.words[1].store(word1, std::memory_order_release);
  detail.words[2].store(word2, std::memory_order_release);
  ZoneFlags(line) = static_cast<uint8_t>(flags);
  sender_in_line.end = sender.end;
  sender_in_line.max_end = sender.max_end;
  sender_in_line.ack = sender.ack;
  sender_in_line.max_window = sender.max_window;
  sender_in_line.bytes = static_cast<uint16_t>(sender_in_line.bytes + meta.ip_bytes);
  receiver_in_line.max_end = receiver.max_end;
  receiver_in_line.ts_recent = receiver.ts_recent;
  EndWrite(line, (head & 0xffff00ff) | uint32_t{state_after} << 8, d, deadline);

  Reschedule(index, old_deadline, deadline);
  CountState(state_before, state_after);
  if (listener_ != nullptr && state_before != state_after) [[unlikely]]
    listener_->OnChange(i, RecordOf(index, now));
  return true;
}

}  // namespace coretrack
