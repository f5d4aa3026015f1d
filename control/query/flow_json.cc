#include "control/query/flow_json.h"

#include <array>
#include <cassert>
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

char* PutBool(char* out, bool value) {
  static constexpr char kTexts[2][8] = {"false", "true"};
  std::memcpy(out, kTexts[value], sizeof(kTexts[value]));
  return out + 5 - value;
}

template <typename T>
char* PutMaybe(char* out, const std::optional<T>& value) {
  if (!value) return Put<"null">(out);
  if constexpr (std::is_same_v<T, bool>) {
    return PutBool(out, *value);
  } else {
    return PutUint(out, *value);
  }
}

// A name in quotes. All of the characters are copied, which is an instruction; a copy of as many as there are is a call.
struct Quoted {
  std::array<char, 16> text{};
  uint8_t size = 0;
};
constexpr Quoted Quote(std::string_view name) {
  Quoted quoted;
  quoted.text[quoted.size++] = '"';
  for (const char c : name) quoted.text[quoted.size++] = c;
  quoted.text[quoted.size++] = '"';
  return quoted;
}
char* PutQuoted(char* out, const Quoted& name) {
  std::memcpy(out, name.text.data(), name.text.size());
  return out + name.size;
}

char* PutState(char* out, const std::optional<tcp::State>& state) {
  static constexpr auto kNames = [] {
    std::array<Quoted, tcp::kStates> names;
    for (int i = 0; i < tcp::kStates; ++i) names[i] = Quote(tcp::Name(static_cast<tcp::State>(i)));
    return names;
  }();
  return state ? PutQuoted(out, kNames[static_cast<size_t>(*state)]) : Put<"null">(out);
}

char* PutEndReason(char* out, End end) {
  static constexpr auto kNames = [] {
    std::array<Quoted, static_cast<size_t>(End::kCount)> names;
    for (size_t i = 0; i < names.size(); ++i) names[i] = Quote(Name(static_cast<End>(i)));
    return names;
  }();
  return PutQuoted(out, kNames[static_cast<size_t>(end)]);
}

char* PutHistory(char* out, const HistoryText& history) {
  std::memcpy(out, history.padded().data(), history.padded().size());
  return out + history.size();
}

// {"address":"10.0.0.1","port":40312,"state":"TIME_WAIT"  : the brace is left open.
char* PutEndpointHead(char* out, const EndpointRecord& endpoint, bool ipv6) {
  out = Put<"{\"address\":\"">(out);
  out = PutAddress(out, endpoint.address, ipv6);
  out = Put<"\",\"port\":">(out);
  out = PutUint(out, endpoint.port);
  out = Put<",\"state\":">(out);
  return PutState(out, endpoint.state);
}

char* PutEndpoint(char* out, const EndpointRecord& endpoint, bool ipv6) {
  out = PutEndpointHead(out, endpoint, ipv6);
  out = Put<",\"packets\":">(out);
  out = PutUint(out, endpoint.packets);
  out = Put<",\"bytes\":">(out);
  out = PutUint(out, endpoint.bytes);
  out = Put<",\"mss\":">(out);
  out = PutMaybe(out, endpoint.mss);
  out = Put<",\"window_scale\":">(out);
  out = PutMaybe(out, endpoint.window_scale);
  out = Put<",\"timestamps\":">(out);
  out = PutMaybe(out, endpoint.timestamps);
  out = Put<",\"sack\":">(out);
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
  out = Put<"{\"originator\":">(out);
  out = PutUint(out, originator);
  out = Put<",\"responder\":">(out);
  out = PutUint(out, responder);
  *out++ = '}';
  return out;
}

char* PutProvisional(char* out, const FlowRecord& flow) {
  out = Put<",\"provisional\":{\"originator\":">(out);
  out = PutBool(out, flow.originator.provisional);
  out = Put<",\"responder\":">(out);
  out = PutBool(out, flow.responder.provisional);
  *out++ = '}';
  return out;
}

// Behind the handshake's times.
char* PutEnd(char* out, const FlowRecord& flow) {
  out = Put<"},\"retransmits\":">(out);
  out = PutUint(out, uint64_t{flow.originator.retransmits} + flow.responder.retransmits);
  out = Put<",\"out_of_window\":">(out);
  out = PutUint(out, uint64_t{flow.originator.out_of_window} + flow.responder.out_of_window);
  out = Put<",\"zone\":">(out);
  out = PutUint(out, flow.zone);
  out = Put<",\"originator_guessed\":">(out);
  out = PutBool(out, flow.originator_guessed);
  out = Put<",\"time_wait\":{\"fin_again\":">(out);
  out = PutUint(out, flow.time_wait_fins);
  out = Put<",\"old_duplicates\":">(out);
  out = PutUint(out, flow.time_wait_duplicates);
  out = Put<"},\"retransmits_by\":">(out);
  out = PutBoth(out, flow.originator.retransmits, flow.responder.retransmits);
  out = Put<",\"out_of_window_by\":">(out);
  out = PutBoth(out, flow.originator.out_of_window, flow.responder.out_of_window);
  out = PutProvisional(out, flow);
  out = Put<",\"related_icmp\":">(out);
  out = PutUint(out, flow.related_icmp);
  *out++ = '}';
  return out;
}

// Is all that PutEnd() writes what it writes of most flows: false, and 0?
bool IsQuiet(const FlowRecord& flow) {
  const auto counts = [](const EndpointRecord& e) {
    return e.retransmits | e.out_of_window | e.provisional;
  };
  return (counts(flow.originator) | counts(flow.responder) | flow.zone | flow.originator_guessed |
          flow.time_wait_fins | flow.time_wait_duplicates | flow.related_icmp) == 0;
}
char* PutQuietEnd(char* out) {
  struct End {
    char text[384];  // 287 are used
    size_t size;
  };
  static const End kEnd = [] {
    End end;
    end.size = static_cast<size_t>(PutEnd(end.text, FlowRecord{}) - end.text);
    assert(end.size + kOvershoot <= sizeof(end.text));
    return end;
  }();
  std::memcpy(out, kEnd.text, sizeof(kEnd.text));
  return out + kEnd.size;
}

}  // namespace

char* PutFlowJson(char* out, const FlowRecord& flow) {
  out = Put<"{\"id\":\"">(out);
  out = PutId(out, flow.id);
  out = Put<"\",\"worker\":">(out);
  out = PutUint(out, flow.id.worker);
  out = Put<",\"proto\":\"">(out);
  out = PutProtocol(out, flow.protocol);
  out = Put<"\",\"vlan\":">(out);
  out = PutVlans(out, flow);
  out = Put<",\"originator\":">(out);
  out = PutEndpoint(out, flow.originator, flow.ipv6);
  out = Put<",\"responder\":">(out);
  out = PutEndpoint(out, flow.responder, flow.ipv6);
  out = Put<",\"start\":\"">(out);
  out = PutTime(out, flow.start_us);
  out = Put<"\",\"last\":\"">(out);
  out = PutTime(out, flow.last_us);
  out = Put<"\",\"timeout_ms\":">(out);
  out = PutUint(out, flow.timeout_ms);
  out = Put<",\"assured\":">(out);
  out = PutBool(out, flow.assured);
  out = Put<",\"midstream\":">(out);
  out = PutBool(out, flow.midstream);
  out = Put<",\"end\":">(out);
  out = PutEndReason(out, flow.end);
  out = Put<",\"history\":\"">(out);
  out = PutHistory(out, flow.history);
  out = Put<"\",\"handshake_rtt_us\":{\"originator\":">(out);
  out = PutMaybe(out, flow.originator.handshake_rtt_us);
  out = Put<",\"responder\":">(out);
  out = PutMaybe(out, flow.responder.handshake_rtt_us);
  return IsQuiet(flow) ? PutQuietEnd(out) : PutEnd(out, flow);
}

void AppendFlowJson(const FlowRecord& flow, std::string* out) {
  char text[kMaxFlowJsonBytes];
  out->append(text, PutFlowJson(text, flow));
}

void AppendChangeJson(uint64_t packet, const FlowRecord& flow, std::string* out) {
  char text[kMaxFlowJsonBytes];
  char* end = Put<"{\"packet\":">(text);
  end = PutUint(end, packet);
  end = Put<",\"id\":\"">(end);
  end = PutId(end, flow.id);
  end = Put<"\",\"originator\":">(end);
  end = PutEndpointHead(end, flow.originator, flow.ipv6);
  end = Put<"},\"responder\":">(end);
  end = PutEndpointHead(end, flow.responder, flow.ipv6);
  end = Put<"}}">(end);
  out->append(text, end);
}

void AppendInvalidJson(uint64_t packet, std::string_view reason, std::string* out) {
  char number[kMaxUintChars + kOvershoot];
  out->append("{\"packet\":");
  out->append(number, PutUint(number, packet));
  out->append(",\"invalid\":\"");
  out->append(JsonEscaped(reason));
  out->append("\"}");
}

}  // namespace coretrack
