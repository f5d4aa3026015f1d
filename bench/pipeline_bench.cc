// Pipeline/*: the packet path on real mbufs, without a device.
//
// What is timed  Only the bursts, eight of 32 that wait as they would in a rx queue: filling them from
//                mbufs, parse, key, hash, look-up, track, deadline, counters, verdict; with the TSC
//                around them. A time during which the kernel took the CPU away is not counted
//                (counter discarded), so that a busy machine spoils the caches but not the clock, as
//                it is for Peer/* which counts processor time.
// What is not    The generator, which writes headers into the mbufs from a seeded random order of
//                flows; its cost is the counter generator_ns.
// Traffic        Ethernet, IPv4, TCP, 60 bytes with 6 of payload; every flow established by its
//                real handshake, both directions, sequence numbers going on. The table is at load
//                0.85 (its capacity).
#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/bench_env.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/worker/pipeline.h"

namespace coretrack::bench {
namespace {

constexpr uint32_t kBurst = 32;
// Packets that a poll finds waiting: bursts overlap as they do in the poll loop, and all are finished
// before the clock stops.
constexpr uint32_t kPoll = 8 * kBurst;
constexpr HashSecret kSecret = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
constexpr uint32_t kPayloadBytes = 6;

struct [[gnu::packed]] Frame {
  uint8_t ethernet[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  uint16_t ether_type = __builtin_bswap16(0x0800);
  uint8_t version_ihl = 0x45, tos = 0;
  uint16_t total_bytes = __builtin_bswap16(40);
  uint16_t id = 0, fragment = __builtin_bswap16(0x4000);
  uint8_t ttl = 64, protocol = 6;
  uint16_t ip_checksum = 0;
  uint32_t source = 0, destination = 0;
  uint16_t source_port = 0, destination_port = 0;
  uint32_t seq = 0, ack = 0;
  uint8_t data_offset = 0x50, flags = 0;
  uint16_t window = 0xffff, checksum = 0, urgent = 0;
  uint8_t payload[kPayloadBytes] = {};
};
static_assert(sizeof(Frame) == 60);

// The same segment over IPv6.
struct [[gnu::packed]] Frame6 {
  uint8_t ethernet[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  uint16_t ether_type = __builtin_bswap16(0x86dd);
  uint32_t version = 0x60;
  uint16_t payload_bytes = 0;
  uint8_t next_header = 6, hop_limit = 64;
  uint32_t source[4] = {0x20, 0, 0, 0}, destination[4] = {0x20, 0, 0, 0};
  uint8_t tcp_and_payload[sizeof(Frame) - offsetof(Frame, source_port)] = {};
};
static_assert(sizeof(Frame6) == 80);

// The next sequence number of both ends of one connection.
struct Ends {
  uint32_t client = 1000;
  uint32_t server = 5000;
};

class Traffic {
 public:
  Traffic(uint32_t flows, bool ipv6) : ends_(flows), ipv6_(ipv6) {
    pool_ = rte_pktmbuf_pool_create("bench", 1023, 0, 0, RTE_PKTMBUF_HEADROOM + 128, 0);
    if (pool_ != nullptr && rte_pktmbuf_alloc_bulk(pool_, mbufs_.data(), kPoll) != 0)
      pool_ = nullptr;
    order_.resize(flows);
    for (uint32_t i = 0; i < flows; ++i) order_[i] = i;
    std::shuffle(order_.begin(), order_.end(), std::mt19937_64(7));
  }
  ~Traffic() {
    if (pool_ == nullptr) return;
    rte_pktmbuf_free_bulk(mbufs_.data(), kPoll);
    rte_mempool_free(pool_);
  }
  bool ok() const { return pool_ != nullptr; }

  // Writes one segment of flow `i` into mbuf `slot`, as the next one its sender sends.
  void Write(uint32_t slot, uint32_t i, bool from_client, uint8_t flags, uint32_t payload) {
    Ends& ends = ends_[i];
    Frame frame;
    // Addresses as a farm of servers sees them: many clients, few servers.
    const uint32_t client = 0x0a000000u + (i >> 4) * 7;
    const auto client_port = static_cast<uint16_t>(1024 + (i & 15) * 4001);
    const uint32_t server = 0xc0a80000u + (i & 0xff);
    frame.source = __builtin_bswap32(from_client ? client : server);
    frame.destination = __builtin_bswap32(from_client ? server : client);
    frame.source_port = __builtin_bswap16(from_client ? client_port : 443);
    frame.destination_port = __builtin_bswap16(from_client ? 443 : client_port);
    uint32_t& mine = from_client ? ends.client : ends.server;
    frame.seq = __builtin_bswap32(mine);
    frame.ack = __builtin_bswap32(
        (flags & tcp_flag::kAck) != 0 ? (from_client ? ends.server : ends.client) : 0);
    frame.flags = flags;
    frame.total_bytes = __builtin_bswap16(static_cast<uint16_t>(40 + payload));
    mine += payload + ((flags & (tcp_flag::kSyn | tcp_flag::kFin)) != 0 ? 1 : 0);
    if (!ipv6_) return Put(slot, frame);
    Frame6 frame6;
    frame6.payload_bytes = __builtin_bswap16(static_cast<uint16_t>(20 + payload));
    frame6.source[3] = frame.source;
    frame6.destination[3] = frame.destination;
    std::memcpy(frame6.tcp_and_payload, &frame.source_port, sizeof(frame6.tcp_and_payload));
    Put(slot, frame6);
  }

  // The flow after the last one, in random order, round and round.
  uint32_t NextFlow() {
    const uint32_t i = order_[next_];
    next_ = next_ + 1 == order_.size() ? 0 : next_ + 1;
    return i;
  }
  bool NextDirection() {
    if (bits_left_ == 0) {
      bits_ = random_();
      bits_left_ = 64;
    }
    --bits_left_;
    const bool bit = (bits_ & 1) != 0;
    bits_ >>= 1;
    return bit;
  }
  rte_mbuf* const* mbufs() const { return mbufs_.data(); }
  void Restart(uint32_t i) { ends_[i] = {}; }

 private:
  template <typename T>
  void Put(uint32_t slot, const T& frame) {
    rte_mbuf* m = mbufs_[slot];
    std::memcpy(rte_pktmbuf_mtod(m, void*), &frame, sizeof(frame));
    m->data_len = sizeof(frame);
    m->pkt_len = sizeof(frame);
  }

  rte_mempool* pool_ = nullptr;
  std::array<rte_mbuf*, kPoll> mbufs_{};
  std::vector<Ends> ends_;
  std::vector<uint32_t> order_;
  bool ipv6_;
  size_t next_ = 0;
  std::mt19937_64 random_{11};
  uint64_t bits_ = 0;
  int bits_left_ = 0;
};

// How often the kernel has taken this thread's CPU away.
long TimesPreempted() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

// What the poll loop does between rx_burst and Process().
void FillBurst(rte_mbuf* const* mbufs, uint32_t count, Burst* burst) {
  burst->count = count;
  for (uint32_t i = 0; i < count; ++i) {
    burst->data[i] = rte_pktmbuf_mtod(mbufs[i], const uint8_t*);
    burst->bytes[i] = mbufs[i]->data_len;
    burst->wire_bytes[i] = mbufs[i]->pkt_len;
    burst->zone[i] = 0;
    burst->checksum_known_good[i] = true;
  }
}

struct Rig {
  std::unique_ptr<Traffic> traffic;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<std::array<Burst, 2>> bursts = std::make_unique<std::array<Burst, 2>>();
  Now now{.tick = Tick(1000), .unix_us = 1'000'000};

  // The first `count` of the traffic's mbufs, as PollLoop::Enter() and Finish() have it.
  void Process(uint32_t count) {
    Burst* located = nullptr;
    for (uint32_t first = 0, n = 0; first < count; first += kBurst, ++n) {
      Burst* burst = &(*bursts)[n % 2];
      FillBurst(traffic->mbufs() + first, std::min(kBurst, count - first), burst);
      pipeline->Prepare(burst);
      if (located != nullptr) {
        pipeline->Track(located, now, burst);
      } else {
        pipeline->Locate(burst);
      }
      located = burst;
    }
    pipeline->Track(located, now);
  }

  // The same, with the cycles of each stage.
  void Process(uint32_t count, std::array<uint64_t, 4>* cycles) {
    Burst* located = nullptr;
    uint64_t before = rte_rdtsc();
    const auto stamp = [&](size_t stage) {
      const uint64_t after = rte_rdtsc();
      (*cycles)[stage] += after - before;
      before = after;
    };
    for (uint32_t first = 0, n = 0; first < count; first += kBurst, ++n) {
      Burst* burst = &(*bursts)[n % 2];
      FillBurst(traffic->mbufs() + first, std::min(kBurst, count - first), burst);
      stamp(0);
      pipeline->Prepare(burst);
      stamp(1);
      if (located != nullptr) {
        pipeline->Track(located, now, burst);
        stamp(3);
      } else {
        pipeline->Locate(burst);
        stamp(2);
      }
      located = burst;
    }
    pipeline->Track(located, now);
    stamp(3);
  }
};

Rig* MakeRig(benchmark::State& state, uint32_t flows, bool ipv6 = false) {
  const std::string error = StartEal(64 << 20);
  if (!error.empty()) {
    state.SkipWithError(error.c_str());
    return nullptr;
  }
  Pipeline::Options options;
  options.capacity_ipv4 = ipv6 ? 1024 : flows;
  options.capacity_ipv6 = ipv6 ? flows : 1024;
  options.half_open_quota = std::max(flows, 1024u);
  options.secret = kSecret;
  options.allow_hugetlb = ReserveHugePages(size_t{flows} * (ipv6 ? 260 : 180) + (64 << 20));
  auto rig = std::make_unique<Rig>();
  rig->traffic = std::make_unique<Traffic>(flows, ipv6);
  auto pipeline = Pipeline::Create(options, rig->now);
  if (!rig->traffic->ok() || !pipeline.ok()) {
    state.SkipWithError("no memory for the benchmark");
    return nullptr;
  }
  rig->pipeline = *std::move(pipeline);
  state.SetLabel(std::string(Name(rig->pipeline->page_kind())));
  return rig.release();
}

// Opens every flow by its real handshake, and lets both ends speak once.
void Establish(Rig* rig, uint32_t flows) {
  using namespace tcp_flag;
  struct Step {
    bool from_client;
    uint8_t flags;
    uint32_t payload;
  };
  constexpr Step kSteps[] = {{true, kSyn, 0},  {false, kSyn | kAck, 0},
                             {true, kAck, 0},  {true, kAck | kPsh, kPayloadBytes},
                             {false, kAck, 0}, {false, kAck | kPsh, kPayloadBytes}};
  for (uint32_t first = 0; first < flows; first += kPoll) {
    const uint32_t count = std::min(kPoll, flows - first);
    for (const Step& step : kSteps) {
      for (uint32_t j = 0; j < count; ++j)
        rig->traffic->Write(j, first + j, step.from_client, step.flags, step.payload);
      rig->Process(count);
    }
  }
}

// Pipeline/established with a stamp after each stage: where the time goes.
void BM_Stages(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  std::unique_ptr<Rig> rig(MakeRig(state, flows));
  if (rig == nullptr) return;
  Establish(rig.get(), flows);
  std::array<uint64_t, 4> cycles{};
  for (auto _ : state) {
    for (uint32_t j = 0; j < kPoll; ++j) {
      rig->traffic->Write(j, rig->traffic->NextFlow(), rig->traffic->NextDirection(),
                          tcp_flag::kAck | tcp_flag::kPsh, kPayloadBytes);
    }
    rig->now.unix_us += 16;
    rig->now.tick = Tick(static_cast<uint32_t>(rig->now.unix_us / 1000));
    rig->Process(kPoll, &cycles);
  }
  const double packets = static_cast<double>(state.iterations()) * kPoll;
  const double ns_per_cycle = 1e9 / static_cast<double>(rte_get_tsc_hz());
  constexpr std::array<const char*, 4> kNames = {"1_fill_ns", "2_prepare_ns", "3_locate_ns",
                                                 "4_track_ns"};
  for (size_t i = 0; i < kNames.size(); ++i) {
    state.counters[kNames[i]] = static_cast<double>(cycles[i]) * ns_per_cycle / packets;
  }
}

// Whose packets come.
enum class Mix {
  kRandom,    // every flow's, in random order
  kTrains,    // eight in a row of one flow, then eight of the next
  kElephant,  // one flow's
};

void Established(benchmark::State& state, bool ipv6, Mix mix) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  std::unique_ptr<Rig> rig(MakeRig(state, flows, ipv6));
  if (rig == nullptr) return;
  Establish(rig.get(), flows);
  WorkerCounters& counters = rig->pipeline->counters();
  if (counters.flows.Read() != flows) state.SkipWithError("not every flow was tracked");
  const double seconds_per_cycle = 1.0 / static_cast<double>(rte_get_tsc_hz());
  const uint64_t invalid_before = counters.flows_created.Read();
  uint32_t chosen = rig->traffic->NextFlow();
  const auto choose = [&](uint32_t j) {
    if (mix == Mix::kRandom || (mix == Mix::kTrains && j % 8 == 0))
      chosen = rig->traffic->NextFlow();
    return chosen;
  };

  uint64_t generator_cycles = 0;
  uint64_t packets = 0;
  uint64_t discarded = 0;
  for (auto _ : state) {
    uint64_t burst_cycles = 0;
    while (true) {
      const uint64_t start = rte_rdtsc_precise();
      for (uint32_t j = 0; j < kPoll; ++j) {
        rig->traffic->Write(j, choose(j), rig->traffic->NextDirection(),
                            tcp_flag::kAck | tcp_flag::kPsh, kPayloadBytes);
      }
      rig->now.unix_us += 16;
      rig->now.tick = Tick(static_cast<uint32_t>(rig->now.unix_us / 1000));
      generator_cycles += rte_rdtsc_precise() - start;
      const long preempted = TimesPreempted();
      const uint64_t ready = rte_rdtsc_precise();
      rig->Process(kPoll);
      burst_cycles = rte_rdtsc_precise() - ready;
      packets += kPoll;
      if (TimesPreempted() == preempted) break;
      ++discarded;
    }
    state.SetIterationTime(static_cast<double>(burst_cycles) * seconds_per_cycle);
  }
  uint64_t invalid = counters.flows_created.Read() - invalid_before;
  for (const Counter& counter : counters.invalid) invalid += counter.Read();
  if (invalid != 0) state.SkipWithError("the traffic was not what it claims to be");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kPoll);
  state.counters["discarded"] = static_cast<double>(discarded);
  state.counters["generator_ns"] = static_cast<double>(generator_cycles) * seconds_per_cycle * 1e9 /
                                   static_cast<double>(packets);
  state.counters["bytes_per_flow"] = static_cast<double>(rig->pipeline->arena_bytes()) / flows;
}

// Whole connections: SYN, SYN+ACK, ACK, two data, two ACKs, FIN, FIN+ACK, ACK, and the expiry of
// TIME_WAIT. F connections are in the table at any time.
void BM_Lifecycle(benchmark::State& state) {
  using namespace tcp_flag;
  const auto flows = static_cast<uint32_t>(state.range(0));
  std::unique_ptr<Rig> rig(MakeRig(state, flows));
  if (rig == nullptr) return;
  struct Step {
    bool from_client;
    uint8_t flags;
    uint32_t payload;
  };
  constexpr Step kSteps[] = {{true, kSyn, 0},         {false, kSyn | kAck, 0},
                             {true, kAck, 0},         {true, kAck | kPsh, kPayloadBytes},
                             {false, kAck, 0},        {false, kAck | kPsh, kPayloadBytes},
                             {true, kAck, 0},         {true, kFin | kAck, 0},
                             {false, kFin | kAck, 0}, {true, kAck, 0}};
  // The clock goes so fast that a table's worth of connections lives through 2 MSL: when F have
  // been opened, the first have expired.
  const uint64_t polls_a_table = std::max<uint64_t>(flows / kPoll * 8 / 10, 1);
  const uint64_t step_us = 120'000'000 / polls_a_table + 1;
  const double seconds_per_cycle = 1.0 / static_cast<double>(rte_get_tsc_hz());
  WorkerCounters& counters = rig->pipeline->counters();

  uint64_t generator_cycles = 0;
  const auto connections = [&] {
    uint64_t burst_cycles = 0;
    std::array<uint32_t, kPoll> chosen;
    for (uint32_t& i : chosen) {
      i = rig->traffic->NextFlow();
      rig->traffic->Restart(i);
    }
    for (const Step& step : kSteps) {
      const uint64_t start = rte_rdtsc_precise();
      for (uint32_t j = 0; j < kPoll; ++j)
        rig->traffic->Write(j, chosen[j], step.from_client, step.flags, step.payload);
      const uint64_t ready = rte_rdtsc_precise();
      rig->Process(kPoll);
      burst_cycles += rte_rdtsc_precise() - ready;
      generator_cycles += ready - start;
    }
    rig->now.unix_us += step_us;
    rig->now.tick = Tick(static_cast<uint32_t>(rig->now.unix_us / 1000));
    const uint64_t ready = rte_rdtsc_precise();
    while (!rig->pipeline->Expire(rig->now, 256)) {
    }
    return burst_cycles + rte_rdtsc_precise() - ready;
  };
  // Steady state first: a table's worth of connections lives or has expired.
  for (uint64_t i = 0; i < polls_a_table + polls_a_table / 4; ++i) connections();
  generator_cycles = 0;
  uint64_t done = 0;
  for (auto _ : state) {
    uint64_t cycles = 0;
    long preempted = 0;
    do {
      preempted = TimesPreempted();
      cycles = connections();
    } while (TimesPreempted() != preempted);
    state.SetIterationTime(static_cast<double>(cycles) * seconds_per_cycle);
    done += kPoll;
  }
  uint64_t wrong = counters.untracked[static_cast<size_t>(Untracked::kTableFull)].Read() +
                   counters.flows_ended[static_cast<size_t>(End::kEvicted)].Read();
  for (const Counter& counter : counters.invalid) wrong += counter.Read();
  if (wrong != 0) state.SkipWithError("the traffic was not what it claims to be");
  state.SetItemsProcessed(static_cast<int64_t>(done));
  state.counters["generator_ns"] =
      static_cast<double>(generator_cycles) * seconds_per_cycle * 1e9 / static_cast<double>(done);
  state.counters["flows"] = static_cast<double>(counters.flows.Read());
}

void BM_Established(benchmark::State& state) { Established(state, false, Mix::kRandom); }
void BM_EstablishedIpv6(benchmark::State& state) { Established(state, true, Mix::kRandom); }
void BM_Trains(benchmark::State& state) { Established(state, false, Mix::kTrains); }
void BM_Elephant(benchmark::State& state) { Established(state, false, Mix::kElephant); }

BENCHMARK(BM_Established)
    ->Name("Pipeline/established")
    ->Arg(1 << 10)
    ->Arg(1 << 20)
    ->Arg(1 << 24)
    ->UseManualTime();
BENCHMARK(BM_EstablishedIpv6)
    ->Name("Pipeline/established_ipv6")
    ->Arg(1 << 10)
    ->Arg(1 << 20)
    ->Arg(1 << 24)
    ->UseManualTime();
BENCHMARK(BM_Trains)->Name("Pipeline/trains")->Arg(1 << 20)->UseManualTime();
BENCHMARK(BM_Elephant)->Name("Pipeline/elephant")->Arg(1 << 20)->UseManualTime();
BENCHMARK(BM_Stages)->Name("Pipeline/stages")->Arg(1 << 10)->Arg(1 << 20)->Arg(1 << 24);
BENCHMARK(BM_Lifecycle)
    ->Name("Pipeline/lifecycle")
    ->Arg(1 << 10)
    ->Arg(1 << 20)
    ->Arg(1 << 24)
    ->UseManualTime();

}  // namespace
}  // namespace coretrack::bench
