// FlowSlot: where a FlowLine (and for IPv6 its addresses) or a FlowDetail lives, and the sequence
// lock over both.
//
// Threads   The words are atomics, so that the reader is no data race (clean under TSan); on x86-64
// they compile to plain moves.
//           Writer:  BeginWrite (version odd, relaxed); every word released; the last store is word
//           0 with an even version. Reader:  word 0, the rest with acquire, word 0 again: equal and
//           even, or it read a mixture and tries again. A released data word that the reader saw
//           makes the odd version before it visible too, so no fence is needed (Boehm, "Can
//           seqlocks get along with programming language memory models?", MSPC'12). The version has
//           7 bits, but all of word 0 is compared: an unnoticed tear needs a multiple of 128 writes
//           within one tick that also leave both packet deltas equal.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "dataplane/flow/flow_line.h"

namespace coretrack {

using LineWords = std::array<uint64_t, kCacheLine / 8>;

struct alignas(kCacheLine) AtomicLine {
  std::array<std::atomic<uint64_t>, kCacheLine / 8> words;

  // The owner's read: no other thread writes.
  template <typename T>
  T LoadOwned() const {
    LineWords w;
    for (size_t i = 0; i < w.size(); ++i) w[i] = words[i].load(std::memory_order_relaxed);
    return std::bit_cast<T>(w);
  }
  template <typename T>
  void StoreReleased(const T& value, size_t first_word = 0) {
    const auto w = std::bit_cast<LineWords>(value);
    for (size_t i = first_word; i < w.size(); ++i) words[i].store(w[i], std::memory_order_release);
  }
};
static_assert(sizeof(AtomicLine) == kCacheLine && std::atomic<uint64_t>::is_always_lock_free);

// Owner: marks `line` (and the detail that belongs to it) as being written.
inline void BeginWrite(AtomicLine& line) {
  line.words[0].store(line.words[0].load(std::memory_order_relaxed) | 1, std::memory_order_relaxed);
}
// Owner: stores `value` whole and ends the write. Its `version` is set here: the next even one.
inline void EndWrite(AtomicLine& line, FlowLine value) {
  value.version =
      static_cast<uint8_t>(((line.words[0].load(std::memory_order_relaxed) | 1) + 1) & 0xff);
  line.StoreReleased(value, 1);
  line.words[0].store(std::bit_cast<LineWords>(value)[0], std::memory_order_release);
}

// A copy of one flow as any thread sees it.
struct FlowCopy {
  FlowLine line;
  FlowDetail detail;
  std::array<uint64_t, 4> ipv6_address;  // FlowKey::address; zero for IPv4
};

}  // namespace coretrack
