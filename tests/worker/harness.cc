#include "tests/worker/harness.h"

#include <cstring>

namespace coretrack::testing {

Harness::Harness(const Pipeline::Options& options) {
  auto created = Pipeline::Create(options, now());
  if (!created.ok()) throw std::runtime_error(std::string(created.status().message()));
  pipeline_ = *std::move(created);
  pipeline_->set_listener(this);
}

Verdict Harness::Send(const Frame& frame) {
  SendBurst({frame});
  return burst_->verdict[0];
}

// Blocks of exactly the frames' sizes, so that AddressSanitizer sees any read past them.
Harness::Blocks Harness::Fill(std::span<const Frame> frames, Burst* burst) {
  Blocks exact;
  burst->count = 0;
  for (const Frame& frame : frames) {
    exact.emplace_back(new uint8_t[frame.bytes.size()]);
    if (!frame.bytes.empty())
      std::memcpy(exact.back().get(), frame.bytes.data(), frame.bytes.size());
    const uint32_t i = burst->count++;
    burst->link = frame.link;
    burst->data[i] = exact.back().get();
    burst->bytes[i] = static_cast<uint32_t>(frame.bytes.size());
    burst->wire_bytes[i] = frame.wire_bytes != 0 ? frame.wire_bytes : burst->bytes[i];
    burst->zone[i] = frame.zone;
    burst->checksum_known_good[i] = frame.checksum_known_good;
  }
  return exact;
}

void Harness::SendBurst(const std::vector<Frame>& frames) {
  const Blocks blocks = Fill(frames, burst_.get());
  pipeline_->Process(burst_.get(), now());
  overlapped_ = false;
  sent_ += frames.size();
  if (check_each_frame) CheckIdentities();
}

void Harness::SendOverlapping(const std::vector<Frame>& frames, size_t before) {
  const std::span all(frames);
  const Blocks first = Fill(all.first(before), before_.get());
  const Blocks rest = Fill(all.subspan(before), burst_.get());
  pipeline_->Prepare(before_.get());
  pipeline_->Locate(before_.get());
  pipeline_->Prepare(burst_.get(), before_.get());
  pipeline_->TrackAndLocate(before_.get(), now(), burst_.get());
  pipeline_->Track(burst_.get(), now());
  overlapped_ = true;
  sent_ += frames.size();
  if (check_each_frame) CheckIdentities();
}

void Harness::Advance(uint64_t us) {
  // The wheel and the ticks compare within 24 days; a poll loop never steps further than a second.
  constexpr uint64_t kStepUs = 3600ull * 1'000'000;
  const uint64_t target = now_us_ + us;
  while (now_us_ < target) {
    now_us_ = std::min(target, now_us_ + kStepUs);
    while (!pipeline_->Expire(now(), 64)) {
    }
  }
}

std::vector<FlowRecord> Harness::Live() const {
  std::vector<FlowRecord> live;
  for (const bool ipv6 : {false, true}) {
    const FlowTable& table = pipeline_->table(ipv6);
    for (uint32_t slot = 0; slot < table.slots(); ++slot) {
      const FlowIndex index{table.first_index() + slot};
      if (!table.LooksEmpty(index)) live.push_back(pipeline_->RecordOf(index, now()));
    }
  }
  return live;
}

FlowRecord Harness::Only() const {
  const auto live = Live();
  EXPECT_EQ(live.size(), 1u);
  return live.empty() ? FlowRecord{} : live.front();
}

void Harness::CheckIdentities() const {
  const WorkerCounters& c = counters();
  uint64_t outcomes = c.tracked.Read();
  for (const Counter& reason : c.untracked) outcomes += reason.Read();
  outcomes += c.fragments_waiting.Read();
  EXPECT_EQ(outcomes, sent_) << "every packet is tracked or untracked by one reason";
  uint64_t by_state = 0, ended = 0;
  for (const Counter& state : c.flows_by_state) by_state += state.Read();
  for (const Counter& reason : c.flows_ended) ended += reason.Read();
  const uint64_t flows = pipeline_->table(false).size() + uint64_t{pipeline_->table(true).size()};
  EXPECT_EQ(c.flows.Read(), flows);
  EXPECT_EQ(c.flows_ipv6.Read(), pipeline_->table(true).size());
  EXPECT_EQ(by_state, flows);
  EXPECT_EQ(c.flows_created.Read(), flows + ended);
  std::array<uint32_t, 2> unassured{};
  for (const FlowRecord& flow : Live()) unassured[flow.ipv6] += flow.assured ? 0 : 1;
  for (const bool ipv6 : {false, true})
    EXPECT_EQ(pipeline_->unassured_flows(ipv6), unassured[ipv6]);
}

void Harness::OnChange(uint32_t /*packet*/, const FlowRecord& flow) { changes.push_back(flow); }
void Harness::OnInvalid(uint32_t /*packet*/, std::string_view reason) {
  invalids.emplace_back(reason);
}
void Harness::OnEnd(const FlowRecord& flow) { ends.push_back(flow); }

}  // namespace coretrack::testing
