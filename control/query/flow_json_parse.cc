#include <arpa/inet.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "control/query/flow_json.h"
#include "control/query/text.h"

namespace coretrack {
namespace {

namespace json = boost::json;

// Every reader throws on a member that is missing or of another type; ParseFlowJson() catches.
[[noreturn]] void Wrong(const char* what) { throw std::invalid_argument(what); }

template <typename T>
std::optional<T> Maybe(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  if constexpr (std::is_same_v<T, bool>) {
    return value.as_bool();
  } else {
    return value.to_number<T>();
  }
}

template <typename T>
T Number(const json::object& object, const char* key) {
  return object.at(key).to_number<T>();
}

std::string_view Text(const json::object& object, const char* key) {
  const json::string& text = object.at(key).as_string();
  return {text.data(), text.size()};
}

// "2026-01-01T00:00:00.000000Z"
uint64_t TimeOf(std::string_view text) {
  if (text.size() != kTimeChars) Wrong("time");
  const auto digits = [text](size_t at, size_t count) {
    uint32_t value = 0;
    const char* end = text.data() + at + count;
    const auto [stop, error] = std::from_chars(text.data() + at, end, value);
    if (error != std::errc() || stop != end) Wrong("time");
    return value;
  };
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(digits(0, 4))),
                                         std::chrono::month(digits(5, 2)),
                                         std::chrono::day(digits(8, 2)));
  if (!date.ok()) Wrong("time");
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  const uint64_t second = digits(11, 2) * 3600ull + digits(14, 2) * 60ull + digits(17, 2);
  return (static_cast<uint64_t>(days) * 86400 + second) * 1'000'000 + digits(20, 6);
}

std::optional<tcp::State> StateOf(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  const json::string& text = value.as_string();
  for (int i = 0; i < tcp::kStates; ++i) {
    if (tcp::kStateNames[i] == std::string_view(text.data(), text.size())) {
      return static_cast<tcp::State>(i);
    }
  }
  Wrong("state");
}

End EndOf(std::string_view text) {
  for (int i = 0; i < static_cast<int>(End::kCount); ++i) {
    if (Name(static_cast<End>(i)) == text) return static_cast<End>(i);
  }
  Wrong("end");
}

uint8_t ProtocolOf(std::string_view text) {
  for (int i = 0; i < 256; ++i) {
    if (ProtocolText(static_cast<uint8_t>(i)) == text) return static_cast<uint8_t>(i);
  }
  Wrong("proto");
}

EndpointRecord EndpointOf(const json::object& object, bool* ipv6) {
  EndpointRecord e;
  const std::string address(Text(object, "address"));
  *ipv6 = address.find(':') != std::string::npos;
  if (inet_pton(*ipv6 ? AF_INET6 : AF_INET, address.c_str(), e.address.data()) != 1) {
    Wrong("address");
  }
  e.port = Number<uint16_t>(object, "port");
  e.state = StateOf(object.at("state"));
  e.packets = Number<uint64_t>(object, "packets");
  e.bytes = Number<uint64_t>(object, "bytes");
  e.mss = Maybe<uint16_t>(object.at("mss"));
  e.window_scale = Maybe<uint8_t>(object.at("window_scale"));
  e.timestamps = Maybe<bool>(object.at("timestamps"));
  e.sack = Maybe<bool>(object.at("sack"));
  return e;
}

FlowRecord RecordOf(const json::object& object) {
  FlowRecord flow;
  const auto id = ParseFlowId(Text(object, "id"));
  if (!id) Wrong("id");
  flow.id = *id;
  flow.protocol = ProtocolOf(Text(object, "proto"));
  for (const json::value& vlan : object.at("vlan").as_array()) {
    if (flow.vlan_count == flow.vlan.size()) Wrong("vlan");
    flow.vlan[flow.vlan_count++] = vlan.to_number<uint16_t>();
  }
  flow.originator = EndpointOf(object.at("originator").as_object(), &flow.ipv6);
  flow.responder = EndpointOf(object.at("responder").as_object(), &flow.ipv6);
  flow.start_us = TimeOf(Text(object, "start"));
  flow.last_us = TimeOf(Text(object, "last"));
  flow.timeout_ms = Number<uint32_t>(object, "timeout_ms");
  flow.assured = object.at("assured").as_bool();
  flow.midstream = object.at("midstream").as_bool();
  flow.end = EndOf(Text(object, "end"));
  const std::string_view history = Text(object, "history");
  if (history.size() > HistoryText::kMostLetters) Wrong("history");
  flow.history = HistoryText(history);
  const json::object& rtt = object.at("handshake_rtt_us").as_object();
  flow.originator.handshake_rtt_us = Maybe<uint32_t>(rtt.at("originator"));
  flow.responder.handshake_rtt_us = Maybe<uint32_t>(rtt.at("responder"));
  const json::object& retransmits = object.at("retransmits_by").as_object();
  flow.originator.retransmits = Number<uint16_t>(retransmits, "originator");
  flow.responder.retransmits = Number<uint16_t>(retransmits, "responder");
  const json::object& out_of_window = object.at("out_of_window_by").as_object();
  flow.originator.out_of_window = Number<uint16_t>(out_of_window, "originator");
  flow.responder.out_of_window = Number<uint16_t>(out_of_window, "responder");
  flow.zone = Number<uint8_t>(object, "zone");
  flow.originator_guessed = object.at("originator_guessed").as_bool();
  const json::object& time_wait = object.at("time_wait").as_object();
  flow.time_wait_fins = Number<uint8_t>(time_wait, "fin_again");
  flow.time_wait_duplicates = Number<uint8_t>(time_wait, "old_duplicates");
  const json::object& provisional = object.at("provisional").as_object();
  flow.originator.provisional = provisional.at("originator").as_bool();
  flow.responder.provisional = provisional.at("responder").as_bool();
  flow.related_icmp = Number<uint8_t>(object, "related_icmp");
  return flow;
}

}  // namespace

absl::StatusOr<FlowRecord> ParseFlowJson(std::string_view text) {
  try {
    // A flow's values fit here, so that a million lines need no allocation each.
    std::array<unsigned char, 8192> memory;
    json::monotonic_resource resource(memory.data(), memory.size());
    return RecordOf(json::parse({text.data(), text.size()}, &resource).as_object());
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not a flow as JSON: ", error.what()));
  }
}

}  // namespace coretrack
