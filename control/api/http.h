// What the routes see of HTTP: requests, answers, and work that takes more than one slice.
//
// Threads  The API thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace coretrack {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;
  std::string path;  // decoded, without the query
  Fields query;      // decoded, in order
  std::string body;
  bool may_write = false;  // it came over the unix socket
};

// A body that is written while it is made, chunk by chunk.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // The next piece, which may be empty and is good until the next call; nothing: that was all. Takes
  // milliseconds at most, so that other requests proceed.
  virtual std::optional<std::string_view> Next() = 0;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  Fields headers;
  std::string body;
  std::unique_ptr<BodySource> stream;  // instead of `body`
};

// Work on one request in slices.
class Job {
 public:
  enum class Step { kMore, kWait, kDone };
  static constexpr std::chrono::milliseconds kWaitTime{1};

  virtual ~Job() = default;
  // kMore: again at once, after others had their turn; kWait: again after kWaitTime; kDone:
  // `response` is filled. A slice takes milliseconds at most.
  virtual Step Run(HttpResponse* response) = 0;
};

// Either a job, or the answer at once.
struct Reply {
  HttpResponse response;
  std::unique_ptr<Job> job;
};

// {"error":"...","fix":"..."}
HttpResponse ErrorResponse(unsigned status, std::string_view error, std::string_view fix);
// The same from a status: 400, 404 or 503, or 500. A "; " in the message parts error and fix.
HttpResponse ErrorResponse(const absl::Status& status);
HttpResponse JsonResponse(std::string body);

// "/api/v1/flows?src=10.0.0.0%2F8" into path and query.  kInvalidArgument for a bad escape, more
// than kMaxQueryFields fields, or control characters.
inline constexpr size_t kMaxQueryFields = 100;
absl::Status ParseTarget(std::string_view target, std::string* path, Fields* query);

}  // namespace coretrack
