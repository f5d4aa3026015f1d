// Tracker: one segment against one connection.
//
// What for  Decides whether a segment is valid (van Rooij's window check with scaling, RFC 5961 for
//           RST and SYN, RFC 7323 PAWS, RFC 1337 and 6191 for TIME_WAIT) and moves both endpoints
//           through diagram.h.
// Threads   Pure: touches its arguments only.
// Errors    Every segment has one Outcome. An invalid one moves no state; two kinds are kept in
//           mind for what the other side may say of them: kOverrun, kSequenceHigh.
// Cost      bench: Pipeline/established
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/base/types.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/timeouts.h"

namespace coretrack::tcp {

enum class WindowCheck : uint8_t { kCheck, kObserve, kOff };

struct Policy {
  WindowCheck window = WindowCheck::kCheck;
  bool midstream = true;  // pick up connections whose opening was not seen
};

// Why a segment is invalid. The words appear in metrics and in replay --events.
enum class Invalid : uint8_t {
  kNone,
  kFlags,         // a combination no TCP sends (TCP.md 25)
  kSynAckAck,     // a SYN+ACK or RST in answer to a SYN that does not acknowledge it
  kSequenceHigh,  // beyond what the receiver offered
  kSequenceLow,   // older than any window the receiver offered
  kAckHigh,       // acknowledges what was never allowed to be sent
  kAckLow,        // older than any acknowledgment that makes sense (RFC 5961 5)
  kOverrun,       // beyond the window by less than one window: remembered, so that ACKs of it pass
                  // (TCP.md 22)
  kRstSequence,   // a RST that is not at the exact sequence number (RFC 5961 3)
  kPaws,          // an old timestamp (RFC 7323 5)
  kAfterFin,      // data after a FIN
  kTimeWaitDuplicate,  // an old duplicate in TIME_WAIT
  kTimeWaitSyn,        // a SYN in TIME_WAIT that is not above the old sequence (RFC 6191)
  kHeader,             // malformed header, options or checksum (counted by the parser's reason too)
  kCount,
};
std::string_view Name(Invalid reason);  // "sequence_high", ...

// What else a segment was. Bits of Outcome::notes.
namespace note {
inline constexpr uint16_t kRetransmission = 1 << 0;  // data that lies wholly below what was sent
inline constexpr uint16_t kFinAgain = 1
                                      << 1;  // TIME_WAIT: the last ACK was lost, 2 MSL starts again
inline constexpr uint16_t kChallenged =
    1 << 2;  // a SYN on a synchronized connection: powerless, not invalid (RFC 5961 4)
inline constexpr uint16_t kWindowObserved = 1 << 3;  // WindowCheck::kObserve let it pass
inline constexpr uint16_t kSynAnswered = 1 << 4;     // the first SYN+ACK
inline constexpr uint16_t kOpened = 1 << 5;          // the ACK that ends the handshake
inline constexpr uint16_t kReset = 1 << 6;           // a RST took effect
inline constexpr uint16_t kGap = 1 << 7;  // it acknowledges what was not seen of the other side
inline constexpr uint16_t kOldDuplicate =
    1 << 8;  // of what opened this connection, in TIME_WAIT; the caller's to set
}  // namespace note

enum class Action : uint8_t {
  kNone,
  // The flow is over and this SYN opens another on the same ports: end the flow, make a new one and
  // Open() it.
  kNewConnection,
  // A SYN or a SYN+ACK that may open another incarnation beside this one: Open() it too, and what
  // does not fit this one may fit that (TCP.md 38).
  kKeep,
};

// Too large for a register: put together in bytes and returned as a word, it would stall the core.
struct alignas(32) Outcome {
  Invalid invalid = Invalid::kNone;
  Action action = Action::kNone;
  bool moved = false;    // either state changed
  bool refresh = false;  // the deadline moves to now + the timeout of `timeout`
  TimeoutClass timeout = TimeoutClass::kEstablished;
  uint16_t notes = 0;
};

// The first segment of an unknown flow. False: it opens nothing (a RST, a bad flag combination,
// mid-stream not allowed), `invalid` says whether it is invalid besides. REQUIRES: `connection` is
// freshly constructed.
bool Open(const TcpHeader& segment, Direction direction, const Policy& policy,
          Connection* connection, Outcome* outcome);

// Any later segment. `connection->facts.rival` is the caller's to set once it keeps one (kKeep).
Outcome Track(const TcpHeader& segment, Direction direction, const Policy& policy,
              Connection* connection);

// Does a flag combination exist (TCP.md 25)?
constexpr bool FlagsAreLegal(uint8_t flags) {
  using namespace tcp_flag;
  switch (flags & (kSyn | kFin | kRst | kAck)) {
    case kSyn:
    case kSyn | kAck:
    case kAck:
    case kFin | kAck:
    case kRst:
    case kRst | kAck:
      return true;
    default:
      return false;
  }
}

}  // namespace coretrack::tcp
