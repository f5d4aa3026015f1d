#include "dataplane/worker/replay.h"

#include <algorithm>
#include <vector>

#include "dataplane/worker/capture_reader.h"

namespace coretrack {
namespace {

// A tick is a unix millisecond modulo 2^32 (clock.h), live and here.
Now TimeOf(uint64_t unix_us) {
  return {.tick = Tick(static_cast<uint32_t>(unix_us / 1000)), .unix_us = unix_us};
}

class PacketNumbering : public FlowListener {
 public:
  explicit PacketNumbering(ReplaySink* sink) : sink_(sink) {}
  void set_packet(uint64_t packet) { packet_ = packet; }

  void OnChange(uint32_t /*packet*/, const FlowRecord& flow) override {
    sink_->OnChange(packet_, flow);
  }
  void OnInvalid(uint32_t /*packet*/, std::string_view reason) override {
    sink_->OnInvalid(packet_, reason);
  }
  void OnEnd(const FlowRecord& flow) override { sink_->OnFlow(flow); }

 private:
  ReplaySink* sink_;
  uint64_t packet_ = 0;
};

// Ends what is due between two packets, each flow at its own time.
class VirtualClock {
 public:
  explicit VirtualClock(uint64_t unix_us) : unix_us_(unix_us) {}

  void AdvanceTo(uint64_t unix_us, Pipeline* pipeline) {
    constexpr uint64_t kStepUs = 3600ull * 1'000'000;
    constexpr uint32_t kBudget = 1 << 16;
    while (unix_us_ < unix_us) {
      unix_us_ = std::min(unix_us, unix_us_ + kStepUs);
      while (!pipeline->Expire(TimeOf(unix_us_), kBudget)) {
      }
      if (pipeline->counters().flows.Read() == 0)
        unix_us_ = std::max(unix_us_, unix_us - std::min(unix_us, kStepUs));
    }
  }
  Now now() const { return TimeOf(unix_us_); }

 private:
  uint64_t unix_us_;
};

void ReportLiveFlows(const Pipeline& pipeline, Now now, ReplaySink* sink) {
  std::vector<FlowRecord> live;
  for (const bool ipv6 : {false, true}) {
    const FlowTable& table = pipeline.table(ipv6);
    for (uint32_t slot = 0; slot < table.slots(); ++slot) {
      const FlowIndex index{table.first_index() + slot};
      if (!table.LooksEmpty(index)) live.push_back(pipeline.RecordOf(index, now));
    }
  }
  std::sort(live.begin(), live.end(), [](const FlowRecord& a, const FlowRecord& b) {
    return a.start_us != b.start_us ? a.start_us < b.start_us : Raw(a.id.index) < Raw(b.id.index);
  });
  for (const FlowRecord& flow : live) sink->OnFlow(flow);
}

}  // namespace

absl::Status Replay(const std::string& file, const ReplayOptions& options, ReplaySink* sink,
                    ReplaySummary* summary, std::unique_ptr<Pipeline>* pipeline_out) {
  auto reader = CaptureReader::Open(file);
  if (!reader.ok()) return reader.status();
  *summary = {};
  PacketNumbering numbering(sink);
  std::unique_ptr<Pipeline> pipeline;
  VirtualClock clock(0);
  auto burst = std::make_unique<Burst>();
  burst->count = 1;

  CapturedPacket packet;
  absl::Status status;
  while (true) {
    const auto more = (*reader)->Next(&packet);
    // What came before the damage is reported all the same.
    if (!more.ok()) status = more.status();
    if (!more.ok() || !*more) break;
    if (pipeline == nullptr) {
      summary->first_us = packet.unix_us;
      clock = VirtualClock(packet.unix_us);
      Pipeline::Options exact = options.pipeline;
      exact.exact_ends = true;
      auto created = Pipeline::Create(exact, clock.now());
      if (!created.ok()) return created.status();
      pipeline = *std::move(created);
      pipeline->set_listener(&numbering);
    }
    // Captures are not always in order: the clock never goes back.
    clock.AdvanceTo(packet.unix_us, pipeline.get());
    numbering.set_packet((*reader)->count());
    burst->link = packet.link;
    burst->data[0] = packet.data;
    burst->bytes[0] = packet.bytes;
    burst->wire_bytes[0] = packet.wire_bytes;
    burst->zone[0] = 0;
    burst->checksum_known_good[0] = false;
    pipeline->counters().received.Add(1);
    pipeline->counters().received_bytes.Add(packet.wire_bytes);
    pipeline->Process(burst.get(), clock.now());
    pipeline->counters().forwarded.Add(1);
    pipeline->counters().forwarded_bytes.Add(packet.wire_bytes);
  }
  summary->packets = (*reader)->count();
  if (pipeline != nullptr) {
    summary->last_us = clock.now().unix_us;
    ReportLiveFlows(*pipeline, clock.now(), sink);
    pipeline->set_listener(nullptr);
  }
  if (pipeline_out != nullptr) *pipeline_out = std::move(pipeline);
  return status;
}

}  // namespace coretrack
