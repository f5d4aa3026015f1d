#include "dataplane/worker/owner.h"

#include <gtest/gtest.h>
#include <rte_byteorder.h>
#include <rte_thash.h>

#include <map>
#include <random>

#include "dataplane/io/rss.h"
#include "dataplane/packet/parse.h"
#include "tests/packet/packet_builder.h"

namespace coretrack {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

PacketMeta ParseFrame(const Bytes& frame) {
  PacketMeta meta;
  const auto bytes = static_cast<uint32_t>(frame.size());
  Parse(frame.data(), bytes, bytes, {}, &meta);
  return meta;
}

// What DPDK's software Toeplitz makes of addresses (and ports) as they stand on the wire.
uint32_t Toeplitz(uint16_t pattern, const uint8_t* wire, uint32_t bytes) {
  std::vector<uint32_t> words(bytes / 4);
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = uint32_t{wire[4 * i]} << 24 | uint32_t{wire[4 * i + 1]} << 16 |
               uint32_t{wire[4 * i + 2]} << 8 | wire[4 * i + 3];
  }
  const std::vector<uint8_t> key = RssKey(pattern, 52);
  return rte_softrss(words.data(), static_cast<uint32_t>(words.size()), key.data());
}

Bytes RandomBytes(std::mt19937_64* random, size_t count) {
  Bytes bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((*random)());
  return bytes;
}

TEST(OwnerMap, IsTheToeplitzHashThatANicComputesForIpv4AndItsReverse) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const OwnerMap owners(RssPattern(random()), 4, 128);
    Bytes frame = PacketBuilder().Ethernet().Ipv4("0.0.0.0", "0.0.0.0").Tcp().Build();
    const Bytes tuple = RandomBytes(&random, 12);
    std::copy(tuple.begin(), tuple.end(), frame.begin() + 14 + 12);
    const uint32_t hash = Toeplitz(owners.pattern(), tuple.data(), 12);
    FlowKey key = ParseFrame(frame).key;
    ASSERT_EQ(owners.ToeplitzOf(key), hash);
    key.address[1 + i % 3] = random();  // not an IPv4 key's
    ASSERT_EQ(owners.ToeplitzOf(key), hash);

    Bytes back = frame;
    std::copy_n(tuple.begin(), 4, back.begin() + 14 + 16);
    std::copy_n(tuple.begin() + 4, 4, back.begin() + 14 + 12);
    std::copy_n(tuple.begin() + 8, 2, back.begin() + 34 + 2);
    std::copy_n(tuple.begin() + 10, 2, back.begin() + 34);
    ASSERT_EQ(owners.ToeplitzOf(ParseFrame(back).key), hash);
  }
}

TEST(OwnerMap, IsTheToeplitzHashThatANicComputesForIpv6) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 2000; ++i) {
    const OwnerMap owners(RssPattern(random()), 4, 128);
    Bytes frame = PacketBuilder().Ethernet().Vlan(7).Ipv6("::", "::").Udp(0, 0).Payload(4).Build();
    const Bytes tuple = RandomBytes(&random, 36);
    std::copy_n(tuple.begin(), 32, frame.begin() + 18 + 8);
    std::copy_n(tuple.begin() + 32, 4, frame.begin() + 18 + 40);
    ASSERT_EQ(owners.ToeplitzOf(ParseFrame(frame).key),
              Toeplitz(owners.pattern(), tuple.data(), 36));
  }
}

TEST(OwnerMap, PacketsWithoutPortsGoByTheirAddressesAsNicsDo) {
  const OwnerMap owners(0x6d5a, 8, 128);
  const uint8_t addresses[] = {10, 0, 0, 1, 192, 0, 2, 77};
  const uint32_t by_addresses = Toeplitz(0x6d5a, addresses, 8);
  const auto hash = [&](const PacketBuilder& packet) {
    return owners.ToeplitzOf(ParseFrame(packet.Build()).key);
  };
  const auto ip = [](uint16_t fragment = 0, uint8_t protocol = 0) {
    return PacketBuilder().Ethernet().Ipv4("10.0.0.1", "192.0.2.77",
                                           {.protocol = protocol, .fragment_field = fragment});
  };
  EXPECT_EQ(hash(ip().Icmp(8, 0, 0x12340001)), by_addresses);
  EXPECT_EQ(hash(ip(0, 47).Payload(20)), by_addresses);                 // GRE
  EXPECT_EQ(hash(ip(0x2000).Udp(1234, 53).Payload(24)), by_addresses);  // first fragment
  EXPECT_EQ(hash(ip(0x0004, 17).Payload(24)), by_addresses);            // a later one
  EXPECT_NE(hash(ip().Udp(1234, 53)), by_addresses);
}

TEST(OwnerMap, AnIcmpErrorBelongsToTheFlowThatItQuotes) {
  const OwnerMap owners(0x6d5a, 8, 128);
  const PacketBuilder syn = PacketBuilder().Ipv4("10.0.0.1", "192.0.2.77").Tcp();
  const Bytes error = PacketBuilder()
                          .Ethernet()
                          .Ipv4("203.0.113.9", "10.0.0.1")
                          .Icmp(3, 1, 0)
                          .Payload(syn.Build())
                          .Build();
  const Bytes whole = PacketBuilder().Ethernet().Ipv4("10.0.0.1", "192.0.2.77").Tcp().Build();
  ASSERT_EQ(ParseFrame(error).kind, PacketKind::kIcmpError);
  EXPECT_EQ(owners.OwnerOf(ParseFrame(error).key), owners.OwnerOf(ParseFrame(whole).key));
}

TEST(OwnerMap, SpreadsAndAgreesWithTheTableGivenToTheNic) {
  const OwnerMap owners(RssPattern(99), 3, 128);
  std::map<uint32_t, uint32_t> load;
  FlowKey key;
  for (uint32_t port = 0; port < 30'000; ++port) {
    key.ports = port;
    const uint32_t owner = owners.OwnerOf(key);
    ASSERT_EQ(owner, owners.WorkerOfEntry(owners.ToeplitzOf(key) % 128));
    ++load[owner];
  }
  ASSERT_EQ(load.size(), 3u);
  for (const auto& [worker, flows] : load) EXPECT_NEAR(flows, 10'000, 1'000) << worker;
}

TEST(OwnerMap, FitsRedirectionTablesThatAreMultiplesOfIt) {
  const OwnerMap owners(0x6d5a, 3, 128);
  for (uint32_t i = 0; i < 512; ++i) {
    EXPECT_EQ(owners.WorkerOfEntry(i), owners.WorkerOfEntry(i % 128));
  }
}

TEST(RssPattern, IsABijectionOfTheSum) {
  for (uint64_t seed = 0; seed < 64; ++seed) {
    const OwnerMap owners(RssPattern(seed), 1, 1);
    std::vector<bool> seen(1 << 16);
    for (uint32_t sum = 0; sum < 1 << 16; ++sum) {
      FlowKey key;
      key.ports = sum;
      const uint32_t hash = owners.ToeplitzOf(key) & 0xffff;
      ASSERT_FALSE(seen[hash]);
      seen[hash] = true;
    }
  }
}

TEST(RssPattern, DependsOnItsSeed) {
  std::map<uint16_t, int> patterns;
  for (uint64_t seed = 0; seed < 1000; ++seed) ++patterns[RssPattern(seed)];
  EXPECT_GT(patterns.size(), 900u);
}

TEST(Rss, EntriesFitTheTable) {
  EXPECT_EQ(OwnerEntries(128), 128u);
  EXPECT_EQ(OwnerEntries(64), 64u);
  EXPECT_EQ(OwnerEntries(2048), 512u);
  EXPECT_EQ(OwnerEntries(100), 64u);
  EXPECT_EQ(OwnerEntries(0), 512u);
}

}  // namespace
}  // namespace coretrack
