// The fuzz target without libFuzzer: it builds with every compiler, and holds for what is nearly a packet. (Clang alone fuzzes it.)
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/packet/packet_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace coretrack {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

TEST(Fuzz, ParseTakesWhatIsNearlyAPacket) {
  const Bytes usual = testing::TimestampsOption(7, 5);
  const std::vector<Bytes> packets = {
      PacketBuilder().Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Tcp({.options = usual}).Build(),
      PacketBuilder().Ethernet().Vlan(5).Ipv6("fd00::1", "fd00::2").Tcp({}).Payload(9).Build(),
      PacketBuilder()
          .Ethernet()
          .Ipv4("10.0.0.2", "10.0.0.1")
          .Tcp({.flags = tcp_flag::kSyn, .options = testing::MssOption(1460)})
          .Build(),
      PacketBuilder().Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Udp(53, 4000).Payload(20).Build()};
  std::mt19937 random(1);
  constexpr int kInputs = 200'000;
  for (int n = 0; n < kInputs; ++n) {
    // Two bytes say how it is to be parsed: as Ethernet here, and how much of it was not captured.
    Bytes input = {static_cast<uint8_t>(random() & 0x1e), static_cast<uint8_t>(random() % 4)};
    const Bytes& packet = packets[random() % packets.size()];
    input.insert(input.end(), packet.begin(), packet.end());
    for (uint32_t changes = random() % 4; changes != 0; --changes)
      input[random() % input.size()] = static_cast<uint8_t>(random());
    if (random() % 4 == 0) input.resize(2 + random() % (input.size() - 1));
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
}

}  // namespace
}  // namespace coretrack
