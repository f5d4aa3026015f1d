// Rig: a pipeline and the traffic for it, on one thread: what Pipeline/* is measured on.
//
// What for  Bursts go through the pipeline as PollLoop::Enter() and Finish() have it; only the device
//           is missing.
// Threads   One owner, after it was made.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "bench/loads.h"
#include "bench/traffic.h"
#include "dataplane/worker/fill.h"
#include "dataplane/worker/pipeline.h"

namespace coretrack::bench {

struct Rig {
  std::unique_ptr<Traffic> traffic;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<std::array<Burst, 2>> bursts = std::make_unique<std::array<Burst, 2>>();
  std::unique_ptr<HeaderCopies> copies = std::make_unique<HeaderCopies>();
  Now now{.tick = Tick(1000), .unix_us = 1'000'000};

  void AdvanceUs(uint64_t us) {
    now.unix_us += us;
    now.tick = Tick(static_cast<uint32_t>(now.unix_us / 1000));
  }
  WorkerCounters& counters() { return pipeline->counters(); }

  // The first `count` of the traffic's mbufs.
  void Process(uint32_t count);
  // The same, with the cycles of each stage: fill, prepare, track (and locate the next burst).
  void Process(uint32_t count, std::array<uint64_t, 3>* cycles);
  // All of `steps` for new connections [first, last), a poll's worth of them at a time. Answers how far they are then.
  Ends Walk(uint32_t first, uint32_t last, std::span<const Step> steps);
  // Opens connections [first, last) by real handshakes, and lets both ends speak once; the traffic's data begins there.  REQUIRES: there are some.
  void Establish(uint32_t first, uint32_t last);
  // Of the traffic's first `count` mbufs, those from `first` on that a burst takes.
  void Fill(uint32_t first, uint32_t count, Burst* burst);
  // Segments that were judged invalid, flows that were refused or evicted.
  uint64_t Wrong() const;
};

struct RigShape {
  // Of two tables, half of them each.
  uint32_t flows = 0;
  double load = kLoad;        // of the table when they are all there
  TrafficShape traffic = {};  // active: 0: all
  bool populate = true;       // as the daemon does
};
// Null, and why. `worker` is the pipeline's number.
std::unique_ptr<Rig> MakeRig(const RigShape& shape, std::string* error, uint8_t worker = 0);
// What MakeRig() takes: of huge pages, and of others.
size_t RigHugeBytes(const RigShape& shape);
size_t RigOtherBytes(const RigShape& shape);

}  // namespace coretrack::bench
