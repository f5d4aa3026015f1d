#include "control/api/flow_routes.h"

#include "absl/strings/str_cat.h"
#include "control/api/flows_query.h"
#include "control/query/flow_json.h"

namespace coretrack {
namespace {

constexpr size_t kDefaultSorted = 100;
constexpr const char* kNdjson = "application/x-ndjson";

class FlowStream : public BodySource {
 public:
  explicit FlowStream(FlowScan scan) : scan_(std::move(scan)) {}
  std::optional<std::string_view> Next() override {
    if (scan_.done()) return std::nullopt;
    char* const begin = piece_.get();
    char* end = begin;
    scan_.Run(kSliceSlots, [begin, &end](const FlowRecord& flow) {
      end = PutFlowJson(end, flow);
      *end++ = '\n';
      return end < begin + kPieceBytes;
    });
    return std::string_view(begin, end);
  }

 private:
  FlowScan scan_;
  // The last line begins before kPieceBytes.
  std::unique_ptr<char[]> piece_ =
      std::make_unique_for_overwrite<char[]>(kPieceBytes + kMaxFlowJsonBytes + 1);
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

}  // namespace

Reply ListFlows(const HttpRequest& request, Dataplane* dataplane, const Tunables& tunables) {
  absl::StatusOr<FlowsQuery> query = ParseFlowsQuery(request.query);
  if (!query.ok()) return {.response = ErrorResponse(query.status()), .job = nullptr};
  FlowScan scan = MakeScan(*dataplane, tunables, *query);
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
  const absl::StatusOr<FlowRecord> flow = LookUpFlow(id, *dataplane, tunables);
  if (!flow.ok()) return {.response = ErrorResponse(flow.status()), .job = nullptr};
  std::string json;
  AppendFlowJson(*flow, &json);
  return {.response = JsonResponse(std::move(json)), .job = nullptr};
}

}  // namespace coretrack
