// The first stage: packets are parsed, their keys hashed, and their home buckets asked for.
#include <algorithm>
#include <bit>

#include "dataplane/packet/layers.h"
#include "dataplane/packet/parse_fast.h"
#include "dataplane/packet/tcp_checksum.h"
#include "dataplane/worker/chunk.h"
#include "dataplane/worker/pipeline.h"

namespace coretrack {

// Asks for the home buckets of [first, last).
[[gnu::always_inline]] inline void Pipeline::FetchBuckets(Burst* burst, uint32_t first,
                                                          uint32_t last) {
  fetches_.Rest();
  if (Together(first, last)) [[likely]] {
    const uint32_t ipv6 = burst->Ipv6Of(first);
    if (ipv6 == 0 || ipv6 == AllOf(kChunk)) [[likely]] {
      return table(ipv6 != 0).FetchBuckets(&burst->hash[first], &burst->candidate[first],
                                           &fetches_);
    }
    return FlowTable::FetchBuckets(*ipv4_, *ipv6_, static_cast<Mask>(ipv6), &burst->hash[first],
                                   &burst->candidate[first], &fetches_);
  }
  for (uint32_t i = first; i < last; ++i) {
    const FlowTable& of_key = table((burst->words.ipv6 >> i & 1) != 0);
    burst->candidate[i] = of_key.HomeBucket(burst->hash[i]);
    of_key.PrefetchBucket(burst->hash[i]);
  }
}

// Parses what is common in [first, last). Bit i: first + i is for ParseOther().
[[gnu::always_inline]] inline uint32_t Pipeline::ParseCommon(Burst* burst, uint32_t first,
                                                             uint32_t last) {
  const uint32_t all = AllOf(last - first);
  if (burst->link != LinkLayer::kEthernet) [[unlikely]]
    return all;
  const bool verify = tunables_.verify_checksums;
  if (verify) {
    // What is found right here goes the ways of what a NIC has vouched for.
    for (uint32_t i = first; i < last; ++i)
      burst->checksum_known_good[i] =
          burst->checksum_known_good[i] || ChecksumsAreRight(burst->data[i], burst->bytes[i]);
  }
  if (!Together(first, last) || !options_.shortcuts) [[unlikely]]
    return ParseEach(burst, first, all, verify);
  const FrameLanes frames = {.first = first,
                             .data = &burst->data[first],
                             .bytes = &burst->bytes[first],
                             .wire_bytes = &burst->wire_bytes[first],
                             .zone = &burst->zone[first],
                             .checksum_known_good = &burst->checksum_known_good[first]};
  const uint32_t left =
      all ^ ParseLanes(frames, verify, &burst->words, &burst->segments, &fetches_);
  return left == 0 ? 0 : ParseEach(burst, first, left, verify);
}

// The same of `packets` (bit i: first + i), one after the other, in a loop that calls nothing.
[[gnu::noinline]] uint32_t Pipeline::ParseEach(Burst* burst, uint32_t first, uint32_t packets,
                                               bool verify) {
  uint32_t others = 0;
  for (; packets != 0; packets &= packets - 1) {
    const uint32_t i = first + static_cast<uint32_t>(std::countr_zero(packets));
    PacketMeta& meta = burst->meta[i];
    const bool common =
        (!verify || burst->checksum_known_good[i]) &&
        ParseFast(burst->data[i], burst->bytes[i], burst->wire_bytes[i], burst->zone[i], &meta);
    if (common) [[likely]] {
      burst->words.Set(i, meta.key);
    } else {
      others |= packets & -packets;
    }
  }
  return others;
}

void Pipeline::ParseOther(Burst* burst, uint32_t i) const {
  PacketMeta& meta = burst->meta[i];
  const ParseOptions options{
      .link = burst->link,
      .verify_checksums = tunables_.verify_checksums && !burst->checksum_known_good[i],
      .zone = burst->zone[i]};
  const bool common =
      options.link == LinkLayer::kEthernet && !options.verify_checksums &&
      (ParseFastSyn(burst->data[i], burst->bytes[i], burst->wire_bytes[i], options.zone, &meta) ||
       ParseFastUdp(burst->data[i], burst->bytes[i], burst->wire_bytes[i], options.zone, &meta));
  if (!common) {
    const uint32_t wire_bytes = std::max(burst->wire_bytes[i], burst->bytes[i]);
    ParseGeneral({burst->data[i], burst->bytes[i], wire_bytes}, options, &meta);
    burst->fragments |= meta.kind == PacketKind::kFragment;
  }
  burst->words.Set(i, meta.key);
}

void Pipeline::Prepare(Burst* burst, Burst* located) {
  burst->fragments = false;
  burst->words.Clear();
  burst->segments.Clear();
  // Hashes are long chains of instructions, so two chunks' of eight together.
  constexpr uint32_t kHashed = std::max(kChunk, 16u);
  uint32_t fetched = 0;
  const auto fetch = [&](uint32_t hashed) {
    FetchBuckets(burst, fetched, std::min(fetched + kChunk, hashed));
    fetched += kChunk;
  };
  for (uint32_t begin = 0; begin < burst->count; begin += kHashed) {
    const uint32_t end = std::min(begin + kHashed, burst->count);
    for (uint32_t first = begin; first < end; first += kChunk) {
      if (fetched < begin) fetch(begin);  // while this chunk is parsed
      const uint32_t last = std::min(first + kChunk, end);
      for (uint32_t others = ParseCommon(burst, first, last); others != 0; others &= others - 1)
        ParseOther(burst, first + static_cast<uint32_t>(std::countr_zero(others)));
    }
    fetches_.Rest();
    // What it needs for that was asked for with the first chunk, and has come.
    if (begin == kMaxBurst / 2 && located != nullptr) LocateFarther(located);
    hasher_.OfBurst(burst->words, begin, end, burst->hash.data());
  }
  while (fetched < burst->count) fetch(burst->count);
  if (located != nullptr && located->farther != 0)
    LocateFarther(located);  // the burst was that short
}

}  // namespace coretrack
