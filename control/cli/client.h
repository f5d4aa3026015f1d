// Client: one HTTP request at a time over the daemon's unix socket.
//
// Errors   kUnavailable: nobody answers there, with the cure. Answers of 4xx and 5xx: a status with
//          the daemon's own "error" and "fix".
// Threads  One owner.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace coretrack::cli {

class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // The body. `cursor`, when given, receives the Coretrack-Cursor header or "".
  absl::StatusOr<std::string> Ask(const std::string& method, const std::string& target,
                                  const std::string& body = "", std::string* cursor = nullptr);
  // The body piece by piece, of any size. `take` answers false to stop.
  absl::Status Stream(const std::string& target, const std::function<bool(std::string_view)>& take);

 private:
  absl::Status Exchange(const std::string& method, const std::string& target,
                        const std::string& body, std::string* cursor,
                        const std::function<bool(std::string_view)>& take);

  const std::string socket_path_;
};

}  // namespace coretrack::cli
