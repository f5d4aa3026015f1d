#include "dataplane/io/device.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {

bool AllHex(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c); });
}

// "DDDD:BB:DD.F" or "BB:DD.F".
bool IsPciAddress(std::string_view text, bool* has_domain) {
  const size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || text.size() != dot + 2 || text[dot + 1] < '0' ||
      text[dot + 1] > '7') {
    return false;
  }
  const size_t colon = text.rfind(':', dot);
  if (colon == std::string_view::npos || dot - colon != 3 || !AllHex(text.substr(colon + 1, 2))) {
    return false;
  }
  const size_t first = text.find(':');
  *has_domain = first != colon;
  const std::string_view bus =
      *has_domain ? text.substr(first + 1, colon - first - 1) : text.substr(0, colon);
  return bus.size() == 2 && AllHex(bus) &&
         (!*has_domain || (first >= 4 && first <= 8 && AllHex(text.substr(0, first))));
}

}  // namespace

std::string Device::DriverName() const {
  if (!is_virtual) return "";
  const size_t end = name.find_last_not_of("0123456789");
  return name.substr(0, end == std::string::npos ? 0 : end + 1);
}

Device ParseDevice(std::string_view text) {
  Device device;
  const size_t comma = text.find(',');
  device.name = std::string(text.substr(0, comma));
  if (comma != std::string_view::npos) device.arguments = std::string(text.substr(comma + 1));
  bool has_domain = true;
  if (IsPciAddress(device.name, &has_domain)) {
    if (!has_domain) device.name.insert(0, "0000:");
    std::transform(device.name.begin(), device.name.end(), device.name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  } else {
    device.is_virtual = device.name.find(':') == std::string::npos;
  }
  return device;
}

std::string DeviceCure(const Device& device) {
  if (!device.is_virtual) {
    return absl::StrCat("bind it to a driver that DPDK can use: `dpdk-devbind.py --status`, then ",
                        "`dpdk-devbind.py --bind=vfio-pci ", device.name,
                        "` (needs an IOMMU, or vfio in no-IOMMU mode)");
  }
  return absl::StrCat("check the arguments behind the comma, and that DPDK has a driver ",
                      device.DriverName(),
                      "; of those without hardware it has net_af_packet, net_af_xdp, net_memif, ",
                      "net_null, net_pcap, net_ring, net_tap, net_vhost and net_virtio_user");
}

}  // namespace coretrack
