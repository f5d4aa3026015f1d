// Memory/two_random_lines/BYTES: the floor under every table. An operation reads one random line
// and reads and writes another; 64 lines are in flight.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bench/bench_env.h"

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
  b->Arg(int64_t{166} << 10)->Arg(int64_t{166} << 20)->Arg(int64_t{166} << 24);
  const char* full = std::getenv("CORETRACK_BENCH_FULL");
  if (full != nullptr && std::string_view(full) == "1") b->Arg(int64_t{166} << 26);
}

BENCHMARK(TwoRandomLines)->Name("Memory/two_random_lines")->Apply(Sizes);

}  // namespace
}  // namespace coretrack::bench
