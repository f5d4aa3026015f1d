// FlowRecord: one flow, decoded: what is shown, exported and filtered. The line and the detail of a
// slot become one of these.
//
// Threads  Made on any thread from a FlowCopy; on the worker for events.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/flow/flow_slot.h"
#include "dataplane/tcp/state.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/tunables.h"

namespace coretrack {

// Unique among the flows of one run: worker, slot, and when it began in that (FlowTable::StartIn()). 24 bits of
// microseconds: the next flow of the slot has another id, and a later one has a stale id with a chance of 1 in 2^24. (So ids of flows that
// are over come again: a slot that is free again is taken again soon (flow/slot_pool.h), and where few flows are live, by many one after the other.)
struct FlowId {
  uint8_t worker = 0;
  FlowIndex index = FlowIndex::kNone;
  uint32_t generation = 0;  // 24 bits
  friend bool operator==(const FlowId&, const FlowId&) = default;
};
// 16 hexadecimal digits: 2 worker, 8 index, 6 generation.
std::string ToString(FlowId id);
std::optional<FlowId> ParseFlowId(std::string_view text);

struct EndpointRecord {
  std::array<uint8_t, 16> address{};  // network order; IPv4: the first 4 bytes
  uint16_t port = 0;                  // host order; ICMP echo: the identifier
  std::optional<tcp::State> state;    // TCP only, as all that follow the counters
  bool provisional =
      false;  // of `state`: it is what its last received segment makes of it, or a guess
  uint64_t packets = 0;
  uint64_t bytes = 0;
  std::optional<uint16_t> mss;
  std::optional<uint8_t> window_scale;
  std::optional<bool> timestamps;
  std::optional<bool> sack;
  std::optional<uint32_t> handshake_rtt_us;
  uint16_t retransmits = 0;  // saturating, as the next
  uint16_t out_of_window = 0;
};

struct FlowRecord {
  FlowId id;
  uint8_t protocol = 0;
  bool ipv6 = false;
  uint8_t zone = 0;
  uint8_t vlan_count = 0;
  std::array<uint16_t, 2> vlan{};  // outer first
  uint32_t timeout_ms = 0;         // until the deadline; 0 when it has passed
  EndpointRecord originator;
  EndpointRecord responder;
  uint64_t start_us = 0;  // unix time
  uint64_t last_us = 0;  // unix time of the last packet that moved the deadline, to the millisecond
  bool assured = false;
  bool midstream = false;
  bool originator_guessed = false;
  End end = End::kActive;
  uint8_t time_wait_fins = 0;        // saturates at 7
  uint8_t time_wait_duplicates = 0;  // saturates at 7
  uint8_t related_icmp = 0;          // ICMP errors that quoted it; saturates at 15
  HistoryText history;               // Zeek's letters, upper case: the originator
};

// Fills all of `*record`, whatever it was. `line.state` is not 0. `tunables` give the timeouts from which last_us is reckoned back;
// `histories` are its worker's.
void FillRecord(uint8_t worker, FlowIndex index, const FlowCopy& copy, Now now,
                const Tunables& tunables, const Histories& histories, End end, FlowRecord* record);
// The same of a new one, where there is only one: clearing it takes as long as filling it.
FlowRecord MakeRecord(uint8_t worker, FlowIndex index, const FlowCopy& copy, Now now,
                      const Tunables& tunables, const Histories& histories, End end);

}  // namespace coretrack
