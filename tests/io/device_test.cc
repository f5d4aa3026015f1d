#include "dataplane/io/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coretrack {
namespace {

using ::testing::HasSubstr;

TEST(Device, PciAddressesGetTheirDomain) {
  for (const char* text : {"0000:01:00.0", "01:00.0"}) {
    const Device device = ParseDevice(text);
    EXPECT_EQ(device.name, "0000:01:00.0");
    EXPECT_FALSE(device.is_virtual);
    EXPECT_EQ(device.DriverName(), "");
  }
  EXPECT_EQ(ParseDevice("AF:1E.7").name, "0000:af:1e.7");
}

TEST(Device, ArgumentsStayBehindTheComma) {
  const Device pci = ParseDevice("3b:00.1,mprq_en=1,rxqs_min_mprq=1");
  EXPECT_EQ(pci.Specification(), "0000:3b:00.1,mprq_en=1,rxqs_min_mprq=1");
  const Device virtual_device = ParseDevice("net_af_packet0,iface=veth0,qpairs=2");
  EXPECT_EQ(virtual_device.name, "net_af_packet0");
  EXPECT_EQ(virtual_device.arguments, "iface=veth0,qpairs=2");
  EXPECT_TRUE(virtual_device.is_virtual);
  EXPECT_EQ(virtual_device.DriverName(), "net_af_packet");
}

TEST(Device, WhatOnlyLooksLikeAPciAddressIsNone) {
  for (const char* text :
       {"net_ring0", "01:00.8", "1:00.0", "zz:00.0", "net_null", "01-00.0", ""}) {
    EXPECT_NE(ParseDevice(text).name.substr(0, 5), "0000:") << text;
  }
  EXPECT_FALSE(ParseDevice("auxiliary:mlx5_core.sf.2").is_virtual);
}

TEST(Device, CuresSayWhatToDoNext) {
  EXPECT_THAT(DeviceCure(ParseDevice("01:00.0")), HasSubstr("--bind=vfio-pci 0000:01:00.0"));
  EXPECT_THAT(DeviceCure(ParseDevice("net_af_xdb0,iface=x")),
              AllOf(HasSubstr("driver net_af_xdb;"), HasSubstr("net_af_xdp")));
}

}  // namespace
}  // namespace coretrack
