// DELETE under /api/v1/flows: commands down the workers' mailboxes.
#include <optional>

#include "absl/strings/str_cat.h"
#include "control/api/flow_routes.h"
#include "control/api/flows_query.h"

namespace coretrack {
namespace {

// Finds, asks, and waits until the workers have taken what was asked of them: a mailbox is in
// order, so a worker that has ended the last flow it was asked for has taken all.
class DeleteJob : public Job {
 public:
  DeleteJob(FlowScan scan, Dataplane* dataplane, const Tunables& tunables)
      : scan_(std::move(scan)), dataplane_(dataplane), tunables_(tunables) {
    for (const WorkerInfo& worker : dataplane->workers()) {
      last_.push_back({.worker = worker.pipeline->options().worker, .id = {}});
    }
  }

  Step Run(HttpResponse* response) override {
    const auto now = std::chrono::steady_clock::now();
    if (Proceed()) deadline_ = now + kDeleteDeadline;
    if (scan_.done() && !pending_ && AllTaken()) {
      *response = JsonResponse(absl::StrCat("{\"deleted\":", asked_, "}"));
      return Step::kDone;
    }
    if (now < deadline_) return pending_ || scan_.done() ? Step::kWait : Step::kMore;
    *response = ErrorResponse(
        503, absl::StrCat("a worker does not take commands; ", asked_, " deletes were asked for"),
        "look at GET /api/v1/workers, then delete again");
    return Step::kDone;
  }

 private:
  struct Last {
    uint8_t worker;  // as in flow ids
    std::optional<FlowId> id;
  };

  // True: something was done.
  bool Proceed() {
    if (pending_) {
      if (!Ask(*pending_)) return false;
      pending_.reset();
      return true;
    }
    if (scan_.done()) return false;
    scan_.Run(kSliceSlots, [this](const FlowRecord& flow) {
      if (Ask(flow.id)) return true;
      pending_ = flow.id;
      return false;
    });
    return true;
  }

  bool Ask(FlowId id) {
    for (uint32_t w = 0; w < last_.size(); ++w) {
      if (last_[w].worker != id.worker) continue;
      Command command;
      command.kind = Command::Kind::kDelete;
      command.flow = id;
      if (!dataplane_->Send(w, command)) return false;
      last_[w].id = id;
      ++asked_;
    }
    return true;
  }

  bool AllTaken() {
    for (Last& last : last_) {
      if (!last.id) continue;
      if (FindFlow(dataplane_->workers(), tunables_, *last.id).ok()) return false;
      last.id.reset();
    }
    return true;
  }

  FlowScan scan_;
  Dataplane* dataplane_;
  Tunables tunables_;
  std::vector<Last> last_;
  std::optional<FlowId> pending_;  // did not fit its mailbox
  uint64_t asked_ = 0;
  std::chrono::steady_clock::time_point deadline_;
};

class DeleteOneJob : public Job {
 public:
  DeleteOneJob(FlowId id, uint32_t worker, Dataplane* dataplane, const Tunables& tunables)
      : id_(id), worker_(worker), dataplane_(dataplane), tunables_(tunables) {}
  Step Run(HttpResponse* response) override {
    Command command;
    command.kind = Command::Kind::kDelete;
    command.flow = id_;
    asked_ = asked_ || dataplane_->Send(worker_, command);
    if (asked_ && !FindFlow(dataplane_->workers(), tunables_, id_).ok()) {
      *response = JsonResponse("{\"deleted\":1}");
      return Step::kDone;
    }
    if (std::chrono::steady_clock::now() < deadline_) return Step::kWait;
    *response = ErrorResponse(503, "the worker does not take commands",
                              "look at GET /api/v1/workers, then delete again");
    return Step::kDone;
  }

 private:
  FlowId id_;
  uint32_t worker_;
  Dataplane* dataplane_;
  Tunables tunables_;
  bool asked_ = false;
  std::chrono::steady_clock::time_point deadline_ =
      std::chrono::steady_clock::now() + kDeleteDeadline;
};

}  // namespace

Reply DeleteFlows(const HttpRequest& request, Dataplane* dataplane, const Tunables& tunables) {
  absl::StatusOr<FlowsQuery> query = ParseFlowsQuery(request.query);
  if (!query.ok()) return {.response = ErrorResponse(query.status()), .job = nullptr};
  if (query->limit || query->sort || query->count || !query->cursor.empty()) {
    return {.response = ErrorResponse(400, "a delete takes filters only",
                                      "leave limit, cursor, sort and count out"),
            .job = nullptr};
  }
  if (query->filtered == query->all) {
    return {
        .response = ErrorResponse(400, "which flows?", "give filters, or all=true for every flow"),
        .job = nullptr};
  }
  Reply reply;
  reply.job =
      std::make_unique<DeleteJob>(MakeScan(*dataplane, tunables, *query), dataplane, tunables);
  return reply;
}

Reply DeleteFlow(std::string_view id, Dataplane* dataplane, const Tunables& tunables) {
  const absl::StatusOr<FlowRecord> flow = LookUpFlow(id, *dataplane, tunables);
  if (!flow.ok()) return {.response = ErrorResponse(flow.status()), .job = nullptr};
  const std::vector<WorkerInfo> workers = dataplane->workers();
  for (uint32_t w = 0; w < workers.size(); ++w) {
    if (workers[w].pipeline->options().worker != flow->id.worker) continue;
    Reply reply;
    reply.job = std::make_unique<DeleteOneJob>(flow->id, w, dataplane, tunables);
    return reply;
  }
  return {.response = ErrorResponse(absl::NotFoundError("no such worker")), .job = nullptr};
}

}  // namespace coretrack
