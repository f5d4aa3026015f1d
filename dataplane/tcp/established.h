// The segments that nearly all are: in order, inside the window, on a connection that both ends
// have long agreed on.
//
// What for  A short, branch-lean subset of TrackSegment() (segment.cc): where it answers true, it
//           has done what TrackSegment() would have, with an outcome of "valid, nothing moved,
//           refresh"; where it answers false, nothing was touched and TrackSegment() decides.
// Proof     tests/tcp holds the two against each other.
#pragma once

#include <algorithm>

#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/tcp_options.h"
#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/validate.h"

namespace coretrack::tcp {

// REQUIRES: both states are ESTABLISHED, both halves are heard, no FIN is pending; s.flags has ACK
// and none of SYN, FIN, RST.
inline bool TrackInOrder(const TcpHeader& s, Half& sender, Half& receiver) {
  const uint32_t end = s.seq + s.payload_bytes;
  const uint32_t acked_ago = receiver.end - s.ack;
  const bool plain = (s.seq == sender.end) & AtOrBefore(s.seq, sender.max_end) &
                     (acked_ago <= kMinAckWindow) & (s.window != 0);
  if (!plain) [[unlikely]]
    return false;
  if (sender.ts_recent != 0) {
    TcpOptions::Timestamps ts;
    if (!ReadTimestamps(s.options, s.option_bytes, &ts) || Before(ts.value, sender.ts_recent))
      return false;
    receiver.ts_recent = LaterTimestamp(receiver.ts_recent, ts.echo);
  }
  const uint32_t window = static_cast<uint32_t>(s.window) << EffectiveScale(sender.scale);
  sender.end = end;
  sender.max_window = std::max(sender.max_window, EncodeWindow(window));
  sender.ack = Later(sender.ack, s.ack);
  receiver.max_end = Later(receiver.max_end, s.ack + window);
  return true;
}

}  // namespace coretrack::tcp
