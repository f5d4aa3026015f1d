// Pipeline/lifecycle/F: whole connections: SYN, SYN+ACK, ACK, two data, two ACKs, FIN, FIN+ACK, ACK, and
// the expiry of TIME_WAIT. F connections are in the table at any time. Both ends are Linux, with its options in SYNs and its
// timestamps; of lifecycle_bare they send no options; of lifecycle_both half of the connections are IPv6.
// Pipeline/lifecycle_dns/F: a datagram and its answer, and the expiry of their flow.
//
// What is timed  The bursts and Expire(), by the TSC; connections during which the kernel took the CPU
//                away are left out.
// What is not    The generator; its cost is the counter generator_ns.
// Counters       What each step of a connection costs, in ns: 00_syn_ns, 01_syn_ack_ns, ... 10_expiry_ns.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/pipeline_rig.h"
#include "bench/rte_hash_peer.h"
#include "bench/turns.h"

namespace coretrack::bench {
namespace {

struct NamedStep : Step {
  const char* name;
};
using namespace tcp_flag;
constexpr NamedStep kConnection[] = {
    {{true, kSyn, 0}, "00_syn_ns"},         {{false, kSyn | kAck, 0}, "01_syn_ack_ns"},
    {{true, kAck, 0}, "02_ack_ns"},         {{true, kAck | kPsh, kPayloadBytes}, "03_request_ns"},
    {{false, kAck, 0}, "04_ack_ns"},        {{false, kAck | kPsh, kPayloadBytes}, "05_answer_ns"},
    {{true, kAck, 0}, "06_ack_ns"},         {{true, kFin | kAck, 0}, "07_fin_ns"},
    {{false, kFin | kAck, 0}, "08_fin_ns"}, {{true, kAck, 0}, "09_ack_ns"}};
constexpr NamedStep kExchange[] = {{{true, 0, 40}, "00_question_ns"},
                                   {{false, 0, 200}, "01_answer_ns"}};

// Connections from their SYNs to their expiry, kPoll of them at a time.
class Connections {
 public:
  // By step, then the expiry, then the generator.
  static constexpr size_t kExpiry = std::size(kConnection), kGenerator = kExpiry + 1;
  using Cycles = std::array<uint64_t, kGenerator + 1>;

  // In a steady state: a table's worth of connections lives or has expired. Null, and why.
  static std::unique_ptr<Connections> Make(uint32_t flows, const TrafficShape& traffic,
                                           std::string* error) {
    std::unique_ptr<Rig> rig = MakeRig({.flows = flows, .traffic = traffic}, error);
    if (rig == nullptr) return nullptr;
    std::unique_ptr<Connections> c(new Connections(std::move(rig), flows, traffic.stack));
    for (uint64_t i = 0; i < c->polls_a_table_ + c->polls_a_table_ / 4; ++i) c->Once();
    return c;
  }

  // The next ones; and once more, if the kernel took the CPU away meanwhile.
  Cycles Live() {
    Cycles cycles;
    long preempted = 0;
    do {
      preempted = TimesPreempted();
      cycles = Once();
    } while (TimesPreempted() != preempted);
    return cycles;
  }
  // Seconds of them, without the generator.
  static double Seconds(const Cycles& cycles) {
    return static_cast<double>(std::accumulate(&cycles[0], &cycles[kGenerator], uint64_t{0})) /
           static_cast<double>(rte_get_tsc_hz());
  }

  Rig& rig() { return *rig_; }
  std::span<const NamedStep> steps() const { return steps_; }

 private:
  Connections(std::unique_ptr<Rig> rig, uint32_t flows, Stack stack)
      : rig_(std::move(rig)),
        steps_(stack == Stack::kUdp ? std::span<const NamedStep>(kExchange) : kConnection),
        polls_a_table_(std::max<uint64_t>(flows / kPoll * 8 / 10, 1)) {}

  Cycles Once() {
    Cycles cycles{};
    std::array<uint32_t, kPoll> chosen;
    for (uint32_t& i : chosen) i = rig_->traffic->NextFlow();
    Ends ends;
    for (size_t n = 0; n < steps_.size(); ++n) {
      const Step& step = steps_[n];
      const uint64_t start = rte_rdtsc_precise();
      for (uint32_t j = 0; j < kPoll; ++j) rig_->traffic->Write(j, chosen[j], ends, step);
      ends.Send(step);
      const uint64_t ready = rte_rdtsc_precise();
      rig_->Process(kPoll);
      cycles[n] = rte_rdtsc_precise() - ready;
      cycles[kGenerator] += ready - start;
    }
    // The clock goes so fast that a table's worth of connections lives through 2 MSL, which is also what an answered flow of datagrams
    // has: when F have been opened, the first have expired.
    rig_->AdvanceUs(120'000'000 / polls_a_table_ + 1);
    const uint64_t ready = rte_rdtsc_precise();
    while (!rig_->pipeline->Expire(rig_->now, 256)) {
    }
    cycles[kExpiry] = rte_rdtsc_precise() - ready;
    return cycles;
  }

  std::unique_ptr<Rig> rig_;
  std::span<const NamedStep> steps_;
  uint64_t polls_a_table_;
};

void Lifecycle(benchmark::State& state, TrafficShape traffic) {
  std::string error;
  const std::unique_ptr<Connections> connections =
      Connections::Make(static_cast<uint32_t>(state.range(0)), traffic, &error);
  if (connections == nullptr) return state.SkipWithError(error.c_str());
  state.SetLabel(std::string(Name(connections->rig().pipeline->page_kind())));
  Connections::Cycles sum{};
  uint64_t done = 0;
  for (auto _ : state) {
    const Connections::Cycles cycles = connections->Live();
    state.SetIterationTime(Connections::Seconds(cycles));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += cycles[i];
    done += kPoll;
  }
  if (connections->rig().Wrong() != 0)
    state.SkipWithError("the traffic was not what it claims to be");
  state.SetItemsProcessed(static_cast<int64_t>(done));
  const auto ns = [&](uint64_t cycles) {
    return static_cast<double>(cycles) * 1e9 / static_cast<double>(rte_get_tsc_hz()) /
           static_cast<double>(done);
  };
  state.counters["generator_ns"] = ns(sum[Connections::kGenerator]);
  const std::span<const NamedStep> steps = connections->steps();
  for (size_t n = 0; n < steps.size(); ++n) state.counters[steps[n].name] = ns(sum[n]);
  state.counters["10_expiry_ns"] = ns(sum[Connections::kExpiry]);
  state.counters["flows"] = static_cast<double>(connections->rig().counters().flows.Read());
}

// In turns with Peer/rte_hash_insert: whole connections and insertions.
void BesideRteHash(benchmark::State& state, TrafficShape traffic) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const HugePageLoan loan;
  std::string error;
  const std::unique_ptr<Connections> connections = Connections::Make(flows, traffic, &error);
  if (connections == nullptr) return state.SkipWithError(error.c_str());
  const std::unique_ptr<RteHash> hash = RteHash::Make(flows, &error);
  if (hash == nullptr) return state.SkipWithError(error.c_str());
  if (connections->rig().pipeline->page_kind() != EalPageKind())
    return state.SkipWithError("not on the same pages");
  bool fits = true;
  const uint32_t polls = std::max(flows / 4 / kPoll, 1u);
  const auto live = [&connections, polls] {
    double seconds = 0;
    for (uint32_t i = 0; i < polls; ++i) connections->Live();
    for (uint32_t i = 0; i < polls; ++i) seconds += Connections::Seconds(connections->Live());
    return static_cast<double>(polls) * kPoll / seconds;
  };
  const auto insert = [&hash, &fits, flows] {
    double seconds = 0;
    for (int times = 0; times < 2; ++times) {  // the first time to warm it
      hash->Clear();
      const double start = CpuSeconds();
      fits &= hash->Fill();
      seconds = CpuSeconds() - start;
    }
    return static_cast<double>(flows) / seconds;
  };
  InTurns(state, int64_t{polls} * kPoll, live, insert, "of_rte_hash");
  if (!fits) state.SkipWithError("a flow was refused");
  if (connections->rig().Wrong() != 0)
    state.SkipWithError("the traffic was not what it claims to be");
}

void Sizes(benchmark::internal::Benchmark* b) { b->Arg(1 << 10)->Arg(1 << 20)->Arg(1 << 24); }

constexpr TrafficShape Of(Stack stack,
                          TrafficShape::Versions versions = TrafficShape::Versions::kIpv4) {
  return {.versions = versions, .stack = stack, .most_payload = 200};
}
BENCHMARK_CAPTURE(Lifecycle, linux, Of(Stack::kLinux))
    ->Name("Pipeline/lifecycle")
    ->Apply(Sizes)
    ->UseManualTime();
BENCHMARK_CAPTURE(BesideRteHash, linux, Of(Stack::kLinux))
    ->Name("Pipeline/lifecycle_beside_rte_hash")
    ->Arg(1 << 20)
    ->UseManualTime();
BENCHMARK_CAPTURE(Lifecycle, bare, Of(Stack::kBare))
    ->Name("Pipeline/lifecycle_bare")
    ->Apply(Sizes)
    ->UseManualTime();
BENCHMARK_CAPTURE(Lifecycle, both, Of(Stack::kLinux, TrafficShape::Versions::kBoth))
    ->Name("Pipeline/lifecycle_both")
    ->Apply(Sizes)
    ->UseManualTime();
BENCHMARK_CAPTURE(Lifecycle, dns, Of(Stack::kUdp))
    ->Name("Pipeline/lifecycle_dns")
    ->Apply(Sizes)
    ->UseManualTime();

}  // namespace
}  // namespace coretrack::bench
