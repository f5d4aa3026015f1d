// Server: HTTP/1.1 on a unix socket and on a loopback port, one thread.
//
// What for  Carries requests to Api and answers back. The unix socket may write; the TCP listener
// is
//           read-only and takes only the Host names it was given (DNS rebinding).
// Threads   Run() is the API thread: handlers, ticks and posted functions run there, one after the
//           other. Start(), Stop(), Post() and the getters: any thread.
// Limits    kHeaderBytes, kBodyBytes, kRequestTime for a whole request, kIdleTime between requests,
//           kWriteTime per piece of an answer; max_connections per listener, beyond which a
//           connection is told 503 and closed.
// Errors    Bad requests get 4xx with {"error","fix"} and the connection is closed.
// Why       Boost.Asio and Beast: HTTP parsing that has been fuzzed for years. They are seen by
//           server.cc and session.h alone, since they cost most of the compile time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/api/api.h"

namespace coretrack {

class Server {
 public:
  static constexpr uint32_t kHeaderBytes = 8 * 1024;
  static constexpr uint64_t kBodyBytes = uint64_t{64} * 1024;

  struct Options {
    std::string socket;  // path; empty: none
    std::string http;    // "127.0.0.1:9410", "[::1]:9410", port 0: any; empty: none
    uint32_t max_connections = 64;
    std::vector<std::string> allowed_hosts = {"localhost", "127.0.0.1", "::1"};
    std::chrono::milliseconds request_time{10'000};
    std::chrono::milliseconds idle_time{60'000};
    std::chrono::milliseconds write_time{30'000};
    std::function<void()> every_second;  // on the API thread, after Api::Tick()
  };

  // `api` outlives the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options, Api* api);
  virtual ~Server() = default;

  virtual void Run() = 0;  // until Stop()
  virtual void Stop() = 0;
  virtual void Post(std::function<void()> function) = 0;
  virtual uint16_t http_port() const = 0;  // 0: no TCP listener
  // May other machines ask over TCP?
  virtual bool http_public() const = 0;
};

}  // namespace coretrack
