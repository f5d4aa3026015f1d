#include "control/query/text.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <iterator>

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

// "000" to "999".
struct Triple {
  char text[4];
};
constexpr auto kTriples = [] {
  std::array<Triple, 1000> triples{};
  for (uint32_t i = 0; i < triples.size(); ++i) {
    const uint32_t digits[] = {i / 100, i / 10 % 10, i % 10};
    for (uint32_t at = 0; at < std::size(digits); ++at)
      triples[i].text[at] = static_cast<char>('0' + digits[at]);
  }
  return triples;
}();

char* PutPair(char* out, uint32_t below_100) {
  std::memcpy(out, &kPairs[2 * size_t{below_100}], 2);
  return out + 2;
}

char* PutTriple(char* out, uint32_t below_1000) {
  std::memcpy(out, kTriples[below_1000].text, sizeof(Triple::text));
  return out + 3;
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
  for (int i = 0; i < 4; ++i) out = PutShortUint(out, address[i]) + 1;  // the point is there
  return out - 1;
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

char* PutLongUint(char* out, uint64_t value) {
  constexpr uint32_t kThousand = 1000, kMillion = 1'000'000;
  constexpr uint64_t kMilliard = 1'000'000'000;
  if (value >= kMilliard) [[unlikely]] {
    out = PutLongUint(out, value / kMilliard);
    const auto last = static_cast<uint32_t>(value % kMilliard);
    out = PutTriple(out, last / kMillion);
    out = PutTriple(out, last / kThousand % kThousand);
    return PutTriple(out, last % kThousand);
  }
  const auto small = static_cast<uint32_t>(value);
  const uint32_t thousands = small / kThousand;
  if (small < kThousand) return PutShortUint(out, small);
  if (small < kMillion) {
    out = PutShortUint(out, thousands);
  } else {
    out = PutShortUint(out, small / kMillion);
    out = PutTriple(out, thousands % kThousand);
  }
  return PutTriple(out, small % kThousand);
}

char* PutTime(char* out, uint64_t unix_us) {
  constexpr uint64_t kMinuteUs = 60'000'000;
  // Many flows of an answer have their times in the same minute.
  struct Minute {
    uint64_t begin_us = ~uint64_t{0} - kMinuteUs;  // none
    char text[kOvershoot];                         // "2026-01-01T00:00:"
  };
  thread_local Minute cached;
  unix_us = std::min(unix_us, kLastDay * kDayUs + kDayUs - 1);
  uint64_t us = unix_us - cached.begin_us;
  if (us >= kMinuteUs) [[unlikely]] {
    us = unix_us % kMinuteUs;
    cached.begin_us = unix_us - us;
    const auto minute = static_cast<uint32_t>(unix_us % kDayUs / kMinuteUs);
    PutDate(cached.text, unix_us / kDayUs);
    cached.text[10] = 'T';
    PutPair(&cached.text[11], minute / 60);
    cached.text[13] = ':';
    PutPair(&cached.text[14], minute % 60);
    cached.text[16] = ':';
  }
  std::memcpy(out, cached.text, sizeof(cached.text));
  const auto below_minute = static_cast<uint32_t>(us);
  const uint32_t second = below_minute / 1'000'000, below_second = below_minute % 1'000'000;
  PutPair(out + 17, second);
  out[19] = '.';
  PutTriple(out + 20, below_second / 1000);
  PutTriple(out + 23, below_second % 1000);
  out[26] = 'Z';
  return out + kTimeChars;
}

char* PutAddress(char* out, const std::array<uint8_t, 16>& address, bool ipv6) {
  return ipv6 ? PutIpv6(out, address) : PutIpv4(out, address.data());
}

std::string TimeText(uint64_t unix_us) {
  char text[kTimeChars + kOvershoot];
  return std::string(text, PutTime(text, unix_us));
}

std::string AddressText(const std::array<uint8_t, 16>& address, bool ipv6) {
  char text[kMaxAddressChars + kOvershoot];
  return std::string(text, PutAddress(text, address, ipv6));
}

char* PutProtocol(char* out, uint8_t protocol) {
  switch (protocol) {
    case 1:
      return Put<"icmp">(out);
    case 6:
      return Put<"tcp">(out);
    case 17:
      return Put<"udp">(out);
    case 58:
      return Put<"icmpv6">(out);
    case 132:
      return Put<"sctp">(out);
    default:
      return PutUint(out, protocol);
  }
}

std::string ProtocolText(uint8_t protocol) {
  char text[kMaxUintChars + kOvershoot];
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
