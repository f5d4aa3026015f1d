// The limits of the data plane, in one place. Everything has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace coretrack {

inline constexpr size_t kCacheLine = 64;

// Packets a stage handles at once. rx_burst never returns more.
inline constexpr uint32_t kMaxBurst = 64;

inline constexpr uint32_t kMaxWorkers = 64;
inline constexpr uint32_t kMaxPorts = 32;

// Zones separate equal tuples that arrive on different port pairs. 3 bits in the flow line.
inline constexpr uint32_t kMaxZones = 8;

// A timeout, so that ticks compare (types.h): 20 days.
inline constexpr uint32_t kMaxTimeoutMs = 20u * 24 * 3600 * 1000;

// Slots of one worker's tables. FlowIndex::kNone and the wheel's positions stay clear of it.
inline constexpr uint32_t kMaxFlowsPerWorker = 1u << 30;

}  // namespace coretrack
