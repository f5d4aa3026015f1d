#include "control/api/flow_routes.h"

#include <charconv>
#include <optional>

#include "absl/strings/str_cat.h"
#include "control/query/flow_json.h"
#include "control/query/scan.h"
#include "control/query/top_flows.h"

namespace coretrack {
namespace {

constexpr size_t kDefaultSorted = 100;
constexpr const char* kNdjson = "application/x-ndjson";

struct FlowsQuery {
  Filter filter;
  bool filtered = false;
  std::optional<size_t> limit;
  std::string cursor;
  std::optional<SortBy> sort;
  bool count = false;
  bool all = false;
};

absl::StatusOr<bool> ParseBool(std::string_view key, std::string_view value) {
  if (value == "true" || value == "1" || value.empty()) return true;
  if (value == "false" || value == "0") return false;
  return absl::InvalidArgumentError(
      absl::StrCat(absl::string_view(key.data(), key.size()), ": not a bool; write true or false"));
}

absl::StatusOr<size_t> ParseLimit(std::string_view text) {
  size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit == 0 ||
      limit > TopFlows::kMaxCount) {
    return absl::InvalidArgumentError(absl::StrCat(
        "limit: 1 to ", TopFlows::kMaxCount, "; leave it out for all flows, or follow the cursor"));
  }
  return limit;
}

absl::StatusOr<FlowsQuery> ParseFlowsQuery(const Fields& fields) {
  FlowsQuery query;
  for (const auto& [key, value] : fields) {
    FilterTerm term;
    if (TermOfQuery(key, value, &term)) {
      if (absl::Status status = query.filter.Add(term); !status.ok()) return status;
      query.filtered = true;
    } else if (key == "limit") {
      absl::StatusOr<size_t> limit = ParseLimit(value);
      if (!limit.ok()) return limit.status();
      query.limit = *limit;
    } else if (key == "cursor") {
      query.cursor = value;
    } else if (key == "sort") {
      query.sort = ParseSortBy(value);
      if (!query.sort) return absl::InvalidArgumentError("sort: bytes, packets, age or idle");
    } else if (key == "count" || key == "all") {
      absl::StatusOr<bool> flag = ParseBool(key, value);
      if (!flag.ok()) return flag.status();
      (key == "count" ? query.count : query.all) = *flag;
    } else {
      // Says which keys there are.
      return Filter().Add({.flag = key, .value = value});
    }
  }
  if (query.sort && !query.cursor.empty()) {
    return absl::InvalidArgumentError("sort and cursor do not go together; leave one of them out");
  }
  return query;
}

FlowScan MakeScan(Dataplane* dataplane, const Tunables& tunables, const FlowsQuery& query) {
  return {dataplane->workers(), tunables, query.filter};
}

class FlowStream : public BodySource {
 public:
  explicit FlowStream(FlowScan scan) : scan_(std::move(scan)) {}
  bool Next(std::string* piece) override {
    scan_.Run(kSliceSlots, [piece](const FlowRecord& flow) {
      AppendFlowJson(flow, piece);
      piece->push_back('\n');
      return piece->size() < kPieceBytes;
    });
    return !scan_.done();
  }

 private:
  FlowScan scan_;
};

class PageJob : public Job {
 public:
  PageJob(FlowScan scan, size_t limit) : scan_(std::move(scan)), left_(limit) {}
  Step Run(HttpResponse* response) override {
    scan_.Run(kSliceSlots, [this](const FlowRecord& flow) {
      AppendFlowJson(flow, &body_);
      body_.push_back('\n');
      return --left_ != 0;
    });
    if (left_ != 0 && !scan_.done()) return Step::kMore;
    response->content_type = kNdjson;
    if (!scan_.done()) response->headers.emplace_back("Coretrack-Cursor", scan_.cursor());
    response->body = std::move(body_);
    return Step::kDone;
  }

 private:
  FlowScan scan_;
  size_t left_;
  std::string body_;
};

class SortJob : public Job {
 public:
  SortJob(FlowScan scan, SortBy by, size_t limit) : scan_(std::move(scan)), top_(by, limit) {}
  Step Run(HttpResponse* response) override {
    scan_.Run(kSliceSlots, [this](const FlowRecord& flow) {
      top_.Add(flow);
      return true;
    });
    if (!scan_.done()) return Step::kMore;
    response->content_type = kNdjson;
    for (const FlowRecord& flow : top_.Take()) {
      AppendFlowJson(flow, &response->body);
      response->body.push_back('\n');
    }
    return Step::kDone;
  }

 private:
  FlowScan scan_;
  TopFlows top_;
};

class CountJob : public Job {
 public:
  explicit CountJob(FlowScan scan) : scan_(std::move(scan)) {}
  Step Run(HttpResponse* response) override {
    scan_.Run(kSliceSlots, [this](const FlowRecord&) {
      ++count_;
      return true;
    });
    if (!scan_.done()) return Step::kMore;
    *response = JsonResponse(absl::StrCat("{\"count\":", count_, "}"));
    return Step::kDone;
  }

 private:
  FlowScan scan_;
  uint64_t count_ = 0;
};

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

absl::StatusOr<FlowRecord> Lookup(std::string_view text, Dataplane* dataplane,
                                  const Tunables& tunables) {
  const std::optional<FlowId> id = ParseFlowId(text);
  if (!id) {
    return absl::InvalidArgumentError("not a flow's id; it is 16 hexadecimal digits, as \"id\" is");
  }
  return FindFlow(dataplane->workers(), tunables, *id);
}

}  // namespace

Reply ListFlows(const HttpRequest& request, Dataplane* dataplane, const Tunables& tunables) {
  absl::StatusOr<FlowsQuery> query = ParseFlowsQuery(request.query);
  if (!query.ok()) return {.response = ErrorResponse(query.status()), .job = nullptr};
  FlowScan scan = MakeScan(dataplane, tunables, *query);
  if (!query->cursor.empty()) {
    const absl::Status status = scan.Seek(query->cursor);
    if (!status.ok()) return {.response = ErrorResponse(status), .job = nullptr};
  }
  Reply reply;
  if (query->count) {
    reply.job = std::make_unique<CountJob>(std::move(scan));
  } else if (query->sort) {
    reply.job = std::make_unique<SortJob>(std::move(scan), *query->sort,
                                          query->limit.value_or(kDefaultSorted));
  } else if (query->limit) {
    reply.job = std::make_unique<PageJob>(std::move(scan), *query->limit);
  } else {
    reply.response.content_type = kNdjson;
    reply.response.stream = std::make_unique<FlowStream>(std::move(scan));
  }
  return reply;
}

Reply ShowFlow(std::string_view id, Dataplane* dataplane, const Tunables& tunables) {
  const absl::StatusOr<FlowRecord> flow = Lookup(id, dataplane, tunables);
  if (!flow.ok()) return {.response = ErrorResponse(flow.status()), .job = nullptr};
  std::string json;
  AppendFlowJson(*flow, &json);
  return {.response = JsonResponse(std::move(json)), .job = nullptr};
}

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
      std::make_unique<DeleteJob>(MakeScan(dataplane, tunables, *query), dataplane, tunables);
  return reply;
}

Reply DeleteFlow(std::string_view id, Dataplane* dataplane, const Tunables& tunables) {
  const absl::StatusOr<FlowRecord> flow = Lookup(id, dataplane, tunables);
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
