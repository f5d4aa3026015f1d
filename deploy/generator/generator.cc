#include "deploy/generator/generator.h"

#include <rte_mbuf.h>

#include <chrono>
#include <thread>
#include <utility>

#include "dataplane/packet/packet_meta.h"

namespace coretrack::demo {
namespace {

constexpr uint16_t kServerPort = 8080;
constexpr uint16_t kLastPort = 60999;
constexpr int kIpv6OneIn = 4;

// 10.77.a.b and fd77::a:b; clients in a = 1, servers in a = 2.
Host MakeHost(bool ipv6, uint8_t network, uint8_t host, uint16_t port) {
  Host made{.address = {}, .port = port};
  if (ipv6) {
    made.address[0] = 0xfd;
    made.address[1] = 0x77;
    made.address[13] = network;
    made.address[15] = host;
  } else {
    made.address = {10, 77, network, host};
  }
  return made;
}

uint64_t NowMs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

Generator::Generator(RingCable* west, RingCable* east, rte_mempool* pool,
                     uint32_t connections_per_second, uint32_t seed)
    : west_(west),
      east_(east),
      pool_(pool),
      connections_per_second_(connections_per_second),
      random_(seed) {
  connections_.reserve(kMaxConnections);
}

void Generator::Play() {
  const uint64_t start_ms = NowMs();
  uint64_t begun = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    const uint64_t now_ms = NowMs();
    for (; begun < (now_ms - start_ms) * connections_per_second_ / 1000; ++begun) Begin(now_ms);
    for (size_t i = 0; i < connections_.size();) {
      if (connections_[i].due_ms <= now_ms && !Advance(&connections_[i], now_ms)) {
        std::swap(connections_[i], connections_.back());
        connections_.pop_back();
      } else {
        ++i;
      }
    }
    west_->Drain();
    east_->Drain();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Generator::Begin(uint64_t now_ms) {
  if (connections_.size() == kMaxConnections) return;
  const auto any = [this](int most) {
    return static_cast<uint8_t>(std::uniform_int_distribution<int>(1, most)(random_));
  };
  Connection connection;
  connection.ipv6 = any(kIpv6OneIn) == 1;
  // Ports go round, so that no 4-tuple comes back before its TIME_WAIT is over.
  connection.client = MakeHost(connection.ipv6, 1, any(20), next_port_);
  connection.server = MakeHost(connection.ipv6, 2, any(3), kServerPort);
  next_port_ = next_port_ == kLastPort ? 32768 : static_cast<uint16_t>(next_port_ + 1);
  connection.next_client = random_();
  connection.next_server = random_();
  connection.steps = MakeScript(PickKind(&random_), &random_);
  connection.due_ms = now_ms;
  connections_.push_back(std::move(connection));
}

bool Generator::Advance(Connection* connection, uint64_t now_ms) {
  const Step& step = connection->steps[connection->at];
  const Host& source = step.by_client ? connection->client : connection->server;
  const Host& destination = step.by_client ? connection->server : connection->client;
  uint32_t& own = step.by_client ? connection->next_client : connection->next_server;
  const uint32_t peer = step.by_client ? connection->next_server : connection->next_client;
  const bool is_syn = (step.flags & tcp_flag::kSyn) != 0;
  const bool is_reset = (step.flags & tcp_flag::kRst) != 0;

  Segment segment{.ipv6 = connection->ipv6,
                  .source = source,
                  .destination = destination,
                  .sequence = own,
                  .acknowledgment = 0,
                  .flags = step.flags,
                  .payload_bytes = step.payload_bytes};
  if ((step.flags & tcp_flag::kAck) != 0) segment.acknowledgment = peer - (step.crosses ? 1 : 0);
  // The answer to a SYN that nobody wants (RFC 9293 3.10.7.1).
  if (is_reset && !step.by_client && !connection->server_spoke) segment.sequence = 0;
  const bool is_syn_again = is_syn && step.by_client && connection->at > 0;
  if (is_syn_again) segment.sequence = own - 1;
  Send(segment, step.by_client ? west_ : east_);

  if (!is_syn_again) {
    own += step.payload_bytes + (is_syn ? 1 : 0) + ((step.flags & tcp_flag::kFin) != 0 ? 1 : 0);
  }
  connection->server_spoke |= !step.by_client;
  if (++connection->at == connection->steps.size()) return false;
  connection->due_ms = now_ms + connection->steps[connection->at].wait_ms;
  return true;
}

void Generator::Send(const Segment& segment, RingCable* cable) {
  rte_mbuf* const packet = rte_pktmbuf_alloc(pool_);
  if (packet == nullptr) return;
  const size_t bytes = WriteFrame(segment, rte_pktmbuf_mtod(packet, uint8_t*));
  packet->data_len = static_cast<uint16_t>(bytes);
  packet->pkt_len = static_cast<uint32_t>(bytes);
  cable->Give(packet);
}

}  // namespace coretrack::demo
