#include "dataplane/base/fetches.h"

#include <gtest/gtest.h>

namespace coretrack {
namespace {

TEST(Fetches, AreAskedForOnceInParts) {
  Fetches fetches;
  const auto refill = [&fetches](uint32_t lines) {
    if (lines == 0) {
      fetches.RefillBoth();
    } else {
      fetches.Refill(lines);
    }
  };
  EXPECT_EQ(fetches.asked_for(), Fetches::kParts) << "there is nothing to ask for";
  for (const uint32_t lines : {0, 1, 2}) {  // 0: one or two
    refill(lines);
    EXPECT_EQ(fetches.asked_for(), 0u);
    for (uint32_t asked = 1; asked <= Fetches::kParts; ++asked) {
      fetches.Next();
      EXPECT_EQ(fetches.asked_for(), asked);
    }
    fetches.Next();
    EXPECT_EQ(fetches.asked_for(), Fetches::kParts) << "all was asked for";

    refill(lines);
    fetches.Next();
    fetches.Rest();
    EXPECT_EQ(fetches.asked_for(), Fetches::kParts);

    refill(lines);
    for (uint32_t part = 0; part < Fetches::kParts; ++part) fetches.Part(part);
    EXPECT_EQ(fetches.asked_for(), 0u) << "parts by number are not counted";
    fetches.Done();
    EXPECT_EQ(fetches.asked_for(), Fetches::kParts);
  }
}

}  // namespace
}  // namespace coretrack
