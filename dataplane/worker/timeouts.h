// The timeout that a stored flow is under: from its line and detail alone, so that readers can
// reckon back when it was last seen.
#pragma once

#include <algorithm>

#include "dataplane/flow/flow_line.h"
#include "dataplane/packet/flow_key.h"
#include "dataplane/worker/tcp_binding.h"
#include "dataplane/worker/tunables.h"

namespace coretrack {

inline DatagramClass DatagramClassOf(uint8_t protocol, bool answered) {
  switch (protocol) {
    case 17:
      return answered ? DatagramClass::kUdpStream : DatagramClass::kUdp;
    case 1:
    case 58:
      return DatagramClass::kIcmp;
    case 132:
      return DatagramClass::kSctp;
    default:
      return DatagramClass::kOther;
  }
}

inline tcp::TimeoutClass TcpTimeoutClassOf(const FlowLine& line, const FlowDetail& detail) {
  const tcp::TimeoutClass by_state = tcp::TimeoutClassOf(PairCodeOf(line.state));
  if (by_state == tcp::TimeoutClass::kEstablished &&
      (line.max_window[0] == 0 || line.max_window[1] == 0)) {
    return tcp::TimeoutClass::kMidstream;
  }
  if ((detail.flags >> detail_flag::kUnansweredShift & 3) == 3 &&
      tcp::RetransmissionShortens(by_state)) {
    return tcp::TimeoutClass::kRetransmission;
  }
  return by_state;
}

// Of a flow whose endpoints are in `pair`.
inline uint32_t TcpTimeoutMs(const Timeouts& timeouts, tcp::TimeoutClass timeout,
                             tcp::StatePair pair) {
  const auto ms = [&timeouts](tcp::TimeoutClass of) {
    return timeouts.tcp_timeout_ms[static_cast<int>(of)];
  };
  if (timeout != tcp::TimeoutClass::kRetransmission) return ms(timeout);
  return std::min(ms(timeout), ms(tcp::TimeoutClassOf(pair)));
}

// Is it probably the last one that a flow in `state` has?
inline bool IsLastTimeout(uint8_t state) {
  return IsTcpState(state) &&
         tcp::TimeoutClassOf(PairCodeOf(state)) == tcp::TimeoutClass::kTimeWait;
}

// REQUIRES: line.state is not 0.
inline uint32_t TimeoutMsOf(const FlowLine& line, const FlowDetail& detail,
                            const Timeouts& timeouts) {
  if (IsTcpState(line.state))
    return TcpTimeoutMs(timeouts, TcpTimeoutClassOf(line, detail), PairOf(line.state));
  const bool answered = (line.state & kStateCodeMask) == kDatagramAnswered;
  const auto protocol = static_cast<uint8_t>(line.context);
  return timeouts.datagram_timeout_ms[static_cast<int>(DatagramClassOf(protocol, answered))];
}

}  // namespace coretrack
