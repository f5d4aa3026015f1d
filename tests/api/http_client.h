// HttpClient: plain sockets, so that a test can send anything.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>

namespace coretrack::testing {

struct Answer {
  int status = 0;
  std::string head;
  std::string body;

  std::string Header(const std::string& name) const {
    const size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

class HttpClient {
 public:
  explicit HttpClient(const std::string& socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    Connect(AF_UNIX, &address, sizeof(address));
  }
  explicit HttpClient(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Connect(AF_INET, &address, sizeof(address));
  }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() { close(fd_); }

  // As much as the server takes.
  void Send(const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<size_t>(n);
    }
  }

  Answer Ask(const std::string& method, const std::string& target, const std::string& body = "",
             const std::string& host = "localhost") {
    std::string request = method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n";
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    Send(request + "\r\n" + body);
    return Receive(method == "HEAD");
  }
  Answer Get(const std::string& target) { return Ask("GET", target); }
  // As Get(), but `sink` takes each chunk of the body.
  Answer Stream(const std::string& target, std::function<void(std::string_view)> sink) {
    sink_ = std::move(sink);
    Answer answer = Get(target);
    sink_ = nullptr;
    return answer;
  }

  // The next answer; status 0: the server closed without one.
  Answer Receive(bool head_only = false) {
    Answer answer;
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!More()) return answer;
    }
    answer.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    answer.status = std::stoi(answer.head.substr(9, 3));
    if (head_only) return answer;
    if (answer.Header("Transfer-Encoding") == "chunked") {
      ReadChunks(&answer.body);
    } else if (const std::string length = answer.Header("Content-Length"); !length.empty()) {
      Take(std::stoul(length), &answer.body);
    } else {
      while (More()) {
      }
      answer.body = std::exchange(buffer_, "");
    }
    return answer;
  }

  // Has the server closed the connection? Waits for it.
  bool Closed() {
    while (More()) {
    }
    return true;
  }

 private:
  void Connect(int family, const void* address, socklen_t bytes) {
    fd_ = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd_, static_cast<const sockaddr*>(address), bytes) != 0) {
      close(fd_);
      throw std::runtime_error("cannot connect");
    }
  }
  bool More() {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, kPatienceMs) != 1) throw std::runtime_error("the server is silent");
    char bytes[65536];
    const ssize_t n = recv(fd_, bytes, sizeof(bytes), 0);
    if (n <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(n));
    return true;
  }
  void Take(size_t bytes, std::string* to) {
    while (buffer_.size() < bytes) {
      if (!More()) throw std::runtime_error("the answer is cut");
    }
    to->append(buffer_, 0, bytes);
    buffer_.erase(0, bytes);
  }
  void ReadChunks(std::string* to) {
    for (;;) {
      size_t line;
      while ((line = buffer_.find("\r\n")) == std::string::npos) {
        if (!More()) throw std::runtime_error("the answer is cut");
      }
      const size_t bytes = std::stoul(buffer_.substr(0, line), nullptr, 16);
      buffer_.erase(0, line + 2);
      Take(bytes, to);
      if (sink_) {
        sink_(*to);
        to->clear();
      }
      std::string end;
      Take(2, &end);
      if (bytes == 0) return;
    }
  }

  static constexpr int kPatienceMs = 20'000;
  int fd_ = -1;
  std::function<void(std::string_view)> sink_;
  std::string buffer_;
};

}  // namespace coretrack::testing
