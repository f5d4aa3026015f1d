// FlowSlot: where a FlowLine (and for IPv6 its addresses) lives, and the sequence lock over it and the flow's detail.
//
// Lock      One per flow: the version in word 0 of its FlowLine covers that line, the IPv6 address
//           line, the detail, its origin, and its wide counts. Owner: BeginWrite(), stores to any of them, EndWrite().
//           A write that stores word 0 alone (FlowTable::Erase) needs no BeginWrite().
// Threads   The words are atomics, so that the reader is no data race (clean under TSan); on x86-64
//           they compile to plain moves.
//           Writer: BeginWrite (version odd, relaxed); every word released; the last store is word
//           0 with an even version, released.
//           Reader: word 0 even, everything else with acquire, the whole line again: unchanged, or
//           it may have read a mixture and tries again (FlowTable::Read).
//           Why no fence: a released data word that the reader saw makes the odd version stored
//           before it visible too, so the second look at word 0 cannot miss it (Boehm, "Can
//           seqlocks get along with programming language memory models?", MSPC'12).
//           A writer of several lines at once (worker/line_lanes.h, detail_lanes.h) stores word 3 and the last half of the line, and the first two
//           words of the detail, by plain vector stores and relaxed ones between the odd and the even version. The compiler is told to keep these before and behind
//           them; x86-64 does anyhow, in whatever pieces a vector arrives.
// Limits    The version has 7 bits. All of the line is compared again, so an unnoticed tear needs a
//           multiple of 128 writes within one read that leave deadline, byte and packet deltas and
//           protocol words exactly as they were.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/flow/flow_detail.h"
#include "dataplane/flow/flow_line.h"

namespace coretrack {

using LineWords = std::array<uint64_t, kCacheLine / 8>;

// The owner may also go at a line by halves, or field by field (the established path does: one instruction
// a field). Reading one member of a union through another is GCC's and Clang's extension, and accesses of
// two sizes to one atomic are the machine's promise (aligned, single-copy atomic, in order on
// x86-64), not the standard's.
struct alignas(kCacheLine) AtomicLine {
  AtomicLine() : words{} {}
  union {
    std::array<std::atomic<uint64_t>, kCacheLine / 8> words;
    std::array<std::atomic<uint32_t>, kCacheLine / 4> halves;
  };

  // The owner's read, as plain bytes: no other thread writes. Of the whole line, or of a T at `byte`.
  template <typename T>
  T LoadOwned(size_t byte = 0) const {
    static_assert(sizeof(T) <= kCacheLine && std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(static_cast<void*>(&value), reinterpret_cast<const unsigned char*>(this) + byte,
                sizeof(value));
    return value;
  }
  // The owner's write, between BeginWrite() and EndWrite(). By halves: many fields are as wide, and a
  // load that is wider than the store before it stalls the core.
  template <typename T>
  void StoreReleased(const T& value, size_t first_half = 0) {
    static_assert(sizeof(T) == kCacheLine && std::is_trivially_copyable_v<T>);
    const auto* from = reinterpret_cast<const unsigned char*>(&value);
#pragma GCC unroll 16
    for (size_t i = first_half; i < halves.size(); ++i) {
      uint32_t half;
      std::memcpy(&half, from + i * sizeof(half), sizeof(half));
      halves[i].store(half, std::memory_order_release);
    }
  }
  // The reader's copy: a mixture, unless the sequence lock says otherwise afterwards. Answers its word 0. By words: a wider
  // load of what they have just stored would wait.
  uint64_t LoadAcquired(FlowLine* copy) const {
    const uint64_t word0 = words[0].load(std::memory_order_acquire);
    auto* const to = reinterpret_cast<unsigned char*>(copy);
    std::memcpy(to, &word0, sizeof(word0));
#pragma GCC unroll 8
    for (size_t i = 1; i < words.size(); ++i) {
      const uint64_t word = words[i].load(std::memory_order_acquire);
      std::memcpy(to + i * sizeof(word), &word, sizeof(word));
    }
    return word0;
  }
  // Does it hold `copy` still?
  bool Holds(const FlowLine& copy) const {
    const auto* const from = reinterpret_cast<const unsigned char*>(&copy);
    uint64_t difference = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < words.size(); ++i) {
      uint64_t word;
      std::memcpy(&word, from + i * sizeof(word), sizeof(word));
      difference |= words[i].load(std::memory_order_acquire) ^ word;
    }
    return difference == 0;
  }
};
static_assert(sizeof(AtomicLine) == kCacheLine && std::atomic<uint64_t>::is_always_lock_free);

// The version and the state as word 0 holds them.
static_assert(std::endian::native == std::endian::little && offsetof(FlowLine, version) == 0 &&
              offsetof(FlowLine, state) == 1);
constexpr bool VersionIsOdd(uint64_t word0) { return (word0 & 1) != 0; }
constexpr uint8_t StateIn(uint64_t word0) { return static_cast<uint8_t>(word0 >> 8); }
constexpr uint8_t NextEvenVersion(uint64_t word0) { return static_cast<uint8_t>((word0 | 1) + 1); }

// Owner: marks `line` (and the addresses and the detail that belong to it) as being written.
inline void BeginWrite(AtomicLine& line) {
  line.words[0].store(line.words[0].load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
}
// Owner: stores `value` whole and ends the write. Its `version` is set here: the next even one.
// REQUIRES: BeginWrite(line) came before.
inline void EndWrite(AtomicLine& line, const FlowLine& value) {
  line.StoreReleased(value, 1);
  const uint32_t head =
      value.state << 8 | value.packets[0] << 16 | uint32_t{value.packets[1]} << 24;
  line.halves[0].store(head | NextEvenVersion(line.halves[0].load(std::memory_order_relaxed)),
                       std::memory_order_release);
}

// A copy of one flow as any thread sees it.
struct FlowCopy {
  FlowLine line;
  FlowDetail detail;
  std::array<uint64_t, 4> ipv6_address;  // FlowKey::address; zero for IPv4
};

}  // namespace coretrack
