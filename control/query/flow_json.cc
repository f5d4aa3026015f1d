#include "control/query/flow_json.h"

#include <array>
#include <cstring>

#include "control/query/text.h"

namespace coretrack {
namespace {

// "00" to "ff" one after the other.
constexpr auto kHexPairs = [] {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i] = kHex[i / 2 >> (i % 2 == 0 ? 4 : 0) & 0xf];
  return pairs;
}();

char* PutId(char* out, FlowId id) {
  const uint64_t value = uint64_t{id.worker} << 56 | uint64_t{Raw(id.index)} << 24 |
                         uint64_t{id.generation & 0xffffff};
  for (int shift = 56; shift >= 0; shift -= 8, out += 2)
    std::memcpy(out, &kHexPairs[(value >> shift & 0xff) * 2], 2);
  return out;
}

char* PutBool(char* out, bool value) { return PutText(out, value ? "true" : "false"); }

template <typename T>
char* PutMaybe(char* out, const std::optional<T>& value) {
  if (!value) return PutText(out, "null");
  if constexpr (std::is_same_v<T, bool>) {
    return PutBool(out, *value);
  } else {
    return PutUint(out, *value);
  }
}

// A state as JSON. All of the characters are copied, which is an instruction; a copy of as many as there are is a call.
struct StateJson {
  std::array<char, 16> text{};
  uint8_t size = 0;
};
constexpr auto kStateJson = [] {
  std::array<StateJson, tcp::kStates> states;
  for (int i = 0; i < tcp::kStates; ++i) {
    const std::string_view name = tcp::Name(static_cast<tcp::State>(i));
    StateJson& json = states[i];
    json.text[json.size++] = '"';
    for (const char c : name) json.text[json.size++] = c;
    json.text[json.size++] = '"';
  }
  return states;
}();

char* PutState(char* out, const std::optional<tcp::State>& state) {
  if (!state) return PutText(out, "null");
  const StateJson& json = kStateJson[static_cast<size_t>(*state)];
  std::memcpy(out, json.text.data(), json.text.size());
  return out + json.size;
}

// {"address":"10.0.0.1","port":40312,"state":"TIME_WAIT"  : the brace is left open.
char* PutEndpointHead(char* out, const EndpointRecord& endpoint, bool ipv6) {
  out = PutText(out, "{\"address\":\"");
  out = PutAddress(out, endpoint.address, ipv6);
  out = PutText(out, "\",\"port\":");
  out = PutUint(out, endpoint.port);
  out = PutText(out, ",\"state\":");
  return PutState(out, endpoint.state);
}

char* PutEndpoint(char* out, const EndpointRecord& endpoint, bool ipv6) {
  out = PutEndpointHead(out, endpoint, ipv6);
  out = PutText(out, ",\"packets\":");
  out = PutUint(out, endpoint.packets);
  out = PutText(out, ",\"bytes\":");
  out = PutUint(out, endpoint.bytes);
  out = PutText(out, ",\"mss\":");
  out = PutMaybe(out, endpoint.mss);
  out = PutText(out, ",\"window_scale\":");
  out = PutMaybe(out, endpoint.window_scale);
  out = PutText(out, ",\"timestamps\":");
  out = PutMaybe(out, endpoint.timestamps);
  out = PutText(out, ",\"sack\":");
  out = PutMaybe(out, endpoint.sack);
  *out++ = '}';
  return out;
}

char* PutVlans(char* out, const FlowRecord& flow) {
  *out++ = '[';
  for (unsigned i = 0; i < flow.vlan_count; ++i) {
    if (i != 0) *out++ = ',';
    out = PutUint(out, flow.vlan[i]);
  }
  *out++ = ']';
  return out;
}

// {"originator":1,"responder":2}
char* PutBoth(char* out, uint32_t originator, uint32_t responder) {
  out = PutText(out, "{\"originator\":");
  out = PutUint(out, originator);
  out = PutText(out, ",\"responder\":");
  out = PutUint(out, responder);
  *out++ = '}';
  return out;
}

char* PutProvisional(char* out, const FlowRecord& flow) {
  out = PutText(out, ",\"provisional\":{\"originator\":");
  out = PutBool(out, flow.originator.provisional);
  out = PutText(out, ",\"responder\":");
  out = PutBool(out, flow.responder.provisional);
  *out++ = '}';
  return out;
}

}  // namespace

char* PutFlowJson(char* out, const FlowRecord& flow) {
  out = PutText(out, "{\"id\":\"");
  out = PutId(out, flow.id);
  out = PutText(out, "\",\"worker\":");
  out = PutUint(out, flow.id.worker);
  out = PutText(out, ",\"proto\":\"");
  out = PutProtocol(out, flow.protocol);
  out = PutText(out, "\",\"vlan\":");
  out = PutVlans(out, flow);
  out = PutText(out, ",\"originator\":");
  out = PutEndpoint(out, flow.originator, flow.ipv6);
  out = PutText(out, ",\"responder\":");
  out = PutEndpoint(out, flow.responder, flow.ipv6);
  out = PutText(out, ",\"start\":\"");
  out = PutTime(out, flow.start_us);
  out = PutText(out, "\",\"last\":\"");
  out = PutTime(out, flow.last_us);
  out = PutText(out, "\",\"timeout_ms\":");
  out = PutUint(out, flow.timeout_ms > 0 ? static_cast<uint64_t>(flow.timeout_ms) : 0);
  out = PutText(out, ",\"assured\":");
  out = PutBool(out, flow.assured);
  out = PutText(out, ",\"midstream\":");
  out = PutBool(out, flow.midstream);
  out = PutText(out, ",\"end\":\"");
  out = PutText(out, Name(flow.end));
  out = PutText(out, "\",\"history\":\"");
  out = PutText(out, flow.history);
  out = PutText(out, "\",\"handshake_rtt_us\":{\"originator\":");
  out = PutMaybe(out, flow.originator.handshake_rtt_us);
  out = PutText(out, ",\"responder\":");
  out = PutMaybe(out, flow.responder.handshake_rtt_us);
  out = PutText(out, "},\"retransmits\":");
  out = PutUint(out, uint64_t{flow.originator.retransmits} + flow.responder.retransmits);
  out = PutText(out, ",\"out_of_window\":");
  out = PutUint(out, uint64_t{flow.originator.out_of_window} + flow.responder.out_of_window);
  out = PutText(out, ",\"zone\":");
  out = PutUint(out, flow.zone);
  out = PutText(out, ",\"originator_guessed\":");
  out = PutBool(out, flow.originator_guessed);
  out = PutText(out, ",\"time_wait\":{\"fin_again\":");
  out = PutUint(out, flow.time_wait_fins);
  out = PutText(out, ",\"old_duplicates\":");
  out = PutUint(out, flow.time_wait_duplicates);
  out = PutText(out, "},\"retransmits_by\":");
  out = PutBoth(out, flow.originator.retransmits, flow.responder.retransmits);
  out = PutText(out, ",\"out_of_window_by\":");
  out = PutBoth(out, flow.originator.out_of_window, flow.responder.out_of_window);
  out = PutProvisional(out, flow);
  out = PutText(out, ",\"related_icmp\":");
  out = PutUint(out, flow.related_icmp);
  *out++ = '}';
  return out;
}

void AppendFlowJson(const FlowRecord& flow, std::string* out) {
  char text[kMaxFlowJsonBytes];
  out->append(text, PutFlowJson(text, flow));
}

void AppendChangeJson(uint64_t packet, const FlowRecord& flow, std::string* out) {
  char text[kMaxFlowJsonBytes];
  char* end = PutText(text, "{\"packet\":");
  end = PutUint(end, packet);
  end = PutText(end, ",\"id\":\"");
  end = PutId(end, flow.id);
  end = PutText(end, "\",\"originator\":");
  end = PutEndpointHead(end, flow.originator, flow.ipv6);
  end = PutText(end, "},\"responder\":");
  end = PutEndpointHead(end, flow.responder, flow.ipv6);
  end = PutText(end, "}}");
  out->append(text, end);
}

void AppendInvalidJson(uint64_t packet, std::string_view reason, std::string* out) {
  char number[kMaxUintChars];
  out->append("{\"packet\":");
  out->append(number, PutUint(number, packet));
  out->append(",\"invalid\":\"");
  out->append(JsonEscaped(reason));
  out->append("\"}");
}

}  // namespace coretrack
