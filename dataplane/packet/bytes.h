// Unaligned loads from a packet. `Raw` keeps the packet's byte order, `Be` gives host order.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace coretrack {

static_assert(std::endian::native == std::endian::little, "keys and raw constants assume it");

template <typename T>
inline T LoadRaw(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// A 16-bit constant as LoadRaw<uint16_t> would read it, and the other way round.
constexpr uint16_t Swap16(uint16_t value) { return __builtin_bswap16(value); }

inline uint16_t LoadBe16(const uint8_t* at) { return Swap16(LoadRaw<uint16_t>(at)); }
inline uint32_t LoadBe32(const uint8_t* at) { return __builtin_bswap32(LoadRaw<uint32_t>(at)); }

}  // namespace coretrack
