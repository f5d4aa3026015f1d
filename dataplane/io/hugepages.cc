#include "dataplane/io/hugepages.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {

constexpr uint64_t k2MiB = 2 << 20;

// "hugepages-2048kB" -> 2 MiB; 0: something else.
uint64_t PageBytes(std::string_view name) {
  constexpr std::string_view kPrefix = "hugepages-";
  if (!name.starts_with(kPrefix)) return 0;
  uint64_t kib = 0;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), kib);
  return kib * 1024;
}

}  // namespace

HugepageSupply ReadHugepages(const std::string& folder) {
  HugepageSupply supply;
  uint64_t most_bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const uint64_t page_bytes = PageBytes(entry.path().filename().string());
    uint64_t free_pages = 0;
    if (page_bytes == 0 || !(std::ifstream(entry.path() / "free_hugepages") >> free_pages)) {
      continue;
    }
    if (page_bytes == k2MiB) std::ifstream(entry.path() / "nr_hugepages") >> supply.pages_2m;
    const uint64_t bytes = page_bytes * free_pages;
    supply.free_bytes += bytes;
    if (bytes > most_bytes) {
      most_bytes = bytes;
      supply.page_bytes = page_bytes;
    }
  }
  return supply;
}

absl::StatusOr<HugepageChoice> ChooseHugepages(HugepageUse use, uint64_t needed_bytes,
                                               const HugepageSupply& supply) {
  if (use == HugepageUse::kNever) return HugepageChoice{};
  if (supply.free_bytes >= needed_bytes && supply.page_bytes != 0) {
    return HugepageChoice{.use = true, .remark = ""};
  }
  const uint64_t missing_bytes =
      needed_bytes > supply.free_bytes ? needed_bytes - supply.free_bytes : needed_bytes;
  // The pages in use count in nr_hugepages too: a smaller number would take free ones away.
  const std::string shortage = absl::StrCat(
      "memory.size asks for ", needed_bytes >> 20, " MiB of hugepages and ",
      supply.free_bytes >> 20, " MiB are free; cure: echo ",
      supply.pages_2m + (missing_bytes + k2MiB - 1) / k2MiB,
      " > /proc/sys/vm/nr_hugepages (and more for the flow tables, which take what is left)");
  if (use == HugepageUse::kRequire) {
    return absl::FailedPreconditionError(
        absl::StrCat("memory.hugepages = \"require\": ", shortage));
  }
  return HugepageChoice{.use = false,
                        .remark = absl::StrCat("running without hugepages, slower: ", shortage)};
}

absl::Status CheckTables(HugepageUse use, PageKind got, uint64_t bytes, size_t workers) {
  if (use != HugepageUse::kRequire || IsReserved(got)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("memory.hugepages = \"require\": the flow tables of each of ", workers,
                   " workers take ", bytes >> 20,
                   " MiB, and no pool has as many left; cure: raise "
                   "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages by ",
                   workers * ((bytes + k2MiB - 1) / k2MiB), ", or lower flows.capacity"));
}

}  // namespace coretrack
