#include "control/cli/client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include "absl/strings/str_cat.h"

namespace coretrack::cli {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::local::stream_protocol;

constexpr time_t kPatienceSeconds = 30;
constexpr size_t kReadBytes = 1 << 16;

absl::Status CannotConnect(const std::string& path, const beast::error_code& error) {
  if (error == net::error::access_denied) {
    return absl::UnavailableError(
        absl::StrCat("no right to open ", path, "; run this as root or join the socket's group"));
  }
  return absl::UnavailableError(
      absl::StrCat("coretrackd is not running: nothing answers on ", path, " (", error.message(),
                   "); start it (systemctl start coretrackd), or name its socket with --socket"));
}

// From {"error":"...","fix":"..."}.
absl::Status StatusOf(unsigned code, const std::string& body) {
  std::string text = absl::StrCat("the daemon answered ", code);
  beast::error_code error;
  const boost::json::value parsed = boost::json::parse(body, error);
  if (!error && parsed.is_object()) {
    const boost::json::object& object = parsed.as_object();
    const auto* what = object.if_contains("error");
    const auto* fix = object.if_contains("fix");
    if (what != nullptr && what->is_string()) text = what->as_string().c_str();
    if (fix != nullptr && fix->is_string()) absl::StrAppend(&text, "; ", fix->as_string().c_str());
  }
  return code == 404 ? absl::NotFoundError(text) : absl::InvalidArgumentError(text);
}

}  // namespace

absl::Status Client::Exchange(const std::string& method, const std::string& target,
                              const std::string& body, std::string* cursor,
                              const std::function<bool(std::string_view)>& take) {
  net::io_context context;
  stream_protocol::socket socket(context);
  beast::error_code error;
  if (socket_path_.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError("the socket's path is too long");
  }
  socket.connect(stream_protocol::endpoint(socket_path_), error);
  if (error) return CannotConnect(socket_path_, error);
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    setsockopt(socket.native_handle(), SOL_SOCKET, option, &patience, sizeof(patience));
  }
  const auto failed = [&error] {
    return absl::UnavailableError(
        absl::StrCat("the daemon did not answer in full (", error.message(), "); see its log"));
  };

  http::request<http::string_body> request(http::string_to_verb(method), target, 11);
  request.set(http::field::host, "localhost");
  request.body() = body;
  request.prepare_payload();
  http::write(socket, request, error);
  if (error) return failed();

  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  http::read_header(socket, buffer, parser, error);
  if (error) return failed();
  const unsigned code = parser.get().result_int();
  if (cursor != nullptr) *cursor = std::string(parser.get()["Coretrack-Cursor"]);
  std::string complaint;
  std::array<char, kReadBytes> piece;
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    http::read(socket, buffer, parser, error);
    if (error == http::error::need_buffer) error = {};
    if (error) return failed();
    const std::string_view got(piece.data(), piece.size() - parser.get().body().size);
    if (code / 100 != 2) {
      complaint += got;
    } else if (!take(got)) {
      return absl::OkStatus();
    }
  }
  return code / 100 == 2 ? absl::OkStatus() : StatusOf(code, complaint);
}

absl::StatusOr<std::string> Client::Ask(const std::string& method, const std::string& target,
                                        const std::string& body, std::string* cursor) {
  std::string answer;
  const absl::Status status =
      Exchange(method, target, body, cursor, [&answer](std::string_view piece) {
        answer += piece;
        return true;
      });
  if (!status.ok()) return status;
  return answer;
}

absl::Status Client::Stream(const std::string& target,
                            const std::function<bool(std::string_view)>& take) {
  return Exchange("GET", target, "", nullptr, take);
}

}  // namespace coretrack::cli
