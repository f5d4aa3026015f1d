// The established path: one plain segment of an assured connection, on the flow's line alone.
//
// Why halves  A FlowLine as a struct is written in bytes and copied in vectors, and each such pair
//             stalls the core until the bytes have reached the cache. Here a field is one 32-bit half
//             of the line, found by its direction, loaded once and stored once.
// Layout      FlowLine's (flow_line.h), half by half; what tcp::Half is in it: tcp_binding.h.
// Threads     The owning worker.
// Cost        bench: Pipeline/established
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "dataplane/flow/flow_slot.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/tcp/in_order.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {

namespace established {

// Indices of halves, and bits of a field of direction d in them.
inline constexpr size_t kHead = 0;      // version, state, packets[2]
inline constexpr size_t kDeadline = 1;  // deadline_ms
inline constexpr size_t kPlace = 3;     // zone_flags, scales, max_window[2]
inline constexpr size_t kBytes = 7;     // bytes[2]
inline constexpr size_t kEnd = 8, kMaxEnd = 10, kAck = 12, kTsRecent = 14;  // + d
static_assert(offsetof(FlowLine, packets) == 2 && offsetof(FlowLine, deadline_ms) == 4 &&
              offsetof(FlowLine, zone_flags) == 12 && offsetof(FlowLine, scales) == 13 &&
              offsetof(FlowLine, max_window) == 14 && offsetof(FlowLine, bytes) == 28 &&
              offsetof(FlowLine, protocol_words) == 32);
constexpr unsigned PacketsShift(unsigned d) { return 16 + 8 * d; }
constexpr unsigned BytesShift(unsigned d) { return 16 * d; }
constexpr unsigned ScaleShift(unsigned d) { return 8 + 4 * d; }
constexpr unsigned MaxWindowShift(unsigned d) { return 16 + 8 * d; }

inline constexpr uint32_t kBothEstablished =
    StateCode({tcp::State::kEstablished, tcp::State::kEstablished});

inline uint32_t LoadHalf(const AtomicLine& line, size_t half) {
  return line.halves[half].load(std::memory_order_relaxed);
}
inline void StoreHalf(AtomicLine& line, size_t half, uint32_t value) {
  line.halves[half].store(value, std::memory_order_release);
}

// Endpoint `e`, without its state.
inline tcp::Half LoadEndpoint(const AtomicLine& line, uint32_t place, unsigned e) {
  return {.end = LoadHalf(line, kEnd + e),
          .max_end = LoadHalf(line, kMaxEnd + e),
          .ack = LoadHalf(line, kAck + e),
          .ts_recent = LoadHalf(line, kTsRecent + e),
          .max_window = static_cast<uint8_t>(place >> MaxWindowShift(e)),
          .scale = static_cast<uint8_t>(place >> ScaleShift(e) & 0xf)};
}
// What a segment of endpoint `d` in order moves, but for states.
inline void StoreEndpoints(AtomicLine& line, unsigned d, const tcp::Half& sender,
                           const tcp::Half& receiver) {
  StoreHalf(line, kEnd + d, sender.end);
  StoreHalf(line, kMaxEnd + 1 - d, receiver.max_end);
  StoreHalf(line, kAck + d, sender.ack);
  if (sender.ts_recent != 0) StoreHalf(line, kTsRecent + 1 - d, receiver.ts_recent);
}
// `place` with the sender's largest window.
inline uint32_t WithMaxWindow(uint32_t place, unsigned d, uint8_t max_window) {
  return (place & ~(0xffu << MaxWindowShift(d))) | uint32_t{max_window} << MaxWindowShift(d);
}
// Is there room for one more packet in the line's deltas?
inline bool HasRoom(uint32_t head, uint32_t bytes, unsigned d, uint32_t ip_bytes) {
  return (head >> PacketsShift(d) & 0xff) != std::numeric_limits<uint8_t>::max() &&
         (bytes >> BytesShift(d) & 0xffff) + ip_bytes <= std::numeric_limits<uint16_t>::max();
}

}  // namespace established

// True: the segment was plain and is tracked and counted. False: nothing was touched, the general
// path decides: also about a flow past its deadline, and when the line's deltas must be spilled
// first.  REQUIRES: meta.kind is kTcp; `line` holds its flow, or did.
[[gnu::always_inline]] inline bool TrackEstablished(AtomicLine& line, const PacketMeta& meta,
                                                    Tick now, uint32_t timeout_ms) {
  using namespace established;
  using namespace tcp_flag;
  const TcpHeader& s = meta.tcp;
  const unsigned d = Raw(meta.direction);
  const uint32_t head = LoadHalf(line, kHead);
  const uint32_t place = LoadHalf(line, kPlace);
  const uint32_t bytes = LoadHalf(line, kBytes);

  if ((s.flags & (kSyn | kFin | kRst | tcp_flag::kAck)) != tcp_flag::kAck) [[unlikely]]
    return false;
  if ((head >> 8 & kStateCodeMask) != kBothEstablished) [[unlikely]]
    return false;
  const uint32_t seen = s.payload_bytes != 0 ? flow_flag::DataSeen(meta.direction)
                                             : flow_flag::AckSeen(meta.direction);
  if ((place & (flow_flag::kAttention | seen)) != seen) [[unlikely]]
    return false;
  // It is in the future, and no further than now + timeout_ms: of a timeout that was shortened since
  // the wheel must hear.
  if (LoadHalf(line, kDeadline) - now.ms() - 1 >= timeout_ms) [[unlikely]]
    return false;
  if (!HasRoom(head, bytes, d, meta.ip_bytes)) [[unlikely]]
    return false;

  tcp::Half sender = LoadEndpoint(line, place, d);
  tcp::Half receiver = LoadEndpoint(line, place, 1 - d);
  const uint8_t max_window = sender.max_window;
  if (!tcp::TrackInOrder(s, sender, receiver)) [[unlikely]]
    return false;

  line.halves[kHead].store(head | 1, std::memory_order_relaxed);
  if (sender.max_window != max_window) [[unlikely]]
    StoreHalf(line, kPlace, WithMaxWindow(place, d, sender.max_window));
  StoreHalf(line, kBytes, bytes + (meta.ip_bytes << BytesShift(d)));
  StoreEndpoints(line, d, sender, receiver);
  // The version, which ends the write, and the deadline are one word.
  const uint32_t counted = (head & 0xffffff00) + (1u << PacketsShift(d));
  const uint64_t deadline = (now + timeout_ms).ms();
  line.words[0].store(deadline << 32 | counted | NextEvenVersion(head), std::memory_order_release);
  return true;
}

}  // namespace coretrack
