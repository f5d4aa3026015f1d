#include "bench/rte_hash_peer.h"

#include <benchmark/benchmark.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>

#include <array>

#include "bench/bench_env.h"

namespace coretrack::bench {

void RteHash::Free::operator()(rte_hash* hash) const { rte_hash_free(hash); }

std::unique_ptr<RteHash> RteHash::Make(uint32_t flows, std::string* error) {
  *error = StartEal(OwnBytes(flows));
  if (!error->empty()) return nullptr;
  rte_hash_parameters parameters{};
  parameters.name = "peer";
  parameters.entries = flows * 2;
  parameters.key_len = sizeof(PackedKey);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = static_cast<int>(rte_socket_id());
  rte_hash* const hash = rte_hash_create(&parameters);
  if (hash != nullptr) return std::unique_ptr<RteHash>(new RteHash(flows, hash));
  *error = "rte_hash_create: " + std::string(rte_strerror(rte_errno));
  return nullptr;
}

bool RteHash::Fill() {
  bool fits = true;
  for (uint32_t i = 0; i < flows_; ++i) {
    const PackedKey key = FlowNumber(i);
    fits &= rte_hash_add_key(hash_.get(), &key) >= 0;
  }
  return fits;
}

void RteHash::Clear() { rte_hash_reset(hash_.get()); }

void RteHash::LookUp(uint32_t bursts) {
  if (!cursor_) cursor_.emplace(LookupOrder(flows_));
  for (; bursts != 0; --bursts) {
    const PackedKey* keys = cursor_->Next();
    std::array<const void*, kBurst> pointers;
    std::array<int32_t, kBurst> positions;
    for (uint32_t i = 0; i < kBurst; ++i) pointers[i] = &keys[i];
    rte_hash_lookup_bulk(hash_.get(), pointers.data(), kBurst, positions.data());
    uint32_t sum = 0;
    for (const int32_t position : positions) {
      sum += static_cast<uint32_t>(position);
      lost_ |= position;
    }
    benchmark::DoNotOptimize(sum);
  }
}

}  // namespace coretrack::bench
