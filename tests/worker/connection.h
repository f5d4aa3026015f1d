// Connection: both ends of a TCP connection, for tests that put its segments together one by one.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "tests/worker/harness.h"

namespace coretrack::testing {

// A burst that a pipeline has parsed and located, and not tracked yet.
struct Located {
  void Take(const std::vector<Harness::Frame>& frames) {
    blocks = Harness::Fill(frames, &burst);
    harness.pipeline().Prepare(&burst);
    harness.pipeline().Locate(&burst);
  }
  Harness harness;
  Harness::Blocks blocks;
  Burst burst;
};

// One TCP connection as its two ends have it, on its way between them.
struct Connection {
  bool ipv6 = false;
  bool swapped = false;  // the client's address is the greater one
  uint8_t zone = 0;
  uint16_t port = 0;
  std::optional<uint8_t> scale = std::nullopt;
  bool stamped = false;
  uint16_t mss = 0;  // 0: its SYNs do not say
  bool sack = false;
  uint32_t next[2] = {1000, 5000};  // of the client, of the server
  uint32_t clock[2] = {70'000, 90'000};

  Harness::Frame Segment(unsigned from, uint8_t flags, uint32_t payload,
                         const std::function<void(TcpFields*)>& change = nullptr) const {
    const bool syn = (flags & tcp_flag::kSyn) != 0;
    TcpFields tcp{.source_port = from == 0 ? port : uint16_t{80},
                  .destination_port = from == 0 ? uint16_t{80} : port,
                  .seq = next[from],
                  .ack = (flags & tcp_flag::kAck) != 0 ? next[1 - from] : 0,
                  .flags = flags,
                  .window = 60'000};
    if (stamped)
      tcp.options = TimestampsOption(clock[from], syn && from == 0 ? 0 : clock[1 - from]);
    if (change) change(&tcp);
    if (syn) {
      tcp.options =
          Join({mss != 0 ? MssOption(mss) : Bytes(), sack ? SackPermittedOption() : Bytes(),
                tcp.options, scale ? WindowScaleOption(*scale) : Bytes()});
    }
    const bool low = (from == 0) != swapped;
    PacketBuilder builder;
    builder.Ethernet();
    if (ipv6) {
      builder.Ipv6(low ? "fd00::1" : "fd00::2", low ? "fd00::2" : "fd00::1");
    } else {
      builder.Ipv4(low ? "10.0.0.1" : "10.0.0.2", low ? "10.0.0.2" : "10.0.0.1");
    }
    return {.bytes = builder.Tcp(tcp).Payload(payload).Build(), .zone = zone};
  }
  Harness::Frame Data(unsigned from, uint32_t payload) {
    const Harness::Frame frame = Segment(from, tcp_flag::kAck, payload);
    next[from] += payload;
    return frame;
  }
  // Until data and pure ACKs of both directions are nothing new.
  std::vector<Harness::Frame> Open() {
    using namespace tcp_flag;
    std::vector<Harness::Frame> frames = {Segment(0, kSyn, 0)};
    ++next[0];
    frames.push_back(Segment(1, kSyn | tcp_flag::kAck, 0));
    ++next[1];
    for (const unsigned from : {0u, 1u}) {
      frames.push_back(Data(from, 0));
      frames.push_back(Data(from, 10));
      frames.push_back(Data(1 - from, 0));
    }
    return frames;
  }
};

// Any of them, told from others by its number.
inline Connection AnyConnection(size_t number, bool ipv6, std::mt19937& random) {
  Connection c;
  c.ipv6 = ipv6;
  c.swapped = random() % 2 == 0;
  c.zone = static_cast<uint8_t>(random() % kMaxZones);
  c.port = static_cast<uint16_t>(40'000 + number);
  if (random() % 2 == 0) c.scale = static_cast<uint8_t>(random() % 16);
  c.stamped = random() % 2 == 0;
  if (random() % 4 != 0) c.mss = static_cast<uint16_t>(random());
  c.sack = random() % 2 == 0;
  for (uint32_t* numbers : {c.next, c.clock})
    for (const unsigned from : {0u, 1u})
      numbers[from] = random() % 2 == 0 ? 0u - random() % 3000 : random();
  return c;
}

// One thing of a segment is not as it should be; or it is, but rare.
inline void Disturb(std::mt19937& random, const Connection& c, unsigned from, TcpFields* tcp) {
  const auto near = [&random] { return random() % 2 == 0 ? 1 + random() % 3 : random() % 100'000; };
  switch (random() % 11) {
    case 0:
      tcp->seq += near();
      break;
    case 1:
      tcp->seq -= near();
      break;
    case 2:
      tcp->ack += near();
      break;
    case 3:
    case 4:
      tcp->ack -= near();
      break;
    case 5:
      tcp->window = 0;
      break;
    case 6:
      tcp->options =
          TimestampsOption(c.clock[from] - random() % 4, c.clock[1 - from] - random() % 4);
      break;
    case 7:
      tcp->options = TimestampsOption(c.clock[from], random() % 2 == 0 ? 0 : random());
      break;
    case 8:
      tcp->options.clear();
      break;
    case 9:
      tcp->window = 65535;  // larger than any before
      break;
    default:
      tcp->options = {1, 1, 1, 1};
      break;
  }
}

}  // namespace coretrack::testing
