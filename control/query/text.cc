#include "control/query/text.h"

#include <algorithm>
#include <bit>
#include <chrono>

namespace coretrack {
namespace {

constexpr uint64_t kDayUs = 24ull * 3600 * 1'000'000;
constexpr uint64_t kLastDay = 2'932'896;  // 9999-12-31

// "00" to "99" one after the other.
constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// "0" to "255", and how many digits that is.
struct Octet {
  char digits[3];
  uint8_t count;
};
constexpr auto kOctets = [] {
  std::array<Octet, 256> octets{};
  for (uint32_t i = 0; i < octets.size(); ++i) {
    Octet& o = octets[i];
    if (i >= 100) o.digits[o.count++] = static_cast<char>('0' + i / 100);
    if (i >= 10) o.digits[o.count++] = static_cast<char>('0' + i / 10 % 10);
    o.digits[o.count++] = static_cast<char>('0' + i % 10);
  }
  return octets;
}();

char* PutPair(char* out, uint32_t below_100) {
  std::memcpy(out, &kPairs[2 * size_t{below_100}], 2);
  return out + 2;
}

void PutDate(char* out, uint64_t day) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int64_t>(day)))};
  const auto year = static_cast<uint32_t>(static_cast<int>(date.year()));
  out = PutPair(out, year / 100);
  out = PutPair(out, year % 100);
  *out++ = '-';
  out = PutPair(out, static_cast<unsigned>(date.month()));
  *out++ = '-';
  PutPair(out, static_cast<unsigned>(date.day()));
}

char* PutIpv4(char* out, const uint8_t* address) {
  for (int i = 0; i < 4; ++i) {
    if (i != 0) *out++ = '.';
    const Octet& octet = kOctets[address[i]];
    std::memcpy(out, octet.digits, sizeof(octet.digits));
    out += octet.count;
  }
  return out;
}

// Without leading zeros.
char* PutHex(char* out, uint16_t value) {
  for (int shift = (std::bit_width(value | 1u) - 1) / 4 * 4; shift >= 0; shift -= 4)
    *out++ = "0123456789abcdef"[value >> shift & 0xf];
  return out;
}

char* PutIpv6(char* out, const std::array<uint8_t, 16>& address) {
  constexpr int kGroups = 8;
  std::array<uint16_t, kGroups> groups;
  for (int i = 0; i < kGroups; ++i)
    groups[i] = static_cast<uint16_t>(address[2 * i] << 8 | address[2 * i + 1]);
  // "::" stands for the longest run of zeros, the first one of equals, and never for one alone.
  int at = kGroups, zeros = 1;
  for (int i = 0, run = 0; i < kGroups; ++i) {
    run = groups[i] == 0 ? run + 1 : 0;
    if (run <= zeros) continue;
    zeros = run;
    at = i + 1 - run;
  }
  const bool holds_ipv4 = at == 0 && (zeros == 6 || (zeros == 5 && groups[5] == 0xffff));
  const int last = holds_ipv4 ? 6 : kGroups;
  for (int i = 0; i < last; ++i) {
    if (i != 0) *out++ = ':';
    if (i != at) {
      out = PutHex(out, groups[i]);
      continue;
    }
    if (i == 0) *out++ = ':';
    i += zeros - 1;
    if (i == kGroups - 1) *out++ = ':';
  }
  if (!holds_ipv4) return out;
  *out++ = ':';
  return PutIpv4(out, &address[12]);
}

}  // namespace

char* PutTime(char* out, uint64_t unix_us) {
  unix_us = std::min(unix_us, kLastDay * kDayUs + kDayUs - 1);
  const uint64_t day = unix_us / kDayUs;
  // Most flows of an answer began on the same day.
  thread_local uint64_t cached_day = ~uint64_t{0};
  thread_local std::array<char, 10> cached_date;
  if (day != cached_day) [[unlikely]] {
    PutDate(cached_date.data(), day);
    cached_day = day;
  }
  out = PutText(out, {cached_date.data(), cached_date.size()});
  const auto us = static_cast<uint32_t>(unix_us % 1'000'000);
  const auto second = static_cast<uint32_t>(unix_us % kDayUs / 1'000'000);
  *out++ = 'T';
  out = PutPair(out, second / 3600);
  *out++ = ':';
  out = PutPair(out, second / 60 % 60);
  *out++ = ':';
  out = PutPair(out, second % 60);
  *out++ = '.';
  out = PutPair(out, us / 10'000);
  out = PutPair(out, us / 100 % 100);
  out = PutPair(out, us % 100);
  *out++ = 'Z';
  return out;
}

char* PutAddress(char* out, const std::array<uint8_t, 16>& address, bool ipv6) {
  return ipv6 ? PutIpv6(out, address) : PutIpv4(out, address.data());
}

std::string TimeText(uint64_t unix_us) {
  char text[kTimeChars];
  return std::string(text, PutTime(text, unix_us));
}

std::string AddressText(const std::array<uint8_t, 16>& address, bool ipv6) {
  char text[kMaxAddressChars];
  return std::string(text, PutAddress(text, address, ipv6));
}

char* PutProtocol(char* out, uint8_t protocol) {
  switch (protocol) {
    case 1:
      return PutText(out, "icmp");
    case 6:
      return PutText(out, "tcp");
    case 17:
      return PutText(out, "udp");
    case 58:
      return PutText(out, "icmpv6");
    case 132:
      return PutText(out, "sctp");
    default:
      return PutUint(out, protocol);
  }
}

std::string ProtocolText(uint8_t protocol) {
  char text[kMaxUintChars];
  return std::string(text, PutProtocol(text, protocol));
}

std::string JsonEscaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      escaped += "\\u00";
      escaped += kHex[byte >> 4];
      escaped += kHex[byte & 0xf];
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace coretrack
