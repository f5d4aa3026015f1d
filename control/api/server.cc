#include "control/api/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cctype>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "control/api/session.h"
#include "control/api/unix_socket.h"

namespace coretrack {
namespace internal {

bool HostAllowed(std::string_view host, const std::vector<std::string>& allowed) {
  if (host.starts_with('[')) {
    const size_t close = host.find(']');
    if (close == std::string_view::npos) return false;
    host = host.substr(1, close - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  return std::ranges::any_of(allowed, [&](std::string_view name) {
    if (name.size() > 2 && name.starts_with('[')) name = name.substr(1, name.size() - 2);
    return std::ranges::equal(host, name, same);
  });
}

namespace {

using net::ip::tcp;
using net::local::stream_protocol;

// Its end is the connection's.
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: "
    "close\r\n\r\n"
    "{\"error\":\"too many connections\",\"fix\":\"close some, or raise api.max_connections\"}\n";

// "127.0.0.1:9410" or "[::1]:9410".
absl::StatusOr<tcp::endpoint> ParseEndpoint(const std::string& text) {
  const size_t colon = text.rfind(':');
  const absl::Status bad = absl::InvalidArgumentError(
      absl::StrCat("api.http: \"", text, "\" is not address:port; write 127.0.0.1:9410"));
  if (colon == std::string::npos) return bad;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  beast::error_code address_error;
  const net::ip::address address = net::ip::make_address(host, address_error);
  if (error != std::errc() || stop != end || address_error) return bad;
  return tcp::endpoint(address, port);
}

class AsioServer final : public Server {
 public:
  AsioServer(const Options& options, Api* api) : options_(options), api_(api) {}

  absl::Status Listen() {
    beast::error_code error;
    if (!options_.socket.empty()) {
      absl::StatusOr<UnixListener> listener = UnixListener::Create(options_.socket);
      if (!listener.ok()) return listener.status();
      unix_listener_.emplace(*std::move(listener));
      unix_acceptor_.assign(stream_protocol(), unix_listener_->Release(), error);
      if (error) return absl::UnavailableError(absl::StrCat("api.socket: ", error.message()));
      Spawn(Accept<stream_protocol>(&unix_acceptor_, true));
    }
    if (!options_.http.empty()) {
      const absl::StatusOr<tcp::endpoint> endpoint = ParseEndpoint(options_.http);
      if (!endpoint.ok()) return endpoint.status();
      tcp_acceptor_.open(endpoint->protocol(), error);
      if (!error) tcp_acceptor_.set_option(net::socket_base::reuse_address(true), error);
      if (!error) tcp_acceptor_.bind(*endpoint, error);
      if (!error) tcp_acceptor_.listen(net::socket_base::max_listen_connections, error);
      if (error) {
        return absl::UnavailableError(absl::StrCat("api.http ", options_.http, ": ",
                                                   error.message(),
                                                   "; give another port, or end who has it"));
      }
      http_port_ = tcp_acceptor_.local_endpoint().port();
      http_public_ = !endpoint->address().is_loopback();
      Spawn(Accept<tcp>(&tcp_acceptor_, false));
    }
    Spawn(Tick());
    return absl::OkStatus();
  }

  void Run() override { context_.run(); }
  void Stop() override { context_.stop(); }
  void Post(std::function<void()> function) override { net::post(context_, std::move(function)); }
  uint16_t http_port() const override { return http_port_; }
  bool http_public() const override { return http_public_; }

 private:
  void Spawn(net::awaitable<void> work) {
    // A coroutine that throws would end the thread's run(); nothing here is worth that.
    net::co_spawn(context_, std::move(work), net::detached);
  }

  template <typename Protocol>
  net::awaitable<void> Accept(typename Protocol::acceptor* acceptor, bool may_write) {
    const auto open = std::make_shared<uint32_t>(0);
    for (;;) {
      beast::error_code error;
      typename Protocol::socket socket(context_);
      co_await acceptor->async_accept(socket, net::redirect_error(net::use_awaitable, error));
      if (error) {
        // Out of descriptors, most likely: others must close first.
        net::steady_timer pause(context_, std::chrono::milliseconds(50));
        co_await pause.async_wait(net::use_awaitable);
      } else if (*open >= options_.max_connections) {
        socket.non_blocking(true, error);
        socket.write_some(net::buffer(kFull), error);
      } else {
        Spawn(Serve<Protocol>(std::move(socket), may_write, open));
      }
    }
  }

  template <typename Protocol>
  net::awaitable<void> Serve(typename Protocol::socket socket, bool may_write,
                             std::shared_ptr<uint32_t> open) {
    ++*open;
    try {
      Session<Protocol> session(std::move(socket), options_, api_, may_write);
      co_await session.Run();
    } catch (const std::exception&) {
      // Out of memory for one answer: that connection ends, the daemon goes on.
    }
    --*open;
  }

  net::awaitable<void> Tick() {
    net::steady_timer timer(context_);
    auto next = std::chrono::steady_clock::now();
    for (;;) {
      const auto now = std::chrono::steady_clock::now();
      api_->Tick(now);
      if (options_.every_second) options_.every_second();
      next = std::max(next + std::chrono::seconds(1), now);
      timer.expires_at(next);
      co_await timer.async_wait(net::use_awaitable);
    }
  }

  const Options options_;
  Api* const api_;
  uint16_t http_port_ = 0;
  bool http_public_ = false;
  std::optional<UnixListener> unix_listener_;
  net::io_context context_{1};
  stream_protocol::acceptor unix_acceptor_{context_};
  tcp::acceptor tcp_acceptor_{context_};
};

}  // namespace
}  // namespace internal

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options, Api* api) {
  auto server = std::make_unique<internal::AsioServer>(options, api);
  if (absl::Status status = server->Listen(); !status.ok()) return status;
  return server;
}

}  // namespace coretrack
