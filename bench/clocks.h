// Clocks and statistics for benchmarks that time single things themselves.
//
// Threads  Pure, or about the calling thread.
#pragma once

#include <sys/resource.h>
#include <time.h>
#include <x86intrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coretrack::bench {

// Processor time of this thread: the clock that Google Benchmark counts items per second by.
inline double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// How often the kernel has taken this thread's CPU away. What a hypervisor or an interrupt takes is
// not in it.
inline long TimesPreempted() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

// Cycles of the TSC a second, without EAL: 50 ms against the system's clock, once.
inline double TscHz() {
  static const double hz = [] {
    const auto seconds = [] {
      timespec now;
      clock_gettime(CLOCK_MONOTONIC_RAW, &now);
      return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
    };
    const double start = seconds();
    const uint64_t first = __rdtsc();
    double end = start;
    while (end - start < 0.05) end = seconds();
    return static_cast<double>(__rdtsc() - first) / (end - start);
  }();
  return hz;
}

// Around one operation: nothing of it begins before the first nor is unfinished after the second,
// but for stores that wait in the store buffer.
inline uint64_t TscBefore() {
  _mm_lfence();
  const uint64_t tsc = __rdtsc();
  _mm_lfence();
  return tsc;
}
inline uint64_t TscAfter() {
  unsigned cpu;
  const uint64_t tsc = __rdtscp(&cpu);
  _mm_lfence();
  return tsc;
}

// The value that `share` of the samples do not exceed. Reorders them.  REQUIRES: there are some.
template <typename T>
T Quantile(std::vector<T>* samples, double share) {
  const auto n = static_cast<double>(samples->size());
  const auto at = samples->begin() + static_cast<ptrdiff_t>(std::min(share * n, n - 1));
  std::nth_element(samples->begin(), at, samples->end());
  return *at;
}

// What the two reads around nothing take.
inline uint64_t TscPairCycles() {
  std::vector<uint64_t> samples(10'001);
  for (uint64_t& sample : samples) {
    const uint64_t before = TscBefore();
    sample = TscAfter() - before;
  }
  return Quantile(&samples, 0.5);
}

}  // namespace coretrack::bench
