// Pipeline/query/F: F established flows under a worker that tracks their traffic, and on another CPU the
// query for all of them: control/api's own answer to GET /api/v1/flows, piece by piece, JSON and all;
// only the socket is missing. What does the worker lose?
//
// What is timed  The worker as in established_bench.cc: packets and the TSC cycles of their polls,
//                without the generator and without polls during which the kernel took the CPU away.
//                throughput_ratio is its rate during a query over its rate in the pauses before and
//                after, median of kQueries. query_s is the median by the wall clock.
// What is read   Every answer must have F lines, which are counted beside query_s; flows_read is the last one's.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/bench_env.h"
#include "bench/clocks.h"
#include "bench/cpu_pin.h"
#include "bench/pipeline_rig.h"
#include "control/api/flow_routes.h"

namespace coretrack::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kQueries = 5;
constexpr std::chrono::milliseconds kPause{500};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One pipeline, as the API sees it.
class OneWorker : public Dataplane {
 public:
  explicit OneWorker(const Pipeline* pipeline) : pipeline_(pipeline) {}
  std::vector<WorkerInfo> workers() const override { return {{.lcore = 0, .pipeline = pipeline_}}; }
  std::vector<PortInfo> ports() const override { return {}; }
  bool Send(uint32_t, const Command&) override { return false; }
  uint64_t in_flight() const override { return 0; }
  std::string memory_summary() const override { return ""; }

 private:
  const Pipeline* pipeline_;
};

// Established traffic on a thread of its own until it is destroyed.
class BusyWorker {
 public:
  BusyWorker(Rig* rig, int cpu) : thread_([this, rig, cpu] { Run(rig, cpu); }) { ready_.wait(); }
  ~BusyWorker() {
    stop_ = true;
    thread_.join();
  }
  struct Work {
    uint64_t polls;
    uint64_t cycles;
  };
  // So far. The two may be a poll apart.
  Work work() const { return {polls_.Read(), cycles_.Read()}; }
  bool pinned() const { return pinned_; }
  uint64_t discarded() const { return discarded_.Read(); }

 private:
  void Run(Rig* rig, int cpu) {
    pinned_ = PinThisThread(cpu);
    ready_.count_down();
    while (!stop_.load(std::memory_order_relaxed)) {
      rig->traffic->WriteData(kPoll);
      rig->AdvanceUs(16);
      const long preempted = TimesPreempted();
      const uint64_t start = rte_rdtsc_precise();
      rig->Process(kPoll);
      rig->counters().now_unix_us.Set(rig->now.unix_us);
      const uint64_t cycles = rte_rdtsc_precise() - start;
      if (TimesPreempted() != preempted) {
        discarded_.Add(1);
        continue;
      }
      polls_.Add(1);
      cycles_.Add(cycles);
    }
  }

  Counter polls_, cycles_, discarded_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> pinned_ = false;
  std::latch ready_{1};
  std::thread thread_;
};

// Packets a second of polling between two looks.
double Rate(BusyWorker::Work from, BusyWorker::Work to) {
  return static_cast<double>(to.polls - from.polls) * kPoll *
         static_cast<double>(rte_get_tsc_hz()) / static_cast<double>(to.cycles - from.cycles);
}

// (Of 9 GB: std::count() takes as long as all else.)
uint64_t CountLines(std::string_view text) {
  uint64_t lines = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');  // memchr()
    if (end == text.npos) break;
    ++lines;
    text.remove_prefix(end + 1);
  }
  return lines;
}

struct Answer {
  uint64_t flows = 0;
  uint64_t bytes = 0;
  double seconds = 0;
};

Answer QueryAll(Dataplane* dataplane, const Tunables& tunables) {
  Answer answer;
  const auto timed = [&answer](auto&& work) {
    const auto start = Clock::now();
    auto result = work();
    answer.seconds += SecondsSince(start);
    return result;
  };
  const Reply reply = timed([&] { return ListFlows(HttpRequest{}, dataplane, tunables); });
  if (reply.response.stream == nullptr) return answer;
  while (const std::optional<std::string_view> piece =
             timed([&] { return reply.response.stream->Next(); })) {
    answer.bytes += piece->size();
    answer.flows += CountLines(*piece);
  }
  return answer;
}

void Query(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const std::vector<int>& cpus = AllowedCpus();
  if (cpus.size() < 2) return state.SkipWithError("needs a CPU for the query beside the worker's");
  std::string error;
  const std::unique_ptr<Rig> rig = MakeRig({.flows = flows}, &error);
  if (rig == nullptr) return state.SkipWithError(error.c_str());
  state.SetLabel(std::string(Name(rig->pipeline->page_kind())));
  rig->Establish(0, flows);
  rig->counters().now_unix_us.Set(rig->now.unix_us);
  OneWorker dataplane(rig->pipeline.get());
  std::vector<double> ratios, query_s, rates_without;
  Answer answer;
  uint64_t discarded = 0;
  for (auto _ : state) {
    // EAL has pinned this thread to the first CPU.
    BusyWorker worker(rig.get(), cpus[1]);
    if (!worker.pinned()) return state.SkipWithError("the worker could not be pinned to its CPU");
    const auto rate_while = [&](auto work) {
      const BusyWorker::Work before = worker.work();
      work();
      return Rate(before, worker.work());
    };
    const auto pause = [&] { return rate_while([] { std::this_thread::sleep_for(kPause); }); };
    pause();  // warms up
    double without = pause();
    for (int i = 0; i < kQueries; ++i) {
      const double with =
          rate_while([&] { answer = QueryAll(&dataplane, rig->pipeline->tunables()); });
      const double after = pause();
      ratios.push_back(with / ((without + after) / 2));
      rates_without.push_back(after);
      query_s.push_back(answer.seconds);
      without = after;
      if (answer.flows != flows) return state.SkipWithError("a flow was not read, or twice");
    }
    discarded += worker.discarded();
  }
  if (rig->Wrong() != 0 || rig->counters().flows_created.Read() != flows)
    state.SkipWithError("the traffic was not what it claims to be");
  state.counters["throughput_ratio"] = Quantile(&ratios, 0.5);
  state.counters["throughput_ratio_min"] = Quantile(&ratios, 0);
  state.counters["query_s"] = Quantile(&query_s, 0.5);
  state.counters["flows_read"] = static_cast<double>(answer.flows);
  state.counters["bytes_read"] = static_cast<double>(answer.bytes);
  state.counters["worker_per_s_without"] = Quantile(&rates_without, 0.5);
  state.counters["discarded"] = static_cast<double>(discarded);
}

BENCHMARK(Query)->Name("Pipeline/query")->Arg(10'000'000)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace coretrack::bench
