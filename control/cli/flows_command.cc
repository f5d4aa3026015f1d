#include "control/cli/flows_command.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <optional>

#include "control/query/flow_json.h"
#include "control/query/flow_lines.h"
#include "control/query/flow_table_text.h"
#include "control/query/top_flows.h"

namespace coretrack::cli {
namespace {

int Fail(const absl::Status& status) {
  return Complain({status.message().data(), status.message().size()});
}

// Flows as they come in, as lines of the form that was asked for.
class Printer {
 public:
  Printer(const std::string& form, Output* output) : form_(form), output_(output) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    if (form == "table" || form == "wide") {
      table_.emplace(FlowTableText::Options{
          .wide = form == "wide",
          .width_chars = TerminalWidth(),
          .now_us = static_cast<uint64_t>(
              std::chrono::duration_cast<std::chrono::microseconds>(now).count()),
          .header = true});
    } else if (form == "csv") {
      output->Write(CsvHeader());
      output->Write("\r\n");
    }
  }

  // Any piece of the answer. False: stop.
  bool Take(std::string_view piece) {
    for (size_t end; (end = piece.find('\n')) != std::string_view::npos;
         piece.remove_prefix(end + 1)) {
      rest_.append(piece.substr(0, end));
      status_ = Line(rest_);
      rest_.clear();
      if (!status_.ok() || !output_->ok()) return false;
    }
    rest_.append(piece);
    return true;
  }

  absl::Status Finish() {
    if (table_) table_->Finish(output_->buffer());
    output_->Flush();
    return status_;
  }

 private:
  absl::Status Line(std::string_view line) {
    if (form_ == "json") {
      output_->Write(line);
      output_->Write("\n");
      return absl::OkStatus();
    }
    const absl::StatusOr<FlowRecord> flow = ParseFlowJson(line);
    if (!flow.ok()) return flow.status();
    if (table_) {
      table_->Add(*flow, output_->buffer());
    } else if (form_ == "csv") {
      AppendCsv(*flow, output_->buffer());
      output_->buffer()->append("\r\n");
    } else {
      AppendConntrack(*flow, output_->buffer());
      output_->buffer()->push_back('\n');
    }
    output_->FlushIfLarge();
    return absl::OkStatus();
  }

  const std::string form_;
  Output* output_;
  std::optional<FlowTableText> table_;
  std::string rest_;
  absl::Status status_;
};

std::string Target(const FlowsFlags& flags, const std::string& more) {
  std::string query = ToQuery(flags.filter);
  if (!query.empty() && !more.empty()) query += '&';
  query += more;
  return query.empty() ? "/api/v1/flows" : "/api/v1/flows?" + query;
}

// Page after page, until there are `limit` flows.
absl::Status Pages(const FlowsFlags& flags, Client* client, Printer* printer) {
  std::string cursor;
  for (uint64_t left = flags.limit; left != 0;) {
    const uint64_t page = std::min<uint64_t>(left, TopFlows::kMaxCount);
    std::string more = fmt::format("limit={}", page);
    if (!cursor.empty()) more += "&cursor=" + PercentEncoded(cursor);
    const auto answer = client->Ask("GET", Target(flags, more), "", &cursor);
    if (!answer.ok()) return answer.status();
    if (!printer->Take(*answer) || cursor.empty()) break;
    left -= page;
  }
  return absl::OkStatus();
}

int Count(const FlowsFlags& flags, Client* client, Output* output) {
  const auto answer = client->Ask("GET", Target(flags, "count=true"));
  if (!answer.ok()) return Fail(answer.status());
  if (flags.form == "json") {
    output->Write(*answer);
  } else {
    output->Write(
        fmt::format("{}\n", boost::json::parse(*answer).at("count").to_number<uint64_t>()));
  }
  return kDone;
}

}  // namespace

int RunFlows(const FlowsFlags& flags, Client* client, Output* output) {
  if (flags.count) return Count(flags, client, output);
  if (!flags.sort.empty() && flags.limit > TopFlows::kMaxCount) {
    return Complain(fmt::format("--limit: at most {} with --sort", TopFlows::kMaxCount), kMisused);
  }
  Printer printer(flags.form, output);
  absl::Status status;
  if (flags.sort.empty() && flags.limit != 0) {
    status = Pages(flags, client, &printer);
  } else {
    std::string more;
    if (!flags.sort.empty()) more = "sort=" + flags.sort;
    if (!flags.sort.empty() && flags.limit != 0) more += fmt::format("&limit={}", flags.limit);
    status = client->Stream(Target(flags, more),
                            [&printer](std::string_view piece) { return printer.Take(piece); });
  }
  // A table that is empty because nobody answered would say that there are no flows.
  if (!status.ok()) return Fail(status);
  status = printer.Finish();
  if (!status.ok()) return Fail(status);
  return output->ok() ? kDone : kFailed;
}

int RunFlowsDelete(const FlowsFlags& flags, bool json, Client* client, Output* output) {
  if (flags.filter.empty() == !flags.all) {
    return Complain("which flows? give filters, or --all for every flow", kMisused);
  }
  const auto answer = client->Ask("DELETE", Target(flags, flags.all ? "all=true" : ""));
  if (!answer.ok()) return Fail(answer.status());
  if (json) {
    output->Write(*answer);
  } else {
    const auto deleted = boost::json::parse(*answer).at("deleted").to_number<uint64_t>();
    output->Write(fmt::format("deleted {} flow{}\n", deleted, deleted == 1 ? "" : "s"));
  }
  return kDone;
}

}  // namespace coretrack::cli
