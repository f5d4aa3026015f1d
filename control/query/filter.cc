#include "control/query/filter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "control/query/text.h"
#include "dataplane/base/limits.h"

namespace coretrack {
namespace {

// Indices into Filter::kFlags.
enum Flag : size_t { kState, kSrc, kDst, kHost, kSport, kDport, kPort, kProto, kVlan, kZone };
constexpr uint32_t kNoVlan = 0;  // "none"
constexpr uint32_t kMaxVlan = 4094;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// For an error: short, and nothing that disturbs a terminal.
std::string Shown(std::string_view text) {
  return absl::StrCat("\"", View(JsonEscaped(text.substr(0, 60))), "\"");
}

bool ParseUint(std::string_view text, uint32_t max, uint32_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() && *value <= max;
}

absl::Status Bad(size_t flag, std::string_view text, std::string_view instead) {
  return absl::InvalidArgumentError(
      absl::StrCat(View(Filter::kFlags[flag]), ": ", Shown(text), " is not ", View(instead)));
}

bool ParseState(std::string_view text, uint32_t* state) {
  const auto same = [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; };
  for (uint32_t i = 0; i < tcp::kStates; ++i) {
    if (std::ranges::equal(text, tcp::kStateNames[i], same)) {
      *state = i;
      return true;
    }
  }
  return false;
}

bool ParseProtocol(std::string_view text, uint32_t* protocol) {
  if (ParseUint(text, 255, protocol)) return true;
  for (uint32_t i = 0; i < 256; ++i) {
    if (ProtocolText(static_cast<uint8_t>(i)) == text) {
      *protocol = i;
      return true;
    }
  }
  return false;
}

bool ParsePorts(std::string_view text, uint32_t* low, uint32_t* high) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    if (!ParseUint(text, 65535, low)) return false;
    *high = *low;
    return true;
  }
  return ParseUint(text.substr(0, dash), 65535, low) &&
         ParseUint(text.substr(dash + 1), 65535, high) && *low <= *high;
}

}  // namespace

bool Cidr::Contains(const std::array<uint8_t, 16>& host, bool host_is_ipv6) const {
  if (ipv6 != host_is_ipv6) return false;
  const uint32_t whole = prefix_bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, host.begin())) return false;
  const uint32_t rest = prefix_bits % 8;
  return rest == 0 || (address[whole] ^ host[whole]) >> (8 - rest) == 0;
}

absl::StatusOr<Cidr> ParseCidr(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  Cidr cidr;
  cidr.ipv6 = address.find(':') != std::string::npos;
  const uint32_t max = cidr.ipv6 ? 128 : 32;
  uint32_t prefix = max;
  if (inet_pton(cidr.ipv6 ? AF_INET6 : AF_INET, address.c_str(), cidr.address.data()) != 1 ||
      (slash != std::string_view::npos && !ParseUint(text.substr(slash + 1), max, &prefix))) {
    return absl::InvalidArgumentError(
        absl::StrCat(Shown(text), " is not an address or CIDR, such as 10.0.0.0/8 or 2001:db8::1"));
  }
  cidr.prefix_bits = static_cast<uint8_t>(prefix);
  for (uint32_t bit = prefix; bit < 128; ++bit) {
    cidr.address[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  }
  return cidr;
}

bool Filter::IsFlag(std::string_view name) {
  return std::ranges::find(kFlags, name) != kFlags.end();
}

absl::StatusOr<Filter> Filter::Parse(std::span<const FilterTerm> terms) {
  Filter filter;
  for (const FilterTerm& term : terms) {
    if (absl::Status status = filter.Add(term); !status.ok()) return status;
  }
  return filter;
}

absl::StatusOr<Filter::Value> Filter::ParseValue(size_t flag, std::string_view text) {
  Value value;
  switch (flag) {
    case kState:
      if (!ParseState(text, &value.low)) {
        std::string names;
        for (const std::string_view name : tcp::kStateNames)
          absl::StrAppend(&names, " ", View(name));
        return Bad(flag, text, "a TCP state; the states are" + names);
      }
      return value;
    case kSrc:
    case kDst:
    case kHost: {
      absl::StatusOr<Cidr> cidr = ParseCidr(text);
      if (!cidr.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(View(kFlags[flag]), ": ", cidr.status().message()));
      }
      value.cidr = *cidr;
      return value;
    }
    case kSport:
    case kDport:
    case kPort:
      if (!ParsePorts(text, &value.low, &value.high)) {
        return Bad(flag, text, "a port (0 to 65535) or a range of ports, such as 8000-8999");
      }
      return value;
    case kProto:
      if (!ParseProtocol(text, &value.low)) {
        return Bad(flag, text, "tcp, udp, icmp, icmpv6, sctp or a number (0 to 255)");
      }
      return value;
    case kVlan:
      if (text == "none") return value;
      if (!ParseUint(text, kMaxVlan, &value.low) || value.low == kNoVlan) {
        return Bad(flag, text, "a VLAN (1 to 4094) or \"none\"");
      }
      return value;
    default:
      if (!ParseUint(text, kMaxZones - 1, &value.low)) {
        return Bad(flag, text, absl::StrCat("a zone (0 to ", kMaxZones - 1, ")"));
      }
      return value;
  }
}

absl::Status Filter::Add(const FilterTerm& term) {
  const auto at = std::ranges::find(kFlags, term.flag);
  if (at == kFlags.end()) {
    std::string names;
    for (const std::string_view name : kFlags) absl::StrAppend(&names, " ", View(name));
    return absl::InvalidArgumentError(
        absl::StrCat(Shown(term.flag), " is not a filter; the filters are", names));
  }
  if (terms_ == kMaxTerms) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxTerms, " filters"));
  }
  const auto flag = static_cast<size_t>(at - kFlags.begin());
  absl::StatusOr<Value> value = ParseValue(flag, term.value);
  if (!value.ok()) return value.status();
  (term.negated ? groups_[flag].none : groups_[flag].any).push_back(*value);
  ++terms_;
  return absl::OkStatus();
}

bool Filter::Matches(size_t flag, const Value& value, const FlowRecord& flow) {
  const EndpointRecord& from = flow.originator;
  const EndpointRecord& to = flow.responder;
  const auto in_state = [&value](const EndpointRecord& e) {
    return e.state && static_cast<uint32_t>(*e.state) == value.low;
  };
  const auto has_port = [&value](const EndpointRecord& e) {
    return e.port >= value.low && e.port <= value.high;
  };
  switch (flag) {
    case kState:
      return in_state(from) || in_state(to);
    case kSrc:
      return value.cidr.Contains(from.address, flow.ipv6);
    case kDst:
      return value.cidr.Contains(to.address, flow.ipv6);
    case kHost:
      return value.cidr.Contains(from.address, flow.ipv6) ||
             value.cidr.Contains(to.address, flow.ipv6);
    case kSport:
      return has_port(from);
    case kDport:
      return has_port(to);
    case kPort:
      return has_port(from) || has_port(to);
    case kProto:
      return flow.protocol == value.low;
    case kVlan:
      if (value.low == kNoVlan) return flow.vlan_count == 0;
      return std::find(flow.vlan.begin(), flow.vlan.begin() + flow.vlan_count, value.low) !=
             flow.vlan.begin() + flow.vlan_count;
    default:
      return flow.zone == value.low;
  }
}

bool Filter::Matches(const FlowRecord& flow) const {
  if (empty()) return true;
  for (size_t flag = 0; flag < groups_.size(); ++flag) {
    const Group& group = groups_[flag];
    const auto matches = [&](const Value& value) { return Matches(flag, value, flow); };
    if (!group.any.empty() && std::ranges::none_of(group.any, matches)) return false;
    if (std::ranges::any_of(group.none, matches)) return false;
  }
  return true;
}

std::string PercentEncoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~:").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 0xf]};
    }
  }
  return encoded;
}

std::string ToQuery(std::span<const FilterTerm> terms) {
  std::string query;
  for (const FilterTerm& term : terms) {
    if (!query.empty()) query += '&';
    if (term.negated) query += "not.";
    query += PercentEncoded(term.flag) + '=' + PercentEncoded(term.value);
  }
  return query;
}

bool TermOfQuery(std::string_view key, std::string_view value, FilterTerm* term) {
  constexpr std::string_view kNot = "not.";
  const bool negated = key.starts_with(kNot);
  if (negated) key.remove_prefix(kNot.size());
  if (!Filter::IsFlag(key)) return false;
  *term = {.flag = std::string(key), .value = std::string(value), .negated = negated};
  return true;
}

}  // namespace coretrack
