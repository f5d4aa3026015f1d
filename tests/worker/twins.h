// Twins: two pipelines that see the same frames, one of them without short ways, and must come to hold the same.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "control/query/flow_json.h"
#include "tests/worker/harness.h"

namespace coretrack::testing {

// What differs between a flow of `of_a` and its copy in `of_b`, or nothing. How often each was written is its own business, how
// much of its counts lies in the line, and which number its history has.
inline std::string FlowDifference(const Harness& of_a, FlowCopy a, const Harness& of_b,
                                  FlowCopy b) {
  a.line.version = b.line.version = 0;
  for (FlowCopy* copy : {&a, &b}) {
    for (unsigned d = 0; d < 2; ++d) {
      FlowDetail& detail = copy->detail;
      detail.packets[d] += std::exchange(copy->line.packets[d], 0);
      detail.bytes[d] += std::exchange(copy->line.bytes[d], 0);
    }
  }
  const auto history = [](const Harness& of, FlowCopy* copy) {
    const uint16_t number = std::exchange(copy->detail.history, 0);
    return std::string(of.pipeline().histories().Text(number).view());
  };
  const std::string history_a = history(of_a, &a), history_b = history(of_b, &b);
  if (history_a != history_b) return "history " + history_a + " is " + history_b;
  const auto differ = [](const auto& x, const auto& y) -> std::string {
    const auto* bytes_x = reinterpret_cast<const uint8_t*>(&x);
    const auto* bytes_y = reinterpret_cast<const uint8_t*>(&y);
    std::string text;
    for (size_t i = 0; i < sizeof(x); ++i) {
      if (bytes_x[i] != bytes_y[i])
        text += " " + std::to_string(i) + ": " + std::to_string(bytes_x[i]) + " is " +
                std::to_string(bytes_y[i]);
    }
    return text;
  };
  if (const std::string line = differ(a.line, b.line); !line.empty()) return "line, byte" + line;
  if (a.detail != b.detail) return "detail, byte" + differ(a.detail, b.detail);
  return a.ipv6_address != b.ipv6_address ? "addresses" : "";
}

// Up to the last of them: what pads the line is anything.
inline bool SameCounters(const Harness& a, const Harness& b) {
  return std::memcmp(static_cast<const void*>(&a.counters()),
                     static_cast<const void*>(&b.counters()),
                     offsetof(WorkerCounters, now_unix_us) + sizeof(Counter)) == 0;
}

// What differs between the two, or nothing.
inline std::string Difference(const Harness& a, const Harness& b) {
  for (const bool ipv6 : {false, true}) {
    const FlowTable& of_a = a.pipeline().table(ipv6);
    const FlowTable& of_b = b.pipeline().table(ipv6);
    for (uint32_t slot = 0; slot < of_a.slots(); ++slot) {
      const FlowIndex index{of_a.first_index() + slot};
      FlowCopy copy_a{}, copy_b{};
      const bool there = of_a.Read(index, &copy_a);
      if (there != of_b.Read(index, &copy_b)) return "one of them holds a flow";
      if (!there) continue;
      if (const std::string flow = FlowDifference(a, copy_a, b, copy_b); !flow.empty()) return flow;
    }
  }
  return SameCounters(a, b) ? "" : "counters";
}

// The same where flows may have come in another order, and so lie elsewhere. (Side tables go by slot, modulo their size: what is
// kept of rivals and the like may differ in tables that are larger.)
inline std::string DifferenceInAnyOrder(const Harness& a, const Harness& b) {
  using Key = std::tuple<bool, uint64_t, std::array<uint64_t, 4>, uint32_t, uint32_t, uint8_t>;
  const auto flows_of = [](const Harness& h) {
    std::map<Key, FlowCopy> flows;
    for (const bool ipv6 : {false, true}) {
      const FlowTable& table = h.pipeline().table(ipv6);
      for (uint32_t slot = 0; slot < table.slots(); ++slot) {
        FlowCopy copy{};
        if (!table.Read(FlowIndex{table.first_index() + slot}, &copy)) continue;
        const FlowLine& line = copy.line;
        const Key key{ipv6, line.address, copy.ipv6_address, line.ports, line.context, line.zone()};
        EXPECT_TRUE(flows.emplace(key, copy).second) << "a flow is held twice";
      }
    }
    return flows;
  };
  const auto of_a = flows_of(a), of_b = flows_of(b);
  for (const auto& [key, copy] : of_a) {
    const auto other = of_b.find(key);
    if (other == of_b.end()) return "one of them holds a flow";
    if (const std::string flow = FlowDifference(a, copy, b, other->second); !flow.empty())
      return flow;
  }
  if (of_a.size() != of_b.size()) return "one of them holds more flows";
  return SameCounters(a, b) ? "" : "counters";
}

// What its listener has heard since.
inline std::vector<std::string> Heard(Harness& harness) {
  std::vector<std::string> heard = std::exchange(harness.invalids, {});
  for (auto* flows : {&harness.changes, &harness.ends}) {
    for (const FlowRecord& flow : std::exchange(*flows, {})) {
      heard.emplace_back(flows == &harness.changes ? "change " : "end ");
      AppendFlowJson(flow, &heard.back());
    }
  }
  return heard;
}

// The two, on one clock.
class Twins {
 public:
  // Steps go together only where nobody listens.
  explicit Twins(Pipeline::Options options, bool listen = true)
      : a_(Exact(options)), b_(Without(Exact(options))) {
    for (Harness* h : {&a_, &b_}) {
      h->check_each_frame = false;
      if (!listen) h->pipeline().set_listener(nullptr);
    }
  }
  // Both see `burst` a while later, one of them often as two bursts that overlap; sometimes after all timeouts have
  // changed. Answers what differs then.
  std::string Send(const std::vector<Harness::Frame>& burst, uint64_t pause_us,
                   std::mt19937& random) {
    const bool tune = random() % 100 == 0;
    Command command{.kind = Command::Kind::kTune, .flow = {}, .tunables = a_.pipeline().tunables()};
    const auto change = [&](auto& timeouts) {
      for (uint32_t& ms : timeouts) ms = 1000 + random() % 1'000'000;
    };
    if (tune) change(command.tunables.tcp_timeout_ms);
    if (tune) change(command.tunables.datagram_timeout_ms);
    for (Harness* h : {&a_, &b_}) {
      h->Advance(pause_us);
      if (tune) h->pipeline().Apply(command, h->now());
    }
    if (random() % 2 == 0) {
      a_.SendBurst(burst);
    } else {
      a_.SendOverlapping(burst, random() % (burst.size() + 1));
    }
    b_.SendBurst(burst);
    return Compare();
  }
  // What differs after both have seen `burst`.
  std::string Send(const std::vector<Harness::Frame>& burst) {
    for (Harness* h : {&a_, &b_}) h->SendBurst(burst);
    return Compare();
  }
  // How many of the last frames were tracked in lanes: nobody asked for their metas.
  uint32_t together() const {
    uint32_t count = 0;
    for (const Burst* burst : {&a_.burst(), a_.before()}) {
      if (burst == nullptr) continue;
      for (const uint16_t bits : burst->segments.common)
        count += static_cast<uint32_t>(std::popcount(bits));
    }
    return count;
  }

  // Flows may come in another order with lanes than one by one.
  void AllowAnyOrder() { any_order_ = true; }

  const Harness& with() const { return a_; }
  const Harness& without() const { return b_; }

 private:
  std::string Compare() {
    const std::string difference = any_order_ ? DifferenceInAnyOrder(a_, b_) : Difference(a_, b_);
    if (!difference.empty()) return difference;
    return Heard(a_) != Heard(b_) ? "what the listeners heard" : "";
  }
  // With slack, when a flow ends depends on who else is in its group of slots.
  static Pipeline::Options Exact(Pipeline::Options options) {
    options.exact_ends = true;
    return options;
  }
  static Pipeline::Options Without(Pipeline::Options options) {
    options.shortcuts = false;
    return options;
  }
  Harness a_, b_;
  bool any_order_ = false;
};

}  // namespace coretrack::testing
