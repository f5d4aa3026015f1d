// Segments in order: what nearly all are, in a few instructions.
//
// What for  Two subsets of TrackSegment() (segment.cc). TrackInOrder(): on a connection that both ends
//           have long agreed on; "valid, nothing moved, refresh". StepInOrder(): also the ACK that ends
//           the handshake, and the steps of closing. Where they answer true, they have done what
//           TrackSegment() would have; where false, nothing was touched and TrackSegment() decides.
// Proof     tests/tcp holds them against it over the reference conversations.
#pragma once

#include <algorithm>

#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/tcp_options.h"
#include "dataplane/tcp/closing.h"
#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/validate.h"

namespace coretrack::tcp {

// The halves are tcp::Half, or a view of one where it lies (worker/established_path.h).
// REQUIRES of both: both halves are heard, no FIN is pending; s.flags has ACK and neither SYN nor RST; a FIN
// is the caller's to add.
//
// Branches, not one condition: each is taken one way for nearly every packet, and costs less than
// the arithmetic that would join them. Fields are read where they are needed: to hold them all takes more
// registers than there are.
template <typename SenderHalf, typename ReceiverHalf>
inline bool IsInOrder(const TcpHeader& s, const SenderHalf& sender, const ReceiverHalf& receiver) {
  if (s.seq != sender.end || After(s.seq, sender.max_end)) [[unlikely]]
    return false;
  if (receiver.end - s.ack > kMinAckWindow || s.window == 0) [[unlikely]]
    return false;
  const uint32_t ts_recent = sender.ts_recent;
  if (ts_recent == 0) return true;
  return s.option_bytes >= kTimestampsBytes && StartsWithTimestamps(s.options) &&
         !Before(LoadTimestamps(s.options).value, ts_recent);
}
// REQUIRES: IsInOrder().
template <typename SenderHalf, typename ReceiverHalf>
inline void MoveInOrder(const TcpHeader& s, SenderHalf& sender, ReceiverHalf& receiver) {
  if (sender.ts_recent != 0) {
    receiver.ts_recent = LaterTimestamp(receiver.ts_recent, LoadTimestamps(s.options).echo);
  }
  sender.end = s.seq + s.payload_bytes;
  sender.ack = Later(sender.ack, s.ack);
  const uint32_t window = static_cast<uint32_t>(s.window) << EffectiveScale(sender.scale);
  receiver.max_end = Later(receiver.max_end, s.ack + window);
  if (window > DecodeHeardWindow(sender.max_window)) [[unlikely]]
    sender.max_window = EncodeWindow(window);
}
inline bool TrackInOrder(const TcpHeader& s, Half& sender, Half& receiver) {
  if (!IsInOrder(s, sender, receiver)) return false;
  MoveInOrder(s, sender, receiver);
  return true;
}

// States in which both SYNs are acknowledged and 2 MSL does not run.
inline bool IsSynchronized(State s) {
  constexpr uint32_t kSet = [] {
    using enum State;
    uint32_t set = 0;
    for (const State member : {kEstablished, kFinWait1, kFinWait2, kCloseWait, kClosing, kLastAck})
      set |= 1u << static_cast<int>(member);
    return set;
  }();
  return (kSet >> static_cast<int>(s) & 1) != 0;
}

// Also moves the states; the deadline is to be refreshed.
// REQUIRES: both halves are heard, nothing is kept in mind (Facts: no FIN pending, nothing unanswered,
// no suspicion, no rival); s.flags has ACK and neither SYN nor RST.
inline bool StepInOrder(const TcpHeader& s, Half& sender, Half& receiver) {
  using enum State;
  const bool fin = (s.flags & tcp_flag::kFin) != 0;
  if (IsSynchronized(sender.state) && IsSynchronized(receiver.state)) [[likely]] {
    const bool done = HasSentFin(sender.state);
    if (done ? fin || s.payload_bytes != 0 : fin && After(receiver.ack, sender.end)) return false;
    if (sender.state == kClosing && s.ack != receiver.end)
      return false;  // may have to be taken back
    if (!TrackInOrder(s, sender, receiver)) return false;
    sender.end += fin ? 1 : 0;
    MoveClosing({.ack = s.ack,
                 .fin_counts = fin,
                 .acks_fin = s.ack == receiver.end && HasSentFin(receiver.state)},
                &sender, &receiver);
    return true;
  }
  // The third ACK, of a handshake without data in it.
  if (sender.state != kSynSent || receiver.state != kSynRcvd || fin) return false;
  if (s.seq != sender.max_end || receiver.ack != s.seq || s.ack != receiver.end ||
      s.ack == sender.ack)
    return false;
  if (!TrackInOrder(s, sender, receiver)) return false;
  // Its numbers count from here; what came before were ISNs and the windows of SYNs.
  sender.ack = s.ack;
  sender.max_end = receiver.ack + DecodeWindow(receiver.max_window);
  Apply(Event::kSendAckOfSyn, &sender);
  Apply(Event::kRecvAckOfSyn, &receiver);
  return true;
}

}  // namespace coretrack::tcp
