// Pipeline: the packet path between rx and tx: parse -> key + hash -> look up -> track -> verdict,
// and the expiry of flows.
//
// What for  The poll loop gives it bursts of mbufs, replay gives it records of a capture: the same
//           code, no DPDK here.
// Threads   Process(), Expire() and Apply() belong to one worker. counters(), tables() (through
//           FlowTable::Read) and now() may be read by any thread.
// Limits    Tables of fixed capacity; no allocation after Create(). Expire() takes a budget.
// Errors    Every packet has a verdict and is counted once: tracked or untracked[reason].
// Cost      bench: Pipeline/*
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/arena.h"
#include "dataplane/base/fetches.h"
#include "dataplane/base/slot_bits.h"
#include "dataplane/base/types.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/packet/meta_lanes.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/parse_fast.h"
#include "dataplane/packet/parse_lanes.h"
#include "dataplane/packet/segment_lanes.h"
#include "dataplane/tcp/tracker.h"
#include "dataplane/timer/flow_timers.h"
#include "dataplane/worker/chunk.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/datagram_follower.h"
#include "dataplane/worker/flow_record.h"
#include "dataplane/worker/history.h"
#include "dataplane/worker/rival.h"
#include "dataplane/worker/side_table.h"
#include "dataplane/worker/tunables.h"
#include "dataplane/worker/unassured_queue.h"

namespace coretrack {

struct Openings;
struct StepsTracked;

enum class Verdict : uint8_t { kForward, kDropInvalid, kDropMalformed, kDropFragment };

// One burst: arrays over packets. The caller fills the inputs of [0, count).
struct Burst {
  uint32_t count = 0;
  LinkLayer link = LinkLayer::kEthernet;
  // Inputs.
  alignas(kCacheLine) std::array<const uint8_t*, kMaxBurst> data;
  alignas(kCacheLine) std::array<uint32_t, kMaxBurst> bytes;
  alignas(kCacheLine) std::array<uint32_t, kMaxBurst> wire_bytes;
  std::array<uint8_t, kMaxBurst> zone;
  std::array<bool, kMaxBurst>
      checksum_known_good;  // the NIC vouched for it, or Prepare() has verified it
  // Filled on the way.
  bool fragments = false;  // there is one
  // Bit i: packet i has no candidate in its home bucket, may have one in the next, and has not been looked for there.
  uint64_t farther = 0;
  // Of what is common in `segments`: once NeedMetas() was called.
  std::array<PacketMeta, kMaxBurst> meta;
  KeyWords words;
  SegmentLanes segments;
  alignas(kCacheLine) std::array<FlowHash, kMaxBurst> hash;
  // Until Locate(): where its home bucket is, also of what is in lanes (flow/flow_table.h). Then the line that may
  // be its flow's, or null.
  alignas(kCacheLine) std::array<AtomicLine*, kMaxBurst> candidate;
  // Output.
  std::array<Verdict, kMaxBurst> verdict;

  // The key's.
  bool IsIpv6(uint32_t i) const {
    return SegmentLanes::Has(segments.common, i) ? (words.ipv6 >> i & 1) != 0 : meta[i].key.ipv6;
  }
  // Which of the kChunk packets from `first` on have an IPv6 key. Bit i: first + i; 0 behind the last of the burst.
  uint32_t Ipv6Of(uint32_t first) const {
    return static_cast<uint32_t>(words.ipv6 >> first) & AllOf(std::min(count - first, kChunk));
  }
  // For who needs the metas of `packets`, bits of the kLanes from `first` on; from Prepare() on.
  void NeedMetas(uint32_t first, uint32_t packets) {
    uint32_t bits = segments.Remove(first, packets);
    constexpr int kWorthLanes = kLanes / 3;
    if (kHasLanes && std::popcount(bits) >= kWorthLanes) {
      return FillMetaLanes(segments, words, first, static_cast<Mask>(bits), data.data(),
                           meta.data());
    }
    for (; bits != 0; bits &= bits - 1) {
      const uint32_t i = first + static_cast<uint32_t>(std::countr_zero(bits));
      FillMeta(segments, words, i, data[i], &meta[i]);
    }
  }
};

// What someone who listens is told. Called on the worker's thread, at changes only: never for an
// established packet.
class FlowListener {
 public:
  virtual ~FlowListener() = default;
  // Packet `packet` of the burst opened the flow or moved a state of it.
  virtual void OnChange(uint32_t packet, const FlowRecord& flow) = 0;
  // Packet `packet` was judged invalid.
  virtual void OnInvalid(uint32_t packet, std::string_view reason) = 0;
  // The flow is over; flow.end says how.
  virtual void OnEnd(const FlowRecord& flow) = 0;
};

// A wish of the control thread, through the worker's mailbox.
struct Command {
  enum class Kind : uint8_t { kDelete, kTune } kind = Kind::kDelete;
  FlowId flow;        // kDelete
  Tunables tunables;  // kTune
};

class Pipeline {
 public:
  struct Options {
    uint8_t worker = 0;
    uint32_t capacity_ipv4 = 1 << 16;
    uint32_t capacity_ipv6 = 1 << 14;
    // Half-open and unanswered datagram flows that may exist, and mid-stream ones until both sides
    // spoke.
    uint32_t half_open_quota = 1 << 14;
    uint32_t midstream_quota = 1 << 13;
    HashSecret secret;
    Tunables tunables;
    bool allow_hugetlb = false;
    // True: each flow ends at its deadline, to the millisecond. False: one that has once had a deadline FlowTimers::kFarMs ahead or more
    // may hold its slot up to kSlackMs beyond its last one, unseen by packets and queries, for a third of what its end costs.
    bool exact_ends = false;
    // False: every packet takes the general path, so that tests can hold the short ones against it.
    bool shortcuts = true;
  };
  static absl::StatusOr<std::unique_ptr<Pipeline>> Create(const Options& options, Now start);

  // No page of the tables is missing then when the first flows come (base/arena.h). Before these, on the owner's thread.
  absl::Status Populate() { return arena_.Populate(); }

  // The whole way of one burst: Prepare(), FollowFragments() if there are any, Locate(), Track().
  void Process(Burst* burst, Now now);
  // The stages, for who has several bursts: a stage's lines of memory are on their way while another
  // burst is worked on. With bursts A and B: Prepare(B, A), TrackAndLocate(A, B), Prepare(A, B), ...
  // Parses, hashes, starts loading buckets, the last of them in the stage that comes next. `located` (null: none) is the
  // burst that is tracked next: what lies farther from home than Locate() has looked is found on the way.
  void Prepare(Burst* burst, Burst* located = nullptr);
  // Finds candidates in home buckets, starts loading their lines, the last of them in the stage that comes next. What
  // is tracked between it and Track() of the same burst costs that burst time at most.
  void Locate(Burst* burst);
  // Each packet of `burst` gets its verdict.
  void Track(Burst* burst, Now now);
  // Track(burst), and Locate(next) on the way.
  void TrackAndLocate(Burst* burst, Now now, Burst* next);

  // Makes each fragment that completes its datagram a kWhole, with the key of the datagram's flow.
  // True: there was one. REQUIRES: all fragments of a datagram meet on this worker.
  bool FollowFragments(Burst* burst, Now now);
  // The datagram that packet `i` completes, for where it was handed over to. `i` may be at most
  // kMaxBurst - 1; valid until the next FollowFragments() or AdoptWhole().
  const DatagramFollower::Whole& whole(uint32_t i) const { return wholes_[i]; }
  void AdoptWhole(Burst* burst, uint32_t i, const DatagramFollower::Whole& whole);

  // Ends flows whose deadline has passed, at most `budget` wheel filings. True: none that is due is
  // left.
  bool Expire(Now now, uint32_t budget);

  void Apply(const Command& command, Now now);

  // At most one; null: nobody listens. The owner's thread.
  void set_listener(FlowListener* listener) { listener_ = listener; }

  WorkerCounters& counters() { return counters_; }
  const WorkerCounters& counters() const { return counters_; }
  const FlowTable& table(bool ipv6) const { return ipv6 ? *ipv6_ : *ipv4_; }
  const Tunables& tunables() const { return tunables_; }
  const Histories& histories() const { return *histories_; }
  const Options& options() const { return options_; }
  PageKind page_kind() const { return arena_.page_kind(); }
  size_t arena_bytes() const { return arena_.bytes(); }
  // The owner's thread: flows that nobody has confirmed yet.
  uint32_t unassured_flows(bool ipv6) const { return unassured_flows_[ipv6]; }

  // The owner's thread: the record of a live flow as it is now.
  FlowRecord RecordOf(FlowIndex index, Now now, End end = End::kActive) const;

 private:
  struct Slot : FlowImage {  // a flow that is being worked on
    FlowTable* table;
    FlowIndex index;
  };
  // Sums of one burst, added to the counters once.
  struct Tally {
    uint64_t tracked = 0;
    std::array<uint32_t, static_cast<size_t>(Untracked::kCount)> untracked{};
  };

  explicit Pipeline(const Options& options);

  FlowTable& TableOf(bool ipv6) { return ipv6 ? *ipv6_ : *ipv4_; }
  FlowTable& TableOf(FlowIndex index) { return ipv4_->Contains(index) ? *ipv4_ : *ipv6_; }
  const FlowTable& TableOf(FlowIndex index) const {
    return ipv4_->Contains(index) ? *ipv4_ : *ipv6_;
  }

  uint32_t EstablishedMs() const {
    return tunables_.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kEstablished)];
  }
  // Of a flow whose states have code `pair`.
  uint32_t TimeoutMs(uint8_t pair) const {
    return tunables_.tcp_timeout_ms[static_cast<int>(tcp::TimeoutClassOf(pair))];
  }

  // pipeline_prepare.cc
  void FetchBuckets(Burst* burst, uint32_t first, uint32_t last);
  uint32_t ParseCommon(Burst* burst, uint32_t first, uint32_t last);
  static uint32_t ParseEach(Burst* burst, uint32_t first, uint32_t packets, bool verify);
  void ParseOther(Burst* burst, uint32_t i) const;

  // pipeline.cc
  void LocateChunk(Burst* burst, uint32_t first);
  void LocateEach(Burst* burst, uint32_t first);
  template <typename Choose>
  void LocateEachIn(Burst* burst, uint32_t first, const Choose& table_of);
  void LocateFarther(Burst* burst);
  void BeginTracking(Burst* burst);
  void TrackChunk(Burst* burst, uint32_t first, Now now, Tally& tally);
  Mask TrackLanes(Burst* burst, uint32_t first, uint32_t packets, Now now);
  Mask TrackSteps(const Burst& burst, uint32_t first, uint32_t packets, Now now);
  Mask TrackSpilled(Burst* burst, uint32_t first, uint32_t packets, Now now);
  void TrackEach(Burst* burst, uint32_t first, uint32_t left, Now now, Tally& tally);
  void Count(const Tally& tally);
  static void KeepHeld(Burst* burst, uint32_t first, uint32_t packets);
  static uint32_t TrackPlain(const Burst& burst, uint32_t i, uint32_t last, Tick now,
                             uint32_t established_ms);
  FlowIndex FindLive(Burst& burst, uint32_t i, Now now);
  bool TrackShort(const Burst& burst, uint32_t i, Now now);
  void TrackOne(Burst& burst, uint32_t i, Now now, Tally& tally);

  // pipeline_flowless.cc
  void NoFlow(Burst& burst, uint32_t i, Untracked reason, Tally& tally);
  void Malformed(Burst& burst, uint32_t i, Tally& tally);
  void BadSegment(Burst& burst, uint32_t i, Now now, Tally& tally);
  void RelatedIcmp(Burst& burst, uint32_t i, Now now, Tally& tally);
  void CountInvalid(Burst& burst, uint32_t i, tcp::Invalid reason, std::string_view word);

  // pipeline_fragments.cc
  void TrackFragment(Burst& burst, uint32_t i, Tally& tally);
  void TrackWhole(Burst& burst, uint32_t i, Now now, Tally& tally);

  // pipeline_steps.cc. True: the segment was in order, and is tracked. False: nothing was touched; also of a flow that
  // is past its deadline, or gone.
  bool TrackStep(const Burst& burst, uint32_t i, AtomicLine& line, Now now);
  bool TrackFirst(const PacketMeta& meta, AtomicLine& line, Now now);
  // Of several: bit i: first + i.
  Mask TrackStepsIn(const FlowTable& table, const Burst& burst, uint32_t first, uint32_t packets,
                    Now now);
  void FileSteps(const Burst& burst, uint32_t first, const FlowTable& table,
                 const StepsTracked& steps, Now now);
  bool SpillAhead(const Burst& burst, uint32_t first, uint32_t packets);

  // pipeline_opening.cc: what a plain SYN opens, and the SYN+ACK that answers it. True: it is tracked (or
  // there was no room). False: it is not plain, nothing was touched.
  bool OpenPlainly(Burst& burst, uint32_t i, Now now, Tally& tally);
  bool TrackAnswer(const Burst& burst, uint32_t i, AtomicLine& line, Now now);
  void TrackOpenings(Burst* burst, uint32_t first, uint32_t left, Now now, Tally& tally);
  Mask Open(Burst& burst, uint32_t first, Mask opening, const Openings& openings, FlowTable& table,
            Now now, Tally& tally);
  struct TakenSlots {
    uint32_t count = 0;
    std::array<FlowIndex, kLanes> index;
    std::array<uint32_t, kLanes> packet;  // for which, of the chunk
  };
  void StoreOpened(const Burst& burst, uint32_t first, const Openings& openings,
                   const TakenSlots& taken, FlowTable& table, Now now);
  uint32_t CountNotUnassured(std::span<const UnassuredQueue::Entry> oldest) const;

  // pipeline_tcp.cc
  void TrackTcp(Burst& burst, uint32_t i, Now now, Tally& tally);
  void OpenTcp(Burst& burst, uint32_t i, Now now, Tally& tally);
  void ReopenTcp(Burst& burst, uint32_t i, FlowIndex old, Now now, Tally& tally);
  void NoteTcp(Burst& burst, uint32_t i, FlowImage& flow, uint8_t state_before,
               const tcp::Outcome& outcome, Now now);
  void FinishTcp(Burst& burst, uint32_t i, Slot& slot, const tcp::Outcome& outcome, Now now);

  // pipeline_rival.cc
  void KeepRival(Burst& burst, uint32_t i, const Slot& slot, const tcp::Connection& c, Now now);
  bool TrackRivals(Burst& burst, uint32_t i, Slot& slot, const tcp::Connection& c,
                   const tcp::Outcome& of_flow, Now now, Tally& tally);
  bool TrackRival(Burst& burst, uint32_t i, Slot& slot, const tcp::Connection& c, Rivals& rivals,
                  Rival& rival, Now now, Tally& tally);
  void SwapWithRival(Burst& burst, uint32_t i, Slot& slot, tcp::Connection c, Rival& rival,
                     tcp::Connection other, tcp::Outcome outcome, Now now);
  void Replace(Burst& burst, uint32_t i, Slot& old, Rival rival, tcp::Connection other,
               const tcp::Outcome& outcome, Now now, Tally& tally);

  // pipeline_datagram.cc
  bool TrackKnownDatagram(const PacketMeta& meta, AtomicLine& line, Tick now);
  bool TrackAnsweringDatagram(const Burst& burst, uint32_t i, AtomicLine& line, Now now);
  bool OpenByDatagram(Burst& burst, uint32_t i, Now now, Tally& tally);
  void TrackDatagram(Burst& burst, uint32_t i, Now now, Tally& tally);

  // pipeline_flows.cc: the life of a flow's slot.
  FlowIndex Admit(const FlowKey& key, FlowHash hash, bool midstream, Now now);
  FlowIndex AdmitBare(FlowTable& table, FlowHash hash, Now now);
  bool HasRoom(const FlowTable& table, bool midstream, Now now);
  static void CountPacket(FlowImage& flow, Direction direction, uint32_t ip_bytes);
  static void Uncount(FlowImage& flow, const FlowImage& counted);
  void Load(FlowIndex index, Slot* slot);
  void Store(const Slot& slot);
  void StoreNew(Slot& slot, uint64_t start_us, Now now);
  void FileNew(const FlowTable& table, FlowIndex index, uint32_t generation, Tick deadline,
               uint8_t state, bool midstream, Now now);
  void CountNew(bool ipv6, uint8_t state, uint64_t flows);
  Tick FiledFor(const FlowTable& table, Tick deadline, Now now) const;
  void Reschedule(FlowIndex index, Tick old_deadline, Tick deadline, bool is_last, Now now);
  void CountState(uint8_t from, uint8_t to, uint64_t flows = 1);
  void TellChange(uint32_t i, FlowIndex index, Now now);
  void EndFlow(FlowIndex index, FlowHash hash, End reason, Now now);
  // Flows whose lines are loaded together when the timers hand them out; and those of them that are over.
  static constexpr uint32_t kExpireChunk = 16;
  struct OverFlows {
    uint32_t count = 0;
    std::array<FlowIndex, kExpireChunk> index;
    alignas(kCacheLine) std::array<FlowHash, kMaxBurst> hash;
    alignas(kCacheLine) std::array<AtomicLine*, kExpireChunk> home;
  };
  static_assert(kExpireChunk % kLanes == 0);
  void FindOver(std::span<const FlowIndex> handed_out, Now now, OverFlows* over);
  void EndOver(OverFlows* over, Now now);
  void CountEnds(bool ipv6, uint8_t state, End reason, uint64_t flows);
  void NotUnassured(const FlowTable& table, FlowIndex index);
  bool IsUnassured(const FlowTable& table, const UnassuredQueue::Entry& entry) const;
  void MakePlace(const FlowTable& table, UnassuredQueue* queue, Now now);
  void Evict(const FlowTable& table, FlowIndex index, Now now);
  bool MakeRoom(const FlowTable& table, Now now);
  static End EndOf(uint8_t state);
  static End EndBy(End reason, const FlowTable& table, FlowIndex index, Now now);

  Options options_;
  FlowHasher hasher_;
  Tunables tunables_;
  Arena arena_;
  // Were those of the last chunk that went together? So are the next one's, probably.
  bool were_established_ = false;
  Fetches fetches_;  // of the stage before: for the next one to ask for, whichever burst's
  std::unique_ptr<FlowTable> ipv4_;
  std::unique_ptr<FlowTable> ipv6_;
  std::unique_ptr<Histories> histories_;
  std::unique_ptr<FlowTimers> wheel_;
  // Whose flow is unassured, and how many are by IP version: a queue's entry of others is not worth a look at the flow.
  std::unique_ptr<SlotBits> is_unassured_;
  std::array<uint32_t, 2> unassured_flows_{};
  // By IP version, then half-open (0) and mid-stream (1).
  std::array<std::array<std::unique_ptr<UnassuredQueue>, 2>, 2> unassured_;
  SideTable<Rivals> rivals_;
  SideTable<tcp::KeptInMind> minds_;
  DatagramFollower follower_;
  std::array<DatagramFollower::Whole, kMaxBurst> wholes_;  // by packet of the burst
  FlowListener* listener_ = nullptr;
  WorkerCounters counters_;
};

}  // namespace coretrack
