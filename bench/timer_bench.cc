// FlowTimers/*: items are flows, F is how many slots there are; F = flows filed at the most.
//   schedule  files F flows, in random order, with timeouts of 1 ms to 240 s
//   cancel    takes them out, in another random order
//   herd      F flows of one tick handed out in pieces of 256; their groups lie scattered
//   refile    steady state: what is handed out is filed again at once; about 64 flows a step
//   idle_tick a tick in which nothing is due; idle_poll: the same tick once more
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "benchmark/benchmark.h"
#include "dataplane/base/arena.h"
#include "dataplane/timer/flow_timers.h"

namespace coretrack {
namespace {

constexpr uint32_t kTimeoutMs = 120 * 1000;
constexpr uint32_t kPiece = 256;

struct TimersBench {
  explicit TimersBench(uint32_t flows)
      : arena(*Arena::Create(FlowTimers::ArenaBytes(flows), true)),
        timers(flows, now, &arena),
        order(flows),
        timeout_ms(flows) {
    std::iota(order.begin(), order.end(), 0);
    for (uint32_t& ms : timeout_ms) ms = AnyTimeoutMs();
    std::shuffle(order.begin(), order.end(), random);
    cancel_order = order;
    std::shuffle(cancel_order.begin(), cancel_order.end(), random);
    // Flows in random order through random slots leave the chunks in random order.
    ScheduleAll();
    CancelAll();
    Forget();
  }

  uint32_t AnyTimeoutMs() { return 1 + static_cast<uint32_t>(random() % (2 * kTimeoutMs)); }
  void ScheduleAll() {
    for (const uint32_t i : order) timers.Schedule(FlowIndex{i}, now + timeout_ms[i]);
  }
  void CancelAll() {
    for (const uint32_t i : cancel_order) timers.Cancel(FlowIndex{i});
  }
  // Of cancelled flows groups are still filed: until these have been looked at.
  void Forget() {
    std::array<FlowIndex, kPiece> due;
    now = now + 2 * kTimeoutMs;
    while (!timers.Advance(now, due).caught_up) {
    }
  }

  std::mt19937_64 random{1};
  Tick now{0};
  Arena arena;
  FlowTimers timers;
  std::vector<uint32_t> order;
  std::vector<uint32_t> cancel_order;
  std::vector<uint32_t> timeout_ms;
};

uint32_t Flows(const benchmark::State& state) { return static_cast<uint32_t>(state.range(0)); }

void Schedule(benchmark::State& state) {
  TimersBench b(Flows(state));
  for (auto _ : state) {
    b.ScheduleAll();
    state.PauseTiming();
    b.CancelAll();
    b.Forget();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Cancel(benchmark::State& state) {
  TimersBench b(Flows(state));
  for (auto _ : state) {
    state.PauseTiming();
    b.Forget();
    b.ScheduleAll();
    state.ResumeTiming();
    b.CancelAll();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Herd(benchmark::State& state) {
  TimersBench b(Flows(state));
  std::array<FlowIndex, kPiece> due;
  for (auto _ : state) {
    state.PauseTiming();
    b.now = b.now + 1;
    for (const uint32_t i : b.order) b.timers.Schedule(FlowIndex{i}, b.now);
    state.ResumeTiming();
    while (b.timers.filed() != 0) {
      benchmark::DoNotOptimize(b.timers.Advance(b.now, due).count);
      benchmark::DoNotOptimize(due.data());
      benchmark::ClobberMemory();
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Refile(benchmark::State& state) {
  TimersBench b(Flows(state));
  b.ScheduleAll();
  const uint32_t step_ms = std::max<uint32_t>(1, 64ull * kTimeoutMs / Flows(state));
  std::array<FlowIndex, kPiece> due;
  int64_t refiled = 0;
  for (auto _ : state) {
    b.now = b.now + step_ms;
    const uint32_t count = b.timers.Advance(b.now, due).count;
    for (uint32_t i = 0; i < count; ++i) {
      // A cascade and a flow whose deadline has moved look alike from here.
      b.timers.Schedule(due[i], b.now + b.timeout_ms[(refiled + i) % b.timeout_ms.size()]);
    }
    refiled += count;
  }
  state.SetItemsProcessed(refiled);
}

void Idle(benchmark::State& state, uint32_t step_ms) {
  constexpr uint32_t kFlows = 1 << 16;
  TimersBench b(kFlows);
  std::array<FlowIndex, kPiece> due;
  for (uint32_t i = 0; i < kFlows; ++i) b.timers.Schedule(FlowIndex{i}, b.now + kMaxTimeoutMs);
  for (auto _ : state) {
    b.now = b.now + step_ms;
    const uint32_t count = b.timers.Advance(b.now, due).count;
    for (uint32_t i = 0; i < count; ++i) b.timers.Schedule(due[i], b.now + kMaxTimeoutMs);
  }
  state.SetItemsProcessed(state.iterations());
}

void Sizes(benchmark::internal::Benchmark* b) { b->Arg(1 << 10)->Arg(1 << 20)->Arg(1 << 24); }

BENCHMARK(Schedule)->Name("FlowTimers/schedule")->Apply(Sizes);
BENCHMARK(Cancel)->Name("FlowTimers/cancel")->Apply(Sizes);
BENCHMARK(Herd)->Name("FlowTimers/herd")->Apply(Sizes);
BENCHMARK(Refile)->Name("FlowTimers/refile")->Apply(Sizes);
BENCHMARK_CAPTURE(Idle, tick, 1)->Name("FlowTimers/idle_tick");
BENCHMARK_CAPTURE(Idle, poll, 0)->Name("FlowTimers/idle_poll");

}  // namespace
}  // namespace coretrack
