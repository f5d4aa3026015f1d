// A server over a fake data plane, on a socket and a port of its own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <thread>

#include "control/api/server.h"
#include "tests/api/http_client.h"
#include "tests/query/fake_dataplane.h"

namespace coretrack::testing {

class FakeConfig : public ConfigAccess {
 public:
  std::string DescribeJson() const override { return R"([{"name":"timeouts.msl"}])"; }
  absl::Status Change(const Fields& values) override {
    if (values[0].first != "timeouts.msl") {
      return absl::InvalidArgumentError("no such parameter; see GET /api/v1/config");
    }
    msl = values[0].second;
    return absl::OkStatus();
  }
  absl::Status Reload() override {
    ++reloads;
    return absl::OkStatus();
  }
  Tunables tunables() const override { return {}; }

  std::string msl = "60s";
  int reloads = 0;
};

// A folder that is gone afterwards, also when the test fails.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "coretrack-api-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class ApiFixture : public ::testing::Test {
 protected:
  // Before the data plane goes, which is a member of the test's own class.
  void TearDown() override { Stop(); }

  void Start(FakeDataplane* dataplane, Server::Options options = {}) {
    dataplane_ = dataplane;
    options.socket = socket();
    options.http = "127.0.0.1:0";
    api_ = std::make_unique<Api>(dataplane, &config_);
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(options, api_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    thread_ = std::thread([this] { server_->Run(); });
  }
  // Turns the workers' poll loops until Stop().
  void StartPolling() {
    poller_ = std::thread([this] {
      while (!stop_.load()) {
        for (uint32_t w = 0; w < dataplane_->workers().size(); ++w) dataplane_->Poll(w);
        std::this_thread::yield();
      }
    });
  }
  void Stop() {
    stop_ = true;
    if (poller_.joinable()) poller_.join();
    if (server_ != nullptr) server_->Stop();
    if (thread_.joinable()) thread_.join();
    server_.reset();
  }

  std::string socket() const { return (folder_.path() / "run" / "api.sock").string(); }
  Answer Get(const std::string& target) { return HttpClient(socket()).Get(target); }
  static std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }
  static boost::json::value Json(const Answer& answer) { return boost::json::parse(answer.body); }

  TemporaryFolder folder_;
  FakeDataplane* dataplane_ = nullptr;
  FakeConfig config_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::thread poller_;
  std::atomic<bool> stop_{false};
};

}  // namespace coretrack::testing
