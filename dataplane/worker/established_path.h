// The established path: one plain segment of an assured connection, on the flow's line alone.
//
// Why words  A FlowLine as a struct is written in bytes and copied in vectors, and each such pair
//            stalls the core until the bytes have reached the cache: 2.5 times the cost of this.
//            Here a word is loaded once, changed in registers and stored once.
// Layout     FlowLine's (flow_line.h), word by word; what tcp::Half is in it: tcp_binding.h.
// Threads    The owning worker.
// Cost       bench: Pipeline/established
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "dataplane/flow/flow_slot.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/tcp/established.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {

namespace established {

static_assert(offsetof(FlowLine, packets) == 2 && offsetof(FlowLine, deadline_ms) == 4 &&
              offsetof(FlowLine, zone_flags) == 12 && offsetof(FlowLine, scales) == 13 &&
              offsetof(FlowLine, max_window) == 14 && offsetof(FlowLine, bytes) == 28 &&
              offsetof(FlowLine, protocol_words) == 32);

inline constexpr uint8_t kBothEstablished =
    StateCode({tcp::State::kEstablished, tcp::State::kEstablished});

// The half of a word that belongs to direction `d`.
inline uint32_t Lane(uint64_t word, unsigned d) { return static_cast<uint32_t>(word >> (32 * d)); }
inline uint64_t WithLane(uint64_t word, unsigned d, uint32_t value) {
  return (word & (uint64_t{0xffffffff} << (32 * (1 - d)))) | uint64_t{value} << (32 * d);
}
inline uint64_t WithByte(uint64_t word, unsigned shift, uint8_t value) {
  return (word & ~(uint64_t{0xff} << shift)) | uint64_t{value} << shift;
}

}  // namespace established

// True: the segment was plain and is tracked and counted. False: nothing was touched, the general
// path decides; also when the line's deltas must be spilled first.  REQUIRES: meta.kind is kTcp;
// `line` holds its flow, which is not past its deadline.
inline bool TrackEstablished(AtomicLine& line, const PacketMeta& meta, Tick now,
                             uint32_t timeout_ms) {
  using namespace established;
  using namespace tcp_flag;
  const TcpHeader& s = meta.tcp;
  const unsigned d = Raw(meta.direction);
  const unsigned r = 1 - d;
  const auto load = [&line](size_t i) { return line.words[i].load(std::memory_order_relaxed); };
  const uint64_t word0 = load(0);
  const uint64_t word1 = load(1);
  const uint64_t word3 = load(3);

  const auto zone_flags = static_cast<uint8_t>(word1 >> 32);
  const uint8_t seen = s.payload_bytes != 0 ? flow_flag::DataSeen(meta.direction)
                                            : flow_flag::AckSeen(meta.direction);
  const unsigned packets_shift = 16 + 8 * d;
  const unsigned bytes_shift = 32 + 16 * d;
  const Tick deadline = now + timeout_ms;
  const auto packets = static_cast<uint8_t>(word0 >> packets_shift);
  const uint32_t bytes = static_cast<uint16_t>(word3 >> bytes_shift) + meta.ip_bytes;
  const bool plain = ((s.flags & (kSyn | kFin | kRst | kAck)) == kAck) &
                     ((StateIn(word0) & kStateCodeMask) == kBothEstablished) &
                     ((zone_flags & (flow_flag::kAttention | seen)) == seen) &
                     (packets != std::numeric_limits<uint8_t>::max()) &
                     // A timeout that was shortened since: the wheel must hear of it.
                     !deadline.Before(Tick(static_cast<uint32_t>(word0 >> 32))) &
                     (bytes <= std::numeric_limits<uint16_t>::max());
  if (!plain) [[unlikely]]
    return false;

  const uint64_t ends = load(4);
  const uint64_t max_ends = load(5);
  const uint64_t acks = load(6);
  const uint64_t timestamps = load(7);
  const auto half = [&](unsigned e) {
    return tcp::Half{.end = Lane(ends, e),
                     .max_end = Lane(max_ends, e),
                     .ack = Lane(acks, e),
                     .ts_recent = Lane(timestamps, e),
                     .max_window = static_cast<uint8_t>(word1 >> (48 + 8 * e)),
                     .scale = static_cast<uint8_t>(word1 >> (40 + 4 * e) & 0xf)};
  };
  tcp::Half sender = half(d);
  tcp::Half receiver = half(r);
  if (!tcp::TrackInOrder(s, sender, receiver)) [[unlikely]]
    return false;

  const auto store = [&line](size_t i, uint64_t word) {
    line.words[i].store(word, std::memory_order_release);
  };
  line.words[0].store(word0 | 1, std::memory_order_relaxed);
  store(1, WithByte(word1, 48 + 8 * d, sender.max_window));
  store(3, word3 + (uint64_t{meta.ip_bytes} << bytes_shift));
  store(4, WithLane(ends, d, sender.end));
  store(5, WithLane(max_ends, r, receiver.max_end));
  store(6, WithLane(acks, d, sender.ack));
  store(7, WithLane(timestamps, r, receiver.ts_recent));
  const uint64_t counted = (word0 & 0xffffff00) + (uint64_t{1} << packets_shift);
  store(0, uint64_t{deadline.ms()} << 32 | counted | NextEvenVersion(word0));
  return true;
}

}  // namespace coretrack
