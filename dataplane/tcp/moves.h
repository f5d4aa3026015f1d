// Moves of an endpoint through the diagram, and what its state says.
#pragma once

#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/diagram.h"

namespace coretrack::tcp {

// Applies `event` where the diagram has it; elsewhere nothing moves.
constexpr void Apply(Event event, Half* half) {
  if (const auto next = NextState(half->state, event)) half->state = *next;
}

constexpr bool HasSentFin(State s) {
  return s == State::kFinWait1 || s == State::kFinWait2 || s == State::kClosing ||
         s == State::kLastAck || s == State::kTimeWait;
}
constexpr bool HasAckedFin(State s) {
  return s == State::kCloseWait || s == State::kClosing || s == State::kLastAck ||
         s == State::kTimeWait;
}
constexpr bool IsClosing(State s) { return HasSentFin(s) || HasAckedFin(s); }

}  // namespace coretrack::tcp
