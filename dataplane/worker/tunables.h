// Tunables: what can change while workers run. A worker gets a new copy through its mailbox.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/tcp/timeouts.h"
#include "dataplane/tcp/tracker.h"

namespace coretrack {

// Timeouts of flows without TCP state.
enum class DatagramClass : uint8_t { kUdp, kUdpStream, kIcmp, kSctp, kOther };
inline constexpr int kDatagramClasses = 5;

struct Timeouts {
  tcp::TimeoutsMs tcp_timeout_ms = tcp::kDefaultTimeoutsMs;
  std::array<uint32_t, kDatagramClasses> datagram_timeout_ms = {30'000, 120'000, 30'000, 210'000,
                                                                600'000};
  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

struct Tunables : Timeouts {
  // Until the last change of timeouts, at this unix time: deadlines set before it lie by these ahead of
  // their packet. 0: never changed.
  Timeouts before;
  uint64_t timeouts_changed_us = 0;
  tcp::Policy tcp;
  bool drop_invalid = false;
  bool verify_checksums = false;
};

}  // namespace coretrack
