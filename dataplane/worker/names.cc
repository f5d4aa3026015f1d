// The words of the counters' reasons, as metrics, JSON and logs show them.
#include "dataplane/worker/counters.h"

namespace coretrack {

std::string_view Name(Drop reason) {
  switch (reason) {
    case Drop::kMonitor:
      return "monitor";
    case Drop::kInvalid:
      return "invalid";
    case Drop::kMalformed:
      return "malformed";
    case Drop::kFragment:
      return "fragment";
    case Drop::kTxFull:
      return "tx_full";
    case Drop::kHandoverFull:
      return "handover_full";
    case Drop::kPortDown:
      return "port_down";
    case Drop::kCount:
      break;
  }
  return "unknown";
}

std::string_view Name(Untracked reason) {
  switch (reason) {
    case Untracked::kNotIp:
      return "not_ip";
    case Untracked::kMalformed:
      return "malformed";
    case Untracked::kFragment:
      return "fragment";
    case Untracked::kTableFull:
      return "table_full";
    case Untracked::kNoPickup:
      return "no_pickup";
    case Untracked::kUnknownReset:
      return "unknown_reset";
    case Untracked::kUnknownInvalid:
      return "unknown_invalid";
    case Untracked::kUnrelatedIcmp:
      return "unrelated_icmp";
    case Untracked::kCount:
      break;
  }
  return "unknown";
}

}  // namespace coretrack
