// Segments in order: what nearly all are, in a few instructions.
//
// What for  A subset of TrackSegment() (segment.cc), on a connection that both ends have long agreed on:
//           "valid, nothing moved, refresh". Where IsInOrder() is true, MoveInOrder() does what
//           TrackSegment() would have; where false, TrackSegment() decides. What also moves states:
//           steps.h.
// Twin      worker/established_lanes.cc and step_lanes.cc do the same for sixteen segments at once: what changes here changes there
//           (tests/worker holds it against the general path).
// Proof     tests/tcp holds it against it over the reference conversations.
#pragma once

#include <cstdint>

#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/tcp_options.h"
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

}  // namespace coretrack::tcp
