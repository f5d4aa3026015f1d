#include "bench/bench_env.h"

#include <fcntl.h>
#include <rte_eal.h>
#include <rte_log.h>
#include <rte_memory.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace coretrack::bench {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr const char* kPool = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
constexpr const char* kFree = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
constexpr const char* kPromised = "/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages";

long pages_added = 0;  // by us, to the pool
bool eal_started = false;
PageKind eal_page_kind = PageKind::kSmall;
PageKind last_page_kind = PageKind::kSmall;

// System calls alone in what follows, so that a signal handler may use it.
long ReadNumber(int fd) {
  char text[32] = {};
  const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
  long value = -1;
  if (n > 0) std::from_chars(text, text + n, value);
  return value;
}

long ReadNumber(const char* path) {
  const int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  const long value = ReadNumber(fd);
  close(fd);
  return value;
}

// What can still be mapped: a page is free until it is touched, but promised from mmap() on.
long FreeInPool() {
  const long free_pages = ReadNumber(kFree);
  return free_pages < 0 ? -1 : std::max(free_pages - std::max(ReadNumber(kPromised), 0l), 0l);
}

// Changes the pool by `pages`; locked, since two runs may do it at once. Answers by how many it
// changed.
long ChangePool(long pages) {
  const int fd = open(kPool, O_RDWR);
  if (fd < 0) return 0;
  flock(fd, LOCK_EX);
  const long before = ReadNumber(fd);
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), std::max(before + pages, 0l)).ptr;
  const bool written = pwrite(fd, text, static_cast<size_t>(end - text), 0) == end - text;
  const long after = written ? ReadNumber(fd) : before;
  close(fd);
  return after - before;
}

void RestoreAndDie(int signal_number) {
  RestoreHugePages();
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

// An allocation's arena, by its address.
std::map<void*, Arena>& Allocations() {
  static std::map<void*, Arena> allocations;
  return allocations;
}

// --no-huge memory is anonymous: ask for the same pages that MakeArena() falls back to.
int AdviseHuge(const rte_memseg_list*, const rte_memseg* segment, size_t bytes, void*) {
  madvise(segment->addr, bytes, MADV_HUGEPAGE);
  return 0;
}

}  // namespace

bool ReserveHugePages(size_t bytes) {
  const long free_pages = FreeInPool();
  if (free_pages < 0) return false;
  const long missing = static_cast<long>((bytes + kHugePage - 1) / kHugePage) - free_pages;
  if (missing <= 0) return true;
  if (pages_added == 0) {
    signal(SIGINT, RestoreAndDie);
    signal(SIGTERM, RestoreAndDie);
  }
  const long grown = ChangePool(missing);
  if (grown < missing) {  // no use: other pages will have to be found in what is left
    ChangePool(-grown);
    return false;
  }
  pages_added += grown;
  return true;
}

void RestoreHugePages() {
  if (const long added = std::exchange(pages_added, 0); added > 0) ChangePool(-added);
}

HugePageLoan::~HugePageLoan() {
  const long unused = std::min(pages_added, FreeInPool());
  if (unused > 0) pages_added += ChangePool(-unused);
}

std::string ClaimLarge(size_t huge_bytes, size_t other_bytes) {
  constexpr size_t kMargin = size_t{1} << 30;  // for everybody else
  const char* full = std::getenv("CORETRACK_BENCH_FULL");
  const std::string needed = std::to_string((huge_bytes + other_bytes) >> 20) + " MiB";
  if (full == nullptr || std::string_view(full) != "1")
    return "takes " + needed + " and minutes; set CORETRACK_BENCH_FULL=1";
  std::ifstream meminfo("/proc/meminfo");
  std::string line;
  size_t available = static_cast<size_t>(std::max(FreeInPool(), 0l)) * kHugePage;
  while (std::getline(meminfo, line)) {
    if (line.starts_with("MemAvailable:"))
      available += std::strtoull(line.c_str() + sizeof("MemAvailable:"), nullptr, 10) << 10;
  }
  if (available < huge_bytes + other_bytes + kMargin)
    return "takes " + needed + ", there are " + std::to_string(available >> 20);
  if (!ReserveHugePages(huge_bytes)) return "takes " + needed + " of huge pages; no such room";
  return "";
}

const std::vector<int>& AllowedCpus() {
  static const std::vector<int> allowed = [] {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof(cpus), &cpus);
    std::vector<int> found;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &cpus)) found.push_back(cpu);
    }
    return found;
  }();
  return allowed;
}

Arena MakeArena(size_t bytes) {
  auto arena = Arena::Create(bytes, ReserveHugePages(bytes));
  if (!arena.ok()) {
    std::fprintf(stderr, "coretrack_bench: %s\n", std::string(arena.status().message()).c_str());
    RestoreHugePages();
    std::exit(1);
  }
  last_page_kind = arena->page_kind();
  return *std::move(arena);
}

std::string StartEal(size_t bytes) {
  // A page beside: EAL's own tables.
  const bool huge = ReserveHugePages(bytes + (size_t{64} << 20));
  if (eal_started) return "";
  const int cpu = AllowedCpus().empty() ? 0 : AllowedCpus().front();
  std::vector<std::string> args = {"coretrack_bench",  "--in-memory",         "--no-pci",
                                   "--no-telemetry",   "--log-level=*:error", "-l",
                                   std::to_string(cpu)};
  if (huge) {
    args.emplace_back("--single-file-segments");  // else one descriptor a page
  } else {
    args.insert(args.end(), {"--no-huge", "-m", "4096"});
  }
  std::vector<char*> argv;
  argv.reserve(args.size());
  for (std::string& arg : args) argv.push_back(arg.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return "EAL does not start; run with --benchmark_filter=-Peer to leave it out";
  }
  eal_started = true;
  eal_page_kind = huge ? PageKind::kHuge2M : PageKind::kTransparentHuge;
  if (!huge) {
    rte_memseg_contig_walk(AdviseHuge, nullptr);
  }
  return "";
}

PageKind EalPageKind() { return eal_page_kind; }

void StopEal() {
  if (std::exchange(eal_started, false)) rte_eal_cleanup();
}

void* AllocatePages(size_t bytes) {
  Arena arena = MakeArena(bytes);
  void* p = arena.Carve<std::byte>(bytes);
  Allocations().emplace(p, std::move(arena));
  return p;
}

void FreePages(void* p) { Allocations().erase(p); }

PageKind LastPageKind() { return last_page_kind; }

}  // namespace coretrack::bench
