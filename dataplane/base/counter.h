// Counter: a 64-bit count with one writer and any number of readers.
//
// Threads  Written by the owning worker only (Add is a plain load and store, no locked
//          instruction); read from any thread. A reader sees some recent value, never a torn one.
// Layout   Counters of one worker lie together (worker/counters.h) on lines no other worker writes.
#pragma once

#include <atomic>
#include <cstdint>

namespace coretrack {

class Counter {
 public:
  void Add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  uint64_t Read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace coretrack
