// One thread on one CPU.
#pragma once

#include <pthread.h>
#include <sched.h>

namespace coretrack::bench {

// False: the kernel does not let it.
inline bool PinThisThread(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  return pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus) == 0;
}

}  // namespace coretrack::bench
