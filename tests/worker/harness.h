// Harness: a small Pipeline, fed one frame at a time on a clock that the test moves. It remembers
// what the pipeline told its listener and checks the counters' identities after every frame.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/worker/pipeline.h"
#include "tests/packet/packet_builder.h"

namespace coretrack::testing {

class Harness : public FlowListener {
 public:
  static constexpr uint64_t kStartUs = 1'767'225'600'000'000;  // 2026-01-01
  static Pipeline::Options SmallOptions() {
    Pipeline::Options options;
    options.capacity_ipv4 = 256;
    options.capacity_ipv6 = 256;
    options.half_open_quota = 512;  // half of it for each version
    return options;
  }

  explicit Harness(const Pipeline::Options& options = SmallOptions());

  struct Frame {
    Bytes bytes;
    uint32_t wire_bytes = 0;  // 0: all of it is there
    LinkLayer link = LinkLayer::kEthernet;
    uint8_t zone = 0;
    bool checksum_known_good = false;
  };
  // What a burst of `frames` is before Prepare(), as long as the answer is there.
  using Blocks = std::vector<std::unique_ptr<uint8_t[]>>;
  [[nodiscard]] static Blocks Fill(std::span<const Frame> frames, Burst* burst);

  Verdict Send(const Frame& frame);
  Verdict Send(const Bytes& frame) { return Send(Frame{.bytes = frame}); }
  // As one burst, at most kMaxBurst, of one link layer.
  void SendBurst(const std::vector<Frame>& frames);
  // As two, one located while the other is tracked: the first `before` of them, and the rest.  REQUIRES: no fragments.
  void SendOverlapping(const std::vector<Frame>& frames, size_t before);
  // The last one, as the pipeline left it; and the one before it, if these overlapped.
  const Burst& burst() const { return *burst_; }
  const Burst* before() const { return overlapped_ ? before_.get() : nullptr; }

  // Moves the clock and ends what is due.
  void Advance(uint64_t us);

  Now now() const {
    return {.tick = Tick(static_cast<uint32_t>(now_us_ / 1000)), .unix_us = now_us_};
  }
  Pipeline& pipeline() { return *pipeline_; }
  const Pipeline& pipeline() const { return *pipeline_; }
  const WorkerCounters& counters() const { return pipeline_->counters(); }
  uint64_t sent() const { return sent_; }
  uint64_t untracked(Untracked reason) const {
    return counters().untracked[static_cast<size_t>(reason)].Read();
  }
  uint64_t invalid(tcp::Invalid reason) const {
    return counters().invalid[static_cast<size_t>(reason)].Read();
  }
  uint64_t ended(End end) const { return counters().flows_ended[static_cast<size_t>(end)].Read(); }

  // The live flows, by slot.
  std::vector<FlowRecord> Live() const;
  // The only live flow.  REQUIRES: there is exactly one.
  FlowRecord Only() const;

  // What the listener heard; a test clears what it has looked at.
  std::vector<FlowRecord> changes;
  std::vector<FlowRecord> ends;
  std::vector<std::string> invalids;

  // received = tracked + untracked + fragments that wait, and the gauges against the tables.
  void CheckIdentities() const;
  // For mass traffic: CheckIdentities() is then the test's to call.
  bool check_each_frame = true;

 private:
  void OnChange(uint32_t packet, const FlowRecord& flow) override;
  void OnInvalid(uint32_t packet, std::string_view reason) override;
  void OnEnd(const FlowRecord& flow) override;

  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<Burst> burst_ = std::make_unique<Burst>();
  std::unique_ptr<Burst> before_ = std::make_unique<Burst>();
  bool overlapped_ = false;
  uint64_t now_us_ = kStartUs;
  uint64_t sent_ = 0;
};

}  // namespace coretrack::testing
