// FlowLine: one flow's hot cache line. What is cold of it: flow_detail.h.
//
// Layout   64 bytes, pointer-free. What the protocol tracker keeps in it (state, scales, max_window,
//          protocol_words) is opaque to this room: worker/tcp_binding.h packs and unpacks it.
// Threads  Written by the owning worker only. Any thread may read it through FlowTable::Read() (flow_slot.h).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/limits.h"
#include "dataplane/base/types.h"

namespace coretrack {

// All that an established packet reads and writes beside its bucket.
struct FlowLine {
  // Word 0: the sequence lock's version beside fields that nearly every write changes
  // (flow_slot.h).
  uint8_t version;                 // odd while a write is under way
  uint8_t state;                   // 0: the slot is empty
  std::array<uint8_t, 2> packets;  // by Direction, since the last spill into FlowDetail
  uint32_t deadline_ms;            // a Tick: the flow is absent from this tick on
  // Word 1: FlowKey::transport.
  uint32_t ports;
  uint32_t context;
  // Word 2.
  uint64_t address;  // IPv4: FlowKey::address[0]. IPv6: the flow's hash; the addresses are in
                     // the line behind it
  // Word 3.
  uint8_t zone_flags;                 // zone in the low 3 bits, flow_flag:: above
  uint8_t scales;                     // window scale, a nibble per direction
  std::array<uint8_t, 2> max_window;  // coded largest window, by Direction
  std::array<uint16_t, 2> bytes;      // IP-layer bytes by Direction, since the last spill
  // Words 4 to 7.
  std::array<uint32_t, 8> protocol_words;

  Tick deadline() const { return Tick(deadline_ms); }
  uint8_t zone() const;
};
static_assert(sizeof(FlowLine) == kCacheLine);

// Bits of FlowLine::zone_flags.
namespace flow_flag {
inline constexpr uint8_t kZoneMask = kMaxZones - 1;
inline constexpr uint8_t kAttention = 0x08;  // every packet takes the slow path
inline constexpr unsigned kAckSeenShift = 4, kDataSeenShift = 6;
// A pure ACK, data is in the history.
constexpr uint8_t AckSeen(Direction d) { return 1 << (kAckSeenShift + Raw(d)); }
constexpr uint8_t DataSeen(Direction d) { return 1 << (kDataSeenShift + Raw(d)); }
}  // namespace flow_flag

inline uint8_t FlowLine::zone() const { return zone_flags & flow_flag::kZoneMask; }

}  // namespace coretrack
