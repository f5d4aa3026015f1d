// The established path: one plain segment of an assured connection, on the flow's line alone.
//
// Why pieces  A FlowLine as a struct is written in bytes and copied in vectors, and each such pair
//             stalls the core until the bytes have reached the cache. Here a field is one 32-bit half
//             or 16-bit quarter of the line, found by its direction, loaded once and stored once.
// Layout      FlowLine's (flow_line.h), piece by piece; what tcp::Half is in it: tcp_binding.h.
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

inline constexpr uint8_t kBothEstablished =
    StateCode({tcp::State::kEstablished, tcp::State::kEstablished});

// A field of a line, as if it were a variable of the owner's.
template <typename T>
class Field {
 public:
  Field(AtomicLine& line, size_t byte) : line_(line), byte_(byte) {}
  operator T() const { return line_.LoadOwned<T>(byte_); }
  Field& operator=(T value) {
    line_.StoreReleased(byte_, value);
    return *this;
  }
  Field& operator=(const Field&) = delete;

 private:
  AtomicLine& line_;
  size_t byte_;
};

// The window scale of endpoint `d`.
class ScaleField {
 public:
  ScaleField(const AtomicLine& line, unsigned d) : line_(line), d_(d) {}
  operator uint8_t() const {
    return line_.LoadOwned<uint8_t>(offsetof(FlowLine, scales)) >> (4 * d_) & 0xf;
  }

 private:
  const AtomicLine& line_;
  unsigned d_;
};

// A tcp::Half, without its state, where it lies in a line; and what the line counts for it.
struct HalfInLine {
  HalfInLine(AtomicLine& line, unsigned d)
      : end(line, Word(0, d)),
        max_end(line, Word(2, d)),
        ack(line, Word(4, d)),
        ts_recent(line, Word(6, d)),
        max_window(line, offsetof(FlowLine, max_window) + d),
        scale(line, d),
        packets(line, offsetof(FlowLine, packets) + d),
        bytes(line, offsetof(FlowLine, bytes) + d * sizeof(uint16_t)) {}
  static constexpr size_t Word(size_t word, unsigned d) {
    return offsetof(FlowLine, protocol_words) + (word + d) * sizeof(uint32_t);
  }
  tcp::Half Load() const {
    return {.end = end,
            .max_end = max_end,
            .ack = ack,
            .ts_recent = ts_recent,
            .max_window = max_window,
            .scale = scale};
  }
  // For a packet of `ip_bytes` more, in the deltas?
  bool HasRoom(uint32_t ip_bytes) const {
    return packets != std::numeric_limits<uint8_t>::max() &&
           bytes + ip_bytes <= std::numeric_limits<uint16_t>::max();
  }

  Field<uint32_t> end, max_end, ack, ts_recent;
  Field<uint8_t> max_window;
  ScaleField scale;
  Field<uint8_t> packets;
  Field<uint16_t> bytes;
};

// The first half of word 0: version, state, packets[2].
inline uint32_t Head(const AtomicLine& line) { return line.LoadOwned<uint32_t>(); }
inline void BeginWrite(AtomicLine& line, uint32_t head) {
  line.halves[0].store(head | 1, std::memory_order_relaxed);
}
// Ends the write. `state` is in place; a packet of direction `d` is counted.
inline void EndWrite(AtomicLine& line, uint32_t head, unsigned d, Tick deadline) {
  const uint32_t counted = (head & 0xffffff00) + (1u << (16 + 8 * d));
  line.words[0].store(uint64_t{deadline.ms()} << 32 | counted | NextEvenVersion(head),
                      std::memory_order_release);
}
static_assert(offsetof(FlowLine, version) == 0 && offsetof(FlowLine, state) == 1 &&
              offsetof(FlowLine, packets) == 2 && offsetof(FlowLine, deadline_ms) == 4);

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
  if ((s.flags & (kSyn | kFin | kRst | tcp_flag::kAck)) != tcp_flag::kAck) [[unlikely]]
    return false;
  const uint32_t head = Head(line);
  if ((head >> 8 & kStateCodeMask) != kBothEstablished) [[unlikely]]
    return false;
  const uint32_t seen = s.payload_bytes != 0 ? flow_flag::DataSeen(meta.direction)
                                             : flow_flag::AckSeen(meta.direction);
  const auto flags = line.LoadOwned<uint8_t>(offsetof(FlowLine, zone_flags));
  if ((flags & (flow_flag::kAttention | seen)) != seen) [[unlikely]]
    return false;
  // It is in the future, and no further than now + timeout_ms: of a timeout that was shortened since
  // the wheel must hear.
  const auto deadline = line.LoadOwned<uint32_t>(offsetof(FlowLine, deadline_ms));
  if (deadline - now.ms() - 1 >= timeout_ms) [[unlikely]]
    return false;
  HalfInLine sender(line, d), receiver(line, 1 - d);
  if (!sender.HasRoom(meta.ip_bytes) || !tcp::IsInOrder(s, sender, receiver)) [[unlikely]]
    return false;

  BeginWrite(line, head);
  tcp::MoveInOrder(s, sender, receiver);
  sender.bytes = static_cast<uint16_t>(sender.bytes + meta.ip_bytes);
  EndWrite(line, head, d, now + timeout_ms);
  return true;
}

}  // namespace coretrack
