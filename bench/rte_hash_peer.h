// RteHash: DPDK's hash on the keys of flow_keys.h, at its best: room for twice the flows, CRC, no locks, no extra flags, keys that lie
// ready in memory. What Peer/rte_hash_* measures, and what the pipeline goes in turns with.
//
// Threads  One owner, where EAL is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bench/flow_keys.h"

struct rte_hash;

namespace coretrack::bench {

class RteHash {
 public:
  // What it takes of huge pages, without and with the keys that are looked up. A key's record is 32 bytes, a bucket of 8 entries 64, the ring
  // of free slots 4 a record.
  static size_t OwnBytes(uint32_t flows) { return size_t{flows} * 2 * 56; }
  static size_t Bytes(uint32_t flows) { return OwnBytes(flows) + flows * sizeof(PackedKey); }
  // Null, and why. There is one at a time.
  static std::unique_ptr<RteHash> Make(uint32_t flows, std::string* error);

  // Adds all flows. False: one was refused.
  bool Fill();
  void Clear();
  // So many bursts of kBurst look-ups, of all flows round and round. REQUIRES: Fill() has answered true.
  void LookUp(uint32_t bursts);
  // Were all found that were looked up?
  bool found_all() const { return lost_ >= 0; }

 private:
  struct Free {
    void operator()(rte_hash* hash) const;
  };
  RteHash(uint32_t flows, rte_hash* hash) : flows_(flows), hash_(hash) {}

  uint32_t flows_;
  std::unique_ptr<rte_hash, Free> hash_;
  std::optional<BurstCursor> cursor_;  // of who looks up
  int32_t lost_ = 0;
};

}  // namespace coretrack::bench
