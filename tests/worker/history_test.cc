#include "dataplane/worker/history.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace coretrack {
namespace {

class HistoriesTest : public testing::Test {
 protected:
  uint16_t Add(uint16_t history, Letter letter, bool from_responder) {
    histories_.Add(letter, from_responder, &history);
    return history;
  }
  Arena arena_ = *Arena::Create(Histories::ArenaBytes(), false);
  Histories histories_{&arena_};
};

constexpr std::string_view kUpper = "SHADFRTWQ^ICG", kLower = "shadfrtwq^icg";

// As it was before: a letter at the end, unless it is there or there are sixteen.
void AddTo(std::string* text, Letter letter, bool from_responder, std::vector<int>* codes) {
  const int code = static_cast<int>(letter) + (from_responder ? 100 : 0);
  for (const int c : *codes) {
    if (c == code) return;
  }
  if (text->size() == Histories::kLetters) return;
  codes->push_back(code);
  *text += (from_responder ? kLower : kUpper)[static_cast<size_t>(letter)];
}

TEST_F(HistoriesTest, ATypicalConnection) {
  uint16_t history = Histories::kEmpty;
  EXPECT_EQ(histories_.Text(history), "");
  history = Add(history, Letter::kSyn, false);
  EXPECT_EQ(history, Histories::kSyn);
  history = Add(history, Letter::kSynAck, true);
  history = Add(history, Letter::kAck, false);
  history = Add(history, Letter::kData, false);
  EXPECT_EQ(Add(history, Letter::kData, false), history) << "it is there already";
  history = Add(history, Letter::kData, true);
  EXPECT_EQ(histories_.Text(history), "ShADd");
}

TEST_F(HistoriesTest, NextIsWhatAddAnswersOnceItWasHad) {
  const auto next = [this](uint16_t history, Letter letter, bool from_responder) {
    return histories_
        .next()[history << Histories::kCodeBits | Histories::Code(letter, from_responder)];
  };
  EXPECT_EQ(next(Histories::kSyn, Letter::kSynAck, true), Histories::kUnknown);
  const uint16_t history = Add(Histories::kSyn, Letter::kSynAck, true);
  EXPECT_EQ(next(Histories::kSyn, Letter::kSynAck, true), history);
  EXPECT_EQ(next(history, Letter::kSynAck, true), history);
  EXPECT_EQ(next(history, Letter::kSyn, false), history);
  EXPECT_EQ(next(history, Letter::kSyn, true), Histories::kUnknown);
  EXPECT_EQ(Add(Histories::kSyn, Letter::kSynAck, true), history) << "the same one";
}

TEST_F(HistoriesTest, RandomOnesAreWhatWasAdded) {
  std::mt19937 random(1);
  std::map<std::string, uint16_t> numbers;
  for (int round = 0; round < 1500; ++round) {
    uint16_t history = Histories::kEmpty;
    std::string text;
    std::vector<int> codes;
    for (int n = 0; n < 20; ++n) {
      const auto letter = static_cast<Letter>(random() % kUpper.size());
      const bool from_responder = random() % 2 != 0;
      history = Add(history, letter, from_responder);
      AddTo(&text, letter, from_responder, &codes);
      ASSERT_EQ(histories_.Text(history), text);
      // '^' has no lower case: two of them may look alike.
      if (text.find('^') != std::string::npos) continue;
      ASSERT_EQ(numbers.emplace(text, history).first->second, history);
    }
  }
  EXPECT_EQ(histories_.lost(), 0u);
}

TEST_F(HistoriesTest, WhenThereAreTooManyWhatIsKnownGoesOn) {
  const uint16_t known = Add(Add(Histories::kSyn, Letter::kSynAck, true), Letter::kAck, false);
  std::mt19937 random(2);
  while (histories_.size() < Histories::kMaxHistories) {
    uint16_t history = Histories::kEmpty;
    for (int n = 0; n < 16; ++n)
      history = Add(history, static_cast<Letter>(random() % kUpper.size()), random() % 2 != 0);
  }
  EXPECT_EQ(Add(Add(Histories::kSyn, Letter::kSynAck, true), Letter::kAck, false), known);
  uint64_t lost = histories_.lost();
  uint16_t history = known;
  for (const Letter letter : {Letter::kGap, Letter::kInconsistent, Letter::kFlipped}) {
    history = Add(history, letter, true);
  }
  EXPECT_GT(histories_.lost(), lost);
  EXPECT_EQ(histories_.Text(history).view().substr(0, 3), "ShA");
  EXPECT_EQ(histories_.size(), Histories::kMaxHistories);
}

TEST(HistoryText, HasSixteenLettersAtMost) {
  EXPECT_EQ(HistoryText(), "");
  EXPECT_EQ(HistoryText("ShA"), "ShA");
  EXPECT_EQ(HistoryText(std::string(17, 'A')), std::string(16, 'A'));
}

}  // namespace
}  // namespace coretrack
