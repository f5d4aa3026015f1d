#include "dataplane/worker/datagram_follower.h"

#include <algorithm>

#include "dataplane/packet/protocols.h"

namespace coretrack {
namespace {

constexpr uint32_t kTcpHeaderBytes = 20;

// Are ports and flags, the fixed part of a TCP header, in more than one fragment?
bool SplitsTcpHeader(const Fragment& f) {
  if (f.protocol != ip_protocol::kTcp) return false;
  return f.offset_bytes == 0 ? f.data_bytes < kTcpHeaderBytes : f.offset_bytes < kTcpHeaderBytes;
}

}  // namespace

DatagramFollower::DatagramFollower()
    : datagrams_(std::make_unique<std::array<Datagram, kSets * kWays>>()) {}

// The datagram, begun if it is not known: in a free place, or in that of the oldest.
DatagramFollower::Datagram& DatagramFollower::Find(const FlowKey& key, Direction direction,
                                                   FlowHash hash, Tick now, uint32_t* given_up) {
  Datagram* const set = &(*datagrams_)[hash.value % kSets * kWays];
  Datagram* victim = set;
  for (uint32_t way = 0; way < kWays; ++way) {
    Datagram& d = set[way];
    if (d.used && !now.Before(d.deadline)) *given_up += GiveUp(&d);
    if (d.used && d.direction == direction && d.key == key) return d;
    if (victim->used && (!d.used || d.deadline.Before(victim->deadline))) victim = &d;
  }
  *given_up += GiveUp(victim);
  victim->used = true;
  victim->key = key;
  victim->direction = direction;
  victim->deadline = now + (key.ipv6 ? kIpv6TimeoutMs : kTimeoutMs);
  return *victim;
}

DatagramFollower::Place DatagramFollower::PlaceOf(const Fragment& f, const Datagram& d) {
  const uint32_t begin = f.offset_bytes, end = f.end_bytes();
  if (d.payload_bytes != 0 && (end > d.payload_bytes || (!f.more && end != d.payload_bytes))) {
    return Place::kConflict;
  }
  bool copy = false;
  for (uint32_t i = 0; i < d.pieces; ++i) {
    const Piece& p = d.piece[i];
    if (!f.more && p.end() > end) return Place::kConflict;
    if (p.begin() == begin && p.end() == end) {
      // The payload is not kept, but a copy of the head must be one.
      const uint32_t head = std::min<uint32_t>(kHeadBytes, f.readable_bytes);
      if (begin == 0 && !std::equal(f.data, f.data + head, d.head.data())) return Place::kConflict;
      copy = true;
    } else if (begin < p.end() && p.begin() < end) {
      return Place::kConflict;
    }
  }
  if (copy) return Place::kCopy;
  return d.pieces == kMaxFragments ? Place::kConflict : Place::kNew;
}

DatagramFollower::Answer DatagramFollower::Follow(const Fragment& f, const FlowKey& key,
                                                  Direction direction, FlowHash hash, Tick now,
                                                  Whole* whole, uint32_t* given_up) {
  Datagram& d = Find(DatagramKey(key, f.id), direction, hash, now, given_up);
  if (SplitsTcpHeader(f)) return Spoil(Answer::kTiny, &d, given_up);
  if (d.spoilt) return Answer::kOverlap;
  const Place place = PlaceOf(f, d);
  if (place == Place::kConflict) return Spoil(Answer::kOverlap, &d, given_up);
  ++d.packets;
  ++waiting_;
  d.ip_bytes += f.ip_bytes;
  if (place == Place::kCopy) return Answer::kWaits;

  d.piece[d.pieces++] = {.offset_units = static_cast<uint16_t>(f.offset_bytes / 8),
                         .bytes = static_cast<uint16_t>(f.data_bytes)};
  d.seen_bytes += f.data_bytes;
  if (!f.more) d.payload_bytes = f.end_bytes();
  if (f.offset_bytes < kHeadBytes) {
    const uint32_t bytes = std::min(f.readable_bytes, kHeadBytes - f.offset_bytes);
    std::copy_n(f.data, bytes, d.head.begin() + f.offset_bytes);
    d.head_bytes = static_cast<uint8_t>(d.head_bytes + bytes);
  }
  if (d.payload_bytes == 0 || d.seen_bytes != d.payload_bytes) return Answer::kWaits;
  *whole = {.head = d.head,
            .head_bytes = d.head_bytes,
            .payload_bytes = d.payload_bytes,
            .packets = d.packets,
            .ip_bytes = d.ip_bytes};
  // The id is free again: what comes with it belongs to another datagram (RFC 4963).
  GiveUp(&d);
  return Answer::kComplete;
}

// Forgets a datagram; returns how many of its fragments waited.
uint32_t DatagramFollower::GiveUp(Datagram* d) {
  const uint32_t waited = d->packets;
  waiting_ -= waited;
  d->used = d->spoilt = false;
  d->pieces = d->head_bytes = 0;
  d->payload_bytes = d->seen_bytes = d->packets = d->ip_bytes = 0;
  return waited;
}

// From here on until its time is over nothing of it passes.
DatagramFollower::Answer DatagramFollower::Spoil(Answer answer, Datagram* d, uint32_t* given_up) {
  const Tick deadline = d->deadline;
  *given_up += GiveUp(d);
  d->used = d->spoilt = true;
  d->deadline = deadline;
  return answer;
}

uint32_t DatagramFollower::Expire(Tick now, uint32_t budget) {
  uint32_t given_up = 0;
  for (; waiting_ != 0 && budget != 0; --budget) {
    Datagram& d = (*datagrams_)[next_to_expire_];
    next_to_expire_ = (next_to_expire_ + 1) % (kSets * kWays);
    if (d.used && !now.Before(d.deadline)) given_up += GiveUp(&d);
  }
  return given_up;
}

}  // namespace coretrack
