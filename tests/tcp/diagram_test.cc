// Every cell of the diagram, and the timeout of every pair of states, against grids written by hand
// from RFC 9293 (figure 5, 3.5, 3.6, 3.10.7), RFC 1337 and the table of default timeouts.
#include "dataplane/tcp/diagram.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "dataplane/tcp/timeouts.h"

namespace coretrack::tcp {
namespace {

const std::map<std::string, State> kCodes = {
    {"CL", State::kClosed},   {"LI", State::kListen},      {"SS", State::kSynSent},
    {"SR", State::kSynRcvd},  {"ES", State::kEstablished}, {"F1", State::kFinWait1},
    {"F2", State::kFinWait2}, {"CW", State::kCloseWait},   {"CG", State::kClosing},
    {"LA", State::kLastAck},  {"TW", State::kTimeWait},
};

const std::map<std::string, Event> kColumns = {
    {"SYN", Event::kSendSyn},
    {"S+A", Event::kSendSynAck},
    {"S+A!", Event::kSendSynAckConfirmed},
    {"Asyn", Event::kSendAckOfSyn},
    {"rAsyn", Event::kRecvAckOfSyn},
    {"FIN", Event::kSendFin},
    {"Afin", Event::kSendAckOfFin},
    {"Afin!", Event::kSendAckOfFinConfirmed},
    {"rAfin", Event::kRecvAckOfFin},
    {"rAfinX", Event::kRecvAckOfFinCrossed},
    {"RST", Event::kSendRst},
    {"rRST", Event::kRecvRst},
    {"2MSL", Event::kTwoMsl},
};

// A row a state, `.` rejected. "!": what it sent itself has been acknowledged; "r": it receives;
// "X": both FINs were under way. Where RFC 9293 goes back to LISTEN after a RST the connection is
// over: CLOSED.
constexpr const char* kDiagram = R"(
      SYN  S+A  S+A!  Asyn  rAsyn  FIN  Afin  Afin!  rAfin  rAfinX  RST  rRST  2MSL
CL    SS   SR   .     .     .      .    .     .      .      .       CL   CL    .
LI    SS   SR   .     .     .      .    .     .      .      .       CL   CL    .
SS    SS   SR   ES    ES    SS     .    .     .      .      .       CL   CL    .
SR    .    SR   ES    .     ES     F1   CW    .      .      .       CL   CL    .
ES    .    .    .     .     .      F1   CW    .      .      .       CL   CL    .
F1    .    .    .     .     .      F1   CG    TW     F2     CG      CL   CL    .
F2    .    .    .     .     .      .    .     TW     .      .       CL   CL    .
CW    .    .    .     .     .      LA   .     .      .      .       CL   CL    .
CG    .    .    .     .     .      CG   .     TW     TW     .       CL   CL    .
LA    .    .    .     .     .      LA   .     .      CL     .       CL   CL    .
TW    .    .    .     .     .      .    .     TW     .      .       CL   TW    CL
)";

// Originator down, responder across. s SYN_SENT, r SYN_RCVD, e ESTABLISHED, h half-closed,
// l LAST_ACK, c CLOSING or both FINs unacknowledged, t TIME_WAIT, x over.
constexpr const char* kTimeouts = R"(
    CL LI SS SR ES F1 F2 CW CG LA TW
CL  x  x  x  x  x  x  x  x  x  l  t
LI  x  x  s  r  e  h  h  h  c  l  t
SS  x  s  s  r  s  h  h  h  c  l  t
SR  x  r  r  r  r  h  h  h  c  l  t
ES  x  e  s  r  e  h  h  h  c  l  t
F1  x  h  h  h  h  c  h  h  c  l  t
F2  x  h  h  h  h  h  h  h  c  l  t
CW  x  h  h  h  h  h  h  h  c  l  t
CG  x  c  c  c  c  c  c  c  c  l  t
LA  l  l  l  l  l  l  l  l  l  l  t
TW  t  t  t  t  t  t  t  t  t  t  t
)";

std::vector<std::vector<std::string>> Grid(const char* text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::vector<std::string> row;
    for (std::string word; words >> word;) row.push_back(word);
    if (!row.empty()) rows.push_back(row);
  }
  return rows;
}

TEST(Diagram, EveryCell) {
  const auto grid = Grid(kDiagram);
  ASSERT_EQ(grid.size(), kStates + 1u);
  ASSERT_EQ(grid[0].size(), static_cast<size_t>(kEvents));
  int cells = 0;
  for (size_t row = 1; row < grid.size(); ++row) {
    ASSERT_EQ(grid[row].size(), kEvents + 1u) << grid[row][0];
    const State from = kCodes.at(grid[row][0]);
    for (size_t column = 1; column < grid[row].size(); ++column, ++cells) {
      SCOPED_TRACE(grid[row][0] + " " + grid[0][column - 1]);
      const auto next = NextState(from, kColumns.at(grid[0][column - 1]));
      if (grid[row][column] == ".") {
        EXPECT_FALSE(next.has_value()) << "goes to " << Name(*next);
      } else {
        ASSERT_TRUE(next.has_value()) << "rejected";
        EXPECT_EQ(Name(*next), Name(kCodes.at(grid[row][column])));
      }
    }
  }
  EXPECT_EQ(cells, kStates * kEvents);
}

TEST(Diagram, EveryPairHasItsTimeout) {
  const std::map<std::string, TimeoutClass> classes = {
      {"s", TimeoutClass::kSynSent},     {"r", TimeoutClass::kSynRcvd},
      {"e", TimeoutClass::kEstablished}, {"h", TimeoutClass::kHalfClosed},
      {"l", TimeoutClass::kLastAck},     {"c", TimeoutClass::kClosing},
      {"t", TimeoutClass::kTimeWait},    {"x", TimeoutClass::kAfterReset},
  };
  const auto grid = Grid(kTimeouts);
  ASSERT_EQ(grid.size(), kStates + 1u);
  int cells = 0;
  for (size_t row = 1; row < grid.size(); ++row) {
    ASSERT_EQ(grid[row].size(), kStates + 1u);
    for (size_t column = 1; column < grid[row].size(); ++column, ++cells) {
      const StatePair pair{kCodes.at(grid[row][0]), kCodes.at(grid[0][column - 1])};
      EXPECT_EQ(static_cast<int>(TimeoutClassOf(pair)),
                static_cast<int>(classes.at(grid[row][column])))
          << grid[row][0] << " " << grid[0][column - 1];
    }
  }
  EXPECT_EQ(cells, kStatePairs);
}

TEST(Diagram, DefaultTimeouts) {
  const std::map<TimeoutClass, uint32_t> seconds = {
      {TimeoutClass::kSynSent, 60},         {TimeoutClass::kSynRcvd, 60},
      {TimeoutClass::kEstablished, 432000}, {TimeoutClass::kHalfClosed, 900},
      {TimeoutClass::kLastAck, 30},         {TimeoutClass::kClosing, 30},
      {TimeoutClass::kTimeWait, 120},       {TimeoutClass::kAfterReset, 10},
      {TimeoutClass::kMidstream, 300},      {TimeoutClass::kRetransmission, 300},
  };
  ASSERT_EQ(seconds.size(), static_cast<size_t>(kTimeoutClasses));
  for (const auto& [timeout, s] : seconds) {
    EXPECT_EQ(kDefaultTimeoutsMs[static_cast<int>(timeout)], s * 1000);
  }
}

TEST(Diagram, PairsHaveTheirCodes) {
  for (int code = 0; code < kStatePairs; ++code) {
    EXPECT_EQ(Code(PairOf(static_cast<uint8_t>(code))), code);
  }
  EXPECT_EQ(kStateNames.size(), static_cast<size_t>(kStates));
}

}  // namespace
}  // namespace coretrack::tcp
