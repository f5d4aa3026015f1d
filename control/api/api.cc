#include "control/api/api.h"

#include <boost/json.hpp>

#include "absl/strings/str_cat.h"
#include "control/api/flow_routes.h"
#include "control/api/pages.h"

namespace coretrack {
namespace {

constexpr std::string_view kApi = "/api/v1";
constexpr std::string_view kOneFlow = "/api/v1/flows/";

uint64_t UnixUs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

Reply At(HttpResponse response) { return {.response = std::move(response), .job = nullptr}; }

HttpResponse TextResponse(std::string_view type, std::string_view body, unsigned status = 200) {
  HttpResponse response;
  response.status = status;
  response.content_type = type;
  response.body = body;
  return response;
}

// Methods of a path, for Allow; empty: no such path.
std::string_view MethodsOf(std::string_view path) {
  if (path == "/api/v1/flows" || (path.starts_with(kOneFlow) && path.size() > kOneFlow.size())) {
    return "GET, HEAD, DELETE";
  }
  if (path == "/api/v1/config") return "GET, HEAD, PATCH";
  if (path == "/api/v1/config/reload") return "POST";
  for (const std::string_view read :
       {"/", "/metrics", "/healthz", "/readyz", "/openapi.json", "/api/v1/status", "/api/v1/stats",
        "/api/v1/workers", "/api/v1/ports", "/api/v1/drops"}) {
    if (path == read) return "GET, HEAD";
  }
  return "";
}

bool Allows(std::string_view methods, std::string_view method) {
  for (size_t at = 0; at < methods.size();) {
    const size_t end = std::min(methods.find(", ", at), methods.size());
    if (methods.substr(at, end - at) == method) return true;
    at = end + 2;
  }
  return false;
}

// /stats: the two looks of IdentityCheck.
class StatsJob : public Job {
 public:
  explicit StatsJob(const Dataplane* dataplane) : dataplane_(dataplane) {
    check_.Begin(*dataplane);
  }
  Step Run(HttpResponse* response) override {
    if (!check_.settled(*dataplane_) && std::chrono::steady_clock::now() < deadline_) {
      return Step::kWait;
    }
    *response = JsonResponse(StatsJson(*dataplane_, check_.Finish(*dataplane_)));
    return Step::kDone;
  }

 private:
  // Far above the sleep of an idle worker.
  static constexpr std::chrono::milliseconds kPatience{200};
  const Dataplane* dataplane_;
  IdentityCheck check_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + kPatience;
};

}  // namespace

Api::Api(Dataplane* dataplane, ConfigAccess* config)
    : dataplane_(dataplane), config_(config), start_us_(UnixUs()) {
  totals_ = ReadTotals();
  ticked_ = std::chrono::steady_clock::now();
  check_.Begin(*dataplane_);
  heartbeats_.Look(*dataplane_, ticked_);
}

Reply Api::Handle(const HttpRequest& request) {
  const std::string_view methods = MethodsOf(request.path);
  if (methods.empty()) {
    return At(ErrorResponse(404, "no such path", "GET /openapi.json names them all"));
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (!Allows(methods, request.method)) {
    HttpResponse response =
        ErrorResponse(405, "this path does not take that method",
                      absl::StrCat("use ", absl::string_view(methods.data(), methods.size())));
    response.headers.emplace_back("Allow", methods);
    return At(std::move(response));
  }
  if (!reads && !request.may_write) {
    return At(ErrorResponse(403, "read-only here", "write over the unix socket (api.socket)"));
  }
  return reads ? Get(request) : Write(request);
}

Reply Api::Get(const HttpRequest& request) {
  const std::string_view path = request.path;
  if (path == "/") return At(TextResponse("text/html; charset=utf-8", FrontPage()));
  if (path == "/openapi.json") return At(TextResponse("application/json", OpenApi()));
  if (path == "/healthz" || path == "/readyz") {
    if (ready()) return At(TextResponse("text/plain", "ok\n"));
    return At(ErrorResponse(503, "a worker's poll loop does not turn", "see /api/v1/workers"));
  }
  if (path == "/metrics") {
    return At(TextResponse("text/plain; version=0.0.4; charset=utf-8",
                           metrics_.Text(*dataplane_, identity_, heartbeats_, start_us_)));
  }
  if (path.starts_with(kOneFlow)) {
    return ShowFlow(path.substr(kOneFlow.size()), dataplane_, config_->tunables());
  }
  const std::string_view name = path.substr(kApi.size());
  if (name == "/flows") return ListFlows(request, dataplane_, config_->tunables());
  if (name == "/stats") return {.response = {}, .job = std::make_unique<StatsJob>(dataplane_)};
  if (name == "/status") return At(JsonResponse(Status()));
  if (name == "/workers") return At(JsonResponse(WorkersJson(*dataplane_, heartbeats_)));
  if (name == "/ports") return At(JsonResponse(PortsJson(*dataplane_)));
  if (name == "/drops") return At(JsonResponse(DropsJson(*dataplane_)));
  return At(JsonResponse(config_->DescribeJson()));
}

Reply Api::Write(const HttpRequest& request) {
  const std::string_view path = request.path;
  if (path == "/api/v1/flows") return DeleteFlows(request, dataplane_, config_->tunables());
  if (path.starts_with(kOneFlow)) {
    return DeleteFlow(path.substr(kOneFlow.size()), dataplane_, config_->tunables());
  }
  if (path == "/api/v1/config/reload") return At(ReloadConfig());
  return At(PatchConfig(request.body));
}

// {"timeouts.msl":"30s","tcp.midstream":false}
HttpResponse Api::PatchConfig(const std::string& body) {
  namespace json = boost::json;
  json::error_code error;
  const json::value parsed = json::parse(body, error);
  if (error || !parsed.is_object() || parsed.as_object().empty()) {
    return ErrorResponse(400, "the body is not a JSON object of parameters",
                         R"(send {"timeouts.msl":"30s"})");
  }
  Fields values;
  for (const auto& [key, value] : parsed.as_object()) {
    // A parameter's text form: numbers and bools as they are written, strings without quotes.
    std::string text =
        value.is_string() ? std::string(value.as_string().c_str()) : json::serialize(value);
    values.emplace_back(std::string(key), std::move(text));
  }
  const absl::Status status = config_->Change(values);
  if (!status.ok()) return ErrorResponse(status);
  return JsonResponse(absl::StrCat("{\"changed\":", values.size(), "}"));
}

HttpResponse Api::ReloadConfig() {
  const absl::Status status = config_->Reload();
  if (!status.ok()) return ErrorResponse(status);
  boost::json::array need_restart;
  for (const std::string& name : config_->NeedRestart()) need_restart.emplace_back(name);
  return JsonResponse(boost::json::serialize(
      boost::json::object{{"reloaded", true}, {"need_restart", std::move(need_restart)}}));
}

std::string Api::Status() const {
  return StatusJson(*dataplane_, heartbeats_,
                    {.start_us = start_us_, .now_us = UnixUs(), .ready = ready(), .rates = rates_});
}

Api::Totals Api::ReadTotals() const {
  const std::vector<WorkerInfo> workers = dataplane_->workers();
  Totals totals;
  totals.received = Sum(workers, &WorkerCounters::received);
  totals.forwarded = Sum(workers, &WorkerCounters::forwarded);
  totals.flows_created = Sum(workers, &WorkerCounters::flows_created);
  for (const WorkerInfo& worker : workers) {
    for (const Counter& dropped : worker.pipeline->counters().dropped) {
      totals.dropped += dropped.Read();
    }
  }
  return totals;
}

void Api::Tick(std::chrono::steady_clock::time_point now) {
  heartbeats_.Look(*dataplane_, now);
  identity_ = check_.Finish(*dataplane_);
  check_.Begin(*dataplane_);
  const double seconds = std::chrono::duration<double>(now - ticked_).count();
  if (seconds <= 0) return;
  const Totals totals = ReadTotals();
  const auto rate = [&](uint64_t Totals::*count) {
    return static_cast<double>(totals.*count - totals_.*count) / seconds;
  };
  rates_ = {.received = rate(&Totals::received),
            .forwarded = rate(&Totals::forwarded),
            .dropped = rate(&Totals::dropped),
            .flows_created = rate(&Totals::flows_created)};
  totals_ = totals;
  ticked_ = now;
}

}  // namespace coretrack
