// Connection: what is remembered of one TCP connection, unpacked for the tracker.
//
// Layout  Half[d] is the endpoint that sends in Direction d. worker/tcp_binding.h packs this into a
// flow's line and detail.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/types.h"
#include "dataplane/tcp/scoreboard.h"
#include "dataplane/tcp/sequence.h"
#include "dataplane/tcp/state.h"

namespace coretrack::tcp {

// A window scale that was never seen (mid-stream): the bound of RFC 7323 2.3 is assumed.
inline constexpr uint8_t kUnknownScale = 15;
inline constexpr uint8_t kMaxScale = 14;
constexpr uint8_t EffectiveScale(uint8_t scale) { return scale > kMaxScale ? kMaxScale : scale; }

// No window scale option in a SYN.
inline constexpr uint8_t kNoScale = 15;

// What one endpoint has sent, as far as it was seen. Sequence numbers are modulo 2^32.
struct Half {
  uint32_t end = 0;        // the highest SEG.SEQ + SEG.LEN it sent; from its FIN on, the FIN's end
  uint32_t max_end = 0;    // the highest SEG.ACK + SEG.WND of its peer: how far it may send. In
                           // SYN_SENT: its ISN + 1
  uint32_t ack = 0;        // the highest SEG.ACK it sent, the peer's ISN before that
  uint32_t ts_recent = 0;  // RFC 7323 TS.Recent of its peer, as its peer echoes it; 0: PAWS is off
  uint8_t max_window = 0;  // the largest window it offered, coded (sequence.h); 0: not heard yet
  uint8_t scale = 0;       // in force on its windows, or kUnknownScale
  State state = State::kClosed;
  bool heard() const { return max_window != 0; }
};

// What is kept in mind of `sender`: something was missed, or something was forged, and what follows will
// tell.
struct Suspicion {
  enum class Kind : uint8_t {
    kNone,
    kSegment,  // a segment far beyond the window: [first, end), and what it acknowledged. A segment of
               // the other side that is exact in its own numbers confirms it (TCP.md 37)
    kAcked,  // the other side has acknowledged up to `first`, which was not seen
  };
  Kind kind = Kind::kNone;
  // kSegment: it carried a FIN, at `end` - 1. kAcked: who said so had sent its own before.
  bool fin = false;
  Direction sender = Direction::kForward;
  uint32_t first = 0;
  uint32_t ack = 0;  // kSegment
  uint32_t end = 0;  // kSegment
  bool active() const { return kind != Kind::kNone; }
  bool Is(Kind k, Direction d) const { return kind == k && sender == d; }
};

// The caller may forget it.
struct KeptInMind {
  Suspicion suspicion;
  std::array<Scoreboard, 2> boards;  // by Direction: of the sender
  bool empty() const { return !suspicion.active() && boards[0].empty() && boards[1].empty(); }
};

// Facts that the established path does not read.
struct Facts {
  std::array<uint16_t, 2> mss{};                             // 0: no option seen
  std::array<uint8_t, 2> offered_scale{kNoScale, kNoScale};  // as in the SYN
  std::array<bool, 2> syn_seen{};
  std::array<bool, 2> sack{};
  std::array<bool, 2> timestamps{};
  std::array<bool, 2>
      fin_pending{};         // a FIN behind a hole: it counts when Half::end is acknowledged
  bool hole_filled = false;  // in front of a pending FIN, as far as was seen
  bool assured = false;      // both sides confirmed it: the last to be evicted
  bool midstream = false;    // its opening was not seen: who is the originator is a guess
  bool rival = false;        // another incarnation stands beside this one (Action::kKeep)
  // By Direction: this endpoint was moved by what it was sent, or by what was guessed of it, and has
  // not spoken since.
  std::array<bool, 2> provisional{};
  uint8_t unanswered = 0;  // retransmissions since the peer last spoke, 0 to 3
  KeptInMind mind;
  bool retransmitter = false;  // Direction that `unanswered` counts
};

struct Connection {
  std::array<Half, 2> half;  // by Direction
  Direction originator = Direction::kForward;
  Facts facts;

  StatePair states() const {
    return {half[Raw(originator)].state, half[Raw(Opposite(originator))].state};
  }
};

}  // namespace coretrack::tcp
