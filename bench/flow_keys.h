// The flows that FlowTable/* and Peer/* are measured on: the same keys in the same order.
//
// Layout   16 bytes a key, as a peer's key is; a FlowKey is made from it in our loops. Kept in the
//          order of looking up, which is random against the order of insertion.
#pragma once

#include <cstdint>
#include <span>

#include "bench/bench_env.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/flow_key.h"

namespace coretrack::bench {

struct PackedKey {
  uint64_t address;
  uint32_t ports;
  uint32_t context;
  friend bool operator==(const PackedKey&, const PackedKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PackedKey& key) {
    return H::combine(std::move(h), key.address, key.ports, key.context);
  }
};
static_assert(sizeof(PackedKey) == 16);

inline constexpr HashSecret kSecret = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
// (Made when it is first asked for, when main() has seen that the CPU is one that this was built for.)
inline const FlowHasher& Hasher() {
  static const FlowHasher hasher(kSecret);
  return hasher;
}
inline constexpr uint32_t kBurst = 32;

// The i-th flow inserted. All are different.
PackedKey FlowNumber(uint64_t i);

// By words, as the parser writes it: one that is read back in wider words than it was written in stalls
// for longer than a look-up takes.
inline void Unpack(const PackedKey& packed, FlowKey* key) {
  key->address[0] = packed.address;
  key->transport = packed.ports | uint64_t{packed.context} << 32;
}

// `count` flows in the order of looking up. The last set asked for is kept until another is.
std::span<const PackedKey> LookupOrder(uint32_t count);

// Walks over `keys` in bursts, round and round.
class BurstCursor {
 public:
  explicit BurstCursor(std::span<const PackedKey> keys) : keys_(keys) {}
  const PackedKey* Next() {
    const PackedKey* burst = &keys_[next_];
    next_ = next_ + kBurst == keys_.size() ? 0 : next_ + kBurst;
    return burst;
  }

 private:
  std::span<const PackedKey> keys_;  // a multiple of kBurst long
  size_t next_ = 0;
};

}  // namespace coretrack::bench
