// Replay: the offline twin. The very same pipeline over a capture, with a virtual clock driven by
// the capture's timestamps.
//
// What for  `coretrack replay`, tests, fuzzers, simulations. No EAL, no hugepages, no root; the
//           same capture and seed give the same bytes.
// Input     pcap and pcapng through libpcap (which see: interfaces of one file must share a link
//           type). Link types: Ethernet, raw IP, Linux cooked v1 and v2, BSD loopback.
// Errors    A damaged or unsupported file: kInvalidArgument naming the file and the packet; what came
//           before the damage has been reported then.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "dataplane/worker/pipeline.h"

namespace coretrack {

// What a replay reports, in the order it happens. `packet` counts from 1.
class ReplaySink {
 public:
  virtual ~ReplaySink() = default;
  virtual void OnChange(uint64_t packet, const FlowRecord& flow) = 0;
  virtual void OnInvalid(uint64_t packet, std::string_view reason) = 0;
  // A flow that ended during the capture, then at its end each live one (flow.end == End::kActive),
  // oldest first.
  virtual void OnFlow(const FlowRecord& flow) = 0;
};

struct ReplayOptions {
  Pipeline::Options pipeline;
};

struct ReplaySummary {
  uint64_t packets = 0;
  uint64_t first_us = 0;
  uint64_t last_us = 0;
};

// `pipeline`, when given, receives the pipeline as the capture left it, for its counters.
absl::Status Replay(const std::string& file, const ReplayOptions& options, ReplaySink* sink,
                    ReplaySummary* summary, std::unique_ptr<Pipeline>* pipeline = nullptr);

}  // namespace coretrack
