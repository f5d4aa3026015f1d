#include "control/query/flow_lines.h"

#include <fmt/format.h>

#include <iterator>

#include "control/query/text.h"

namespace coretrack {
namespace {

template <typename T>
std::string MaybeText(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : "";
}
std::string StateText(const EndpointRecord& e) {
  return e.state ? std::string(tcp::Name(*e.state)) : "";
}

void AppendCsvEndpoint(const FlowRecord& flow, const EndpointRecord& e, std::string* out) {
  fmt::format_to(std::back_inserter(*out), ",{},{},{},{},{},{},{},{},{}",
                 AddressText(e.address, flow.ipv6), e.port, StateText(e), e.packets, e.bytes,
                 MaybeText(e.mss), MaybeText(e.window_scale), MaybeText(e.timestamps),
                 MaybeText(e.sack));
}

// The word nf_conntrack would show for this pair.
std::string_view KernelState(tcp::State a, tcp::State b) {
  using enum tcp::State;
  const auto any = [a, b](tcp::State s) { return a == s || b == s; };
  if (any(kTimeWait)) return "TIME_WAIT";
  if (any(kLastAck) || any(kClosing)) return "LAST_ACK";
  if (any(kCloseWait)) return "CLOSE_WAIT";
  if (any(kFinWait1) || any(kFinWait2)) return "FIN_WAIT";
  if (any(kSynRcvd)) return "SYN_RECV";
  if (any(kSynSent)) return "SYN_SENT";
  if (any(kEstablished)) return "ESTABLISHED";
  return "CLOSE";
}

void AppendTuple(const FlowRecord& flow, bool reply, std::string* out) {
  const EndpointRecord& from = reply ? flow.responder : flow.originator;
  const EndpointRecord& to = reply ? flow.originator : flow.responder;
  const auto put = std::back_inserter(*out);
  fmt::format_to(put, "src={} dst={}", AddressText(from.address, flow.ipv6),
                 AddressText(to.address, flow.ipv6));
  if (flow.protocol == 1 || flow.protocol == 58) {
    // Only echoes have flows: request 8 and reply 0, in ICMPv6 128 and 129.
    const int request = flow.protocol == 1 ? 8 : 128;
    const int answer = flow.protocol == 1 ? 0 : 129;
    fmt::format_to(put, " type={} code=0 id={}", reply ? answer : request, flow.originator.port);
  } else if (flow.protocol == 6 || flow.protocol == 17 || flow.protocol == 132) {
    fmt::format_to(put, " sport={} dport={}", from.port, to.port);
  }
  fmt::format_to(put, " packets={} bytes={}", from.packets, from.bytes);
}

// What nf_conntrack has no words for, behind what it would say.
void AppendFacts(const FlowRecord& flow, std::string* out) {
  const auto put = std::back_inserter(*out);
  fmt::format_to(put, " end={}", Name(flow.end));
  if (flow.related_icmp != 0) fmt::format_to(put, " related_icmp={}", flow.related_icmp);
  if (!flow.originator.state) return;
  fmt::format_to(put, " history={}", flow.history.size() == 0 ? "-" : flow.history.view());
  const auto rtt = [](const EndpointRecord& e) {
    return e.handshake_rtt_us ? fmt::format("{}", *e.handshake_rtt_us) : std::string("-");
  };
  fmt::format_to(put, " rtt_us={}/{} retransmits={}/{} out_of_window={}/{}", rtt(flow.originator),
                 rtt(flow.responder), flow.originator.retransmits, flow.responder.retransmits,
                 flow.originator.out_of_window, flow.responder.out_of_window);
  if (flow.time_wait_fins != 0 || flow.time_wait_duplicates != 0) {
    fmt::format_to(put, " fin_again={} old_duplicates={}", flow.time_wait_fins,
                   flow.time_wait_duplicates);
  }
}

}  // namespace

std::string_view CsvHeader() {
  return "id,worker,proto,vlan,zone,"
         "originator_address,originator_port,originator_state,originator_packets,originator_bytes,"
         "originator_mss,originator_window_scale,originator_timestamps,originator_sack,"
         "responder_address,responder_port,responder_state,responder_packets,responder_bytes,"
         "responder_mss,responder_window_scale,responder_timestamps,responder_sack,"
         "start,last,timeout_ms,assured,midstream,end,history,"
         "originator_handshake_rtt_us,responder_handshake_rtt_us,"
         "originator_retransmits,responder_retransmits,originator_out_of_window,"
         "responder_out_of_window,originator_guessed,time_wait_fin_again,time_wait_old_duplicates,"
         "originator_provisional,responder_provisional,related_icmp";
}

void AppendCsv(const FlowRecord& flow, std::string* out) {
  std::string vlan;
  for (unsigned i = 0; i < flow.vlan_count; ++i) {
    if (i != 0) vlan += '/';
    vlan += fmt::format("{}", flow.vlan[i]);
  }
  const auto put = std::back_inserter(*out);
  fmt::format_to(put, "{},{},{},{},{}", ToString(flow.id), flow.id.worker,
                 ProtocolText(flow.protocol), vlan, flow.zone);
  AppendCsvEndpoint(flow, flow.originator, out);
  AppendCsvEndpoint(flow, flow.responder, out);
  fmt::format_to(
      put, ",{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", TimeText(flow.start_us),
      TimeText(flow.last_us), flow.timeout_ms, flow.assured, flow.midstream, Name(flow.end),
      flow.history.view(), MaybeText(flow.originator.handshake_rtt_us),
      MaybeText(flow.responder.handshake_rtt_us), flow.originator.retransmits,
      flow.responder.retransmits, flow.originator.out_of_window, flow.responder.out_of_window,
      flow.originator_guessed, flow.time_wait_fins, flow.time_wait_duplicates,
      flow.originator.provisional, flow.responder.provisional, flow.related_icmp);
}

void AppendConntrack(const FlowRecord& flow, std::string* out) {
  const auto put = std::back_inserter(*out);
  fmt::format_to(put, "{:<8} {} {} ", ProtocolText(flow.protocol), flow.protocol,
                 flow.timeout_ms / 1000);
  if (flow.originator.state && flow.responder.state) {
    fmt::format_to(put, "{} ", KernelState(*flow.originator.state, *flow.responder.state));
  }
  AppendTuple(flow, false, out);
  if (flow.responder.packets == 0) fmt::format_to(put, " [UNREPLIED]");
  out->push_back(' ');
  AppendTuple(flow, true, out);
  if (flow.assured) fmt::format_to(put, " [ASSURED]");
  fmt::format_to(put, " mark=0 zone={} use=1", flow.zone);
  AppendFacts(flow, out);
}

}  // namespace coretrack
