#include "dataplane/tcp/sequence.h"

#include <gtest/gtest.h>

#include <random>

namespace coretrack::tcp {
namespace {

TEST(Sequence, ComparesModulo2To32) {
  EXPECT_TRUE(Before(0xffffffff, 0));
  EXPECT_TRUE(After(5, 0xfffffff0));
  EXPECT_TRUE(Before(0, 0x7fffffff));
  EXPECT_FALSE(Before(7, 7));
  EXPECT_TRUE(AtOrBefore(7, 7));
  EXPECT_TRUE(AtOrAfter(7, 7));
  EXPECT_EQ(Later(0xfffffffe, 3), 3u);
  EXPECT_EQ(Later(3, 0xfffffffe), 3u);
}

// Every window that a header and a scale can say: never too strict, at most 1/8 too large (and 8
// bytes for the smallest), monotone.
TEST(Sequence, CodedWindowsCoverWhatTheyStandFor) {
  uint8_t last_code = 0;
  for (uint32_t window = 0; window <= 65535; ++window) {
    const uint8_t code = EncodeWindow(window);
    ASSERT_GE(code, last_code) << window;
    ASSERT_NE(code, 0) << "0 means not heard";
    ASSERT_GE(DecodeWindow(code), window);
    ASSERT_LE(DecodeWindow(code), window + std::max<uint32_t>(window / 8, 8)) << window;
    last_code = code;
  }
  for (int scale = 1; scale <= 14; ++scale) {
    for (uint32_t window = 1; window <= 65535; ++window) {
      const uint32_t bytes = window << scale;
      const uint32_t decoded = DecodeWindow(EncodeWindow(bytes));
      ASSERT_GE(decoded, bytes);
      ASSERT_LE(decoded, bytes + std::max<uint32_t>(bytes / 8, 8)) << bytes;
    }
  }
  EXPECT_EQ(DecodeWindow(0), 0u);
}

}  // namespace
}  // namespace coretrack::tcp
