#include "tests/tcp/reference_model.h"

#include <algorithm>

namespace coretrack::testing {

using tcp::State;

int64_t Endpoint::OwnOffset(uint32_t wire) const {
  const auto reference = static_cast<uint32_t>(plan_.isn + static_cast<uint64_t>(sent_));
  return sent_ + static_cast<int32_t>(wire - reference);
}
int64_t Endpoint::PeerOffset(uint32_t wire) const {
  const auto reference = static_cast<uint32_t>(peer_isn_ + static_cast<uint64_t>(expected_));
  return expected_ + static_cast<int32_t>(wire - reference);
}

WireSegment Endpoint::Make(int64_t offset, int64_t length, bool syn, bool fin) {
  WireSegment s;
  s.from_client = plan_.client;
  s.seq = static_cast<uint32_t>(plan_.isn + static_cast<uint64_t>(offset));
  s.length = static_cast<uint32_t>(length);
  s.syn = syn;
  s.fin = fin;
  s.has_ack = expected_ != 0;
  if (s.has_ack) s.ack = static_cast<uint32_t>(peer_isn_ + static_cast<uint64_t>(expected_));
  const int shift = syn || !scaled_ ? 0 : *plan_.scale;
  s.window = static_cast<uint16_t>(std::min<int64_t>(plan_.buffer_bytes >> shift, 65535));
  if (syn) s.scale = plan_.scale;
  return s;
}
void Endpoint::Send(WireSegment s) {
  s.sender_state = state_;
  s.serial = ++serial_;
  if (plan_.timestamps && !s.rst && ((s.syn && !s.has_ack) || expected_ == 0 || timestamps_)) {
    s.timestamp = static_cast<uint32_t>(*plan_.timestamps + serial_);
    if (s.has_ack) s.echo = recent_;
  }
  outbox.push_back(s);
}
void Endpoint::Acknowledge() { Send(Make(sent_, 0, false, false)); }

void Endpoint::Open() {
  state_ = State::kSynSent;
  sent_ = 1;
  Send(Make(0, 0, true, false));
}

void Endpoint::Finish() {
  Close();
  if (!FinSent()) plan_.data_bytes = std::max<int64_t>(sent_ - 1, 0);
}

void Endpoint::Abort() {
  WireSegment reset = Make(sent_, 0, false, false);
  reset.rst = reset.aborts = true;
  state_ = State::kClosed;
  Send(reset);
}

// RFC 9293 3.10.7.1: to a segment that belongs to no connection.
void Endpoint::SendReset(const WireSegment& cause) {
  if (cause.rst) return;
  WireSegment reset;
  reset.from_client = plan_.client;
  reset.rst = true;
  if (cause.has_ack) {
    reset.seq = cause.ack;
  } else {
    reset.has_ack = true;
    reset.ack = cause.seq + cause.length + (cause.syn ? 1 : 0) + (cause.fin ? 1 : 0);
  }
  Send(reset);
}

void Endpoint::SendSomething(std::mt19937* random) {
  if (state_ != State::kEstablished && state_ != State::kCloseWait) return;
  const int64_t room = std::min(limit_ - sent_, FinOffset() - sent_);
  if (room > 0) {
    const int64_t length =
        std::min<int64_t>(room, 1 + (*random)() % static_cast<uint32_t>(plan_.mss));
    const int64_t from = sent_;
    sent_ += length;
    const bool fin = closing_ && sent_ == FinOffset() && sent_ < limit_ && (*random)() % 2 == 0;
    if (fin) {
      ++sent_;
      state_ = state_ == State::kEstablished ? State::kFinWait1 : State::kLastAck;
    }
    return Send(Make(from, length, false, fin));
  }
  if (closing_ && sent_ == FinOffset() && sent_ < limit_) {
    ++sent_;
    state_ = state_ == State::kEstablished ? State::kFinWait1 : State::kLastAck;
    Send(Make(FinOffset(), 0, false, true));
  }
}

void Endpoint::Retransmit() {
  if (acked_ >= sent_ || state_ == State::kClosed || state_ == State::kTimeWait) return;
  if (acked_ == 0) return Send(Make(0, 0, true, false));
  const int64_t data_end = std::min(sent_, FinOffset());
  const int64_t length = std::min(plan_.mss, std::max<int64_t>(data_end - acked_, 0));
  const bool fin = FinSent() && acked_ + length == FinOffset();
  Send(Make(acked_, length, false, fin));
}

void Endpoint::KeepAlive() {
  if (state_ == State::kEstablished && sent_ == acked_) Send(Make(sent_ - 1, 0, false, false));
}

bool Endpoint::Quiet() const {
  if (state_ == State::kClosed || state_ == State::kTimeWait) return true;
  if (acked_ < sent_) return false;
  const bool may_send = state_ == State::kEstablished || state_ == State::kCloseWait;
  return !(may_send && (sent_ < FinOffset() || closing_));
}

void Endpoint::TakeOptions(const WireSegment& s) {
  scaled_ = plan_.scale.has_value() && s.scale.has_value();
  peer_scale_ = scaled_ ? *s.scale : 0;
  timestamps_ = plan_.timestamps.has_value() && s.timestamp.has_value();
  if (timestamps_) recent_ = *s.timestamp;
  peer_isn_ = s.seq;
  expected_ = 1;
}

// RFC 7323 5.3. False: R1 refuses the segment.
bool Endpoint::TakeTimestamp(int64_t offset, const WireSegment& s) {
  if (!timestamps_ || !s.timestamp) return true;
  if (NewerThan(*s.timestamp)) {
    const bool pure_ack = s.length == 0 && !s.fin;
    return plan_.takes_old_acks && pure_ack && offset == expected_;
  }
  if (offset <= expected_) recent_ = *s.timestamp;  // R3
  return true;
}

// RFC 9293 3.10.7.3.
void Endpoint::ReceiveInSynSent(const WireSegment& s) {
  const bool acceptable = s.has_ack && OwnOffset(s.ack) == 1;
  if (s.has_ack && !acceptable) return SendReset(s);
  if (s.rst) {
    if (acceptable) state_ = State::kClosed;
    return;
  }
  if (!s.syn) return;
  TakeOptions(s);
  limit_ = 1 + s.window;
  if (acceptable) {
    acked_ = 1;
    state_ = State::kEstablished;
    return Acknowledge();
  }
  state_ = State::kSynRcvd;
  Send(Make(0, 0, true, false));  // with an ACK now
}

void Endpoint::Receive(const WireSegment& s) {
  if (state_ == State::kClosed) return SendReset(s);
  if (state_ == State::kListen) {
    if (s.rst) return;
    if (s.has_ack) return SendReset(s);
    if (!s.syn) return;
    TakeOptions(s);
    limit_ = 1 + s.window;
    state_ = State::kSynRcvd;
    sent_ = 1;
    return Send(Make(0, 0, true, false));
  }
  if (state_ == State::kSynSent) return ReceiveInSynSent(s);

  // RFC 9293 3.10.7.4, first: is it acceptable?
  const int64_t offset = PeerOffset(s.seq);
  const int64_t end = offset + s.length + (s.syn ? 1 : 0) + (s.fin ? 1 : 0);
  const int64_t window = plan_.buffer_bytes;
  const bool acceptable = end == offset ? offset >= expected_ && offset <= expected_ + window
                                        : offset < expected_ + window && end > expected_;
  if (!s.rst && !s.syn && !TakeTimestamp(offset, s)) return Acknowledge();
  if (s.rst) {                               // RFC 5961 3.2
    if (state_ == State::kTimeWait) return;  // RFC 1337
    if (offset == expected_) {
      state_ = State::kClosed;
    } else if (acceptable) {
      Acknowledge();
    }
    return;
  }
  if (s.syn && state_ == State::kSynRcvd && s.has_ack && offset == 0 && OwnOffset(s.ack) == 1) {
    // The other half of a simultaneous open.
    acked_ = 1;
    limit_ = std::max(limit_, int64_t{1} + s.window);
    state_ = State::kEstablished;
    return Acknowledge();
  }
  if (s.syn && state_ == State::kSynRcvd && offset == 0) return Send(Make(0, 0, true, false));
  if (s.syn || !acceptable) return Acknowledge();  // RFC 5961 4.2
  if (!s.has_ack) return;
  const int64_t ack = OwnOffset(s.ack);
  if (state_ == State::kSynRcvd) {
    if (ack < 1 || ack > sent_) return SendReset(s);
    state_ = State::kEstablished;
    limit_ = 0;  // SND.WND <- SEG.WND: the SYN's own may have been more
  }
  if (ack > sent_) return Acknowledge();
  TakeAck(ack, s);
  if (state_ == State::kClosed) return;
  TakeData(offset, s);
}

void Endpoint::TakeAck(int64_t ack, const WireSegment& s) {
  acked_ = std::max(acked_, ack);
  limit_ = std::max(limit_, ack + (int64_t{s.window} << peer_scale_));
  if (!FinAcked()) return;
  if (state_ == State::kFinWait1)
    state_ = State::kFinWait2;
  else if (state_ == State::kClosing)
    state_ = State::kTimeWait;
  else if (state_ == State::kLastAck)
    state_ = State::kClosed;
}

void Endpoint::TakeData(int64_t offset, const WireSegment& s) {
  if (s.length == 0 && !s.fin) return;
  const int64_t data_end = offset + s.length;
  if (s.fin) peer_fin_ = data_end;
  if (s.length != 0) early_[offset] = std::max(early_[offset], data_end);
  for (auto i = early_.begin(); i != early_.end() && i->first <= expected_;) {
    expected_ = std::max(expected_, i->second);
    i = early_.erase(i);
  }
  if (peer_fin_ && expected_ == *peer_fin_) {
    ++expected_;
    if (state_ == State::kEstablished)
      state_ = State::kCloseWait;
    else if (state_ == State::kFinWait1)
      state_ = State::kClosing;
    else if (state_ == State::kFinWait2)
      state_ = State::kTimeWait;
  }
  Acknowledge();
}

}  // namespace coretrack::testing
