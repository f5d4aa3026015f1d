#include "dataplane/worker/flow_record.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "dataplane/worker/history.h"
#include "dataplane/worker/tcp_binding.h"
#include "dataplane/worker/timeouts.h"

namespace coretrack {
namespace {

uint16_t PortFromWire(uint32_t ports, unsigned endpoint) {
  const auto raw = static_cast<uint16_t>(ports >> (16 * endpoint));
  return static_cast<uint16_t>(raw << 8 | raw >> 8);
}

// Endpoint `d` sends in that direction. What every protocol has.
void FillEndpoint(const FlowCopy& copy, unsigned d, bool ipv6, EndpointRecord* e) {
  const FlowLine& line = copy.line;
  const FlowDetail& detail = copy.detail;
  std::array<uint64_t, 2> address = {line.address >> (32 * d) & 0xffffffff, 0};
  if (ipv6) address = {copy.ipv6_address[2 * d], copy.ipv6_address[2 * d + 1]};
  static_assert(sizeof(address) == sizeof(e->address));
  std::memcpy(e->address.data(), &address, sizeof(address));
  e->port = PortFromWire(line.ports, d);
  e->packets = detail.packets[d] + line.packets[d];
  e->bytes = detail.bytes[d] + line.bytes[d];
}

template <typename T>
std::optional<T> If(bool observed, T value) {
  return observed ? std::optional<T>(value) : std::nullopt;
}

// And all that only TCP has.
void FillTcp(const FlowDetail& detail, unsigned d, tcp::State state, EndpointRecord* e) {
  const bool syn = (detail.flags & detail_flag::SynSeen(d)) != 0;
  const auto scale = static_cast<uint8_t>(detail.offered_scales >> (4 * d) & 0xf);
  const uint32_t rtt = detail.handshake_rtt_us[d];
  e->state = state;
  e->provisional = (detail.small & detail_small::Provisional(d)) != 0;
  e->mss = If(syn && detail.mss[d] != 0, detail.mss[d]);
  e->window_scale = If(syn && scale != tcp::kNoScale, scale);
  e->timestamps = If(syn, (detail.flags & detail_flag::Timestamps(d)) != 0);
  e->sack = If(syn, (detail.flags & detail_flag::Sack(d)) != 0);
  e->handshake_rtt_us = If(rtt != 0 && rtt != FlowDetail::kMaxRtt, rtt);
  e->retransmits = detail.retransmits[d];
  e->out_of_window = detail.out_of_window[d];
}

}  // namespace

std::string ToString(FlowId id) {
  char text[17];
  std::snprintf(text, sizeof(text), "%02x%08x%06x", id.worker, Raw(id.index),
                id.generation & 0xffffff);
  return text;
}

std::optional<FlowId> ParseFlowId(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return FlowId{.worker = static_cast<uint8_t>(value >> 56),
                .index = FlowIndex{static_cast<uint32_t>(value >> 24)},
                .generation = static_cast<uint32_t>(value & 0xffffff)};
}

void FillRecord(uint8_t worker, FlowIndex index, const FlowCopy& copy, Now now,
                const Tunables& tunables, const Histories& histories, End end, FlowRecord* record) {
  const FlowLine& line = copy.line;
  FlowRecord& r = *record;
  r.id = {.worker = worker, .index = index, .generation = GenerationOf(copy.detail.start_us)};
  r.protocol = static_cast<uint8_t>(line.context);
  r.zone = line.zone();
  r.vlan = {};
  r.vlan_count = 0;
  for (const uint32_t shift : {8u, 20u}) {
    const auto vlan = static_cast<uint16_t>(line.context >> shift & 0xfff);
    if (vlan != 0) r.vlan[r.vlan_count++] = vlan;
  }
  r.ipv6 = (copy.ipv6_address[0] | copy.ipv6_address[1] | copy.ipv6_address[2] |
            copy.ipv6_address[3]) != 0;
  const unsigned o = Raw(OriginatorOf(line.state));
  if (IsTcpState(line.state)) {
    const tcp::StatePair pair = PairOf(line.state);
    FillTcp(copy.detail, o, pair.originator, &r.originator);
    FillTcp(copy.detail, 1 - o, pair.responder, &r.responder);
  } else {
    r.originator = r.responder = {};
  }
  FillEndpoint(copy, o, r.ipv6, &r.originator);
  FillEndpoint(copy, 1 - o, r.ipv6, &r.responder);
  r.start_us = StartUsOf(copy.detail.start_us, now.unix_us);

  const int32_t left_ms = line.deadline() - now.tick;
  r.timeout_ms = static_cast<uint32_t>(std::max(left_ms, 0));
  // A tick is a unix millisecond modulo 2^32 (worker/clock.h), so the last packet's is known
  // exactly from the timeout it was given: the one in force, or the one before if it came before the
  // change.
  const auto last_by = [&](const Timeouts& timeouts) {
    const int64_t since_ms = int64_t{TimeoutMsOf(line, copy.detail, timeouts)} - left_ms;
    return (now.unix_us / 1000 - static_cast<uint64_t>(since_ms)) * 1000;
  };
  uint64_t last_us = last_by(tunables);
  if (const uint64_t changed_us = tunables.timeouts_changed_us;
      changed_us != 0 && (last_us > now.unix_us || last_us < changed_us)) {
    last_us = std::min(last_by(tunables.before), changed_us);
  }
  r.last_us = last_us < r.start_us ? r.start_us : last_us > now.unix_us ? now.unix_us : last_us;

  r.assured = (copy.detail.flags & detail_flag::kAssured) != 0;
  r.midstream = (copy.detail.flags & detail_flag::kMidstream) != 0;
  r.originator_guessed = r.midstream;
  r.end = end;
  r.time_wait_fins = detail_small::Count(copy.detail.small, detail_small::kFinsShift);
  r.time_wait_duplicates = detail_small::Count(copy.detail.small, detail_small::kDuplicatesShift);
  r.related_icmp = copy.detail.related_icmp;
  r.history = histories.Text(copy.detail.history);
}

FlowRecord MakeRecord(uint8_t worker, FlowIndex index, const FlowCopy& copy, Now now,
                      const Tunables& tunables, const Histories& histories, End end) {
  FlowRecord record;
  FillRecord(worker, index, copy, now, tunables, histories, end, &record);
  return record;
}

}  // namespace coretrack
