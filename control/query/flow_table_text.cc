#include "control/query/flow_table_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "control/query/human.h"
#include "control/query/text.h"

namespace coretrack {
namespace {

using Cell = std::string (*)(const FlowRecord&, uint64_t now_us);
struct Column {
  const char* name;
  bool right;
  int drop_rank;  // 0: always shown; the highest goes first
  Cell cell;
  bool if_any = false;  // shown once a row has something in it
};
constexpr std::string_view kNothing = "-";

std::string MaybeText(const std::optional<uint32_t>& value_us) {
  return value_us ? HumanDuration(*value_us) : "-";
}
std::string StateText(const EndpointRecord& e) {
  return e.state ? std::string(tcp::Name(*e.state)) : "-";
}
uint64_t Since(uint64_t then_us, uint64_t now_us) {
  return now_us > then_us ? now_us - then_us : 0;
}
std::string Proto(const FlowRecord& f, uint64_t) { return ProtocolText(f.protocol); }
std::string Originator(const FlowRecord& f, uint64_t) { return EndpointText(f, f.originator); }
std::string Responder(const FlowRecord& f, uint64_t) { return EndpointText(f, f.responder); }
std::string Age(const FlowRecord& f, uint64_t now) { return HumanDuration(Since(f.start_us, now)); }
std::string Idle(const FlowRecord& f, uint64_t now) { return HumanDuration(Since(f.last_us, now)); }

std::string Vlans(const FlowRecord& f, uint64_t) {
  if (f.vlan_count == 0) return "-";
  std::string text = fmt::format("{}", f.vlan[0]);
  if (f.vlan_count > 1) text += fmt::format("/{}", f.vlan[1]);
  return text;
}

std::string Flags(const FlowRecord& f, uint64_t) {
  std::string text;
  if (f.assured) text += 'A';
  if (f.midstream) text += 'M';
  if (f.originator_guessed) text += 'G';
  if (f.originator.provisional) text += 'o';
  if (f.responder.provisional) text += 'r';
  return text.empty() ? "-" : text;
}

constexpr Column kTable[] = {
    {"ZONE", true, 0,
     [](const FlowRecord& f, uint64_t) {
       return f.zone == 0 ? std::string(kNothing) : fmt::format("{}", f.zone);
     },
     true},
    {"VLAN", false, 0, Vlans, true},
    {"PROTO", false, 0, Proto},
    {"ORIGINATOR", false, 0, Originator},
    {"RESPONDER", false, 0, Responder},
    {"STATE", false, 0, [](const FlowRecord& f, uint64_t) { return StatesText(f); }},
    {"PACKETS", true, 2,
     [](const FlowRecord& f, uint64_t) {
       return HumanCount(f.originator.packets + f.responder.packets);
     }},
    {"BYTES", true, 1,
     [](const FlowRecord& f, uint64_t) {
       return HumanBytes(f.originator.bytes + f.responder.bytes);
     }},
    {"AGE", true, 4, Age},
    {"IDLE", true, 3, Idle},
};

constexpr Column kWide[] = {
    {"ID", false, 0, [](const FlowRecord& f, uint64_t) { return ToString(f.id); }},
    {"ZONE", true, 0, [](const FlowRecord& f, uint64_t) { return fmt::format("{}", f.zone); }},
    {"VLAN", false, 0, Vlans},
    {"PROTO", false, 0, Proto},
    {"ORIGINATOR", false, 0, Originator},
    {"STATE", false, 0, [](const FlowRecord& f, uint64_t) { return StateText(f.originator); }},
    {"PACKETS", true, 0,
     [](const FlowRecord& f, uint64_t) { return HumanCount(f.originator.packets); }},
    {"BYTES", true, 0,
     [](const FlowRecord& f, uint64_t) { return HumanBytes(f.originator.bytes); }},
    {"RESPONDER", false, 0, Responder},
    {"STATE", false, 0, [](const FlowRecord& f, uint64_t) { return StateText(f.responder); }},
    {"PACKETS", true, 0,
     [](const FlowRecord& f, uint64_t) { return HumanCount(f.responder.packets); }},
    {"BYTES", true, 0, [](const FlowRecord& f, uint64_t) { return HumanBytes(f.responder.bytes); }},
    {"RTT", true, 0,
     [](const FlowRecord& f, uint64_t) {
       return MaybeText(f.originator.handshake_rtt_us) + "/" +
              MaybeText(f.responder.handshake_rtt_us);
     }},
    {"RETR", true, 0,
     [](const FlowRecord& f, uint64_t) {
       return fmt::format("{}/{}", f.originator.retransmits, f.responder.retransmits);
     }},
    {"OOW", true, 0,
     [](const FlowRecord& f, uint64_t) {
       return fmt::format("{}/{}", f.originator.out_of_window, f.responder.out_of_window);
     }},
    {"TW", true, 0,
     [](const FlowRecord& f, uint64_t) {
       return fmt::format("{}/{}", f.time_wait_fins, f.time_wait_duplicates);
     }},
    {"ICMP", true, 0,
     [](const FlowRecord& f, uint64_t) { return fmt::format("{}", f.related_icmp); }},
    {"AGE", true, 0, Age},
    {"IDLE", true, 0, Idle},
    {"LEFT", true, 0,
     [](const FlowRecord& f, uint64_t) { return HumanDuration(uint64_t{f.timeout_ms} * 1000); }},
    {"FLAGS", false, 0, Flags},
    {"END", false, 0, [](const FlowRecord& f, uint64_t) { return std::string(Name(f.end)); }},
    {"HISTORY", false, 0,
     [](const FlowRecord& f, uint64_t) {
       return std::string(f.history.size() == 0 ? "-" : f.history.view());
     }},
};

std::span<const Column> Columns(bool wide) {
  return wide ? std::span<const Column>(kWide) : std::span<const Column>(kTable);
}

}  // namespace

std::string StatesText(const FlowRecord& flow) {
  if (!flow.originator.state || !flow.responder.state) return "-";
  const std::string_view a = tcp::Name(*flow.originator.state);
  const std::string_view b = tcp::Name(*flow.responder.state);
  return a == b ? std::string(a) : fmt::format("{}/{}", a, b);
}

std::string EndpointText(const FlowRecord& flow, const EndpointRecord& endpoint) {
  std::string address = AddressText(endpoint.address, flow.ipv6);
  const bool has_port = flow.protocol == 6 || flow.protocol == 17 || flow.protocol == 132;
  if (!has_port) return address;
  return flow.ipv6 ? fmt::format("[{}]:{}", address, endpoint.port)
                   : fmt::format("{}:{}", address, endpoint.port);
}

void FlowTableText::Add(const FlowRecord& flow, std::string* out) {
  std::vector<std::string> row;
  for (const Column& column : Columns(options_.wide)) {
    row.push_back(column.cell(flow, options_.now_us));
  }
  rows_.push_back(std::move(row));
  if (rows_.size() == kBlockRows) Flush(out);
}

void FlowTableText::Finish(std::string* out) {
  if (!rows_.empty() || !header_done_) Flush(out);
}

// True: a column came into use that was left out until now.
bool FlowTableText::ColumnsCameIntoUse() {
  const auto columns = Columns(options_.wide);
  in_use_.resize(columns.size());
  bool more = false;
  for (size_t c = 0; c < columns.size(); ++c) {
    if (in_use_[c]) continue;
    in_use_[c] = !columns[c].if_any ||
                 std::ranges::any_of(rows_, [c](const auto& row) { return row[c] != kNothing; });
    more = more || in_use_[c];
  }
  return more;
}

// Which columns fit.
void FlowTableText::ChooseColumns() {
  const auto columns = Columns(options_.wide);
  shown_ = in_use_;
  while (options_.width_chars != 0) {
    size_t line = 0;
    size_t victim = columns.size();
    for (size_t c = 0; c < columns.size(); ++c) {
      if (!shown_[c]) continue;
      line += widths_[c] + (line == 0 ? 0 : 2);
      if (columns[c].drop_rank == 0) continue;
      if (victim == columns.size() || columns[c].drop_rank > columns[victim].drop_rank) victim = c;
    }
    if (line <= options_.width_chars || victim == columns.size()) return;
    shown_[victim] = false;
  }
}

void FlowTableText::Flush(std::string* out) {
  const auto columns = Columns(options_.wide);
  widths_.resize(columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    widths_[c] = std::max(widths_[c], std::string_view(columns[c].name).size());
    for (const auto& row : rows_) widths_[c] = std::max(widths_[c], row[c].size());
  }
  if (ColumnsCameIntoUse()) {
    ChooseColumns();
    header_done_ = false;
  }
  const auto add = [&](auto&& cell_of) {
    const size_t start = out->size();
    for (size_t c = 0; c < columns.size(); ++c) {
      if (!shown_[c]) continue;
      if (out->size() != start) out->append("  ");
      const std::string_view cell = cell_of(c);
      const size_t fill = widths_[c] - std::min(widths_[c], cell.size());
      if (columns[c].right) out->append(fill, ' ');
      out->append(cell);
      if (!columns[c].right) out->append(fill, ' ');
    }
    out->erase(out->find_last_not_of(' ') + 1);
    out->push_back('\n');
  };
  if (!header_done_ && options_.header) {
    add([&](size_t c) { return std::string_view(columns[c].name); });
  }
  header_done_ = true;
  for (const auto& row : rows_) add([&](size_t c) { return std::string_view(row[c]); });
  rows_.clear();
}

}  // namespace coretrack
