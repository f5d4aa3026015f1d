// Traffic: the generator of Pipeline/*: segments of many TCP connections in mbufs, without a device; or datagrams.
//
// Traffic  Ethernet, with a VLAN tag or without, IPv4 or IPv6, TCP or UDP, 6 bytes of payload or more where asked for, padded to 60. Every connection's sequence
//          numbers go on from segment to segment, so that the window check has its work; TCP options as `Stack` has them.
//          Addresses as a farm of servers sees them: many clients, 256 servers. Seeded.
// Memory   Nothing is kept of a connection: what its next segment says follows from its number and from how many have been sent. A
//          record of each, read at random between two bursts, would throw the tables' lines and translations out of the caches and
//          the TLB, and the pipeline would pay for it; packets that a NIC has written do not.
// Threads  One owner. Made and destroyed by a thread that has the EAL's leave to allocate.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
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
  kLossy,  // the same; one segment of data in 32 has a SACK block, as ACKs have them while something is missing
  kUdp,    // none: datagrams, also in place of what opens a connection
  kMany,   // a third of the connections are UDP, the others Linux's
};

// What traffic is made of.
struct TrafficShape {
  uint32_t active = 0;  // connections that NextFlow() goes round
  enum class Versions : uint8_t { kIpv4, kIpv6, kBoth } versions = Versions::kIpv4;
  Stack stack = Stack::kBare;
  bool tagged = false;                    // 802.1Q, one tag
  uint32_t most_payload = kPayloadBytes;  // of a packet

  // With kBoth, every other connection is.
  bool IsIpv6(uint32_t i) const {
    return versions == Versions::kIpv6 || (versions == Versions::kBoth && i % 2 != 0);
  }
  Stack StackOf(uint32_t i) const {
    if (stack != Stack::kMany) return stack;
    return i / 2 % 3 == 0 ? Stack::kUdp : Stack::kLinux;
  }
};

// One segment of a connection.
struct Step {
  bool from_client;
  uint8_t flags;
  uint32_t payload;
};

// How far both ends of a connection are. All that have taken the same steps are equally far.
struct Ends {
  // By end (1: the client): what it has sent, in sequence numbers, and its last timestamp (0: none yet).
  std::array<uint32_t, 2> sent{};
  std::array<uint32_t, 2> stamp{};
  uint32_t clock = 0;

  constexpr void Send(const Step& step) {
    const bool counts = (step.flags & (tcp_flag::kSyn | tcp_flag::kFin)) != 0;
    sent[step.from_client] += step.payload + (counts ? 1 : 0);
    stamp[step.from_client] = ++clock;
  }
};

class Traffic {
 public:
  explicit Traffic(const TrafficShape& shape);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
  // There were mbufs for it.
  bool ok() const { return pool_ != nullptr; }

  // Writes a segment of connection `i`, whose ends are that far, into mbuf `slot`.
  void Write(uint32_t slot, uint32_t i, const Ends& ends, const Step& step);

  // From here on connections are that far when their data begins.
  void Begin(const Ends& ends) { established_ = ends; }
  // Segment `n` of the data of connection `i`. Who sends it is drawn; some connections send more one way than others, so that what counts segments is
  // not full for all at once.
  void WriteData(uint32_t slot, uint32_t i, uint32_t n, uint32_t payload = kPayloadBytes);
  // The next connections' next segments of data, into the first `count` mbufs.
  void WriteData(uint32_t count) {
    for (uint32_t slot = 0; slot < count; ++slot) {
      const uint32_t i = NextFlow();
      WriteData(slot, i, round());
    }
  }

  // The connection after the last one, in random order, round and round.
  uint32_t NextFlow() {
    if (next_ == order_.size()) {
      next_ = 0;
      ++round_;
    }
    return order_[next_++];
  }
  // How often NextFlow() had answered its last connection before.
  uint32_t round() const { return round_; }

  rte_mbuf* const* mbufs() const { return mbufs_.data(); }

 private:
  uint32_t PutSegment(uint32_t i, const Ends& ends, const Step& step, uint8_t* to) const;

  rte_mempool* pool_ = nullptr;
  std::array<rte_mbuf*, kBacklog> mbufs_{};
  std::vector<uint32_t, PageAllocator<uint32_t>> order_;  // read one after the other
  TrafficShape shape_;
  Ends established_;
  size_t next_ = 0;
  uint32_t round_ = 0;
};

}  // namespace coretrack::bench
