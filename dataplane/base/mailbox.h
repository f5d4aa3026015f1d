// Mailbox<T, N>: a bounded ring from one producer thread to one consumer thread. Commands go down
// to a worker in one, events come up in another.
//
// Invariants  1. head_ - tail_ <= N, both only grow (modulo 2^64). 2. Slot i % N belongs to the
//             producer for i in [head_, tail_ + N), else to the consumer.
// Threads     One producer, one consumer, wait-free. Each side keeps a private copy of the other's
//             index, so that an uncontended Push or Pop touches only its own line.
// Limits      N elements, a power of two. A full ring refuses: counting that is the caller's duty.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dataplane/base/limits.h"

namespace coretrack {

template <typename T, size_t N>
class Mailbox {
  static_assert(std::has_single_bit(N), "the ring's size is a power of two");
  static_assert(std::is_trivially_copyable_v<T>, "elements are copied as bytes");

 public:
  // Producer. False when full; nothing is stored then.
  [[nodiscard]] bool Push(const T& value) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - producer_tail_ >= N) {
      producer_tail_ = tail_.load(std::memory_order_acquire);
      if (head - producer_tail_ >= N) return false;
    }
    slots_[head % N] = value;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // Consumer. False when empty; *value is untouched then.
  [[nodiscard]] bool Pop(T* value) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == consumer_head_) {
      consumer_head_ = head_.load(std::memory_order_acquire);
      if (tail == consumer_head_) return false;
    }
    *value = slots_[tail % N];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

 private:
  alignas(kCacheLine) std::atomic<uint64_t> head_{0};  // written by the producer
  uint64_t producer_tail_ = 0;                         // the producer's copy of tail_
  alignas(kCacheLine) std::atomic<uint64_t> tail_{0};  // written by the consumer
  uint64_t consumer_head_ = 0;                         // the consumer's copy of head_
  alignas(kCacheLine) std::array<T, N> slots_{};
};

}  // namespace coretrack
