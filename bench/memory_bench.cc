// Memory/two_random_lines/BYTES: the floor under every table. An operation reads one random line
// and reads and writes another; 64 lines are in flight.
// Memory/prefetches/BYTES/N: what N prefetches of random lines cost beside 1,000 instructions that do not need them (counter
// cost_ns: with less without). What is not hidden is the walk of the page tables.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "bench/bench_env.h"
#include "bench/clocks.h"

namespace coretrack::bench {
namespace {

struct alignas(kCacheLine) Line {
  std::array<uint64_t, kCacheLine / 8> words;
};

void TwoRandomLines(benchmark::State& state) {
  constexpr uint32_t kInFlight = 32;  // operations of two lines
  const auto bytes = static_cast<size_t>(state.range(0));
  const size_t lines = bytes / sizeof(Line);
  Arena arena = MakeArena(bytes);
  Line* memory = arena.Carve<Line>(lines);
  for (size_t i = 0; i < lines; ++i) memory[i].words[0] = i;
  struct Operation {
    const Line* read;
    Line* written;
  };
  std::array<std::array<Operation, kInFlight>, 2> batches{};
  uint64_t random = 1;
  const auto prepare = [&](std::array<Operation, kInFlight>& batch) {
    for (Operation& operation : batch) {
      random = random * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
      operation.read = &memory[(random >> 32) * lines >> 32];
      operation.written = &memory[((random * 0x9e3779b97f4a7c15) >> 32) * lines >> 32];
      __builtin_prefetch(operation.read);
      __builtin_prefetch(operation.written);
    }
  };
  uint32_t now = 0;
  prepare(batches[0]);
  for (auto _ : state) {
    prepare(batches[1 - now]);
    for (const Operation& operation : batches[now]) {
      operation.written->words[1] += operation.read->words[0];
    }
    benchmark::ClobberMemory();
    now = 1 - now;
  }
  state.SetItemsProcessed(state.iterations() * kInFlight);
  state.SetLabel(std::string(Name(arena.page_kind())));
}

void Sizes(benchmark::internal::Benchmark* b) {
  b->Arg(int64_t{64} << 20)->Arg(int64_t{1} << 30)->Arg(int64_t{4} << 30);
  // As many bytes as the pipeline's tables of 2^10, 2^20 and 2^24 flows, and of 2^26 when asked for.
  b->Arg(int64_t{128} << 10)->Arg(int64_t{128} << 20)->Arg(int64_t{128} << 24);
  const char* full = std::getenv("CORETRACK_BENCH_FULL");
  if (full != nullptr && std::string_view(full) == "1") b->Arg(int64_t{128} << 26);
}

void Prefetches(benchmark::State& state) {
  constexpr uint32_t kMost = 16;
  const auto bytes = static_cast<size_t>(state.range(0));
  const auto count = static_cast<uint32_t>(state.range(1));
  const size_t lines = bytes / sizeof(Line);
  Arena arena = MakeArena(bytes);
  Line* memory = arena.Carve<Line>(lines);
  for (size_t i = 0; i < lines; ++i) memory[i].words[0] = i;
  uint64_t random = 1;
  std::array<const Line*, kMost> chosen;
  const auto step = [&](uint32_t prefetches) {
    for (uint32_t i = 0; i < count; ++i) {
      random = random * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
      chosen[i] = &memory[(random >> 32) * lines >> 32];
    }
    for (uint32_t i = 0; i < prefetches; ++i) __builtin_prefetch(chosen[i], 0, 2);
    asm volatile(".rept 1000\nnop\n.endr");
  };
  constexpr int kSteps = 20'000;
  const auto seconds_of = [&](uint32_t prefetches) {
    const double before = CpuSeconds();
    for (int i = 0; i < kSteps; ++i) step(prefetches);
    return CpuSeconds() - before;
  };
  std::vector<double> with, without;
  for (auto _ : state) {
    without.push_back(seconds_of(0));
    with.push_back(seconds_of(count));
  }
  state.counters["cost_ns"] = (Quantile(&with, 0.5) - Quantile(&without, 0.5)) * 1e9 / kSteps;
  state.SetLabel(std::string(Name(arena.page_kind())));
}

BENCHMARK(Prefetches)
    ->Name("Memory/prefetches")
    ->ArgsProduct({{64 << 10, 76 << 20, 1300 << 20}, {1, 4, 8, 16}});
BENCHMARK(TwoRandomLines)->Name("Memory/two_random_lines")->Apply(Sizes);

}  // namespace
}  // namespace coretrack::bench
