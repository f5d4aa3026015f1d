// Writing values into a buffer that is known to be large enough: numbers, times, addresses.
//
// What for  10 M flows as JSON in a second or two (README.md): no stream, no format string, no allocation.
// Limits    Each function says what it may write at most. REQUIRES: that much room at `out`, and kOvershoot bytes more: what is
//           copied in whole blocks may reach beyond its end, and is written over by what comes next.
// Threads   Pure; PutTime() keeps the last minute's text per thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace coretrack {

inline constexpr size_t kMaxUintChars = 20;
inline constexpr size_t kTimeChars = 27;        // "2026-01-01T00:00:00.000000Z"
inline constexpr size_t kMaxAddressChars = 45;  // "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"

inline constexpr size_t kOvershoot = 32;

// A literal as an argument of a template, which can so pad it.
template <size_t kSize>
struct Literal {
  char text[kSize];
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is to become one
  consteval Literal(const char (&of)[kSize]) { std::copy_n(of, kSize, text); }
};

// Each answers the end of what it wrote.
// A literal, in blocks of 8, 16 or 32 bytes: as a string of known length it took an instruction a byte.
template <Literal kText>
[[gnu::always_inline]] inline char* Put(char* out) {
  constexpr size_t kChars = sizeof(kText.text) - 1;
  constexpr size_t kBlock = kChars <= 8 ? 8 : kChars <= 16 ? 16 : kOvershoot;
  using Block [[gnu::vector_size(kBlock), gnu::aligned(1), gnu::may_alias]] = char;
  constexpr size_t kBlocks = (kChars + kBlock - 1) / kBlock;
  static constexpr std::array<char, kBlocks* kBlock> kPadded = [] {
    std::array<char, kBlocks * kBlock> padded{};
    std::copy_n(kText.text, kChars, padded.begin());
    return padded;
  }();
  for (size_t at = 0; at < kPadded.size(); at += kBlock)
    *reinterpret_cast<Block*>(out + at) = *reinterpret_cast<const Block*>(&kPadded[at]);
  return out + kChars;
}

// A number below 1,000, with a point behind it (for IPv4 addresses), and how many digits that has.
struct ShortNumber {
  char text[4];
  uint32_t digits;
};
inline constexpr auto kShortNumbers = [] {
  std::array<ShortNumber, 1000> numbers{};
  for (uint32_t i = 0; i < numbers.size(); ++i) {
    ShortNumber& n = numbers[i];
    if (i >= 100) n.text[n.digits++] = static_cast<char>('0' + i / 100);
    if (i >= 10) n.text[n.digits++] = static_cast<char>('0' + i / 10 % 10);
    n.text[n.digits++] = static_cast<char>('0' + i % 10);
    n.text[n.digits] = '.';
  }
  return numbers;
}();
// REQUIRES: it is.
inline char* PutShortUint(char* out, uint32_t below_1000) {
  const ShortNumber& number = kShortNumbers[below_1000];
  std::memcpy(out, number.text, sizeof(number.text));
  return out + number.digits;
}
char* PutLongUint(char* out, uint64_t value);  // of any size
inline char* PutUint(char* out, uint64_t value) {
  return value < kShortNumbers.size() ? PutShortUint(out, static_cast<uint32_t>(value))
                                      : PutLongUint(out, value);
}
// UTC, microseconds since 1970; years from 1970 to 9999, later ones as the last instant of 9999.
char* PutTime(char* out, uint64_t unix_us);
// Network order; IPv4 in the first four bytes. IPv6 as RFC 5952 has it, and as inet_ntop() prints it.
char* PutAddress(char* out, const std::array<uint8_t, 16>& address, bool ipv6);

std::string TimeText(uint64_t unix_us);
std::string AddressText(const std::array<uint8_t, 16>& address, bool ipv6);

// "tcp", "udp", "icmp", "icmpv6", "sctp", or the number.
char* PutProtocol(char* out, uint8_t protocol);
std::string ProtocolText(uint8_t protocol);

// `text` inside a JSON string, without the quotes.
std::string JsonEscaped(std::string_view text);

}  // namespace coretrack
