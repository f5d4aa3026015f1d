// Filter: which flows are meant. One parser for the command line and for HTTP queries.
//
// Rules    Hubble's: the same flag twice means OR, different flags mean AND, a negated term
// excludes.
//            --state SYN_SENT --state SYN_RCVD --not --dport 80
//            state=SYN_SENT&state=SYN_RCVD&not.dport=80
//          Several negated terms of one flag exclude each of their values.
// Flags    state        of either endpoint: "ESTABLISHED", in any case
//          src dst      CIDR of the originator, of the responder: "10.0.0.0/8", "2001:db8::1"
//          host         CIDR of either
//          sport dport  port of the originator, of the responder: "80" or "8000-8999"
//          port         of either
//          proto        "tcp", "udp", "icmp", "icmpv6", "sctp" or a number
//          vlan         a tag the flow has, or "none"
//          zone         0 to 7
// Errors   kInvalidArgument naming the flag, what was written, and what may be.
// Threads  A value; Matches() is const.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/worker/flow_record.h"

namespace coretrack {

struct FilterTerm {
  std::string flag;
  std::string value;
  bool negated = false;
};

struct Cidr {
  std::array<uint8_t, 16> address{};  // network order, host bits zero
  uint8_t prefix_bits = 0;
  bool ipv6 = false;

  bool Contains(const std::array<uint8_t, 16>& host, bool host_is_ipv6) const;
};
// "10.0.0.0/8" or an address alone. Host bits are ignored.
absl::StatusOr<Cidr> ParseCidr(std::string_view text);

class Filter {
 public:
  static constexpr std::array<std::string_view, 10> kFlags = {
      "state", "src", "dst", "host", "sport", "dport", "port", "proto", "vlan", "zone"};
  // More terms than anybody types; a bound on what one request costs per flow.
  static constexpr size_t kMaxTerms = 64;

  static bool IsFlag(std::string_view name);
  static absl::StatusOr<Filter> Parse(std::span<const FilterTerm> terms);

  absl::Status Add(const FilterTerm& term);
  bool Matches(const FlowRecord& flow) const;
  // Every flow matches.
  bool empty() const { return terms_ == 0; }

 private:
  // One value of a flag; which fields count depends on the flag.
  struct Value {
    Cidr cidr;
    uint32_t low = 0, high = 0;  // a range of ports, or a state, protocol, vlan, zone
  };
  struct Group {
    std::vector<Value> any;   // one of them, unless there is none
    std::vector<Value> none;  // not one of these
  };
  static absl::StatusOr<Value> ParseValue(size_t flag, std::string_view text);
  static bool Matches(size_t flag, const Value& value, const FlowRecord& flow);

  std::array<Group, kFlags.size()> groups_;
  size_t terms_ = 0;
};

// The terms as an HTTP query, percent-encoded: "state=SYN_SENT&not.dport=80".
std::string ToQuery(std::span<const FilterTerm> terms);
// One decoded key and value of an HTTP query as a term; false: `key` is no filter flag.
bool TermOfQuery(std::string_view key, std::string_view value, FilterTerm* term);

std::string PercentEncoded(std::string_view text);

}  // namespace coretrack
