#include "control/cli/replay_command.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <vector>

#include "control/query/flow_json.h"
#include "control/query/flow_table_text.h"
#include "control/query/human.h"
#include "control/query/text.h"
#include "dataplane/worker/replay.h"

namespace coretrack::cli {
namespace {

class JsonSink : public ReplaySink {
 public:
  JsonSink(const ReplayFlags& flags, Output* output) : flags_(flags), output_(output) {}

  void OnChange(uint64_t packet, const FlowRecord& flow) override {
    if (!flags_.events) return;
    AppendChangeJson(packet, flow, output_->buffer());
    EndLine();
  }
  void OnInvalid(uint64_t packet, std::string_view reason) override {
    if (!flags_.events) return;
    AppendInvalidJson(packet, reason, output_->buffer());
    EndLine();
  }
  void OnFlow(const FlowRecord& flow) override {
    if (!flags_.json) return;
    AppendFlowJson(flow, output_->buffer());
    EndLine();
  }

 private:
  void EndLine() {
    output_->buffer()->push_back('\n');
    output_->FlushIfLarge();
  }
  const ReplayFlags& flags_;
  Output* output_;
};

// Counts, and keeps the first flows for the table.
class SummarySink : public ReplaySink {
 public:
  static constexpr size_t kShown = 40;

  void OnChange(uint64_t /*packet*/, const FlowRecord& /*flow*/) override {}
  void OnInvalid(uint64_t /*packet*/, std::string_view reason) override {
    ++invalid_[std::string(reason)];
  }
  void OnFlow(const FlowRecord& flow) override {
    ++flows_;
    ++by_protocol_[ProtocolText(flow.protocol)];
    ++by_end_[std::string(Name(flow.end))];
    if (shown_.size() < kShown) shown_.push_back(flow);
  }

  void Print(const ReplaySummary& summary, const WorkerCounters& counters, Output* output) const {
    FlowTableText table({.width_chars = TerminalWidth(), .now_us = summary.last_us});
    for (const FlowRecord& flow : shown_) table.Add(flow, output->buffer());
    if (flows_ != 0) table.Finish(output->buffer());
    if (flows_ > shown_.size()) {
      output->Write(fmt::format("... and {} more; --json prints all\n", flows_ - shown_.size()));
    }
    if (flows_ != 0) output->Write("\n");
    TextTable sums({"", ">"});
    sums.Add({"packets", Grouped(summary.packets)});
    sums.Add({"  of a flow", Grouped(counters.tracked.Read())});
    AddReasons(counters, &sums);
    sums.Add({"capture time", HumanDuration(summary.last_us - summary.first_us)});
    sums.Add({"flows", Grouped(flows_)});
    for (const auto& [name, count] : by_protocol_) sums.Add({"  " + name, Grouped(count)});
    if (flows_ != 0) sums.Add({"how they ended", ""});
    for (const auto& [name, count] : by_end_) sums.Add({"  " + name, Grouped(count)});
    if (!invalid_.empty()) sums.Add({"invalid packets", ""});
    for (const auto& [name, count] : invalid_) sums.Add({"  " + name, Grouped(count)});
    output->Write(sums.Text());
  }

 private:
  static void AddReasons(const WorkerCounters& counters, TextTable* sums) {
    for (size_t i = 0; i < counters.untracked.size(); ++i) {
      const uint64_t count = counters.untracked[i].Read();
      if (count == 0) continue;
      sums->Add(
          {fmt::format("  passed untracked: {}", Name(static_cast<Untracked>(i))), Grouped(count)});
    }
  }

  uint64_t flows_ = 0;
  std::map<std::string, uint64_t> by_protocol_;
  std::map<std::string, uint64_t> by_end_;
  std::map<std::string, uint64_t> invalid_;
  std::vector<FlowRecord> shown_;
};

}  // namespace

int RunReplay(const ReplayFlags& flags, Output* output) {
  ReplayOptions options;
  options.pipeline.capacity_ipv4 = flags.flows;
  options.pipeline.capacity_ipv6 = flags.flows / 4 != 0 ? flags.flows / 4 : 1;
  options.pipeline.half_open_quota = flags.flows;
  options.pipeline.midstream_quota = flags.flows;
  options.pipeline.secret = {.k0 = flags.seed, .k1 = ~flags.seed};
  ReplaySummary summary;
  absl::Status status;
  if (flags.json || flags.events) {
    JsonSink sink(flags, output);
    status = Replay(flags.file, options, &sink, &summary);
  } else {
    SummarySink sink;
    std::unique_ptr<Pipeline> pipeline;
    status = Replay(flags.file, options, &sink, &summary, &pipeline);
    if (pipeline != nullptr) sink.Print(summary, pipeline->counters(), output);
  }
  output->Flush();
  if (!status.ok()) {
    return Complain({status.message().data(), status.message().size()});
  }
  return output->ok() ? kDone : kFailed;
}

}  // namespace coretrack::cli
