// coretrack_bench: Google Benchmark's main, plus what must be put back at the end.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "bench/bench_env.h"
#include "dataplane/base/cpu.h"

int main(int argc, char** argv) {
  if (const std::string missing = coretrack::MissingCpuFeatures(); !missing.empty()) {
    std::fprintf(stderr, "coretrack_bench: %s\n", missing.c_str());
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  coretrack::bench::StopEal();
  coretrack::bench::RestoreHugePages();
  return 0;
}
