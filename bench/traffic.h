// Traffic: the generator of Pipeline/*: segments of many TCP connections in mbufs, without a device.
//
// Traffic  Ethernet, IPv4 or IPv6, TCP, 60 (80) bytes with 6 of payload, or with more where asked for, and TCP options beside. Every connection's sequence
//          numbers go on from segment to segment, so that the window check has its work; TCP options as `Stack` has them.
//          Addresses as a farm of servers sees them: many clients, 256 servers. Seeded.
// Threads  One owner. Made and destroyed by a thread that has the EAL's leave to allocate.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/bench_env.h"
#include "bench/flow_keys.h"
#include "dataplane/packet/packet_meta.h"

namespace coretrack::bench {

// Packets that a poll takes at the most, and as many as wait in a rx queue of usual length.
inline constexpr uint32_t kPoll = 8 * kBurst;
inline constexpr uint32_t kBacklog = 4 * kPoll;
inline constexpr uint32_t kPayloadBytes = 6;

// Whose TCP both ends of the connections are.
enum class Stack : uint8_t {
  kBare,  // no options at all
  kLinux,  // MSS, SACK permitted, timestamps and window scale in SYNs; timestamps in all other segments
};

class Traffic {
 public:
  // Connections 0 to flows - 1; NextFlow() goes round the first `active` of them. A segment has at most `most_payload`.
  Traffic(uint32_t flows, uint32_t active, bool ipv6, Stack stack,
          uint32_t most_payload = kPayloadBytes);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
  // There were mbufs for it.
  bool ok() const { return pool_ != nullptr; }

  // Writes one segment of connection `i` into mbuf `slot`, as the next one its sender sends.
  void Write(uint32_t slot, uint32_t i, bool from_client, uint8_t flags, uint32_t payload);
  // Data segments, of the next connections and a random direction, into the first `count` mbufs.
  void WriteData(uint32_t count) {
    for (uint32_t slot = 0; slot < count; ++slot) {
      Write(slot, NextFlow(), NextDirection(), tcp_flag::kAck | tcp_flag::kPsh, kPayloadBytes);
    }
  }

  // The connection after the last one, in random order, round and round.
  uint32_t NextFlow() {
    const uint32_t i = order_[next_];
    next_ = next_ + 1 == order_.size() ? 0 : next_ + 1;
    return i;
  }
  bool NextDirection() {
    if (bits_left_ == 0) {
      bits_ = random_();
      bits_left_ = 64;
    }
    --bits_left_;
    const bool bit = (bits_ & 1) != 0;
    bits_ >>= 1;
    return bit;
  }
  // Connection `i` begins anew: its numbers do.
  void Restart(uint32_t i) {
    ends_[i] = {};
    if (stack_ == Stack::kLinux) stamps_[i] = {};
  }

  rte_mbuf* const* mbufs() const { return mbufs_.data(); }

 private:
  // The next sequence number of both ends of one connection.
  struct Ends {
    uint32_t client = 1000;
    uint32_t server = 5000;
  };
  // The last timestamp of both ends.
  struct Stamps {
    uint32_t client = 0;
    uint32_t server = 0;
  };
  uint32_t PutOptions(uint32_t i, bool from_client, bool syn, uint8_t* options);
  template <typename T>
  void Put(uint32_t slot, const T& frame, uint32_t option_bytes, uint32_t payload);

  rte_mempool* pool_ = nullptr;
  std::array<rte_mbuf*, kBacklog> mbufs_{};
  // On the same pages as the tables: on small ones the generator would throw the tables' translations out
  // of the TLB between two bursts, and the pipeline would pay for it.
  std::vector<Ends, PageAllocator<Ends>> ends_;
  std::vector<Stamps, PageAllocator<Stamps>> stamps_;  // kLinux: as many
  std::vector<uint32_t, PageAllocator<uint32_t>> order_;
  bool ipv6_;
  Stack stack_;
  uint32_t clock_ = 1'000'000;  // of timestamps
  size_t next_ = 0;
  std::mt19937_64 random_{11};
  uint64_t bits_ = 0;
  int bits_left_ = 0;
};

}  // namespace coretrack::bench
