// Twins: two pipelines that see the same frames, one of them without short ways, and must come to hold the same.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/harness.h"

namespace coretrack::testing {

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
      // How often each was written is its own business, and how much of its counts lies in the line.
      copy_a.line.version = copy_b.line.version = 0;
      for (FlowCopy* copy : {&copy_a, &copy_b}) {
        for (unsigned d = 0; d < 2; ++d) {
          FlowDetail& detail = copy->detail;
          detail.packets[d].Set(detail.packets[d].Get() + std::exchange(copy->line.packets[d], 0));
          detail.bytes[d].Set(detail.bytes[d].Get() + std::exchange(copy->line.bytes[d], 0));
        }
      }
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
      if (const std::string line = differ(copy_a.line, copy_b.line); !line.empty())
        return "line, byte" + line;
      if (const std::string detail = differ(copy_a.detail, copy_b.detail); !detail.empty())
        return "detail, byte" + detail;
    }
  }
  // Up to the last of them: what pads the line is anything.
  if (std::memcmp(static_cast<const void*>(&a.counters()), static_cast<const void*>(&b.counters()),
                  offsetof(WorkerCounters, now_unix_us) + sizeof(Counter)) != 0)
    return "counters";
  return "";
}

// What its listener has heard since.
inline std::vector<std::string> Heard(Harness& harness) {
  std::vector<std::string> heard = std::exchange(harness.invalids, {});
  const auto add = [&heard](std::string_view kind, std::vector<FlowRecord>* flows) {
    for (const FlowRecord& flow : *flows) {
      const auto state = [](const EndpointRecord& end) {
        return std::string(end.state ? tcp::Name(*end.state) : "");
      };
      heard.push_back(std::string(kind) + " " + state(flow.originator) + " " +
                      state(flow.responder) + " " + flow.history + " " +
                      std::to_string(flow.originator.bytes) + " " +
                      std::to_string(flow.responder.bytes));
    }
    flows->clear();
  };
  add("change", &harness.changes);
  add("end", &harness.ends);
  return heard;
}

// The two, on one clock.
class Twins {
 public:
  // Steps go together only where nobody listens.
  explicit Twins(Pipeline::Options options, bool listen = true)
      : a_(options), b_(Without(options)) {
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
    for (uint32_t& ms : command.tunables.tcp_timeout_ms)
      if (tune) ms = 1000 + random() % 1'000'000;
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

  const Harness& with() const { return a_; }
  const Harness& without() const { return b_; }

 private:
  std::string Compare() {
    const std::string difference = Difference(a_, b_);
    if (!difference.empty()) return difference;
    return Heard(a_) != Heard(b_) ? "what the listeners heard" : "";
  }
  static Pipeline::Options Without(Pipeline::Options options) {
    options.shortcuts = false;
    return options;
  }
  Harness a_, b_;
};

}  // namespace coretrack::testing
