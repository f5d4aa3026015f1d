#include "control/query/scan.h"

#include <gtest/gtest.h>

#include <set>

#include "control/query/flow_json.h"
#include "tests/query/fake_dataplane.h"
#include "tests/query/sample_flows.h"

namespace coretrack {
namespace {

using testing::FakeDataplane;
using testing::OpenConnection;
using testing::PacketBuilder;

Filter FilterOf(const std::string& flag, const std::string& value) {
  const std::vector<FilterTerm> terms = {{.flag = flag, .value = value}};
  return *Filter::Parse(terms);
}

std::multiset<uint16_t> Ports(FlowScan* scan, uint32_t slice = 100) {
  std::multiset<uint16_t> ports;
  while (!scan->done()) {
    scan->Run(slice, [&](const FlowRecord& flow) {
      ports.insert(flow.originator.port);
      return true;
    });
  }
  return ports;
}

TEST(FlowScan, SeesEveryFlowOfEveryWorkerOnce) {
  FakeDataplane dataplane(3);
  for (uint16_t i = 0; i < 300; ++i) OpenConnection(&dataplane, i % 3, 1000 + i);
  dataplane.Feed(
      1, PacketBuilder().Ethernet().Ipv6("2001:db8::1", "2001:db8::2").Udp(5000, 53).Build());
  for (const uint32_t slice : {1u, 7u, 1000u, 1u << 30}) {
    FlowScan scan(dataplane.workers(), {}, {});
    const auto ports = Ports(&scan, slice);
    EXPECT_EQ(ports.size(), 301u);
    EXPECT_EQ(std::set(ports.begin(), ports.end()).size(), 301u);
  }
  EXPECT_EQ(dataplane.sent(), 0u);
}

// It shows one flow after the other in one record.
TEST(FlowScan, NothingOfTheFlowBeforeStays) {
  using namespace testing;  // NOLINT(google-build-using-namespace): packets are made of many things
  using tcp_flag::kAck, tcp_flag::kSyn;
  FakeDataplane dataplane(2);
  const Bytes options =
      Join({MssOption(1460), WindowScaleOption(7), SackPermittedOption(), TimestampsOption(1, 0)});
  // One of which much is known.
  const auto known = [&](uint32_t worker, uint16_t port) {
    const auto tagged = [] { return PacketBuilder().Ethernet().Vlan(7).Vlan(8); };
    const TcpFields syn{.source_port = port, .seq = 1, .flags = kSyn, .options = options};
    const TcpFields answer{.source_port = 80,
                           .destination_port = port,
                           .seq = 5,
                           .ack = 2,
                           .flags = kSyn | kAck,
                           .options = options};
    for (int again = 0; again < 2; ++again) {
      dataplane.Feed(worker, tagged().Ipv4("10.0.0.1", "10.0.0.2").Tcp(syn).Build());
      dataplane.Advance(1000);
      dataplane.Feed(worker, tagged().Ipv4("10.0.0.2", "10.0.0.1").Tcp(answer).Build());
    }
  };
  for (uint32_t worker = 0; worker < 2; ++worker) {
    for (uint16_t port = 1000; port < 1030; port += 3) {
      known(worker, port);
      const auto udp = [&](PacketBuilder ip) { dataplane.Feed(worker, ip.Udp(port, 53).Build()); };
      udp(PacketBuilder().Ethernet().Ipv4("10.0.0.7", "10.0.0.8"));
      udp(PacketBuilder().Ethernet().Ipv6("2001:db8::1", "2001:db8::2"));
      known(worker, port + 1);
      dataplane.Feed(worker, TcpPacket("10.0.0.3", port, "10.0.0.4", 80, kSyn, 1, 0));
      known(worker, port + 2);
      dataplane.Feed(worker, TcpPacket("10.0.0.5", port, "10.0.0.6", 80, kAck, 1, 1));
    }
  }
  const auto json = [](const FlowRecord& flow) {
    std::string text;
    AppendFlowJson(flow, &text);
    return text;
  };
  FlowScan scan(dataplane.workers(), {}, {});
  int flows = 0;
  while (!scan.done()) {
    scan.Run(1000, [&](const FlowRecord& flow) {
      const auto alone = FindFlow(dataplane.workers(), {}, flow.id);
      EXPECT_EQ(json(flow), alone.ok() ? json(*alone) : alone.status().ToString());
      ++flows;
      return true;
    });
  }
  EXPECT_EQ(flows, 2 * 10 * 7);

  // Nor of one that had all there is.
  for (const WorkerInfo& worker : dataplane.workers()) {
    const Pipeline& pipeline = *worker.pipeline;
    const FlowTable& table = pipeline.table(false);
    for (uint32_t slot = 0; slot < table.slots(); ++slot) {
      const FlowIndex index{table.first_index() + slot};
      FlowCopy copy;
      if (!table.Read(index, &copy)) continue;
      FlowRecord record = LargestFlow();
      record.assured = record.midstream = record.originator_guessed = true;
      for (EndpointRecord* e : {&record.originator, &record.responder})
        e->provisional = e->timestamps.emplace(true) = e->sack.emplace(true);
      FillRecord(0, index, copy, dataplane.now(), {}, pipeline.histories(), End::kActive, &record);
      const FlowRecord fresh =
          MakeRecord(0, index, copy, dataplane.now(), {}, pipeline.histories(), End::kActive);
      EXPECT_EQ(json(record), json(fresh));
      EXPECT_EQ(record.originator.address, fresh.originator.address);
      EXPECT_EQ(record.responder.address, fresh.responder.address);
      EXPECT_EQ(record.vlan, fresh.vlan);
    }
  }
}

TEST(FlowScan, Filters) {
  FakeDataplane dataplane(2);
  for (uint16_t i = 0; i < 50; ++i) OpenConnection(&dataplane, i % 2, 1000 + i, i < 10 ? 443 : 80);
  FlowScan scan(dataplane.workers(), {}, FilterOf("dport", "443"));
  EXPECT_EQ(Ports(&scan).size(), 10u);
}

TEST(FlowScan, PagesJoinWithoutGapOrRepetition) {
  FakeDataplane dataplane(2);
  for (uint16_t i = 0; i < 100; ++i) OpenConnection(&dataplane, i % 2, 1000 + i);
  std::multiset<uint16_t> ports;
  std::string cursor = "0.0";
  int pages = 0;
  for (bool more = true; more; ++pages) {
    FlowScan scan(dataplane.workers(), {}, {});
    ASSERT_TRUE(scan.Seek(cursor).ok()) << cursor;
    int left = 7;
    while (!scan.done() && left != 0) {
      scan.Run(64, [&](const FlowRecord& flow) {
        ports.insert(flow.originator.port);
        return --left != 0;
      });
    }
    more = !scan.done();
    cursor = scan.cursor();
  }
  EXPECT_EQ(ports.size(), 100u);
  EXPECT_EQ(std::set(ports.begin(), ports.end()).size(), 100u);
  EXPECT_EQ(pages, 15);
}

TEST(FlowScan, RefusesWhatIsNoCursor) {
  FakeDataplane dataplane(1);
  for (const char* cursor :
       {"", "0", ".", "0.", "1.0", "0.99999999", "-1.0", "0.0x", "0.0.0", " 0.0"}) {
    FlowScan scan(dataplane.workers(), {}, {});
    EXPECT_FALSE(scan.Seek(cursor).ok()) << cursor;
  }
}

TEST(FlowScan, AFlowPastItsDeadlineIsAbsent) {
  FakeDataplane dataplane(1);
  OpenConnection(&dataplane, 0, 1000);
  dataplane.Feed(0, testing::TcpPacket("10.0.0.1", 1001, "10.0.0.2", 80, tcp_flag::kSyn, 1, 0));
  dataplane.Advance(61'000'000);
  // The worker has read its clock, but not expired anything yet.
  dataplane.pipeline(0).counters().now_unix_us.Set(dataplane.now().unix_us);
  FlowScan scan(dataplane.workers(), {}, {});
  EXPECT_EQ(Ports(&scan), std::multiset<uint16_t>{1000});
}

TEST(FindFlow, ByIdUntilItIsOver) {
  FakeDataplane dataplane(2);
  OpenConnection(&dataplane, 1, 1000);
  FlowScan scan(dataplane.workers(), {}, {});
  FlowId id;
  scan.Run(1u << 30, [&](const FlowRecord& flow) {
    id = flow.id;
    return true;
  });
  const auto flow = FindFlow(dataplane.workers(), {}, id);
  ASSERT_TRUE(flow.ok());
  EXPECT_EQ(flow->originator.port, 1000);
  EXPECT_EQ(flow->originator.state, tcp::State::kEstablished);
  FlowId other = id;
  ++other.generation;
  EXPECT_EQ(FindFlow(dataplane.workers(), {}, other).status().code(), absl::StatusCode::kNotFound);
  other = id;
  other.worker = 9;
  EXPECT_FALSE(FindFlow(dataplane.workers(), {}, other).ok());
  dataplane.pipeline(1).Apply({.flow = id, .tunables = {}}, dataplane.now());
  EXPECT_FALSE(FindFlow(dataplane.workers(), {}, id).ok());
}

}  // namespace
}  // namespace coretrack
