// What parameters of type text may hold. Each function answers nullptr, or what to write instead.
#pragma once

#include <string_view>

namespace coretrack {

// Letters, digits, '-' and '_'. Empty passes: the table's range says whether it may be.
const char* WordComplaint(std::string_view text);
// An absolute path without control characters.
const char* PathComplaint(std::string_view text);
// "127.0.0.1:9410" or "[::1]:9410", or empty.
const char* ListenComplaint(std::string_view text);
// A host name or address as in an HTTP Host header, without port.
const char* HostComplaint(std::string_view text);
// "0000:01:00.0", "01:00.0" or "net_af_packet0,iface=eth0".
const char* DeviceComplaint(std::string_view text);

}  // namespace coretrack
