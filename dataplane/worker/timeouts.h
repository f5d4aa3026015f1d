// The timeout that a stored flow is under: from its line and detail alone, so that readers can
// reckon back when it was last seen.
#pragma once

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
  const tcp::TimeoutClass by_state = tcp::TimeoutClassOf(PairOf(line.state));
  if (by_state != tcp::TimeoutClass::kEstablished) return by_state;
  if (line.max_window[0] == 0 || line.max_window[1] == 0) return tcp::TimeoutClass::kMidstream;
  if ((detail.flags >> detail_flag::kUnansweredShift & 3) == 3)
    return tcp::TimeoutClass::kRetransmission;
  return by_state;
}

// REQUIRES: line.state is not 0.
inline uint32_t TimeoutMsOf(const FlowLine& line, const FlowDetail& detail,
                            const Tunables& tunables) {
  if (IsTcpState(line.state))
    return tunables.tcp_timeout_ms[static_cast<int>(TcpTimeoutClassOf(line, detail))];
  const bool answered = (line.state & kStateCodeMask) == kDatagramAnswered;
  const auto protocol = static_cast<uint8_t>(line.context);
  return tunables.datagram_timeout_ms[static_cast<int>(DatagramClassOf(protocol, answered))];
}

}  // namespace coretrack
