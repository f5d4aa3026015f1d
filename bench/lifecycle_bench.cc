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

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/pipeline_rig.h"

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

void Lifecycle(benchmark::State& state, TrafficShape traffic) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  std::string error;
  const std::unique_ptr<Rig> rig = MakeRig({.flows = flows, .traffic = traffic}, &error);
  if (rig == nullptr) return state.SkipWithError(error.c_str());
  state.SetLabel(std::string(Name(rig->pipeline->page_kind())));
  const std::span<const NamedStep> steps =
      traffic.stack == Stack::kUdp ? std::span<const NamedStep>(kExchange) : kConnection;
  // The clock goes so fast that a table's worth of connections lives through 2 MSL, which is also what an answered flow of datagrams has: when F have
  // been opened, the first have expired.
  const uint64_t polls_a_table = std::max<uint64_t>(flows / kPoll * 8 / 10, 1);
  const uint64_t step_us = 120'000'000 / polls_a_table + 1;
  const double seconds_per_cycle = 1.0 / static_cast<double>(rte_get_tsc_hz());

  // By step, then the expiry, then the generator.
  constexpr size_t kExpiry = std::size(kConnection), kGenerator = kExpiry + 1;
  using Cycles = std::array<uint64_t, kGenerator + 1>;
  const auto connections = [&] {
    Cycles cycles{};
    std::array<uint32_t, kPoll> chosen;
    for (uint32_t& i : chosen) i = rig->traffic->NextFlow();
    Ends ends;
    for (size_t n = 0; n < steps.size(); ++n) {
      const Step& step = steps[n];
      const uint64_t start = rte_rdtsc_precise();
      for (uint32_t j = 0; j < kPoll; ++j) rig->traffic->Write(j, chosen[j], ends, step);
      ends.Send(step);
      const uint64_t ready = rte_rdtsc_precise();
      rig->Process(kPoll);
      cycles[n] = rte_rdtsc_precise() - ready;
      cycles[kGenerator] += ready - start;
    }
    rig->AdvanceUs(step_us);
    const uint64_t ready = rte_rdtsc_precise();
    while (!rig->pipeline->Expire(rig->now, 256)) {
    }
    cycles[kExpiry] = rte_rdtsc_precise() - ready;
    return cycles;
  };
  // Steady state first: a table's worth of connections lives or has expired.
  for (uint64_t i = 0; i < polls_a_table + polls_a_table / 4; ++i) connections();
  Cycles sum{};
  uint64_t done = 0;
  for (auto _ : state) {
    Cycles cycles;
    long preempted = 0;
    do {
      preempted = TimesPreempted();
      cycles = connections();
    } while (TimesPreempted() != preempted);
    const uint64_t timed = std::accumulate(&cycles[0], &cycles[kGenerator], uint64_t{0});
    state.SetIterationTime(static_cast<double>(timed) * seconds_per_cycle);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += cycles[i];
    done += kPoll;
  }
  if (rig->Wrong() != 0) state.SkipWithError("the traffic was not what it claims to be");
  state.SetItemsProcessed(static_cast<int64_t>(done));
  const auto ns = [&](uint64_t cycles) {
    return static_cast<double>(cycles) * seconds_per_cycle * 1e9 / static_cast<double>(done);
  };
  state.counters["generator_ns"] = ns(sum[kGenerator]);
  for (size_t n = 0; n < steps.size(); ++n) state.counters[steps[n].name] = ns(sum[n]);
  state.counters["10_expiry_ns"] = ns(sum[kExpiry]);
  state.counters["flows"] = static_cast<double>(rig->counters().flows.Read());
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
