#include "dataplane/base/arena.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {
constexpr size_t kHuge2M = size_t{2} << 20, kHuge1G = size_t{1} << 30;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

constexpr size_t RoundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// Memory that can be had without swapping; unknown: no limit.
size_t AvailableBytes() {
  std::ifstream meminfo("/proc/meminfo");
  std::string name;
  for (size_t kib = 0; meminfo >> name >> kib;
       meminfo.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    if (name == "MemAvailable:") return kib << 10;
  }
  return std::numeric_limits<size_t>::max();
}

}  // namespace

std::string_view Name(PageKind kind) {
  switch (kind) {
    case PageKind::kHuge1G:
      return "1 GiB huge pages";
    case PageKind::kHuge2M:
      return "2 MiB huge pages";
    case PageKind::kTransparentHuge:
      return "transparent huge pages";
    case PageKind::kSmall:
      return "4 KiB pages";
  }
  return "unknown";
}

absl::StatusOr<Arena> Arena::Create(size_t bytes, bool allow_hugetlb) {
  Arena arena;
  arena.bytes_ = RoundUp(bytes, kHuge2M);
  if (allow_hugetlb) {
    const bool large = arena.bytes_ >= kHuge1G;
    if (arena.MapHugetlb(large ? kHuge1G : kHuge2M) || arena.MapHugetlb(large ? kHuge2M : kHuge1G))
      return arena;
  }
  // Over-map by one huge page and trim, so that transparent huge pages can start at once.
  arena.mapped_bytes_ = arena.bytes_;
  void* p = mmap(nullptr, arena.bytes_ + kHuge2M, kReadWrite,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot map ", arena.bytes_ >> 20,
                     " MiB for the flow tables; lower flows.capacity or add memory"));
  }
  auto* start = static_cast<std::byte*>(p);
  const size_t skew = (kHuge2M - reinterpret_cast<uintptr_t>(p) % kHuge2M) % kHuge2M;
  arena.base_ = start + skew;
  if (skew != 0) munmap(start, skew);
  munmap(arena.base_ + arena.bytes_, kHuge2M - skew);
  arena.kind_ = madvise(arena.base_, arena.bytes_, MADV_HUGEPAGE) == 0 ? PageKind::kTransparentHuge
                                                                       : PageKind::kSmall;
  return arena;
}

// False: the pool of such pages has too few.
bool Arena::MapHugetlb(size_t page) {
  mapped_bytes_ = RoundUp(bytes_, page);
  // Not MAP_NORESERVE, which would turn a shortage into SIGBUS later. And the size by name: what the kernel takes for the
  // default may be any.
  const int size = std::countr_zero(page) << MAP_HUGE_SHIFT;
  void* p = mmap(nullptr, mapped_bytes_, kReadWrite,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size, -1, 0);
  if (p == MAP_FAILED) return false;
  base_ = static_cast<std::byte*>(p);
  kind_ = page == kHuge1G ? PageKind::kHuge1G : PageKind::kHuge2M;
  return true;
}

absl::Status Arena::Populate() {
  // A piece at a time, and a look at what is left before each: several may be at it at once, and who takes more than there is
  // gets killed, not told.
  constexpr size_t kPiece = size_t{32} << 20, kLeft = size_t{128} << 20;
  for (size_t at = 0; at < bytes_; at += kPiece) {
    const size_t bytes = std::min(kPiece, bytes_ - at);
    const size_t available =
        IsReserved(kind_) ? std::numeric_limits<size_t>::max() : AvailableBytes();
    if (available < bytes_ - at + kLeft) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the flow tables of a worker take ", bytes_ >> 20, " MiB, and the machine has ",
          (at + available) >> 20, " for them; lower flows.capacity or add memory"));
    }
    if (madvise(base_ + at, bytes, MADV_POPULATE_WRITE) == 0) continue;
    if (errno != EINVAL) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no memory for the flow tables of a worker, ", bytes_ >> 20,
                       " MiB; lower flows.capacity or add memory"));
    }
    // A kernel before 5.14.
    constexpr size_t kSmallest = 4096;
    for (size_t page = at; page < at + bytes; page += kSmallest) {
      auto* byte = reinterpret_cast<volatile std::byte*>(base_ + page);
      *byte = *byte;
    }
  }
  return absl::OkStatus();
}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  std::swap(used_, other.used_);
  std::swap(kind_, other.kind_);
  return *this;
}

Arena::~Arena() {
  if (base_ != nullptr) munmap(base_, mapped_bytes_);
}

void* Arena::CarveBytes(size_t bytes) {
  bytes = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  if (bytes > bytes_ - used_) {
    std::fprintf(stderr, "coretrack: arena of %zu bytes has no room for %zu more\n", bytes_, bytes);
    std::abort();
  }
  void* p = base_ + used_;
  used_ += bytes;
  return p;
}

}  // namespace coretrack
