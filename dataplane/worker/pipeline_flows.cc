// The life of a flow's slot: admitted, counted, filed, ended.
#include <algorithm>
#include <cassert>
#include <limits>

#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/tcp_binding.h"
#include "dataplane/worker/timeouts.h"

namespace coretrack {
namespace {

// Unassured flows that one new flow may look at when it needs room in the table, and in its queue.
constexpr int kEvictionProbes = 8, kQueueProbes = 8;

}  // namespace

void Pipeline::Load(FlowIndex index, Slot* slot) {
  slot->table = &TableOf(index);
  slot->index = index;
  slot->line = slot->table->line(index).LoadOwned<FlowLine>();
  slot->table->LoadDetail(index, &slot->detail);
}

void Pipeline::Store(const Slot& slot) {
  AtomicLine& line = slot.table->line(slot.index);
  BeginWrite(line);
  slot.table->StoreDetail(slot.index, slot.detail);
  EndWrite(line, slot.line);
  if ((slot.detail.flags & detail_flag::kAssured) != 0) NotUnassured(*slot.table, slot.index);
}

// The flow is assured, or over.
void Pipeline::NotUnassured(const FlowTable& table, FlowIndex index) {
  if (!is_unassured_->Test(index)) return;
  is_unassured_->Clear(index);
  --unassured_flows_[table.ipv6()];
}

// Is there room for one more flow in table and queue, now if not before?
bool Pipeline::HasRoom(const FlowTable& table, bool midstream, Now now) {
  UnassuredQueue* queue = unassured_[table.ipv6()][midstream].get();
  if (queue->full()) {
    MakePlace(table, queue, now);
    constexpr size_t kAhead = 8;
    if (!queue->empty()) {
      is_unassured_->Prefetch(queue->Ahead(2 * kAhead));
      if (const FlowIndex next = queue->Ahead(kAhead); is_unassured_->Test(next))
        table.PrefetchOrigin(next);
    }
  }
  return table.size() < table.capacity() || MakeRoom(table, now);
}

// A slot for `key`, its line and detail empty; kNone: the table is full of assured flows, or the key's part of it is (nobody gives way for
// that: he would have to be of the same part).
FlowIndex Pipeline::Admit(const FlowKey& key, FlowHash hash, bool midstream, Now now) {
  FlowTable& table = TableOf(key.ipv6);
  if (!HasRoom(table, midstream, now)) return FlowIndex::kNone;
  return table.Insert(key, hash);
}

// The same of a flow that does not begin mid-stream, for who stores all of it himself.
FlowIndex Pipeline::AdmitBare(FlowTable& table, FlowHash hash, Now now) {
  if (!HasRoom(table, false, now)) return FlowIndex::kNone;
  return table.Take(hash);
}

// In a full queue, for one more. Who is still unassured gives way if enough are; else he only has to queue again, for there are
// entries of others. (With an eighth more entries than the quota, and eight looks for each new flow, these are found before they are
// needed. Who has such an entry's slot now is mostly unassured, too: he has an entry of his own.)
void Pipeline::MakePlace(const FlowTable& table, UnassuredQueue* queue, Now now) {
  for (int i = 0; i < kQueueProbes && queue->full(); ++i) {
    const UnassuredQueue::Entry oldest = queue->Pop();
    if (!IsUnassured(table, oldest)) continue;
    if (unassured_flows_[table.ipv6()] >= queue->enough()) return Evict(table, oldest.index, now);
    queue->Push(oldest);
  }
  if (queue->HasPlace()) [[likely]]
    return;
  const UnassuredQueue::Entry oldest = queue->Pop();
  if (IsUnassured(table, oldest)) Evict(table, oldest.index, now);
}

// Half-open flows give way first, then unconfirmed mid-stream ones, an assured flow never. False: there is none
// among the oldest kEvictionProbes of each, which have left their queue.
bool Pipeline::MakeRoom(const FlowTable& table, Now now) {
  for (const auto& queue : unassured_[table.ipv6()]) {
    for (int i = 0; i < kEvictionProbes && !queue->empty(); ++i) {
      const UnassuredQueue::Entry oldest = queue->Pop();
      if (!IsUnassured(table, oldest)) continue;
      Evict(table, oldest.index, now);
      return true;
    }
  }
  return false;
}

// Is the flow that entered a queue as `entry` there, and not assured?
bool Pipeline::IsUnassured(const FlowTable& table, const UnassuredQueue::Entry& entry) const {
  return is_unassured_->Test(entry.index) &&
         GenerationOf(table.origin(entry.index).load(std::memory_order_relaxed)) ==
             entry.generation;
}

void Pipeline::Evict(const FlowTable& table, FlowIndex index, Now now) {
  EndFlow(index, hasher_.Of(table.KeyAt(index)), EndBy(End::kEvicted, table, index, now), now);
}

// Stores a flow for the first time.
void Pipeline::StoreNew(Slot& slot, uint64_t start_us, Now now) {
  slot.detail.start_us = slot.table->StartIn(slot.index, start_us);
  Store(slot);
  FileNew(*slot.table, slot.index, GenerationOf(slot.detail.start_us), slot.line.deadline(),
          slot.line.state, (slot.detail.flags & detail_flag::kMidstream) != 0, now);
  // What a rival has become may be assured from the start.
  if ((slot.detail.flags & detail_flag::kAssured) != 0) NotUnassured(*slot.table, slot.index);
}

// A flow that was stored for the first time is filed, counted, queued for eviction until it is assured.
void Pipeline::FileNew(const FlowTable& table, FlowIndex index, uint32_t generation, Tick deadline,
                       uint8_t state, bool midstream, Now now) {
  wheel_->Schedule(index, FiledFor(table, deadline, now));
  is_unassured_->Set(index);
  ++unassured_flows_[table.ipv6()];
  unassured_[table.ipv6()][midstream]->Push({.index = index, .generation = generation});
  CountNew(table.ipv6(), state, 1);
}

void Pipeline::CountNew(bool ipv6, uint8_t state, uint64_t flows) {
  counters_.flows_created.Add(flows);
  counters_.flows.Add(flows);
  if (ipv6) counters_.flows_ipv6.Add(flows);
  CountState(0, state, flows);
}

// What the wheel is told for a deadline. A table that is nearly full has no slots to spare for flows that are over.
Tick Pipeline::FiledFor(const FlowTable& table, Tick deadline, Now now) const {
  const bool exact = options_.exact_ends || table.size() > table.capacity() - table.capacity() / 16;
  return exact ? deadline : FlowTimers::WithSlack(deadline, now.tick);
}

// The wheel finds a flow at its old deadline by itself; only a deadline that came nearer must be
// filed anew, and one that is probably the flow's last saves a hand-out by it.
void Pipeline::Reschedule(FlowIndex index, Tick old_deadline, Tick deadline, bool is_last,
                          Now now) {
  if (deadline == old_deadline) return;
  if (is_last) {
    wheel_->Refile(index, FiledFor(TableOf(index), deadline, now));
  } else if (deadline.Before(old_deadline)) {
    wheel_->Hasten(index, FiledFor(TableOf(index), deadline, now));
  }
}

void Pipeline::CountPacket(FlowImage& flow, Direction direction, uint32_t ip_bytes) {
  const unsigned d = Raw(direction);
  FlowLine& line = flow.line;
  FlowDetail& detail = flow.detail;
  if (line.packets[d] == std::numeric_limits<uint8_t>::max() ||
      line.bytes[d] + ip_bytes > std::numeric_limits<uint16_t>::max()) {
    detail.packets[d] += line.packets[d];
    detail.bytes[d] += line.bytes[d];
    line.packets[d] = 0;
    line.bytes[d] = 0;
    if (ip_bytes > std::numeric_limits<uint16_t>::max()) {
      detail.bytes[d] += ip_bytes;
      ip_bytes = 0;
    }
  }
  ++line.packets[d];
  line.bytes[d] = static_cast<uint16_t>(line.bytes[d] + ip_bytes);
}

// Takes back what was counted to both, from the deltas or from what was spilled of them.
void Pipeline::Uncount(FlowImage& flow, const FlowImage& counted) {
  for (unsigned d = 0; d < 2; ++d) {
    FlowDetail& detail = flow.detail;
    detail.packets[d] += flow.line.packets[d] - counted.detail.packets[d] - counted.line.packets[d];
    detail.bytes[d] += flow.line.bytes[d] - counted.detail.bytes[d] - counted.line.bytes[d];
    flow.line.packets[d] = 0;
    flow.line.bytes[d] = 0;
  }
}

void Pipeline::CountState(uint8_t from, uint8_t to, uint64_t flows) {
  const uint8_t a = from & kStateCodeMask;
  const uint8_t b = to & kStateCodeMask;
  if (a == b) return;
  if (a != 0) counters_.flows_by_state[a].Add(0 - flows);
  if (b != 0) counters_.flows_by_state[b].Add(flows);
}

// Out of line: a record is large, and few listen.
[[gnu::noinline]] void Pipeline::TellChange(uint32_t i, FlowIndex index, Now now) {
  listener_->OnChange(i, RecordOf(index, now));
}

// How a flow in `state` that is past its deadline has ended.
End Pipeline::EndOf(uint8_t state) {
  if (!IsTcpState(state)) return End::kTimeout;
  const tcp::StatePair pair = PairOf(state);
  const auto any = [pair](tcp::State s) { return pair.originator == s || pair.responder == s; };
  if (any(tcp::State::kTimeWait)) return End::kClosed;
  if (any(tcp::State::kClosed) && tcp::TimeoutClassOf(pair) == tcp::TimeoutClass::kAfterReset)
    return End::kReset;
  return End::kTimeout;
}

// How a flow ends that is ended by `reason` now: it may have been over before, and hold its slot still.
End Pipeline::EndBy(End reason, const FlowTable& table, FlowIndex index, Now now) {
  const uint64_t word0 = table.line(index).words[0].load(std::memory_order_relaxed);
  return now.tick.Before(Tick(static_cast<uint32_t>(word0 >> 32))) ? reason : EndOf(StateIn(word0));
}

void Pipeline::EndFlow(FlowIndex index, FlowHash hash, End reason, Now now) {
  wheel_->Cancel(index);
  FlowTable& table = TableOf(index);
  const uint8_t state = StateIn(table.line(index).words[0].load(std::memory_order_relaxed));
  if (listener_ != nullptr) [[unlikely]]
    listener_->OnEnd(RecordOf(index, now, reason));
  NotUnassured(table, index);
  table.Erase(index, hash);
  CountEnds(table.ipv6(), state, reason, 1);
}

void Pipeline::CountEnds(bool ipv6, uint8_t state, End reason, uint64_t flows) {
  CountState(state, 0, flows);
  counters_.flows_ended[static_cast<size_t>(reason)].Add(flows);
  counters_.flows.Add(0 - flows);
  if (ipv6) counters_.flows_ipv6.Add(0 - flows);
}

// What the wheel has handed out, at most kExpireChunk flows: alive because their deadline has moved since, and filed again; or over: their
// buckets are on their way then.
void Pipeline::FindOver(std::span<const FlowIndex> handed_out, Now now, OverFlows* over) {
  assert(over->count == 0 && handed_out.size() <= kExpireChunk);
  KeyWords keys;
  for (const FlowIndex index : handed_out) {
    const FlowTable& table = TableOf(index);
    const Tick deadline(
        static_cast<uint32_t>(table.line(index).words[0].load(std::memory_order_relaxed) >> 32));
    if (now.tick.Before(deadline)) {
      wheel_->Schedule(index, FiledFor(table, deadline, now));
    } else {
      table.GetKey(index, over->count, &keys);
      over->index[over->count++] = index;
    }
  }
  if (over->count == 0) return;  // what fetches_ has is for the stage that comes next
  hasher_.OfBurst(keys, 0, over->count, over->hash.data());
  // (Behind the last flow of any hash.)
  for (uint32_t first = 0; first < over->count; first += kLanes) {
    fetches_.Rest();
    FlowTable::FetchBuckets(*ipv4_, *ipv6_, static_cast<Mask>(keys.ipv6 >> first),
                            &over->hash[first], &over->home[first], &fetches_);
  }
  fetches_.Rest();
}

// Those that end alike one after the other are counted together.
void Pipeline::EndOver(OverFlows* over, Now now) {
  uint8_t state = 0;
  bool ipv6 = false;
  uint64_t alike = 0;
  for (uint32_t i = 0; i < over->count; ++i) {
    const FlowIndex index = over->index[i];
    FlowTable& table = TableOf(index);
    const uint8_t own =
        StateIn(table.line(index).words[0].load(std::memory_order_relaxed)) & kStateCodeMask;
    if (own != state || table.ipv6() != ipv6) [[unlikely]] {
      if (alike != 0) CountEnds(ipv6, state, EndOf(state), alike);
      state = own;
      ipv6 = table.ipv6();
      alike = 0;
    }
    ++alike;
    if (listener_ != nullptr) [[unlikely]]
      listener_->OnEnd(RecordOf(index, now, EndOf(own)));
    NotUnassured(table, index);
    table.Erase(index, over->hash[i], over->home[i]);
  }
  if (alike != 0) CountEnds(ipv6, state, EndOf(state), alike);
  over->count = 0;
}

bool Pipeline::Expire(Now now, uint32_t budget) {
  if (follower_.waiting() != 0) [[unlikely]] {
    constexpr uint32_t kDatagramBudget = 16;
    counters_.untracked[static_cast<size_t>(Untracked::kFragment)].Add(
        follower_.Expire(now.tick, kDatagramBudget));
    counters_.fragments_waiting.Set(follower_.waiting());
  }
  // Three chunks: one's lines are on their way while the one before is looked at, and the buckets of that one's flows while those
  // before are ended.
  std::array<std::array<FlowIndex, kExpireChunk>, 2> due;
  std::array<OverFlows, 2> over;
  uint32_t loaded = 0;
  bool caught_up = false;
  for (uint32_t n = 0; loaded != 0 || (budget != 0 && !caught_up); ++n) {
    uint32_t count = 0;
    if (budget != 0 && !caught_up) {
      const uint32_t chunk = std::min(budget, kExpireChunk);
      const auto advanced = wheel_->Advance(now.tick, std::span(due[n % 2]).first(chunk));
      count = advanced.count;
      for (uint32_t i = 0; i < count; ++i) {
        const FlowIndex flow = due[n % 2][i];
        TableOf(flow).PrefetchLine(flow);
        is_unassured_->Prefetch(flow);
      }
      budget -= chunk;
      caught_up = advanced.caught_up;
    }
    FindOver(std::span(due[1 - n % 2]).first(loaded), now, &over[n % 2]);
    EndOver(&over[1 - n % 2], now);
    loaded = count;
  }
  for (OverFlows& last : over) EndOver(&last, now);
  counters_.wheel_lag_ms.Set(wheel_->lag_ms());
  const WidePool &ipv4 = ipv4_->wide(), &ipv6 = ipv6_->wide();
  counters_.flows_wide.Set(ipv4.used() + ipv6.used());
  counters_.counts_saturated.Set(ipv4.missed() + ipv6.missed());
  counters_.history_letters_lost.Set(histories_->lost());
  return caught_up;
}

void Pipeline::Apply(const Command& command, Now now) {
  if (command.kind == Command::Kind::kTune) {
    tunables_ = command.tunables;
    return;
  }
  const FlowIndex index = command.flow.index;
  if (!ipv4_->Contains(index) && !ipv6_->Contains(index)) return;
  const FlowTable& table = TableOf(index);
  if (StateIn(table.line(index).words[0].load(std::memory_order_relaxed)) == 0) return;
  if (GenerationOf(table.origin(index).load(std::memory_order_relaxed)) != command.flow.generation)
    return;
  EndFlow(index, hasher_.Of(table.KeyAt(index)), EndBy(End::kDeleted, table, index, now), now);
}

FlowRecord Pipeline::RecordOf(FlowIndex index, Now now, End end) const {
  FlowCopy copy;
  if (!TableOf(index).Read(index, &copy)) return {};
  return MakeRecord(options_.worker, index, copy, now, tunables_, *histories_, end);
}

}  // namespace coretrack
