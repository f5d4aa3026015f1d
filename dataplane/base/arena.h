// Arena: one zeroed, contiguous mapping from which a worker's tables are carved at start, and never
// again.
//
// Backing  From a GiB on 1 GiB huge pages, as many as hold it; else 2 MiB ones (where there are none, a 1 GiB page for less, too).
//          All of it or none: where the pools have too few, transparent huge pages, else 4 KiB pages. The caller may ask which it
//          got, since 4 KiB pages cost a factor of two to three on big tables.
// Faults   A page comes when it is first touched, and takes its time (bench: Pipeline/fresh). Who cannot wait then calls
//          Populate() before, on the thread that is to use it: it comes from that thread's NUMA node while that has any.
// Threads  Carve() at start, from one thread. The memory itself belongs to whoever carved it.
// Errors   Create() and Populate() answer kResourceExhausted with the size and the cure. Carve() past the end is
//          a caller's bug: sizes are computed before creation, so it aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/limits.h"

namespace coretrack {

enum class PageKind : uint8_t { kHuge1G, kHuge2M, kTransparentHuge, kSmall };
// From a pool that was set aside for them.
inline bool IsReserved(PageKind kind) {
  return kind == PageKind::kHuge1G || kind == PageKind::kHuge2M;
}
std::string_view Name(PageKind kind);

class Arena {
 public:
  // `bytes` is rounded up to 2 MiB. `allow_hugetlb` false keeps off the hugetlbfs pools (offline
  // tools, tests).
  static absl::StatusOr<Arena> Create(size_t bytes, bool allow_hugetlb);

  // Makes all of it be there. What the pools promised is; of other pages, no more than leaves the machine some (a container's
  // limit it does not know).  REQUIRES: nobody else uses it yet.
  absl::Status Populate();

  Arena() = default;
  Arena(Arena&& other) noexcept { *this = std::move(other); }
  Arena& operator=(Arena&& other) noexcept;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  // The next `count` objects of T, zeroed, on a cache line boundary.
  template <typename T>
  T* Carve(size_t count) {
    return static_cast<T*>(CarveBytes(count * sizeof(T)));
  }

  // What Carve<T>(count) takes from the arena.
  template <typename T>
  static constexpr size_t SizeOf(size_t count) {
    return (count * sizeof(T) + kCacheLine - 1) / kCacheLine * kCacheLine;
  }

  size_t bytes() const { return bytes_; }
  size_t used_bytes() const { return used_; }
  PageKind page_kind() const { return kind_; }

 private:
  void* CarveBytes(size_t bytes);
  bool MapHugetlb(size_t page);

  std::byte* base_ = nullptr;
  size_t bytes_ = 0;
  size_t mapped_bytes_ = 0;  // bytes_, or to the next GiB
  size_t used_ = 0;
  PageKind kind_ = PageKind::kSmall;
};

}  // namespace coretrack
