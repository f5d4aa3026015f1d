// Reference model: one TCP connection as its two endpoints live it, slow and plain, from RFC 9293
// 3.10, RFC 5961 and RFC 7323. It shares nothing with dataplane/tcp but the names of the states.
//
// The tracker sees the segments that these endpoints send; what it says of an endpoint is held
// against what the endpoint knows of itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "dataplane/tcp/state.h"

namespace coretrack::testing {

struct WireSegment {
  bool from_client = false;
  uint32_t seq = 0;
  uint32_t ack = 0;
  bool syn = false, fin = false, rst = false, has_ack = false;
  uint32_t length = 0;
  uint16_t window = 0;
  std::optional<uint8_t> scale;       // in a SYN
  std::optional<uint32_t> timestamp;  // TSval
  uint32_t echo = 0;                  // TSecr
  // What the wire does not carry: whether it is a RST that answers nothing, its sender's state once it had
  // sent this, and how many segments it had sent by then.
  bool aborts = false;
  tcp::State sender_state = tcp::State::kClosed;
  uint64_t serial = 0;
};

// Numbers inside are offsets from the ISN as 64 bits: 0 is the SYN, 1 the first byte, data_bytes_ +
// 1 the FIN. The wire's 32 bits are taken as the offset nearest to what is expected.
class Endpoint {
 public:
  struct Plan {
    bool client = false;
    uint32_t isn = 0;
    int64_t data_bytes = 0;    // that its application will send
    int64_t buffer_bytes = 0;  // what it offers
    std::optional<uint8_t> scale;
    std::optional<uint32_t> timestamps;  // where its clock starts; it ticks with every segment
    bool takes_old_acks = false;  // as stacks do, against RFC 7323 5.3: a pure ACK, at the edge
    int64_t mss = 1000;
  };
  explicit Endpoint(const Plan& plan) : plan_(plan) {
    state_ = plan.client ? tcp::State::kClosed : tcp::State::kListen;
  }

  tcp::State state() const { return state_; }
  bool NewerThan(uint32_t timestamp) const {  // of what it has received
    return timestamps_ && static_cast<int32_t>(timestamp - recent_) < 0;
  }
  bool Quiet() const;  // nothing is left to send or to have acknowledged

  void Open();  // active
  void Close() { closing_ = true; }
  void Finish();  // Close(), without the data that was not sent yet
  void Abort();
  void SendSomething(std::mt19937* random);  // new data, the FIN
  void Retransmit();                         // what is oldest
  void KeepAlive();
  void Receive(const WireSegment& s);

  // Has it the same state and numbers as `other`, which was a copy of it?
  bool IsWhere(const Endpoint& other) const {
    return state_ == other.state_ && acked_ == other.acked_ && expected_ == other.expected_ &&
           early_ == other.early_ && peer_fin_ == other.peer_fin_;
  }
  uint32_t next() const { return static_cast<uint32_t>(plan_.isn + static_cast<uint64_t>(sent_)); }
  int64_t window() const { return plan_.buffer_bytes; }
  // The first number of its peer's that it does not take.
  uint32_t edge() const {
    return static_cast<uint32_t>(peer_isn_ + static_cast<uint64_t>(expected_ + plan_.buffer_bytes));
  }

  // What it has sent and nobody has taken yet.
  std::vector<WireSegment> outbox;

 private:
  WireSegment Make(int64_t offset, int64_t length, bool syn, bool fin);
  void Send(WireSegment s);
  void Acknowledge();
  void SendReset(const WireSegment& cause);
  void ReceiveInSynSent(const WireSegment& s);
  void TakeAck(int64_t ack, const WireSegment& s);
  void TakeData(int64_t offset, const WireSegment& s);
  void TakeOptions(const WireSegment& s);
  bool TakeTimestamp(int64_t offset, const WireSegment& s);
  int64_t OwnOffset(uint32_t wire) const;
  int64_t PeerOffset(uint32_t wire) const;
  int64_t FinOffset() const { return plan_.data_bytes + 1; }
  bool FinSent() const { return sent_ > FinOffset(); }
  bool FinAcked() const { return acked_ > FinOffset(); }

  Plan plan_;
  tcp::State state_;
  bool closing_ = false;
  int64_t sent_ = 0;     // SND.NXT
  int64_t acked_ = 0;    // SND.UNA
  int64_t limit_ = 1;    // SND.UNA + SND.WND, never shrinking
  bool scaled_ = false;  // both SYNs carried the option
  uint8_t peer_scale_ = 0;
  uint32_t peer_isn_ = 0;
  int64_t expected_ = 0;              // RCV.NXT, from the peer's ISN
  std::map<int64_t, int64_t> early_;  // received beyond a hole: start, end
  std::optional<int64_t> peer_fin_;   // its offset
  bool timestamps_ = false;           // both SYNs carried the option
  uint32_t recent_ = 0;               // TS.Recent
  uint64_t serial_ = 0;
};

}  // namespace coretrack::testing
