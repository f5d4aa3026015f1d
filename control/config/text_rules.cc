#include "control/config/text_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace coretrack {
namespace {

bool AllHex(std::string_view text, size_t min_digits, size_t max_digits) {
  return text.size() >= min_digits && text.size() <= max_digits &&
         std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

bool IsWord(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_';
  });
}

bool HasSpaceOrControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

bool IsPort(std::string_view text) {
  uint32_t port = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  return digits && absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &port) &&
         port >= 1 && port <= 65535;
}

bool IsAddress(int family, std::string_view text) {
  in6_addr address;
  return inet_pton(family, std::string(text).c_str(), &address) == 1;
}

// [domain:]bus:device.function
bool IsPciAddress(std::string_view text) {
  const size_t dot = text.rfind('.');
  if (dot == text.npos) return false;
  const std::string_view function = text.substr(dot + 1);
  if (function.size() != 1 || function[0] < '0' || function[0] > '7') return false;
  text = text.substr(0, dot);
  const size_t colon = text.rfind(':');
  if (colon == text.npos || !AllHex(text.substr(colon + 1), 1, 2)) return false;
  text = text.substr(0, colon);
  const size_t domain = text.rfind(':');
  if (domain == text.npos) return AllHex(text, 1, 2);
  return AllHex(text.substr(domain + 1), 1, 2) && AllHex(text.substr(0, domain), 4, 8);
}

}  // namespace

const char* WordComplaint(std::string_view text) {
  return IsWord(text) ? nullptr : "write letters, digits, '-' and '_' only";
}

const char* PathComplaint(std::string_view text) {
  const bool control = std::any_of(text.begin(), text.end(), absl::ascii_iscntrl);
  return text.starts_with('/') && !text.ends_with('/') && !control
             ? nullptr
             : "write the absolute path of a file, such as \"/run/coretrack/api.sock\"";
}

const char* ListenComplaint(std::string_view text) {
  if (text.empty()) return nullptr;
  const size_t colon = text.rfind(':');
  if (colon != text.npos && IsPort(text.substr(colon + 1))) {
    const std::string_view host = text.substr(0, colon);
    if (IsAddress(AF_INET, host)) return nullptr;
    if (host.size() > 2 && host.starts_with('[') && host.ends_with(']') &&
        IsAddress(AF_INET6, host.substr(1, host.size() - 2))) {
      return nullptr;
    }
  }
  return "write address:port, such as \"127.0.0.1:9410\" or \"[::1]:9410\", or \"\" for none";
}

const char* HostComplaint(std::string_view text) {
  const auto plain = [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return nullptr;
  if (text.size() > 2 && text.starts_with('[') && text.ends_with(']') &&
      IsAddress(AF_INET6, text.substr(1, text.size() - 2))) {
    return nullptr;
  }
  return "write a host name or address without port, such as \"localhost\" or \"[::1]\"";
}

const char* DeviceComplaint(std::string_view text) {
  const std::string_view driver = text.substr(0, text.find(','));
  const bool vdev = driver.starts_with("net_") && driver.size() > 4 && IsWord(driver);
  return !HasSpaceOrControl(text) && (vdev || IsPciAddress(text))
             ? nullptr
             : "write a PCI address such as \"0000:01:00.0\" or a virtual device such as "
               "\"net_af_packet0,iface=eth0\"";
}

}  // namespace coretrack
