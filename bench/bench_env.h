// What the benchmarks share: memory on the same kind of pages for us and for our peers, and DPDK's
// environment, both made when the first benchmark asks, so that a filtered run starts at once.
//
// Pages    2 MiB pages from the hugetlbfs pool. Where it is too small and we may (root), it is
//          raised by what is missing and lowered by as much at exit, also on SIGINT and SIGTERM.
//          Else both sides get transparent huge pages. Every result's label says which it had.
// Threads  The benchmark thread only.
#pragma once

#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include "dataplane/base/arena.h"

namespace coretrack::bench {

// Makes the pool hold `bytes` more than is in use. False when it cannot: use small pages then.
bool ReserveHugePages(size_t bytes);
// Gives back what ReserveHugePages() added to the pool.
void RestoreHugePages();

// Gives back, at its end, what ReserveHugePages() added and nobody uses any more. Make it before what it is
// to outlive.
struct HugePageLoan {
  HugePageLoan() = default;
  HugePageLoan(const HugePageLoan&) = delete;
  HugePageLoan& operator=(const HugePageLoan&) = delete;
  ~HugePageLoan();
};

// For what only a big machine can hold: puts `huge_bytes` into the pool, if the environment says
// CORETRACK_BENCH_FULL=1 and there are as many and `other_bytes` besides. Empty, or why not. The
// pool is everybody's: look at the page kind before touching what was made of it.
std::string ClaimLarge(size_t huge_bytes, size_t other_bytes);

// The CPUs that this program was started on. (EAL leaves the main thread only one of them.)
const std::vector<int>& AllowedCpus();

// An arena on the best pages there are. Ends the program when there is no memory.
Arena MakeArena(size_t bytes);

// Starts DPDK's EAL with room for `bytes` (once; later calls only grow the pool of pages). Empty,
// or what went wrong.
std::string StartEal(size_t bytes);
PageKind EalPageKind();
// Ends EAL if it was started.
void StopEal();

// For peers that allocate by themselves: every allocation is an arena of its own.
void* AllocatePages(size_t bytes);
void FreePages(void* p);
PageKind LastPageKind();

template <typename T>
struct PageAllocator {
  using value_type = T;
  PageAllocator() = default;
  template <typename U>
  PageAllocator(const PageAllocator<U>&) {}  // NOLINT(google-explicit-constructor): rebinding
  T* allocate(size_t n) { return static_cast<T*>(AllocatePages(n * sizeof(T))); }
  void deallocate(T* p, size_t) { FreePages(p); }
  friend bool operator==(PageAllocator, PageAllocator) { return true; }
};

}  // namespace coretrack::bench
