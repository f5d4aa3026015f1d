// FlowRecords made by hand.
#pragma once

#include <arpa/inet.h>

#include <string>

#include "dataplane/worker/flow_record.h"

namespace coretrack::testing {

inline EndpointRecord Endpoint(const std::string& address, uint16_t port) {
  EndpointRecord e;
  const int family = address.find(':') != std::string::npos ? AF_INET6 : AF_INET;
  inet_pton(family, address.c_str(), e.address.data());
  e.port = port;
  return e;
}

// The flow of the design's example.
inline FlowRecord SampleFlow() {
  FlowRecord f;
  f.id = {.worker = 3, .index = FlowIndex{0x1234}, .generation = 7};
  f.protocol = 6;
  f.originator = Endpoint("10.0.0.1", 40312);
  f.originator.state = tcp::State::kTimeWait;
  f.originator.packets = 6;
  f.originator.bytes = 412;
  f.originator.mss = 1460;
  f.originator.window_scale = 7;
  f.originator.timestamps = true;
  f.originator.sack = true;
  f.originator.handshake_rtt_us = 120;
  f.responder = Endpoint("10.0.0.2", 80);
  f.responder.state = tcp::State::kClosed;
  f.responder.packets = 5;
  f.responder.bytes = 5000;
  f.responder.timestamps = false;
  f.responder.sack = false;
  f.start_us = 1'767'225'600'000'000;
  f.last_us = 1'767'225'601'234'000;
  f.timeout_ms = 118'200;
  f.assured = true;
  f.end = End::kActive;
  f.history = HistoryText("ShADadFf");
  f.responder.provisional = true;
  f.related_icmp = 2;
  return f;
}

inline FlowRecord Flow(const std::string& from, uint16_t from_port, const std::string& to,
                       uint16_t to_port, uint8_t protocol = 17) {
  FlowRecord f;
  f.protocol = protocol;
  f.ipv6 = from.find(':') != std::string::npos;
  f.originator = Endpoint(from, from_port);
  f.responder = Endpoint(to, to_port);
  return f;
}

// Its JSON is as long as any.
inline FlowRecord LargestFlow() {
  FlowRecord f = Flow("aaaa:bbbb:cccc:dddd:eeee:ffff:aaaa:bbbb", 65535,
                      "aaaa:bbbb:cccc:dddd:eeee:ffff:aaaa:bbbc", 65535, 6);
  f.id = {.worker = 255, .index = FlowIndex{0xfffffffe}, .generation = 0xffffff};
  for (EndpointRecord* e : {&f.originator, &f.responder}) {
    e->state = tcp::State::kEstablished;
    e->packets = e->bytes = ~uint64_t{0};
    e->mss = 65535;
    e->window_scale = 15;
    e->timestamps = e->sack = false;
    e->handshake_rtt_us = ~uint32_t{0};
    e->retransmits = e->out_of_window = UINT16_MAX;
  }
  f.start_us = f.last_us = ~uint64_t{0};
  f.timeout_ms = UINT32_MAX;
  f.vlan_count = 2;
  f.vlan = {4094, 4094};
  f.zone = 7;
  f.time_wait_fins = f.time_wait_duplicates = f.related_icmp = 15;
  f.end = End::kEvicted;
  f.history = HistoryText("ShADadFfRrTtWw^^");
  return f;
}

}  // namespace coretrack::testing
