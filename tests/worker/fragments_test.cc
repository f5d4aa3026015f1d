// TCP.md 31: fragments, through the whole pipeline.
#include "tests/packet/fragmenter.h"
#include "tests/worker/harness.h"

namespace coretrack::testing {
namespace {

constexpr uint64_t kSecondUs = 1'000'000;

class FragmentsTest : public ::testing::TestWithParam<bool> {
 protected:
  bool ipv6() const { return GetParam(); }
  PacketBuilder Ip(bool reply = false) const {
    PacketBuilder builder;
    builder.Ethernet();
    if (ipv6()) {
      return builder.Ipv6(reply ? "2001:db8::2" : "2001:db8::1",
                          reply ? "2001:db8::1" : "2001:db8::2");
    }
    return builder.Ipv4(reply ? "10.0.0.2" : "10.0.0.1", reply ? "10.0.0.1" : "10.0.0.2");
  }
  Bytes Segment(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t payload_bytes) const {
    return Ip().Tcp({.seq = seq, .ack = ack, .flags = flags}).Payload(payload_bytes).Build();
  }
  // A connection from 10.0.0.1: seq 101, ack 301.
  void Open() {
    harness.Send(Segment(tcp_flag::kSyn, 100, 0, 0));
    harness.Send(Ip(true)
                     .Tcp({.source_port = TcpFields{}.destination_port,
                           .destination_port = TcpFields{}.source_port,
                           .seq = 300,
                           .ack = 101,
                           .flags = tcp_flag::kSyn | tcp_flag::kAck})
                     .Build());
    harness.Send(Segment(tcp_flag::kAck, 101, 301, 0));
    ASSERT_EQ(harness.Only().originator.state, tcp::State::kEstablished);
  }
  uint64_t malformed(Malformed reason) const {
    return harness.counters().malformed[static_cast<size_t>(reason)].Read();
  }
  uint64_t waiting() const { return harness.counters().fragments_waiting.Read(); }
  // IP header, and the fragment header of IPv6.
  uint32_t HeaderBytes() const { return ipv6() ? 48 : 20; }

  Harness harness;
};

TEST_P(FragmentsTest, ASegmentIsTrackedWhenItsLastFragmentPasses) {
  Open();
  const auto fragments =
      Fragments(Segment(tcp_flag::kAck | tcp_flag::kFin, 101, 301, 1000), 400, 7);
  ASSERT_EQ(fragments.size(), 3u);
  harness.Send(fragments[0]);
  harness.Send(fragments[1]);
  EXPECT_EQ(harness.Only().originator.state, tcp::State::kEstablished);
  EXPECT_EQ(harness.Only().originator.packets, 2u);
  EXPECT_EQ(waiting(), 2u);
  harness.Send(fragments[2]);
  const FlowRecord flow = harness.Only();
  EXPECT_EQ(flow.originator.state, tcp::State::kFinWait1);
  EXPECT_EQ(flow.originator.packets, 5u);
  EXPECT_EQ(flow.originator.bytes, 2 * (ipv6() ? 60u : 40u) + 3 * HeaderBytes() + 1020);
  EXPECT_EQ(waiting(), 0u);
  EXPECT_EQ(harness.untracked(Untracked::kFragment), 0u);
  EXPECT_EQ(harness.counters().fragmented_datagrams.Read(), 1u);
  EXPECT_TRUE(harness.invalids.empty());
}

TEST_P(FragmentsTest, InAnyOrderAndTwice) {
  Open();
  auto fragments = Fragments(Segment(tcp_flag::kAck, 101, 301, 1000), 256, 7);
  for (const int i : {3, 1, 1, 0, 3, 2}) harness.Send(fragments[i]);
  EXPECT_EQ(harness.Only().originator.packets, 2u + 6);
  // What goes on from there is in sequence.
  harness.Send(Segment(tcp_flag::kAck, 1101, 301, 10));
  EXPECT_TRUE(harness.invalids.empty());
  EXPECT_EQ(harness.Only().originator.retransmits, 0u);
}

// A datagram may count more bytes than a line's delta holds: its copies count too.
TEST_P(FragmentsTest, ASynOfManyCopiesCountsAllTheirBytes) {
  const Bytes syn = Ip().Tcp({.seq = 100, .flags = tcp_flag::kSyn, .options = Bytes(8, 1)}).Build();
  const auto fragments = Fragments(syn, 24, 7);
  ASSERT_EQ(fragments.size(), 2u);
  constexpr uint32_t kCopies = 1600;
  for (uint32_t i = 0; i < kCopies; ++i) harness.Send(fragments[0]);
  harness.Send(fragments[1]);
  const FlowRecord flow = harness.Only();
  EXPECT_EQ(flow.originator.state, tcp::State::kSynSent);
  EXPECT_EQ(flow.originator.bytes, kCopies * (HeaderBytes() + 24) + HeaderBytes() + 4);
  EXPECT_EQ(flow.responder.bytes, 0u);
}

TEST_P(FragmentsTest, AFragmentedSynOpensAFlow) {
  for (const Bytes& fragment : Fragments(Segment(tcp_flag::kSyn, 100, 0, 500), 264, 1)) {
    EXPECT_EQ(harness.Send(fragment), Verdict::kForward);
  }
  EXPECT_EQ(harness.Only().originator.state, tcp::State::kSynSent);
  EXPECT_EQ(harness.Only().originator.packets, 2u);
}

TEST_P(FragmentsTest, DatagramsWithoutTcp) {
  const Bytes udp = Ip().Udp(5000, 53).Payload(3000).Build();
  for (const Bytes& fragment : Fragments(udp, 1400, 9)) harness.Send(fragment);
  EXPECT_EQ(harness.Only().originator.packets, 3u);
  EXPECT_EQ(harness.Only().originator.port, 5000);
}

TEST_P(FragmentsTest, IdsAndDirectionsKeepDatagramsApart) {
  const Bytes there = Ip().Udp(5000, 53).Payload(100).Build();
  const Bytes back = Ip(true).Udp(53, 5000).Payload(100).Build();
  const auto a = Fragments(there, 56, 1), b = Fragments(there, 56, 2), c = Fragments(back, 56, 1);
  for (const Bytes& fragment : {a[0], b[0], c[0], b[1], c[1], a[1]}) harness.Send(fragment);
  EXPECT_EQ(harness.Only().originator.packets, 4u);
  EXPECT_EQ(harness.Only().responder.packets, 2u);
}

TEST_P(FragmentsTest, OverlappingFragmentsAreDroppedAndSpoilTheirDatagram) {
  Open();
  const Bytes segment = Segment(tcp_flag::kAck, 101, 301, 1000);
  EXPECT_EQ(harness.Send(FragmentOf(segment, 0, 400, true, 7)), Verdict::kForward);
  EXPECT_EQ(harness.Send(FragmentOf(segment, 392, 800, true, 7)), Verdict::kDropFragment);
  EXPECT_EQ(harness.Send(FragmentOf(segment, 400, 1020, false, 7)), Verdict::kDropFragment);
  EXPECT_EQ(malformed(Malformed::kFragmentOverlap), 2u);
  EXPECT_EQ(harness.untracked(Untracked::kFragment), 1u);  // the first had passed
  EXPECT_EQ(harness.Only().originator.packets, 2u);
  EXPECT_EQ(harness.invalids, std::vector<std::string>(2, "fragment_overlap"));
  // Its id is good for another datagram once its time is over.
  harness.Advance(61 * kSecondUs);
  for (const Bytes& fragment : Fragments(segment, 512, 7)) {
    EXPECT_EQ(harness.Send(fragment), Verdict::kForward);
  }
  EXPECT_EQ(harness.Only().originator.packets, 4u);
}

TEST_P(FragmentsTest, ASecondHeadIsAnOverlap) {
  const Bytes one = Ip().Udp(5000, 53).Payload(1000).Build();
  const Bytes other = Ip().Udp(5001, 53).Payload(1000).Build();
  harness.Send(FragmentOf(one, 0, 400, true, 7));
  EXPECT_EQ(harness.Send(FragmentOf(other, 0, 400, true, 7)), Verdict::kDropFragment);
}

TEST_P(FragmentsTest, NothingLiesBeyondTheLastFragment) {
  const Bytes udp = Ip().Udp(5000, 53).Payload(1000).Build();
  harness.Send(FragmentOf(udp, 400, 800, false, 7));
  EXPECT_EQ(harness.Send(FragmentOf(udp, 800, 1000, true, 7)), Verdict::kDropFragment);
  harness.Send(FragmentOf(udp, 800, 1000, true, 8));
  EXPECT_EQ(harness.Send(FragmentOf(udp, 400, 800, false, 8)), Verdict::kDropFragment);
}

// RFC 1858 and RFC 3128: flags and ports must not be apart.
TEST_P(FragmentsTest, ATcpHeaderInTwoFragmentsIsDropped) {
  const Bytes syn = Segment(tcp_flag::kSyn, 100, 0, 100);
  EXPECT_EQ(harness.Send(FragmentOf(syn, 0, 16, true, 1)), Verdict::kDropFragment);
  EXPECT_EQ(harness.Send(FragmentOf(syn, 8, 120, false, 2)), Verdict::kDropFragment);
  EXPECT_EQ(harness.Send(FragmentOf(syn, 24, 120, false, 1)), Verdict::kDropFragment);
  EXPECT_EQ(malformed(Malformed::kFragmentTiny), 2u);
  EXPECT_EQ(malformed(Malformed::kFragmentOverlap), 1u);  // what follows the first
  EXPECT_TRUE(harness.Live().empty());
}

TEST_P(FragmentsTest, OptionsMayGoOnInTheNextFragment) {
  const Bytes syn = Ip().Tcp({.flags = tcp_flag::kSyn, .options = Bytes{2, 4, 5, 0xb4, 1, 3, 3, 7}})
                        .Payload(12)
                        .Build();
  harness.Send(FragmentOf(syn, 24, 40, false, 3));
  harness.Send(FragmentOf(syn, 0, 24, true, 3));
  EXPECT_EQ(harness.Only().originator.mss, 1460);
  EXPECT_EQ(harness.Only().originator.window_scale, 7);
}

TEST_P(FragmentsTest, LengthsThatNoFragmentHasAreMalformed) {
  const Bytes udp = Ip().Udp(5000, 53).Payload(100).Build();
  harness.Send(FragmentOf(udp, 0, 61, true, 1));
  harness.Send(FragmentOf(udp, 8, 8, false, 1));
  EXPECT_EQ(malformed(Malformed::kFragmentLength), 2u);
  Bytes death = FragmentOf(udp, 0, 104, false, 1);
  ipv6() ? Set16(&death, 14 + 40 + 2, 0xfff8) : Set16(&death, 14 + 6, 0x1fff);
  harness.Send(death);
  EXPECT_EQ(malformed(Malformed::kFragmentEnd), 1u);
  EXPECT_EQ(waiting(), 0u);
}

TEST_P(FragmentsTest, WhatIsNeverCompletedIsGivenUp) {
  const Bytes udp = Ip().Udp(5000, 53).Payload(1000).Build();
  harness.Send(FragmentOf(udp, 0, 400, true, 7));
  harness.Send(FragmentOf(udp, 400, 800, true, 7));
  harness.Advance((ipv6() ? 60 : 30) * kSecondUs - 1000);
  for (int i = 0; i < 100; ++i) harness.Advance(1);
  EXPECT_EQ(waiting(), 2u);
  harness.Advance(1000);
  for (int i = 0; i < 100; ++i) harness.Advance(1);
  EXPECT_EQ(waiting(), 0u);
  EXPECT_EQ(harness.untracked(Untracked::kFragment), 2u);
  harness.Send(FragmentOf(udp, 800, 1008, false, 7));
  EXPECT_TRUE(harness.Live().empty());
}

TEST_P(FragmentsTest, AFloodOfBeginningsIsBounded) {
  constexpr uint32_t kFlood = 20'000;
  const Bytes udp = Ip().Udp(5000, 53).Payload(1000).Build();
  for (uint32_t id = 0; id < kFlood; ++id) harness.Send(FragmentOf(udp, 0, 400, true, id));
  EXPECT_LE(waiting(), DatagramFollower::kSets * DatagramFollower::kWays);
  EXPECT_EQ(waiting() + harness.untracked(Untracked::kFragment), kFlood);
  const auto whole = Fragments(udp, 504, 70'000 % 65'536);
  for (const Bytes& fragment : whole) harness.Send(fragment);
  EXPECT_EQ(harness.Only().originator.packets, 2u);
}

TEST_P(FragmentsTest, TooManyFragmentsSpoilTheDatagram) {
  const Bytes udp = Ip().Udp(5000, 53).Payload(2000).Build();
  const auto fragments = Fragments(udp, 16, 3);
  uint32_t dropped = 0;
  for (const Bytes& f : fragments) dropped += harness.Send(f) == Verdict::kDropFragment ? 1 : 0;
  EXPECT_EQ(dropped, fragments.size() - DatagramFollower::kMaxFragments);
}

// An error that quotes the first fragment shows the ports.
TEST_P(FragmentsTest, AnIcmpErrorAboutAFragmentIsRelated) {
  const Bytes udp = Ip().Udp(5000, 53).Payload(1000).Build();
  const auto fragments = Fragments(udp, 512, 3);
  for (const Bytes& f : fragments) harness.Send(f);
  Bytes quoted(fragments[0].begin() + 14, fragments[0].end());
  PacketBuilder error;
  error.Ethernet();
  if (ipv6()) {
    error.Ipv6("2001:db8::ff", "2001:db8::1").Icmpv6(3, 1, 0);
  } else {
    error.Ipv4("192.0.2.1", "10.0.0.1").Icmp(11, 1, 0);
  }
  harness.Send(error.Payload(quoted).Build());
  EXPECT_EQ(harness.counters().related_icmp.Read(), 1u);
}

TEST_P(FragmentsTest, InvalidSegmentsAreDroppedWithTheirLastFragment) {
  Pipeline::Options options = Harness::SmallOptions();
  options.tunables.drop_invalid = true;
  Harness dropping(options);
  for (const Bytes& frame : {Segment(tcp_flag::kSyn, 100, 0, 0)}) dropping.Send(frame);
  const auto fragments = Fragments(Segment(tcp_flag::kFin, 100, 0, 100), 64, 5);
  EXPECT_EQ(dropping.Send(fragments[0]), Verdict::kForward);
  EXPECT_EQ(dropping.Send(fragments[1]), Verdict::kDropInvalid);
}

// A datagram that is malformed once it is whole is of the IP version that its fragments are, as its burst is taken to be.
TEST_P(FragmentsTest, AMalformedWholeStaysInItsTable) {
  Bytes datagram = Ip().Udp(1, 2).Payload(1000).Build();
  datagram[kEthernetBytes + (ipv6() ? kIpv6Bytes : kIpv4MinBytes) + 4] = 0xff;  // its length
  const auto fragments = Fragments(datagram, 400, 7);
  std::vector<Harness::Frame> frames;
  for (const Bytes& fragment : fragments) frames.push_back({.bytes = fragment});
  for (uint32_t i = 0; frames.size() < kMaxBurst; ++i)
    frames.push_back({.bytes = Segment(tcp_flag::kSyn, 100 + i, 0, 0)});
  Burst burst;
  const Harness::Blocks blocks = Harness::Fill(frames, &burst);
  Pipeline& pipeline = harness.pipeline();
  pipeline.Prepare(&burst);
  ASSERT_TRUE(pipeline.FollowFragments(&burst, harness.now()));
  for (uint32_t i = 0; i < burst.count; ++i)
    EXPECT_EQ(burst.candidate[i], pipeline.table(ipv6()).HomeBucket(burst.hash[i])) << i;
  pipeline.Locate(&burst);
  pipeline.Track(&burst, harness.now());
  EXPECT_EQ(malformed(Malformed::kBadUdpLength), 1u);
}

INSTANTIATE_TEST_SUITE_P(Versions, FragmentsTest, ::testing::Bool(),
                         [](const auto& version) { return version.param ? "IPv6" : "IPv4"; });

}  // namespace
}  // namespace coretrack::testing
