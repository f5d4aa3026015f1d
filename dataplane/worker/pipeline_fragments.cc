// Fragments: followed until their datagram is whole, which is then tracked like any packet.
#include <algorithm>
#include <cassert>

#include "dataplane/packet/fragment.h"
#include "dataplane/worker/pipeline.h"

namespace coretrack {

bool Pipeline::FollowFragments(Burst* burst, Now now) {
  bool any_whole = false;
  for (uint32_t i = 0; i < burst->count; ++i) {
    PacketMeta& meta = burst->meta[i];
    if (SegmentLanes::Has(burst->segments.common, i) || meta.kind != PacketKind::kFragment)
      continue;
    const Fragment fragment = ReadFragment(burst->data[i], burst->bytes[i], burst->wire_bytes[i],
                                           {.link = burst->link, .zone = burst->zone[i]});
    const FlowKey key = DatagramFollower::DatagramKey(meta.key, fragment.id);
    DatagramFollower::Whole& whole = wholes_[i];
    uint32_t given_up = 0;
    const auto answer = follower_.Follow(fragment, meta.key, meta.direction, hasher_.Of(key),
                                         now.tick, &whole, &given_up);
    counters_.untracked[static_cast<size_t>(Untracked::kFragment)].Add(given_up);
    switch (answer) {
      case DatagramFollower::Answer::kWaits:
        break;
      case DatagramFollower::Answer::kComplete:
        counters_.fragmented_datagrams.Add(1);
        AdoptWhole(burst, i, whole);
        any_whole = true;
        break;
      case DatagramFollower::Answer::kOverlap:
        meta.malformed = coretrack::Malformed::kFragmentOverlap;
        break;
      case DatagramFollower::Answer::kTiny:
        meta.malformed = coretrack::Malformed::kFragmentTiny;
        break;
    }
  }
  counters_.fragments_waiting.Set(follower_.waiting());
  return any_whole;
}

void Pipeline::AdoptWhole(Burst* burst, uint32_t i, const DatagramFollower::Whole& whole) {
  const Fragment fragment = ReadFragment(burst->data[i], burst->bytes[i], burst->wire_bytes[i],
                                         {.link = burst->link, .zone = burst->zone[i]});
  PacketMeta& meta = burst->meta[i];
  const uint8_t vlan_tags = meta.vlan_tags;
  [[maybe_unused]] const bool ipv6 = meta.key.ipv6;
  wholes_[i] = whole;  // its head is where meta.tcp.options points
  ParseWhole(fragment, wholes_[i].head.data(), whole.head_bytes, whole.payload_bytes, &meta);
  meta.vlan_tags = vlan_tags;
  meta.ip_bytes = whole.ip_bytes;
  meta.fragments = static_cast<uint16_t>(std::min<uint32_t>(whole.packets, UINT16_MAX));
  assert(meta.key.ipv6 == ipv6 && "its burst is taken for one of that version");
  burst->hash[i] = hasher_.Of(meta.key);
  burst->candidate[i] = TableOf(meta.key.ipv6).HomeBucket(burst->hash[i]);
}

// A fragment that waits is counted when its datagram is whole, or given up; one that was refused goes no further, and its datagram with it.
void Pipeline::TrackFragment(Burst& burst, uint32_t i, Tally& tally) {
  if (burst.meta[i].malformed == coretrack::Malformed::kNone) return;
  Malformed(burst, i, tally);
  burst.verdict[i] = Verdict::kDropFragment;
}

// The last fragment stands for the datagram; the others count with it, on its flow or as what it was.
void Pipeline::TrackWhole(Burst& burst, uint32_t i, Now now, Tally& tally) {
  PacketMeta& meta = burst.meta[i];
  meta.kind = meta.whole_kind;
  const uint64_t tracked_before = tally.tracked;
  TrackOne(burst, i, now, tally);
  const uint32_t others = meta.fragments - 1u;
  if (tally.tracked == tracked_before) {
    tally.untracked[static_cast<size_t>(Untracked::kFragment)] += others;
    return;
  }
  tally.tracked += others;
  if (meta.kind == PacketKind::kIcmpError) return;
  const FlowIndex index = FindLive(burst, i, now);
  if (index == FlowIndex::kNone) return;
  Slot slot;
  Load(index, &slot);
  slot.detail.packets[Raw(meta.direction)] += others;
  Store(slot);
}

}  // namespace coretrack
