// Device names: what a port's `device` says, and what to do when DPDK does not know it.
//
// Threads  Pure.
#pragma once

#include <string>
#include <string_view>

namespace coretrack {

struct Device {
  std::string name;  // "0000:01:00.0", "net_af_packet0": how DPDK names the device and its port
  std::string arguments;  // behind the first comma
  bool is_virtual = false;

  // As EAL takes it: name and arguments.
  std::string Specification() const { return arguments.empty() ? name : name + "," + arguments; }
  // "net_af_packet" of "net_af_packet0"; empty for devices on a bus.
  std::string DriverName() const;
};

// A PCI address may lack its domain: "01:00.0" is "0000:01:00.0". What is neither a PCI address nor
// on another bus ("auxiliary:...") is virtual.
Device ParseDevice(std::string_view text);

// What may be done so that DPDK finds the device: the package of a virtual device's driver, or the
// command that binds a PCI device.
std::string DeviceCure(const Device& device);

}  // namespace coretrack
