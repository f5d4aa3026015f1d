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
#include <cstring>
#include <limits>

#include "dataplane/flow/flow_table.h"
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
  explicit Field(unsigned char* at) : at_(at) {}
  operator T() const {
    T value;
    std::memcpy(&value, at_, sizeof(value));
    return value;
  }
  Field& operator=(T value) {
    using Aliased [[gnu::may_alias]] = T;
    __atomic_store_n(reinterpret_cast<Aliased*>(at_), value, __ATOMIC_RELEASE);
    return *this;
  }
  Field& operator=(const Field&) = delete;

 private:
  unsigned char* at_;
};

// The window scale of endpoint `d`.
class ScaleField {
 public:
  ScaleField(unsigned char* at, unsigned d) : scales_(at), d_(d) {}
  operator uint8_t() const { return scales_ >> (4 * d_) & 0xf; }

 private:
  Field<uint8_t> scales_;
  unsigned d_;
};

// A tcp::Half, without its state, where it lies in a line; and what the line counts for it.
// One base for the words of a direction, so that each is one operand of an instruction.
struct HalfInLine {
  HalfInLine(AtomicLine& line, unsigned d)
      : HalfInLine(reinterpret_cast<unsigned char*>(&line), d,
                   reinterpret_cast<unsigned char*>(&line) + d * sizeof(uint32_t)) {}
  HalfInLine(unsigned char* line, unsigned d, unsigned char* words)
      : end(words + Word(0)),
        max_end(words + Word(2)),
        ack(words + Word(4)),
        ts_recent(words + Word(6)),
        max_window(line + offsetof(FlowLine, max_window) + d),
        scale(line + offsetof(FlowLine, scales), d),
        packets(line + offsetof(FlowLine, packets) + d),
        bytes(line + offsetof(FlowLine, bytes) + d * sizeof(uint16_t)) {}
  static constexpr size_t Word(size_t word) {
    return offsetof(FlowLine, protocol_words) + word * sizeof(uint32_t);
  }
  static constexpr uint32_t kMostBytes = std::numeric_limits<uint16_t>::max();
  static constexpr uint32_t kMostPackets = std::numeric_limits<uint8_t>::max();
  // For a packet of `ip_bytes` more, in the deltas?
  bool HasRoom(uint32_t ip_bytes) const {
    return packets != kMostPackets && bytes + ip_bytes <= kMostBytes;
  }

  Field<uint32_t> end, max_end, ack, ts_recent;
  Field<uint8_t> max_window;
  ScaleField scale;
  Field<uint8_t> packets;
  Field<uint16_t> bytes;
};

inline Field<uint8_t> ZoneFlags(AtomicLine& line) {
  return Field<uint8_t>(reinterpret_cast<unsigned char*>(&line) + offsetof(FlowLine, zone_flags));
}
inline Field<uint8_t> Scales(AtomicLine& line) {
  return Field<uint8_t>(reinterpret_cast<unsigned char*>(&line) + offsetof(FlowLine, scales));
}
inline Tick Deadline(const AtomicLine& line) {
  return Tick(line.LoadOwned<uint32_t>(offsetof(FlowLine, deadline_ms)));
}

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

// Moves what the line has counted of direction `d` to its detail. Answers the head without it.
// REQUIRES: BeginWrite() came before.
[[gnu::noinline, gnu::cold]] inline uint32_t Spill(FlowTable& table, FlowIndex index,
                                                   AtomicLine& line, uint32_t head, unsigned d) {
  HalfInLine half(line, d);
  table.AddCounts(index, d, half.packets, half.bytes);
  half.bytes = 0;
  return head & ~(HalfInLine::kMostPackets << (16 + 8 * d));
}

// Is a datagram of direction `d` nothing new to a flow in `state`? Once answered, none is.
constexpr bool IsPlainDatagramFor(uint8_t state, unsigned d) {
  return (state & kStateCodeMask) == kDatagramAnswered ||
         ((state & kStateCodeMask) == kDatagramNew && Raw(OriginatorOf(state)) == d);
}

// Is an established connection's next segment of direction `d` nothing new, whether data or a pure ACK? `head` is the
// line's.
inline bool IsPlainFor(AtomicLine& line, uint32_t head, unsigned d, uint32_t payload_bytes) {
  if ((head >> 8 & kStateCodeMask) != kBothEstablished) [[unlikely]]
    return false;
  // Data and pure ACKs alternate: no branch on which it is.
  const unsigned seen =
      flow_flag::kAckSeenShift + d +
      (flow_flag::kDataSeenShift - flow_flag::kAckSeenShift) * (payload_bytes != 0);
  const uint32_t flags = ZoneFlags(line);
  return (flags & flow_flag::kAttention) == 0 && (flags >> seen & 1) != 0;
}

}  // namespace established

// True: the segment was plain and is tracked and counted. False: nothing was touched, the general
// path decides, or TrackFirst(): also about a flow past its deadline, and when the line's deltas must be spilled
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
  if (!IsPlainFor(line, head, d, s.payload_bytes)) [[unlikely]]
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
