// Scale/F: F concurrent connections in one worker, from the first SYN to the last expiry.
//
// Phases         create   every flow's handshake of three segments, a poll's worth of flows at a time
//                refresh  one data segment a flow, in random order
//                scan     all flows counted, as the API's count=true does (FlowScan, no filter)
//                filter   those with a responder in 192.168.0.16/28 counted: a sixteenth
//                expire   the clock jumps past every deadline; Expire() until none is due
// What is timed  The bursts, the scans, Expire(), in processor time of the thread: a busy machine spoils the
//                caches but not the clock. The tables' pages are there before.
// What is not    The generator.
// Counters       NAME_s and NAME_per_s of each phase (flows a second; of scans: flows looked at).
//                bytes_per_ipv4_flow: the arena's bytes over F; bytes_per_ipv6_flow: the same of a
//                pipeline of 2^24 IPv6 flows that is mapped but never touched.
// Checked        Every flow is there after create and refresh, both counts are exact, none is left.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/full_run.h"
#include "bench/pipeline_rig.h"
#include "control/api/flow_routes.h"
#include "control/query/scan.h"

namespace coretrack::bench {
namespace {

class Scale {
 public:
  Scale(Rig* rig, uint32_t flows, benchmark::State* state)
      : rig_(rig), flows_(flows), state_(state) {}

  // False: the benchmark has ended with an error.
  bool Run() {
    using namespace tcp_flag;
    constexpr std::array<Step, 3> kHandshake = {Step{true, kSyn, 0}, Step{false, kSyn | kAck, 0},
                                                Step{true, kAck, 0}};
    Ends ends;
    for (uint32_t first = 0; first < flows_; first += kPoll) {
      const uint32_t count = std::min(kPoll, flows_ - first);
      ends = {};
      for (const Step& step : kHandshake) {
        for (uint32_t j = 0; j < count; ++j) rig_->traffic->Write(j, first + j, ends, step);
        ends.Send(step);
        Timed([&] { rig_->Process(count); });
      }
      rig_->AdvanceUs(16);
    }
    if (!Report("create", rig_->counters().flows.Read(), flows_)) return false;

    const uint64_t tracked = rig_->counters().tracked.Read();
    for (uint32_t done = 0; done < flows_; done += kPoll) {
      const uint32_t count = std::min(kPoll, flows_ - done);
      for (uint32_t j = 0; j < count; ++j)
        rig_->traffic->Write(j, rig_->traffic->NextFlow(), ends,
                             {true, kAck | kPsh, kPayloadBytes});
      Timed([&] { rig_->Process(count); });
      rig_->AdvanceUs(16);
    }
    if (!Report("refresh", rig_->counters().tracked.Read() - tracked, flows_)) return false;
    if (rig_->Wrong() != 0 || rig_->counters().flows_created.Read() != flows_) {
      state_->SkipWithError("the traffic was not what it claims to be");
      return false;
    }

    rig_->counters().now_unix_us.Set(rig_->now.unix_us);
    if (!Report("scan", Count(Filter()), flows_)) return false;
    Filter sixteenth;
    if (!sixteenth.Add({.flag = "dst", .value = "192.168.0.16/28"}).ok()) return false;
    // Servers are numbered by a flow's last 8 bits.
    const uint64_t expected = flows_ / 256 * 16 + std::min(std::max(flows_ % 256, 16u) - 16, 16u);
    if (!Report("filter", Count(sixteenth), expected)) return false;

    rig_->AdvanceUs(rig_->pipeline->tunables()
                            .tcp_timeout_ms[static_cast<int>(tcp::TimeoutClass::kEstablished)] *
                        uint64_t{1000} +
                    (FlowTimers::kSlackMs + 1) * uint64_t{1000});
    Timed([&] {
      while (!rig_->pipeline->Expire(rig_->now, 256)) {
      }
    });
    return Report("expire", flows_ - rig_->counters().flows.Read(), flows_);
  }

 private:
  template <typename F>
  void Timed(F work) {
    const double start = CpuSeconds();
    work();
    seconds_ += CpuSeconds() - start;
  }
  // The end of a phase, which should have counted `expected`.
  bool Report(std::string_view name, uint64_t counted, uint64_t expected) {
    state_->counters[std::string(name) + "_s"] = seconds_;
    state_->counters[std::string(name) + "_per_s"] = flows_ / seconds_;
    seconds_ = 0;
    if (counted == expected) return true;
    state_->SkipWithError((std::string(name) + ": " + std::to_string(counted) +
                           " flows instead of " + std::to_string(expected))
                              .c_str());
    return false;
  }
  uint64_t Count(const Filter& filter) {
    uint64_t count = 0;
    FlowScan scan({{.lcore = 0, .pipeline = rig_->pipeline.get()}}, rig_->pipeline->tunables(),
                  filter);
    Timed([&] {
      while (!scan.done()) {
        scan.Run(kSliceSlots, [&](const FlowRecord&) {
          ++count;
          return true;
        });
      }
    });
    return count;
  }

  Rig* rig_;
  uint32_t flows_;
  benchmark::State* state_;
  double seconds_ = 0;
};

double BytesPerIpv6Flow() {
  constexpr uint32_t kFlows = 1 << 24;
  Pipeline::Options options;
  options.capacity_ipv4 = 1;
  options.capacity_ipv6 = kFlows;
  const auto pipeline = Pipeline::Create(options, Now{.tick = Tick(1), .unix_us = 1000});
  return pipeline.ok() ? static_cast<double>((*pipeline)->arena_bytes()) / kFlows : 0;
}

void RunScale(benchmark::State& state) {
  const HugePageLoan loan;
  const RigShape shape{.flows = static_cast<uint32_t>(state.range(0)),
                       .load = FlowTable::kDesignLoad};
  if (shape.flows >= kLargeFlows && SkipLarge(state, RigHugeBytes(shape), RigOtherBytes(shape)))
    return;
  std::string error;
  for (auto _ : state) {
    const std::unique_ptr<Rig> rig = MakeRig(shape, &error);
    if (rig == nullptr) return state.SkipWithError(error.c_str());
    if (SkipUnlessHuge(state, shape.flows, rig->pipeline->page_kind())) return;
    state.SetLabel(std::string(Name(rig->pipeline->page_kind())));
    state.counters["bytes_per_ipv4_flow"] =
        static_cast<double>(rig->pipeline->arena_bytes()) / shape.flows;
    if (!Scale(rig.get(), shape.flows, &state).Run()) return;
  }
  state.counters["bytes_per_ipv6_flow"] = BytesPerIpv6Flow();
}

BENCHMARK(RunScale)->Name("Scale")->Arg(1'000'000)->Arg(100'000'000)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace coretrack::bench
