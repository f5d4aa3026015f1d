// Pipeline/herd/F: F flows in TIME_WAIT, of 60 s, fall due within the same millisecond while a million
// established connections keep the worker busy. How long do packets wait, and when are they gone?
//
// A poll        As the poll loop has it: up to four bursts (PollLoop::kBurstsPerQueue) of 64, always full,
//               so the worker is never idle; then Expire() with PollLoop::kExpireBudget.
// Clock         Opening and closing the F connections takes place in one millisecond of a clock that
//               stands still. Then a WorkerClock runs on the TSC at real speed.
// What is timed Each poll, by the TSC. Those during which the kernel took the CPU away are left out
//               (counter discarded); interrupts and what the hypervisor takes are in the tail.
// What is not   The generator, between polls. But time goes on meanwhile: it is in gone_after_s, and not
//               in polling_s_with, the sum of the polls from due until gone.
// Counters      Medians of three rounds of the same flows.
//               *_without: before any of it; *_cascade: while the wheel brings the herd's flows from the
//               coarse slot to the fine one, in the seconds before; *_with: from due until all are gone.
//               found_expired: every 64th poll carries an ACK that fits an old flow of the herd. Before
//               it is due it must be taken for it, after that it must not: found_expired counts those
//               that were. probed_unswept: that many of these flows were still in the table.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/herd_rig.h"

namespace coretrack::bench {
namespace {

constexpr int kRounds = 3;

void Herd(benchmark::State& state) {
  const auto herd = static_cast<uint32_t>(state.range(0));
  std::string error;
  auto made = MakeRig({.flows = kLive + herd, .traffic = {.active = kLive}}, &error);
  if (made == nullptr) return state.SkipWithError(error.c_str());
  state.SetLabel(std::string(Name(made->pipeline->page_kind())));
  HerdRig rig(std::move(made), herd);
  rig.rig().Establish(0, kLive);
  const double us_per_cycle = 1e6 / static_cast<double>(rte_get_tsc_hz());
  enum { kWithout, kCascade, kWith, kPhases };
  std::array<std::vector<double>, kPhases> p50_us, p999_us, max_us;
  std::vector<double> gone_after_s, polling_s;
  uint64_t found_expired = 0, unswept = 0, missed_living = 0;
  for (auto _ : state) {
    for (int round = 0; round < kRounds; ++round) {
      std::array<Phase, kPhases> phases;
      for (Phase& phase : phases) phase.cycles.reserve(1 << 20);
      rig.Gather();
      rig.StartClock(rig.CascadeMs() - 800);
      rig.PollUntil(rig.CascadeMs() - 10, &phases[kWithout]);
      rig.PollUntil(rig.DueMs(), &phases[kCascade]);
      gone_after_s.push_back(rig.PollUntilGone(&phases[kWith]));
      for (int i = 0; i < kPhases; ++i) {
        if (phases[i].cycles.empty()) return state.SkipWithError("no poll was left alone");
        const auto us = [&](double share) {
          return static_cast<double>(Quantile(&phases[i].cycles, share)) * us_per_cycle;
        };
        p50_us[i].push_back(us(0.5));
        p999_us[i].push_back(us(0.999));
        max_us[i].push_back(us(1));
      }
      const std::vector<uint64_t>& with = phases[kWith].cycles;
      polling_s.push_back(
          static_cast<double>(std::accumulate(with.begin(), with.end(), uint64_t{})) *
          us_per_cycle * 1e-6);
      missed_living += phases[kWithout].probes_opened_flow + phases[kCascade].probes_opened_flow;
      found_expired += phases[kWith].probes - phases[kWith].probes_opened_flow;
      unswept += phases[kWith].probes_unswept;
      // What the probes have opened ends too before the next round.
      rig.JumpTo(rig.rig().now.unix_us / 1000 + kMidstreamMs + FlowTimers::kSlackMs + 1000);
    }
  }
  if (rig.rig().Wrong() != 0 || missed_living != 0 || unswept == 0)
    state.SkipWithError("the traffic was not what it claims to be");
  if (rig.rig().counters().flows.Read() != kLive) state.SkipWithError("a living flow was lost");
  constexpr std::array<const char*, kPhases> kNames = {"without", "cascade", "with"};
  for (int i = 0; i < kPhases; ++i) {
    state.counters[std::string("p50_us_") + kNames[i]] = Quantile(&p50_us[i], 0.5);
    state.counters[std::string("p999_us_") + kNames[i]] = Quantile(&p999_us[i], 0.5);
    state.counters[std::string("max_us_") + kNames[i]] = Quantile(&max_us[i], 0.5);
  }
  state.counters["gone_after_s"] = Quantile(&gone_after_s, 0.5);
  state.counters["polling_s_with"] = Quantile(&polling_s, 0.5);
  state.counters["found_expired"] = static_cast<double>(found_expired);
  state.counters["probed_unswept"] = static_cast<double>(unswept);
  state.counters["discarded"] = static_cast<double>(rig.discarded());
}

BENCHMARK(Herd)->Name("Pipeline/herd")->Arg(10'000'000)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace coretrack::bench
