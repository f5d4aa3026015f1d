#include "bench/pipeline_rig.h"

#include <rte_cycles.h>

#include <algorithm>

#include "bench/bench_env.h"

namespace coretrack::bench {

// As the poll loop takes in what a port had, and counts it.
void Rig::Fill(uint32_t first, uint32_t count, Burst* burst) {
  static constexpr std::array<PollPort, kMaxPorts> kPorts{};
  const uint32_t more = std::min(kMaxBurst, count - first);
  const Filled filled = FillBurst({traffic->mbufs() + first, more}, 0, kPorts, copies.get(), burst);
  counters().received.Add(more);
  counters().received_bytes.Add(filled.bytes);
}

void Rig::Process(uint32_t count) {
  Burst* located = nullptr;
  for (uint32_t first = 0, n = 0; first < count; first += kMaxBurst, ++n) {
    Burst* burst = &(*bursts)[n % 2];
    Fill(first, count, burst);
    pipeline->Prepare(burst, located);
    if (located != nullptr) {
      pipeline->TrackAndLocate(located, now, burst);
    } else {
      pipeline->Locate(burst);
    }
    located = burst;
  }
  pipeline->Track(located, now);
}

void Rig::Process(uint32_t count, std::array<uint64_t, 3>* cycles) {
  Burst* located = nullptr;
  uint64_t before = rte_rdtsc();
  const auto stamp = [&](size_t stage) {
    const uint64_t after = rte_rdtsc();
    (*cycles)[stage] += after - before;
    before = after;
  };
  for (uint32_t first = 0, n = 0; first < count; first += kMaxBurst, ++n) {
    Burst* burst = &(*bursts)[n % 2];
    Fill(first, count, burst);
    stamp(0);
    pipeline->Prepare(burst, located);
    stamp(1);
    if (located != nullptr) {
      pipeline->TrackAndLocate(located, now, burst);
    } else {
      pipeline->Locate(burst);
    }
    stamp(2);
    located = burst;
  }
  pipeline->Track(located, now);
  stamp(2);
}

Ends Rig::Walk(uint32_t first, uint32_t last, std::span<const Step> steps) {
  Ends ends;
  for (; first < last; first += kPoll) {
    const uint32_t count = std::min(kPoll, last - first);
    ends = {};
    for (const Step& step : steps) {
      for (uint32_t j = 0; j < count; ++j) traffic->Write(j, first + j, ends, step);
      ends.Send(step);
      Process(count);
    }
  }
  return ends;
}

void Rig::Establish(uint32_t first, uint32_t last) {
  using namespace tcp_flag;
  constexpr Step kSteps[] = {{true, kSyn, 0},  {false, kSyn | kAck, 0},
                             {true, kAck, 0},  {true, kAck | kPsh, kPayloadBytes},
                             {false, kAck, 0}, {false, kAck | kPsh, kPayloadBytes}};
  traffic->Begin(Walk(first, last, kSteps));
}

uint64_t Rig::Wrong() const {
  const WorkerCounters& counters = pipeline->counters();
  uint64_t wrong = counters.untracked[static_cast<size_t>(Untracked::kTableFull)].Read() +
                   counters.flows_ended[static_cast<size_t>(End::kEvicted)].Read();
  for (const Counter& counter : counters.invalid) wrong += counter.Read();
  return wrong;
}

namespace {

Pipeline::Options OptionsOf(const RigShape& shape, uint8_t worker) {
  Pipeline::Options options;
  options.worker = worker;
  constexpr uint32_t kUnused = 1024;
  using Versions = TrafficShape::Versions;
  const Versions versions = shape.traffic.versions;
  const uint32_t flows = versions == Versions::kBoth ? (shape.flows + 1) / 2 : shape.flows;
  const uint32_t capacity = CapacityFor(flows, shape.load);
  options.capacity_ipv4 = versions == Versions::kIpv6 ? kUnused : capacity;
  options.capacity_ipv6 = versions == Versions::kIpv4 ? kUnused : capacity;
  // 8 bytes for each flow that may be half-open at once; nobody here needs more than 2^24.
  options.half_open_quota = std::clamp(shape.flows, 1024u, 1u << 24);
  options.secret = kSecret;
  return options;
}

// What Pipeline::Create() will map: one that is mapped and never touched knows.
size_t ArenaBytes(const Pipeline::Options& options) {
  const auto pipeline = Pipeline::Create(options, Now{.tick = Tick(1000), .unix_us = 1'000'000});
  return pipeline.ok() ? (*pipeline)->arena_bytes() : 0;
}

uint32_t ActiveFlows(const RigShape& shape) {
  return shape.traffic.active != 0 ? shape.traffic.active : shape.flows;
}

}  // namespace

size_t RigHugeBytes(const RigShape& shape) {
  return ArenaBytes(OptionsOf(shape, 0)) + (size_t{128} << 20);  // and EAL's
}

size_t RigOtherBytes(const RigShape& shape) {
  return size_t{ActiveFlows(shape)} * 4 + size_t{OptionsOf(shape, 0).half_open_quota} * 8;
}

std::unique_ptr<Rig> MakeRig(const RigShape& shape, std::string* error, uint8_t worker) {
  *error = StartEal(64 << 20);
  if (!error->empty()) return nullptr;
  Pipeline::Options options = OptionsOf(shape, worker);
  options.allow_hugetlb = ReserveHugePages(ArenaBytes(options));
  auto rig = std::make_unique<Rig>();
  // At once: the pool is everybody's, and making traffic takes its time.
  auto pipeline = Pipeline::Create(options, rig->now);
  TrafficShape traffic = shape.traffic;
  traffic.active = ActiveFlows(shape);
  rig->traffic = std::make_unique<Traffic>(traffic);
  if (!rig->traffic->ok() || !pipeline.ok() || (shape.populate && !(*pipeline)->Populate().ok())) {
    *error = "no memory for the benchmark";
    return nullptr;
  }
  rig->pipeline = *std::move(pipeline);
  return rig;
}

}  // namespace coretrack::bench
