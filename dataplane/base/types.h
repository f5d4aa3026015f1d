// Strong types shared by every room of the data plane.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace coretrack {

// Names one flow's slot in one worker's tables: an index, never a count and never a pointer, so
// that it stays true wherever the arena is mapped.
enum class FlowIndex : uint32_t { kNone = std::numeric_limits<uint32_t>::max() };
constexpr uint32_t Raw(FlowIndex index) { return static_cast<uint32_t>(index); }

// The keyed hash of a FlowKey (packet/flow_hash.h), odd. Equal for both directions of a flow.
struct FlowHash {
  uint64_t value = 0;
  friend bool operator==(FlowHash, FlowHash) = default;
};

// Which way a packet goes relative to its canonical key: kForward when its source is the key's
// endpoint 0. Says nothing of who opened the flow.
enum class Direction : uint8_t { kForward = 0, kReverse = 1 };
constexpr Direction Opposite(Direction d) {
  return static_cast<Direction>(1 - static_cast<uint8_t>(d));
}
constexpr unsigned Raw(Direction d) { return static_cast<unsigned>(d); }

// A worker's clock in milliseconds, modulo 2^32: read once a burst, compared by difference. Two
// ticks that are compared lie less than 2^31 ms (24.8 days) apart; kMaxTimeoutMs (limits.h) keeps
// that true.
class Tick {
 public:
  constexpr Tick() = default;
  constexpr explicit Tick(uint32_t ms) : ms_(ms) {}
  constexpr uint32_t ms() const { return ms_; }

  // this + ms and this - other, both modulo 2^32.
  constexpr Tick operator+(uint32_t ms) const { return Tick(ms_ + ms); }
  constexpr Tick operator-(uint32_t ms) const { return Tick(ms_ - ms); }
  constexpr int32_t operator-(Tick other) const { return static_cast<int32_t>(ms_ - other.ms_); }
  constexpr bool Before(Tick other) const { return *this - other < 0; }
  constexpr bool AtOrBefore(Tick other) const { return *this - other <= 0; }
  friend constexpr bool operator==(Tick, Tick) = default;

 private:
  uint32_t ms_ = 0;
};

// The time of a burst: the tick that deadlines are measured in and the wall clock in microseconds
// since 1970 (UTC).
struct Now {
  Tick tick;
  uint64_t unix_us = 0;
};

}  // namespace coretrack
