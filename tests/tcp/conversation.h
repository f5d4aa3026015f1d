// Conversation: two reference endpoints with the tracker between them, and what must hold.
//
//   1. A genuine segment is not invalid, but for the exceptions of MayBeInvalid().
//   2. A sender's state is what the sender knows of itself, once all it sent has passed; or one
//      receipt further, which is provisional (IsProvisional()); IsOutOfOrder() has what cannot be
//      told. So of a RST too: its sender is CLOSED, and what it was sent to may be. The RST of
//      one that gives up is valid, if all before it has passed.
//   3. When everything has arrived, both states are what both endpoints know, also after resets.
//   4. A forged segment, its numbers far from what is expected, moves no state.
//   5. A genuine segment with a number, flag or timestamp changed, in front of the box and lost behind it:
//      invalid, it moves neither state nor deadline, and what follows is as if it had not been; and
//      whatever it is called, it moves no state if its receiver would ignore it, but for the
//      exceptions of MayMoveThoughIgnored(); else only those that it speaks of (MayMove()).
//   6. IsInOrder() with MoveInOrder(), and CheckStep() with MoveStep(), agree with TrackSegment() wherever they answer.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/tcp/tracker.h"
#include "tests/tcp/reference_model.h"

namespace coretrack::testing {

class Conversation {
 public:
  struct Weather {
    int lose = 0;     // of 1000, on each side of the box
    int reorder = 0;  // of 1000
    int forge = 0;    // of 1000
    int mutate = 0;   // of 1000
    int abort = 0;    // of 100'000 steps
    bool simultaneous_open = false;
    std::optional<bool> only_client =
        std::nullopt;     // one direction passes the box, the other goes around it
    uint64_t unseen = 0;  // so many segments pass before the box looks
  };

  Conversation(uint32_t seed, const Weather& weather)
      : random_(seed), weather_(weather), client_(PlanOf(true)), server_(PlanOf(false)) {
    connection_.originator = Direction::kForward;
  }

  // Hears of every segment that passed the tracker, forged ones too, and what it said.
  using Witness =
      std::function<void(const WireSegment&, const tcp::Outcome&, const tcp::Connection&)>;
  void set_witness(Witness witness) { witness_ = std::move(witness); }

  // False: a property is broken; `log` has what happened.
  bool Run();
  uint64_t compared() const { return compared_; }
  uint64_t mutated() const { return mutated_; }  // segments held against what the receiver would do
  uint64_t in_order() const { return in_order_; }  // of those, decided by IsInOrder()
  uint64_t resets() const {
    return resets_;
  }                                          // with which their sender gives up, all before it seen
  uint64_t steps() const { return steps_; }  // of those, decided by CheckStep()
  std::string Log() const {
    std::string text;
    for (const std::string& line : log_) text += line + "\n";
    return text;
  }

 private:
  static constexpr size_t kLogLines = 40;
  using Queue = std::deque<WireSegment>;

  uint32_t Below(uint32_t n) { return random_() % n; }
  bool Chance(int of_1000) { return Below(1000) < static_cast<uint32_t>(of_1000); }

  Endpoint::Plan PlanOf(bool client) {
    Endpoint::Plan plan;
    plan.client = client;
    plan.isn = random_();
    if (Chance(200)) plan.isn = 0u - Below(3000);
    plan.data_bytes = Below(4) == 0 ? 0 : Below(Below(4) == 0 ? 200'000 : 10'000);
    // A window that is soon full, or the largest there are; most are none that the tracker's code
    // (sequence.h) holds exactly.
    plan.buffer_bytes = 1 + Below(1u << (9 + Below(6)));
    if (Below(2) == 0) {
      // What is far outside (PassForged()) must be outside of the window too.
      plan.scale = static_cast<uint8_t>(Below(weather_.forge != 0 ? 4 : 15));
      const int64_t units = 1 + Below(Below(4) == 0 ? 65535 : 8);
      plan.buffer_bytes = std::max(plan.buffer_bytes, units << *plan.scale);
    }
    if (Below(2) == 0) plan.timestamps = Below(2) == 0 ? 0u - Below(500) : random_();
    plan.takes_old_acks = Below(2) == 0;
    plan.mss = 200 + Below(1261);
    return plan;
  }

  const Endpoint& From(const WireSegment& s) const { return s.from_client ? client_ : server_; }
  Endpoint& To(const WireSegment& s) { return s.from_client ? server_ : client_; }
  const Endpoint& To(const WireSegment& s) const { return s.from_client ? server_ : client_; }
  tcp::State Tracked(bool client) const { return connection_.half[client ? 0 : 1].state; }

  void Collect() {
    for (Endpoint* e : {&client_, &server_}) {
      for (const WireSegment& s : e->outbox) before_box_[s.from_client].push_back(s);
      e->outbox.clear();
    }
  }
  std::optional<WireSegment> Take(Queue* queue, bool weather);
  void Act(Endpoint* endpoint);
  bool PassBox(const WireSegment& s);
  void Deliver(const WireSegment& s);
  bool PassForged();
  bool PassMutated();
  WireSegment Mutate(WireSegment s);
  bool IsSettled() const;
  bool MayMoveThoughIgnored(const WireSegment& s, const tcp::Connection& before) const;
  bool MayMove(const WireSegment& s, const Endpoint& after, const tcp::Connection& before) const;
  bool MayBeInvalid(const WireSegment& s, tcp::Invalid reason) const;
  bool IsOutOfOrder(bool client, tcp::State known, tcp::State tracked) const;
  bool AgreesWithFastPath(const TcpHeader& tcp, Direction d, const tcp::Connection& before,
                          const tcp::Outcome& outcome);
  bool Fail(const std::string& what) {
    log_.push_back(what);
    return false;
  }
  bool Drain();
  void Note(std::string_view word) { log_.back().append(1, ' ').append(word); }

  std::mt19937 random_;
  Weather weather_;
  Endpoint client_;
  Endpoint server_;
  Queue before_box_[2], behind_box_[2];  // by from_client
  tcp::Connection connection_;
  bool open_ = false;
  bool reset_passed_[2] = {false, false};  // a valid RST, by from_client
  std::optional<uint32_t> last_move_[2];   // behind the last SYN+ACK or FIN, by from_client
  bool repeated_[2] = {false, false};      // it has passed again, and is not acknowledged again
  bool reset_unseen_[2] = {false, false};  // one was lost before the box, or not believed
  bool reset_undelivered_[2] = {false, false};  // one was lost behind it, or refused
  bool refused_[2] = {false, false};            // a segment was judged invalid, by from_client
  uint64_t newest_[2] = {0, 0};                 // the highest serial that passed, by from_client
  uint64_t passed_[2] = {0, 0};                 // how many have passed
  uint64_t unseen_ = 0;
  std::deque<WireSegment> last_passed_;  // genuine, the latest
  std::optional<uint32_t> echoed_[2];    // TSecr of the newest that passed at the next number
  uint64_t compared_ = 0;
  uint64_t mutated_ = 0;
  uint64_t in_order_ = 0;
  uint64_t steps_ = 0;
  uint64_t resets_ = 0;
  std::vector<std::string> log_;
  Witness witness_;
};

}  // namespace coretrack::testing
