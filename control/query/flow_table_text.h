// Flows as an aligned table for people.
//
// What for  `coretrack flows -o table|wide` and `coretrack replay`.
// Layout    Rows are held back until kBlockRows are there, so that columns are as wide as they need
//           to be; later blocks keep at least the widths of the first. Zone and VLAN appear with
//           the first flow that has one, below a header of their own if that is late. With a width
//           limit the least needed columns go first (age, idle, packets, bytes): a line that still
//           does not fit is longer.
// Threads   One owner.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/worker/flow_record.h"

namespace coretrack {

class FlowTableText {
 public:
  static constexpr size_t kBlockRows = 512;

  struct Options {
    bool wide = false;         // every column
    uint32_t width_chars = 0;  // of the terminal; 0: no limit
    uint64_t now_us = 0;       // ages are reckoned from here
    bool header = true;
  };
  explicit FlowTableText(const Options& options) : options_(options) {}

  // Adds a row; `*out` gets what can be printed already.
  void Add(const FlowRecord& flow, std::string* out);
  // The rest. Prints the header even if there was no row.
  void Finish(std::string* out);

 private:
  void Flush(std::string* out);
  bool ColumnsCameIntoUse();
  void ChooseColumns();

  Options options_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> widths_;
  std::vector<bool> in_use_;
  std::vector<bool> shown_;
  bool header_done_ = false;
};

// "ESTABLISHED" when both ends are in it, else "FIN_WAIT_2/CLOSE_WAIT"; "-" without TCP.
std::string StatesText(const FlowRecord& flow);
// "10.0.0.1:80", "[2001:db8::1]:80"; without ports the address alone.
std::string EndpointText(const FlowRecord& flow, const EndpointRecord& endpoint);

}  // namespace coretrack
