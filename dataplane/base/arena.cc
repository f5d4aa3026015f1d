#include "dataplane/base/arena.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}  // namespace

std::string_view Name(PageKind kind) {
  switch (kind) {
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
  arena.bytes_ = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  const int prot = PROT_READ | PROT_WRITE;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  if (allow_hugetlb) {
    // MAP_NORESERVE would turn a shortage into SIGBUS later: reserve, or fall back now.
    void* p = mmap(nullptr, arena.bytes_, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (p != MAP_FAILED) {
      arena.base_ = static_cast<std::byte*>(p);
      arena.kind_ = PageKind::kHuge2M;
      return arena;
    }
  }
  // Over-map by one huge page and trim, so that transparent huge pages can start at once.
  void* p = mmap(nullptr, arena.bytes_ + kHugePage, prot, flags, -1, 0);
  if (p == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot map ", arena.bytes_ >> 20,
                     " MiB for the flow tables; lower flows.capacity or add memory"));
  }
  auto* start = static_cast<std::byte*>(p);
  const size_t skew = (kHugePage - reinterpret_cast<uintptr_t>(p) % kHugePage) % kHugePage;
  arena.base_ = start + skew;
  if (skew != 0) munmap(start, skew);
  munmap(arena.base_ + arena.bytes_, kHugePage - skew);
  arena.kind_ = madvise(arena.base_, arena.bytes_, MADV_HUGEPAGE) == 0 ? PageKind::kTransparentHuge
                                                                       : PageKind::kSmall;
  return arena;
}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  std::swap(used_, other.used_);
  std::swap(kind_, other.kind_);
  return *this;
}

Arena::~Arena() {
  if (base_ != nullptr) munmap(base_, bytes_);
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
