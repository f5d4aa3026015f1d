// One HTTP connection, as a coroutine. Private to server.cc.
#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "control/api/server.h"

namespace coretrack::internal {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

inline std::string_view View(boost::string_view text) { return {text.data(), text.size()}; }
inline std::string_view View(const boost::core::string_view& text) {
  return {text.data(), text.size()};
}

// Is `host` (as in the Host field, port and brackets included) one of those allowed?
bool HostAllowed(std::string_view host, const std::vector<std::string>& allowed);

template <typename Protocol>
class Session {
 public:
  using Stream = beast::basic_stream<Protocol, net::any_io_executor>;

  Session(typename Protocol::socket socket, const Server::Options& options, Api* api,
          bool may_write)
      : stream_(std::move(socket)), options_(options), api_(api), may_write_(may_write) {}

  net::awaitable<void> Run() {
    while (co_await One()) {
    }
    beast::error_code ignored;
    stream_.socket().shutdown(net::socket_base::shutdown_both, ignored);
  }

 private:
  static auto Token(beast::error_code* error) {
    return net::redirect_error(net::use_awaitable, *error);
  }

  // One request and its answer. False: the connection is over.
  net::awaitable<bool> One() {
    http::request_parser<http::string_body> parser;
    parser.header_limit(Server::kHeaderBytes);
    parser.body_limit(Server::kBodyBytes);
    beast::error_code error;
    // The first byte may take its time between requests; all of the request may not.
    if (buffer_.size() == 0) {
      stream_.expires_after(first_ ? options_.request_time : options_.idle_time);
      const size_t got =
          co_await stream_.async_read_some(buffer_.prepare(kReadBytes), Token(&error));
      if (error) co_return false;
      buffer_.commit(got);
    }
    first_ = false;
    stream_.expires_after(options_.request_time);
    co_await http::async_read(stream_, buffer_, parser, Token(&error));
    if (error) {
      co_await AnswerBroken(error);
      co_return false;
    }
    const auto& request = parser.get();
    Reply reply = Dispatch(request);
    HttpResponse response = std::move(reply.response);
    if (reply.job != nullptr) co_await Finish(reply.job.get(), &response);
    co_return co_await Write(std::move(response), request.keep_alive(), request.version(),
                             request.method() == http::verb::head);
  }

  Reply Dispatch(const http::request<http::string_body>& request) {
    // RFC 9112 3.2: two of them may mean two things to two readers.
    const size_t hosts = request.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && request.version() >= 11)) {
      return {.response = ErrorResponse(400, "not exactly one Host field", "send one: localhost"),
              .job = nullptr};
    }
    if (!may_write_ && !HostAllowed(View(request[http::field::host]), options_.allowed_hosts)) {
      return {.response = ErrorResponse(403, "this Host is not allowed",
                                        "ask for localhost, or add the name to api.allowed_hosts"),
              .job = nullptr};
    }
    HttpRequest parsed;
    parsed.method = View(request.method_string());
    parsed.may_write = may_write_;
    const absl::Status status = ParseTarget(View(request.target()), &parsed.path, &parsed.query);
    if (!status.ok()) return {.response = ErrorResponse(status), .job = nullptr};
    parsed.body = request.body();
    return api_->Handle(parsed);
  }

  net::awaitable<void> Finish(Job* job, HttpResponse* response) {
    stream_.expires_never();
    net::steady_timer timer(stream_.get_executor());
    for (;;) {
      switch (job->Run(response)) {
        case Job::Step::kDone:
          co_return;
        case Job::Step::kMore:
          co_await net::post(stream_.get_executor(), net::use_awaitable);
          break;
        case Job::Step::kWait:
          timer.expires_after(Job::kWaitTime);
          co_await timer.async_wait(net::use_awaitable);
          break;
      }
    }
  }

  net::awaitable<void> AnswerBroken(beast::error_code error) {
    if (error == http::error::end_of_stream || error == beast::error::timeout ||
        error == http::error::partial_message || error == net::error::connection_reset) {
      co_return;
    }
    HttpResponse response;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      response = ErrorResponse(431, "the header is too large", "send at most 8 KiB of it");
    } else if (error == http::error::body_limit) {
      response = ErrorResponse(413, "the body is too large", "send at most 64 KiB of it");
    } else {
      response = ErrorResponse(400, "this is not HTTP/1.1", "see /openapi.json");
    }
    co_await Write(std::move(response), false, 11, false);
    // A client in the middle of sending would meet a reset, and lose the answer with it.
    beast::error_code ignored;
    stream_.socket().shutdown(net::socket_base::shutdown_send, ignored);
    stream_.expires_after(kLingerTime);
    for (size_t left = kLingerBytes; left != 0;) {
      buffer_.clear();
      const size_t got = co_await stream_.async_read_some(
          buffer_.prepare(std::min(left, kReadBytes)), Token(&ignored));
      if (ignored) co_return;
      left -= got;
    }
  }

  template <typename Body>
  http::response<Body> Head(const HttpResponse& response, bool keep_alive, unsigned version) {
    http::response<Body> head{static_cast<http::status>(response.status), version};
    head.set(http::field::server, "coretrackd");
    head.set(http::field::content_type, response.content_type);
    head.set(http::field::cache_control, "no-store");
    head.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : response.headers) head.set(name, value);
    head.keep_alive(keep_alive);
    return head;
  }

  net::awaitable<bool> Write(HttpResponse response, bool keep_alive, unsigned version,
                             bool head_only) {
    if (response.stream != nullptr && !head_only) {
      co_return co_await WriteStream(std::move(response), keep_alive, version);
    }
    auto message = Head<http::string_body>(response, keep_alive, version);
    const size_t bytes = response.body.size();
    if (!head_only) message.body() = std::move(response.body);
    message.content_length(bytes);
    http::response_serializer<http::string_body> serializer(message);
    beast::error_code error;
    stream_.expires_after(options_.write_time);
    if (head_only) {
      co_await http::async_write_header(stream_, serializer, Token(&error));
    } else {
      co_await http::async_write(stream_, serializer, Token(&error));
    }
    co_return !error && keep_alive;
  }

  // Chunked; to a client of HTTP/1.0 until the connection closes.
  net::awaitable<bool> WriteStream(HttpResponse response, bool keep_alive, unsigned version) {
    const bool chunked = version >= 11;
    auto message = Head<http::empty_body>(response, keep_alive && chunked, version);
    message.chunked(chunked);
    http::response_serializer<http::empty_body> serializer(message);
    beast::error_code error;
    stream_.expires_after(options_.write_time);
    co_await http::async_write_header(stream_, serializer, Token(&error));
    while (!error) {
      const std::optional<std::string_view> piece = response.stream->Next();
      if (!piece) break;
      if (piece->empty()) {
        co_await net::post(stream_.get_executor(), net::use_awaitable);
        continue;
      }
      const auto bytes = net::buffer(*piece);
      stream_.expires_after(options_.write_time);
      if (chunked) {
        co_await net::async_write(stream_, http::make_chunk(bytes), Token(&error));
      } else {
        co_await net::async_write(stream_, bytes, Token(&error));
      }
    }
    if (!error && chunked) {
      co_await net::async_write(stream_, http::make_chunk_last(), Token(&error));
    }
    co_return !error && keep_alive && chunked;
  }

  static constexpr size_t kReadBytes = 4096;
  static constexpr size_t kLingerBytes = 4 << 20;
  static constexpr std::chrono::seconds kLingerTime{2};

  Stream stream_;
  const Server::Options& options_;
  Api* api_;
  const bool may_write_;
  bool first_ = true;
  beast::flat_buffer buffer_{Server::kHeaderBytes + Server::kBodyBytes};
};

}  // namespace coretrack::internal
