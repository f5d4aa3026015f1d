// Sequence space arithmetic (RFC 9293 3.4: modulo 2^32) and the coded windows of a flow line.
#pragma once

#include <bit>
#include <cstdint>

namespace coretrack::tcp {

constexpr bool Before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }
constexpr bool After(uint32_t a, uint32_t b) { return Before(b, a); }
constexpr bool AtOrBefore(uint32_t a, uint32_t b) { return !After(a, b); }
constexpr bool AtOrAfter(uint32_t a, uint32_t b) { return !Before(a, b); }
constexpr uint32_t Later(uint32_t a, uint32_t b) { return Before(a, b) ? b : a; }

// A window of up to 65535 * 2^14 bytes in one byte: 5 bits of exponent, 3 of mantissa, rounded up,
// so never too strict and at most 1/8 too large. 0 means "this endpoint has not been heard";
// monotone, so that codes compare like windows. (Twin: worker/line_lanes.h.)
constexpr uint8_t EncodeWindow(uint32_t bytes) {
  if (bytes <= 8) return 1;
  int exponent = std::bit_width(bytes) - 4;
  uint32_t mantissa = (bytes + (1u << exponent) - 1) >> exponent;  // 8 to 16
  if (mantissa == 16) {
    mantissa = 8;
    ++exponent;
  }
  return static_cast<uint8_t>(1 + (exponent << 3 | (mantissa - 8)));
}
constexpr uint32_t DecodeHeardWindow(uint8_t code) {  // REQUIRES: code != 0
  const uint32_t index = code - 1u;
  return (8 + (index & 7)) << (index >> 3);
}
constexpr uint32_t DecodeWindow(uint8_t code) { return code == 0 ? 0 : DecodeHeardWindow(code); }
static_assert(DecodeWindow(EncodeWindow(65535u << 14)) >= 65535u << 14);
static_assert(DecodeWindow(EncodeWindow(65535)) == 65536 && DecodeWindow(EncodeWindow(1)) == 8);

}  // namespace coretrack::tcp
