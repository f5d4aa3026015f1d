// DatagramFollower: which bytes of which fragmented datagrams have passed.
//
// What for  The box forwards fragments as they come. Here it is known when the last missing one
//           passes: then the datagram has reached its receiver as a whole and is tracked as one packet.
// Layout    kSets sets of kWays datagrams, by a keyed hash of addresses, protocol, VLANs, zone, id and
//           direction (RFC 791 3.2, RFC 8200 4.5). A datagram keeps its first bytes and the place of
//           each fragment, no payload.
// Limits    kSets * kWays datagrams of kMaxFragments fragments each; when a set is full its oldest
//           datagram is given up. A datagram is given up after 30 s (IPv6: 60 s, RFC 8200 4.5).
//           Nothing is allocated after construction.
// Rules     A fragment that overlaps another one, an exact copy apart, spoils its datagram, and so
//           does one beyond the last (RFC 5722, which Linux applies to IPv4 too). The fixed part of
//           a TCP header must lie in the first fragment (RFC 1858, RFC 3128); options may go on.
// Threads   One owner.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/base/types.h"
#include "dataplane/packet/flow_key.h"
#include "dataplane/packet/fragment.h"

namespace coretrack {

class DatagramFollower {
 public:
  static constexpr uint32_t kSets = 256;
  static constexpr uint32_t kWays = 4;
  static constexpr uint32_t kMaxFragments = 64;
  static constexpr uint32_t kHeadBytes = 60;  // the largest TCP header
  static constexpr uint32_t kTimeoutMs = 30'000;
  static constexpr uint32_t kIpv6TimeoutMs = 60'000;

  enum class Answer : uint8_t {
    kWaits,     // for others
    kComplete,  // it was the last that was missing; `whole` is filled
    kOverlap,   // it or an earlier one contradicts another
    kTiny,      // it holds a part of a TCP header
  };
  // A datagram all of whose fragments have passed.
  struct Whole {
    std::array<uint8_t, kHeadBytes> head;  // the first bytes of its payload
    uint32_t head_bytes = 0;
    uint32_t payload_bytes = 0;
    uint32_t packets = 0;   // fragments, copies included
    uint32_t ip_bytes = 0;  // of all of them
  };

  DatagramFollower();

  // `key` and `direction` as Parse() gave them; `hash` of DatagramKey(). `*given_up` grows by the
  // fragments that wait no more without having become a whole.
  Answer Follow(const Fragment& fragment, const FlowKey& key, Direction direction, FlowHash hash,
                Tick now, Whole* whole, uint32_t* given_up);

  // Looks at `budget` datagrams in turn; returns the fragments of those whose time has passed.
  uint32_t Expire(Tick now, uint32_t budget);

  // Fragments that wait for the rest of their datagram.
  uint32_t waiting() const { return waiting_; }

  // What is hashed: the id stands in for the ports.
  static FlowKey DatagramKey(FlowKey key, uint32_t id) {
    key.ports = id;
    return key;
  }

 private:
  struct Piece {
    uint16_t offset_units;  // of 8 bytes
    uint16_t bytes;
    uint32_t begin() const { return offset_units * 8u; }
    uint32_t end() const { return begin() + bytes; }
  };
  struct Datagram {
    FlowKey key;  // with the id for ports
    Direction direction;
    bool used = false;
    bool spoilt = false;
    uint8_t pieces = 0;
    uint8_t head_bytes = 0;  // of `head` that are there
    Tick deadline;
    uint32_t payload_bytes = 0;  // known from the last fragment on; 0: not yet
    uint32_t seen_bytes = 0;
    uint32_t packets = 0;
    uint32_t ip_bytes = 0;
    std::array<uint8_t, kHeadBytes> head;
    std::array<Piece, kMaxFragments> piece;
  };
  enum class Place : uint8_t { kNew, kCopy, kConflict };

  Datagram& Find(const FlowKey& key, Direction direction, FlowHash hash, Tick now,
                 uint32_t* given_up);
  static Place PlaceOf(const Fragment& fragment, const Datagram& datagram);
  uint32_t GiveUp(Datagram* datagram);
  Answer Spoil(Answer answer, Datagram* datagram, uint32_t* given_up);

  std::unique_ptr<std::array<Datagram, kSets * kWays>> datagrams_;
  uint32_t waiting_ = 0;
  uint32_t next_to_expire_ = 0;
};

}  // namespace coretrack
