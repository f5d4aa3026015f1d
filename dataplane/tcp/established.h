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
// Branches, not one condition: each is taken one way for nearly every packet, and costs less than
// the arithmetic that would join them.
inline bool TrackInOrder(const TcpHeader& s, Half& sender, Half& receiver) {
  if (s.seq != sender.end || After(s.seq, sender.max_end)) [[unlikely]]
    return false;
  if (receiver.end - s.ack > kMinAckWindow || s.window == 0) [[unlikely]]
    return false;
  if (sender.ts_recent != 0) {
    TcpOptions::Timestamps ts;
    if (!ReadTimestamps(s.options, s.option_bytes, &ts) || Before(ts.value, sender.ts_recent))
        [[unlikely]]
      return false;
    receiver.ts_recent = LaterTimestamp(receiver.ts_recent, ts.echo);
  }
  const uint32_t window = static_cast<uint32_t>(s.window) << EffectiveScale(sender.scale);
  sender.end = s.seq + s.payload_bytes;
  if (window > DecodeWindow(sender.max_window)) [[unlikely]]
    sender.max_window = EncodeWindow(window);
  sender.ack = Later(sender.ack, s.ack);
  receiver.max_end = Later(receiver.max_end, s.ack + window);
  return true;
}

}  // namespace coretrack::tcp
