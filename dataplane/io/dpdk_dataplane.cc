#include "dataplane/io/dpdk_dataplane.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/io/hugepages.h"
#include "dataplane/io/port_rules.h"
#include "dataplane/io/rss.h"

namespace coretrack {
namespace {

uint64_t RandomBits() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

// An lcore of --lcores may float over several CPUs: the first speaks for it.
uint32_t CpuOf(uint32_t lcore) {
  const rte_cpuset_t cpus = rte_lcore_cpuset(lcore);
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &cpus)) return cpu;
  }
  return lcore;
}

uint64_t PerWorker(uint64_t total, size_t workers) { return (total + workers - 1) / workers; }

}  // namespace

DpdkDataplane::DpdkDataplane(const DataplaneOptions& options, Eal* eal,
                             std::unique_ptr<Eal> own_eal)
    : options_(options), own_eal_(std::move(own_eal)), eal_(eal) {}

DpdkDataplane::~DpdkDataplane() { Stop(); }

absl::Status DpdkDataplane::Start() {
  for (const auto step :
       {&DpdkDataplane::AttachPorts, &DpdkDataplane::Wire, &DpdkDataplane::CheckBuffers,
        &DpdkDataplane::MakeWorkers, &DpdkDataplane::StartPorts, &DpdkDataplane::Launch}) {
    if (absl::Status s = (this->*step)(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status DpdkDataplane::AttachPorts() {
  if (absl::Status s = CheckPorts(options_.ports); !s.ok()) return s;
  uint32_t largest_mtu_bytes = 0;
  const absl::MutexLock lock(&ports_mutex_);
  for (const PortOptions& options : options_.ports) {
    auto port = Port::Attach(options, &eal_->log());
    if (!port.ok()) return port.status();
    ports_.push_back(*std::move(port));
    largest_mtu_bytes = std::max(largest_mtu_bytes, options.mtu_bytes);
  }
  pools_ = std::make_unique<PacketPools>(options_.packet_buffers, largest_mtu_bytes);
  return absl::OkStatus();
}

absl::Status DpdkDataplane::Wire() {
  const absl::MutexLock lock(&ports_mutex_);
  const auto workers = static_cast<uint32_t>(eal_->worker_lcores().size());
  wiring_.workers = workers;
  bool shares_tx = false;
  uint32_t entries = OwnerMap::kMaxEntries;
  for (const auto& port : ports_) {
    PollPort& poll = wiring_.ports[port->id()];
    poll.queues = static_cast<uint16_t>(port->QueuesFor(workers));
    poll.zone = port->options().zone;
    for (const auto& other : ports_) {
      if (port->options().role == PortRole::kForward &&
          other->options().name == port->options().peer) {
        poll.peer = other->id();
        shares_tx |= other->QueuesFor(workers) < workers;
      }
    }
    entries = std::min(entries, OwnerEntries(port->reta_entries()));
  }
  const uint64_t secret = options_.rss_secret != 0 ? options_.rss_secret : RandomBits();
  wiring_.owners = OwnerMap(RssPattern(secret), workers, entries);
  if (workers == 1) return absl::OkStatus();
  auto rings = Handover::Create(workers);
  if (!rings.ok()) return rings.status();
  wiring_.to_owner = *std::move(rings);
  if (!shares_tx) return absl::OkStatus();
  rings = Handover::Create(workers);
  if (!rings.ok()) return rings.status();
  wiring_.to_sender = *std::move(rings);
  return absl::OkStatus();
}

absl::Status DpdkDataplane::CheckBuffers() {
  const absl::MutexLock lock(&ports_mutex_);
  std::map<int, uint64_t> needed;
  for (const auto& port : ports_) needed[port->socket()] += port->BuffersFor(wiring_.workers);
  // A burst at work, and what DPDK lets an lcore keep to itself (1.5 times the cache's size).
  constexpr uint64_t kPerWorker = 2 * kMaxBurst + PacketPools::kCachePackets * 3 / 2;
  for (const auto& [socket, buffers] : needed) {
    const uint64_t least = buffers + kPerWorker * wiring_.workers;
    if (least <= options_.packet_buffers) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("memory.packet_buffers is ", options_.packet_buffers,
                     "; the queues of the ports on socket ", socket, " hold up to ", buffers,
                     " and the workers need some: set it to ", least,
                     " or more, or lower rx_descriptors and tx_descriptors"));
  }
  return absl::OkStatus();
}

absl::Status DpdkDataplane::StartPorts() {
  const absl::MutexLock lock(&ports_mutex_);
  for (const auto& port : ports_) {
    if (absl::Status s = port->Start(wiring_.workers, wiring_.owners, pools_.get()); !s.ok()) {
      return s;
    }
    wiring_.ports[port->id()].sends_segments = port->sends_segments();
  }
  return absl::OkStatus();
}

absl::Status DpdkDataplane::MakeWorkers() {
  workers_ = std::vector<Worker>(wiring_.workers);
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    workers_[i].number = i;
    workers_[i].lcore = eal_->worker_lcores()[i];
    workers_[i].dataplane = this;
  }
  const auto make = [](void* argument) {
    auto* worker = static_cast<Worker*>(argument);
    worker->status = worker->dataplane->MakeWorker(worker);
    worker->done.store(true, std::memory_order_release);
    return 0;
  };
  if (absl::Status s = OnWorkers(make); !s.ok()) return s;
  JoinWorkers();
  for (const Worker& worker : workers_) {
    if (!worker.status.ok()) return worker.status;
  }
  return absl::OkStatus();
}

absl::Status DpdkDataplane::MakeWorker(Worker* worker) const {
  const size_t workers = workers_.size();
  const uint64_t ipv4 = PerWorker(options_.capacity_ipv4, workers);
  const uint64_t ipv6 = PerWorker(options_.capacity_ipv6, workers);
  if (ipv4 + ipv6 > kMaxFlowsPerWorker) {
    return absl::InvalidArgumentError(
        absl::StrCat("flows.capacity: a worker holds at most ", kMaxFlowsPerWorker, " flows, not ",
                     ipv4 + ipv6, "; name more cpu.lcores or lower flows.capacity"));
  }
  WorkerClock clock(rte_get_tsc_hz(), rte_rdtsc(), WallClockUs());
  auto pipeline = Pipeline::Create(
      {.worker = static_cast<uint8_t>(worker->number),
       .capacity_ipv4 = static_cast<uint32_t>(ipv4),
       .capacity_ipv6 = static_cast<uint32_t>(ipv6),
       .half_open_quota =
           static_cast<uint32_t>((ipv4 + ipv6) * options_.half_open_quota_percent / 100),
       .midstream_quota =
           static_cast<uint32_t>((ipv4 + ipv6) * options_.midstream_quota_percent / 100),
       .secret = options_.secret,
       .tunables = options_.tunables,
       .allow_hugetlb = options_.hugepages != HugepageUse::kNever},
      clock.now());
  if (!pipeline.ok()) return pipeline.status();
  if (absl::Status s = CheckTables(options_.hugepages, (*pipeline)->page_kind(),
                                   (*pipeline)->arena_bytes(), workers);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = (*pipeline)->Populate(); !s.ok()) return s;
  worker->pipeline = *std::move(pipeline);
  worker->mailbox = std::make_unique<CommandMailbox>();
  worker->loop = std::make_unique<PollLoop>(worker->number, &worker->dataplane->wiring_,
                                            worker->pipeline.get(), worker->mailbox.get(), clock,
                                            Idle(options_.idle, options_.idle_sleep_max_us));
  return absl::OkStatus();
}

absl::Status DpdkDataplane::Launch() {
  {
    const absl::MutexLock lock(&ports_mutex_);
    std::vector<uint16_t> ids;
    for (const auto& port : ports_) ids.push_back(port->id());
    links_ = std::make_unique<LinkWatch>(ids, &wiring_, &eal_->log());
  }
  running_ = true;
  return OnWorkers([](void* argument) {
    auto* worker = static_cast<Worker*>(argument);
    worker->loop->Run();
    worker->done.store(true, std::memory_order_release);
    return 0;
  });
}

absl::Status DpdkDataplane::OnWorkers(int (*function)(void*)) {
  for (Worker& worker : workers_) {
    worker.done.store(false, std::memory_order_relaxed);
    if (rte_eal_remote_launch(function, &worker, worker.lcore) != 0) {
      return absl::InternalError(absl::StrCat("lcore ", worker.lcore, " is busy"));
    }
  }
  return absl::OkStatus();
}

void DpdkDataplane::JoinWorkers() {
  for (const Worker& worker : workers_) {
    rte_eal_wait_lcore(worker.lcore);
    (void)worker.done.load(std::memory_order_acquire);
  }
}

void DpdkDataplane::Stop() {
  if (!running_) return;
  running_ = false;
  wiring_.phase.store(Phase::kDrain, std::memory_order_release);
  std::vector<uint64_t> polls;
  for (const Worker& worker : workers_) polls.push_back(worker.pipeline->counters().polls.Read());
  const auto drained = [&] {
    for (size_t i = 0; i < workers_.size(); ++i) {
      // The poll under way may still have received; the one after it has not.
      if (workers_[i].pipeline->counters().polls.Read() < polls[i] + 2) return false;
    }
    return in_flight() == 0;
  };
  const absl::Time deadline = absl::Now() + absl::Milliseconds(kDrainMs);
  while (!drained() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
  if (const uint64_t left = in_flight(); left != 0) {
    eal_->log().Say(DataplaneOptions::Severity::kWarning,
                    absl::StrCat("stopped with ", left, " packets still under way"));
  }
  wiring_.phase.store(Phase::kExit, std::memory_order_release);
  JoinWorkers();
  const absl::MutexLock lock(&ports_mutex_);
  links_.reset();
  for (const auto& port : ports_) port->Stop();
}

std::vector<WorkerInfo> DpdkDataplane::workers() const {
  std::vector<WorkerInfo> infos;
  for (const Worker& worker : workers_) {
    infos.push_back({.lcore = CpuOf(worker.lcore), .pipeline = worker.pipeline.get()});
  }
  return infos;
}

std::vector<PortInfo> DpdkDataplane::ports() const {
  const absl::MutexLock lock(&ports_mutex_);
  std::vector<PortInfo> infos;
  for (const auto& port : ports_) {
    PortInfo& info = infos.emplace_back(port->Info());
    if (links_ == nullptr) continue;
    const LinkWatch::Link link = links_->Read(port->id());
    info.link_up = link.up;
    info.link_speed_mbps = link.speed_mbps;
  }
  return infos;
}

bool DpdkDataplane::Send(uint32_t worker, const Command& command) {
  return workers_.at(worker).mailbox->Push(command);
}

uint64_t DpdkDataplane::in_flight() const {
  std::vector<const WorkerCounters*> counters;
  for (const Worker& worker : workers_) counters.push_back(&worker.pipeline->counters());
  return InFlight(counters);
}

std::string DpdkDataplane::memory_summary() const {
  return absl::StrCat("packet buffers in ", eal_->page_summary(), ", flow tables in ",
                      std::string(Name(workers_.front().pipeline->page_kind())));
}

}  // namespace coretrack
