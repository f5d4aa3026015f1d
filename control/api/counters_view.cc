#include "control/api/counters_view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/worker/tcp_binding.h"

namespace coretrack {
namespace {

using W = WorkerCounters;
constexpr CounterRow kRows[] = {
    {"received", "Packets received", &W::received},
    {"received_bytes", "Bytes of frames received", &W::received_bytes},
    {"forwarded", "Packets sent on", &W::forwarded},
    {"forwarded_bytes", "Bytes of frames sent on", &W::forwarded_bytes},
    {"handed_over", "Packets given to the worker that owns their flow", &W::handed_over},
    {"taken_over", "Packets taken from other workers", &W::taken_over},
    {"tracked", "Packets that met or made a flow", &W::tracked},
    {"related_icmp", "ICMP errors that quote a known flow", &W::related_icmp},
    {"fragmented_datagrams", "Datagrams whose fragments have all passed", &W::fragmented_datagrams},
    {"fragments_waiting", "Fragments whose datagram is not whole yet", &W::fragments_waiting, true},
    {"flows_created", "Flows that began", &W::flows_created},
    {"flows", "Flows now", &W::flows, true},
    {"flows_ipv6", "IPv6 flows now", &W::flows_ipv6, true},
    {"midstream_pickups", "Connections picked up without their opening", &W::midstream_pickups},
    {"retransmissions", "Segments seen again", &W::retransmissions},
    {"challenged_syns", "SYNs on open connections, without effect (RFC 5961)", &W::challenged_syns},
    {"window_observed", "Segments outside the window that tcp.window = observe let pass",
     &W::window_observed},
    {"time_wait_fins", "FINs again in TIME_WAIT: the last ACK was lost", &W::time_wait_fins},
    {"time_wait_duplicates", "Old duplicates in TIME_WAIT", &W::time_wait_duplicates},
    {"flows_wide", "Flows whose counts need a record of their own", &W::flows_wide, true},
    {"counts_saturated", "Times a flow's count was too large and no record was left",
     &W::counts_saturated},
    {"history_letters_lost", "Letters missing in histories: there are too many different ones",
     &W::history_letters_lost},
    {"wheel_lag_ms", "How far expiry is behind the clock", &W::wheel_lag_ms, true},
    {"clock_jumps", "Steps of the clock that were too large for one poll", &W::clock_jumps},
    {"polls", "Turns of the poll loop: the heartbeat", &W::polls},
    {"busy_polls", "Turns that had at least one packet", &W::busy_polls},
    {"idle_sleeps", "Sleeps for want of packets", &W::idle_sleeps},
};

template <typename E>
std::string_view ReasonName(size_t i) {
  return Name(static_cast<E>(i));
}
template <auto kMember>
uint64_t ReadReason(const WorkerCounters& counters, size_t i) {
  return (counters.*kMember)[i].Read();
}
std::string_view InvalidName(size_t i) { return tcp::Name(static_cast<tcp::Invalid>(i)); }

constexpr ReasonRow kReasons[] = {
    {"dropped", "Packets not sent on", 0, static_cast<size_t>(Drop::kCount), ReasonName<Drop>,
     ReadReason<&W::dropped>},
    {"untracked", "Packets that passed without a flow", 0, static_cast<size_t>(Untracked::kCount),
     ReasonName<Untracked>, ReadReason<&W::untracked>},
    {"malformed", "Packets whose headers contradict themselves", 1,
     static_cast<size_t>(Malformed::kCount), ReasonName<Malformed>, ReadReason<&W::malformed>},
    {"invalid", "Segments that no healthy TCP sends here", 1,
     static_cast<size_t>(tcp::Invalid::kCount), InvalidName, ReadReason<&W::invalid>},
    {"flows_ended", "Flows that ended", 1, static_cast<size_t>(End::kCount), ReasonName<End>,
     ReadReason<&W::flows_ended>},
};

}  // namespace

std::span<const CounterRow> CounterRows() { return kRows; }
std::span<const ReasonRow> ReasonRows() { return kReasons; }

std::string StateName(int code) {
  if (code == kDatagramNew) return "new";
  if (code == kDatagramAnswered) return "answered";
  if (code < 0 || code > kStateCodeMask || !IsTcpState(static_cast<uint8_t>(code))) return "";
  const tcp::StatePair pair = PairOf(static_cast<uint8_t>(code));
  const std::string_view a = tcp::Name(pair.originator);
  const std::string_view b = tcp::Name(pair.responder);
  return absl::StrCat(absl::string_view(a.data(), a.size()), "/",
                      absl::string_view(b.data(), b.size()));
}

uint64_t Sum(const std::vector<WorkerInfo>& workers, Counter WorkerCounters::*counter) {
  uint64_t sum = 0;
  for (const WorkerInfo& worker : workers) sum += (worker.pipeline->counters().*counter).Read();
  return sum;
}

void IdentityCheck::Begin(const Dataplane& dataplane) {
  const std::vector<WorkerInfo> workers = dataplane.workers();
  received_ = Sum(workers, &W::received);
  taken_over_ = Sum(workers, &W::taken_over);
  // The counters are relaxed atomics: fences keep the looks in order.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  polls_.clear();
  for (const WorkerInfo& worker : workers) {
    polls_.push_back(worker.pipeline->counters().polls.Read());
  }
}

bool IdentityCheck::settled(const Dataplane& dataplane) const {
  const std::vector<WorkerInfo> workers = dataplane.workers();
  for (size_t w = 0; w < workers.size() && w < polls_.size(); ++w) {
    if (workers[w].pipeline->counters().polls.Read() == polls_[w]) return false;
  }
  return true;
}

Identity IdentityCheck::Finish(const Dataplane& dataplane) const {
  const std::vector<WorkerInfo> workers = dataplane.workers();
  uint64_t excused = 0;
  for (size_t w = 0; w < workers.size() && w < polls_.size(); ++w) {
    if (workers[w].pipeline->counters().polls.Read() == polls_[w]) excused += kUnsettledPackets;
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Identity identity;
  identity.forwarded = Sum(workers, &W::forwarded);
  uint64_t outcomes = identity.forwarded;
  for (size_t reason = 0; reason < identity.dropped.size(); ++reason) {
    for (const WorkerInfo& worker : workers) {
      identity.dropped[reason] += worker.pipeline->counters().dropped[reason].Read();
    }
    outcomes += identity.dropped[reason];
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  excused += Sum(workers, &W::handed_over) - taken_over_;
  identity.received = std::max(Sum(workers, &W::received), outcomes);
  if (received_ > outcomes + excused) identity.unaccounted = received_ - outcomes - excused;
  identity.in_flight = identity.received - outcomes - identity.unaccounted;
  return identity;
}

}  // namespace coretrack
