#include <sys/stat.h>

#include <fstream>

#include "control/api/unix_socket.h"
#include "tests/api/api_fixture.h"

namespace coretrack {
namespace {

using testing::Answer;
using testing::ApiFixture;
using testing::FakeDataplane;
using ::testing::HasSubstr;
using testing::HttpClient;

class Hostile : public ApiFixture {
 protected:
  void StartWith(const Server::Options& options) {
    testing::OpenConnection(&fake_, 0, 1000);
    Start(&fake_, options);
  }
  // The server still answers a well-behaved client.
  void ExpectHealthy() { EXPECT_EQ(Get("/api/v1/status").status, 200); }
  FakeDataplane fake_;
};

TEST_F(Hostile, OtherHostsAreRefusedOnTcp) {
  StartWith({});
  for (const char* host : {"evil.example", "evil.example:9410", "", "localhost.evil.example",
                           "[::2]", "[", "127.0.0.2"}) {
    HttpClient client(server_->http_port());
    EXPECT_EQ(client.Ask("GET", "/api/v1/status", "", host).status, 403) << host;
  }
  for (const char* host : {"localhost", "LOCALHOST:9410", "127.0.0.1:1", "[::1]:9410"}) {
    HttpClient client(server_->http_port());
    EXPECT_EQ(client.Ask("GET", "/api/v1/status", "", host).status, 200) << host;
  }
}

TEST_F(Hostile, ExactlyOneHost) {
  StartWith({});
  for (const char* hosts : {"", "Host: localhost\r\nHost: localhost\r\n"}) {
    HttpClient tcp(server_->http_port()), local(socket());
    for (HttpClient* client : {&tcp, &local}) {
      client->Send(std::string("GET /api/v1/status HTTP/1.1\r\n") + hosts + "\r\n");
      EXPECT_EQ(client->Receive().status, 400) << hosts;
    }
  }
}

TEST_F(Hostile, AMebibyteOfRubbish) {
  StartWith({});
  std::string rubbish(1 << 20, '\0');
  uint32_t state = 1;
  for (char& c : rubbish) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  for (const std::string& start : {std::string(), std::string("GET / HTTP/1.1\r\nX: "),
                                   std::string("PATCH /api/v1/config HTTP/1.1\r\n\r\n")}) {
    HttpClient client(socket());
    client.Send(start + rubbish);
    const Answer answer = client.Receive();
    EXPECT_GE(answer.status, 400);
    EXPECT_LT(answer.status, 500);
    EXPECT_THAT(answer.body, HasSubstr("\"fix\""));
  }
  ExpectHealthy();
  Stop();
  EXPECT_EQ(config_.msl, "60s");
}

TEST_F(Hostile, SizesAreLimited) {
  StartWith({});
  {
    HttpClient client(socket());
    client.Send("GET / HTTP/1.1\r\nX: " + std::string(Server::kHeaderBytes, 'a') + "\r\n\r\n");
    EXPECT_EQ(client.Receive().status, 431);
    EXPECT_TRUE(client.Closed());
  }
  HttpClient client(socket());
  EXPECT_EQ(client.Ask("PATCH", "/api/v1/config", std::string(Server::kBodyBytes + 1, 'a')).status,
            413);
  HttpClient liar(socket());
  liar.Send("PATCH /api/v1/config HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n");
  EXPECT_GE(liar.Receive().status, 400);
  ExpectHealthy();
}

TEST_F(Hostile, SlowHeadersMeetTheirDeadline) {
  Server::Options options;
  options.request_time = std::chrono::milliseconds(200);
  StartWith(options);
  HttpClient silent(server_->http_port());
  HttpClient slow(server_->http_port());
  slow.Send("GET / HT");
  HttpClient body(socket());
  body.Send("PATCH /api/v1/config HTTP/1.1\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_TRUE(silent.Closed());
  EXPECT_TRUE(slow.Closed());
  EXPECT_TRUE(body.Closed());
  ExpectHealthy();
}

TEST_F(Hostile, TooManyConnectionsAreToldSo) {
  Server::Options options;
  options.max_connections = 4;
  StartWith(options);
  std::vector<std::unique_ptr<HttpClient>> idle;
  for (int i = 0; i < 4; ++i) {
    idle.push_back(std::make_unique<HttpClient>(server_->http_port()));
    EXPECT_EQ(idle.back()->Get("/healthz").status, 200);
  }
  HttpClient fifth(server_->http_port());
  const Answer answer = fifth.Receive();
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("max_connections"));
  // They do not use up the operator's own.
  ExpectHealthy();
  // Room again once one has gone.
  idle.pop_back();
  for (int i = 0; i < 1000; ++i) {
    HttpClient client(server_->http_port());
    if (client.Get("/healthz").status == 200) return;
  }
  FAIL() << "no room after a connection was closed";
}

TEST_F(Hostile, ManyRequestsOnOneConnectionAndTwoAtOnce) {
  StartWith({});
  HttpClient client(socket());
  client.Send(
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /api/v1/status HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Receive().body, "ok\n");
  EXPECT_EQ(client.Receive().status, 200);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(client.Get("/healthz").status, 200);
}

TEST_F(Hostile, AClientThatLeavesDuringAStreamHarmsNobody) {
  for (uint16_t i = 0; i < 3000; ++i) {
    fake_.Feed(0, testing::TcpPacket("10.0.0.3", static_cast<uint16_t>(2000 + i), "10.0.0.2", 80,
                                     tcp_flag::kSyn, 1, 0));
  }
  StartWith({});
  for (int i = 0; i < 20; ++i) {
    HttpClient client(socket());
    client.Send("GET /api/v1/flows HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  ExpectHealthy();
  EXPECT_EQ(Lines(Get("/api/v1/flows").body).size(), 3001u);
  // HTTP/1.0 knows no chunks.
  HttpClient old(socket());
  old.Send("GET /api/v1/flows HTTP/1.0\r\n\r\n");
  const Answer answer = old.Receive();
  EXPECT_EQ(answer.Header("Transfer-Encoding"), "");
  EXPECT_EQ(Lines(answer.body).size(), 3001u);
}

TEST_F(Hostile, AWorkerThatTakesNoCommandsEndsTheDelete) {
  for (uint16_t i = 0; i < 1500; ++i) {
    fake_.Feed(0, testing::TcpPacket("10.0.0.3", static_cast<uint16_t>(2000 + i), "10.0.0.2", 80,
                                     tcp_flag::kSyn, 1, 0));
  }
  StartWith({});
  HttpClient deleting(socket());
  deleting.Send("DELETE /api/v1/flows?all=true HTTP/1.1\r\nHost: a\r\n\r\n");
  ExpectHealthy();  // others proceed meanwhile
  const Answer answer = deleting.Receive();
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("1024 deletes"));
}

TEST(UnixListenerTest, ReplacesOnlyWhatIsStale) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "deep" / "api.sock").string();
  struct stat info {};
  {
    const auto first = UnixListener::Create(path);
    ASSERT_TRUE(first.ok()) << first.status();
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660u);
    EXPECT_EQ(UnixListener::Create(path).status().code(), absl::StatusCode::kAlreadyExists);
  }
  EXPECT_NE(stat(path.c_str(), &info), 0) << "removed at the end";
  {
    // A socket whose listener died without removing it.
    auto dead = UnixListener::Create(path);
    ASSERT_TRUE(dead.ok());
    close(dead->Release());
    EXPECT_TRUE(UnixListener::Create(path).ok());
  }
  std::ofstream(path) << "a file";
  EXPECT_EQ(UnixListener::Create(path).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(stat(path.c_str(), &info), 0) << "not ours to remove";
  EXPECT_FALSE(UnixListener::Create("/" + std::string(200, 'a')).ok());
  EXPECT_FALSE(UnixListener::Create(folder.path() / "misspelt" / "deep" / "api.sock").ok());
}

}  // namespace
}  // namespace coretrack
