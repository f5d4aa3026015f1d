// The window check: Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2000), with
// scaling.
//
// For a segment from S to R, with SEG.END = SEG.SEQ + SEG.LEN, all modulo 2^32:
//   I    SEG.SEQ <= S.max_end, or SEG.SEQ = SEG.END = S.end
//          not beyond what R offered; before its first ACK: R.ack + R.max_window
//   II   SEG.END >= S.end - R.max_window
//          not older than any window R offered. Where S.end lies beyond S.max_end: S.max_end - 2 *
//          R.max_window; S may have sent no more than what R acknowledged
//   III  SEG.ACK <= R.end, or <= R.max_end
//          of data that was sent; or may have been, out of our sight (TCP.md 37)
//   IV   SEG.ACK >= min(R.end, R.max_end) - max(66000, S.max_window)
//          not older than makes sense (RFC 5961 5.2); a SACK block shows a fresh segment
// A segment beyond the window moves S.end (I), forged or not: it must make nothing else look old.
// What an endpoint that was not heard yet would have said is not held against the other.
#pragma once

#include <algorithm>

#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/tcp_options.h"
#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/tracker.h"

namespace coretrack::tcp {

// An ACK this far behind is still plausible: a window of an unscaled connection and a bit.
inline constexpr uint32_t kMinAckWindow = 66000;

// TS.Recent of an endpoint is what it echoes (RFC 7323 3.2, TSecr): it has taken a segment with that
// value. A value that merely passed may belong to a segment that is lost, or refused, behind the box.
// Only segments at the exact next number are asked, lest a forged echo makes the others look old.
// 0 stands for "PAWS is off".
inline uint32_t LaterTimestamp(uint32_t recent, uint32_t echo) {
  return echo != 0 && After(echo, recent) ? echo : recent;
}

// Is what it acknowledges neither older than makes sense nor beyond what was allowed to be sent?
inline bool IsAckPossible(const TcpHeader& s, const Half& sender, const Half& receiver) {
  const uint32_t ack_window = std::max(kMinAckWindow, DecodeWindow(sender.max_window));
  return AtOrBefore(s.ack, Later(receiver.end, receiver.max_end)) &&
         AtOrAfter(s.ack, receiver.end - ack_window);
}

inline Invalid CheckWindow(const TcpHeader& s, uint32_t end, const Half& sender,
                           const Half& receiver) {
  if (!receiver.heard()) return Invalid::kNone;
  if (sender.heard()) {
    const uint32_t offered = DecodeWindow(receiver.max_window);
    // A pure ACK at its own next number offers nothing that could be too much.
    if (After(s.seq, sender.max_end) && !(s.seq == sender.end && end == s.seq)) [[unlikely]] {
      const uint32_t limit =
          sender.state == State::kSynSent ? receiver.ack + offered : sender.max_end;
      if (After(s.seq, limit + offered)) return Invalid::kSequenceHigh;
      if (After(s.seq, limit)) return Invalid::kOverrun;
    }
    if (Before(end, sender.end - offered)) [[unlikely]] {
      const bool overran = After(sender.end, sender.max_end);
      if (!overran || Before(end, sender.max_end - 2 * offered)) return Invalid::kSequenceLow;
    }
    if (After(s.ack, receiver.end)) [[unlikely]] {
      // In SYN_SENT it may have gone on, by the window of the SYN+ACK, out of our sight.
      const uint32_t limit = receiver.state == State::kSynSent
                                 ? receiver.max_end + DecodeWindow(sender.max_window)
                                 : receiver.max_end;
      if (After(s.ack, limit)) return Invalid::kAckHigh;
    }
  }
  const uint32_t ack_window = std::max(kMinAckWindow, DecodeWindow(sender.max_window));
  if (Before(s.ack, receiver.end - ack_window)) [[unlikely]] {
    const bool overran = sender.heard() && After(receiver.end, receiver.max_end);
    const uint32_t oldest = (overran ? receiver.max_end : receiver.end) - ack_window;
    if (!Before(s.ack, oldest)) return Invalid::kNone;
    TcpOptions options;
    ReadTcpOptions(s.options, s.option_bytes, &options);
    if (!options.highest_sack || Before(*options.highest_sack, oldest)) return Invalid::kAckLow;
  }
  return Invalid::kNone;
}

}  // namespace coretrack::tcp
