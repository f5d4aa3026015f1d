// A reference endpoint's segment (tests/tcp/reference_model.h) as the fields of a frame.
#pragma once

#include <vector>

#include "tests/packet/packet_builder.h"
#include "tests/tcp/reference_model.h"

namespace coretrack::testing {

// Client port 40000, server port 80; the options that the segment has: timestamps, window scale.
inline TcpFields FieldsOf(const WireSegment& s) {
  using namespace tcp_flag;
  TcpFields tcp;
  tcp.source_port = s.from_client ? 40000 : 80;
  tcp.destination_port = s.from_client ? 80 : 40000;
  tcp.seq = s.seq;
  tcp.ack = s.ack;
  tcp.flags = static_cast<uint8_t>((s.syn ? kSyn : 0) | (s.fin ? kFin : 0) | (s.rst ? kRst : 0) |
                                   (s.has_ack ? kAck : 0));
  tcp.window = s.window;
  std::vector<Bytes> options;
  if (s.timestamp) options.push_back(TimestampsOption(*s.timestamp, s.echo));
  if (s.scale) options.push_back(WindowScaleOption(*s.scale));
  tcp.options = Join(options);
  return tcp;
}

}  // namespace coretrack::testing
