// What the names of base/lanes.h promise, against the same done number by number.
#include "dataplane/base/lanes.h"

#include <gtest/gtest.h>

// What tests lanes skips itself where there are none: they must not be gone where they could be.
#if (defined(__AVX512BW__) || defined(__AVX2__)) && !defined(__SANITIZE_THREAD__)
TEST(HasLanes, WhereTheInstructionSetHasThem) { EXPECT_TRUE(coretrack::kHasLanes); }
#endif

#ifdef CORETRACK_LANES

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <random>

namespace coretrack {
namespace {

using namespace lanes;

using Numbers = std::array<uint32_t, kLanes>;

class LanesTest : public testing::Test {
 protected:
  // Small, huge, equal and any.
  uint32_t Number() {
    switch (random_() % 4) {
      case 0:
        return random_() % 4;
      case 1:
        return 0u - random_() % 4;
      case 2:
        return 0x80000000u + random_() % 3 - 1;
      default:
        return random_();
    }
  }
  Lanes Any() {
    Lanes a;
    for (uint32_t i = 0; i < kLanes; ++i) a[i] = Number();
    return a;
  }
  void EachRound(const std::function<void()>& check) {
    for (int round = 0; round < 2000 && !HasFatalFailure(); ++round) check();
  }
  std::mt19937 random_{1};
};

TEST_F(LanesTest, OtherRows) {
  constexpr uint32_t kRows = kLanes / 2;
  alignas(64) uint64_t rows[kRows][4];
  EachRound([&] {
    Words64 column[4];
    const void* at[kRows];
    for (uint32_t i = 0; i < kRows; ++i) {
      at[i] = rows[i];
      for (uint32_t word = 0; word < 4; ++word)
        rows[i][word] = column[word][i] = uint64_t{Number()} << 32 | Number();
    }
    uint32_t others = 0;
    for (uint32_t changes = random_() % 6; changes > 0; --changes) {
      const uint32_t i = random_() % kRows;
      rows[i][random_() % 4] ^= uint64_t{1} << random_() % 64;
      others = 0;
      for (uint32_t row = 0; row < kRows; ++row)
        for (uint32_t word = 0; word < 4; ++word)
          if (rows[row][word] != column[word][row]) others |= 1u << row;
    }
    ASSERT_EQ(OtherRows(at, column), others);
    const void* before[kRows];
    for (uint32_t i = 0; i < kRows; ++i) before[i] = static_cast<const char*>(at[i]) - 64;
    ASSERT_EQ(OtherRows<64>(before, column), others);
  });
}

template <typename Check>
Mask MaskOf(const Check& check) {
  Mask mask = 0;
  for (uint32_t i = 0; i < kLanes; ++i) mask |= static_cast<Mask>(check(i) ? 1 << i : 0);
  return mask;
}

TEST_F(LanesTest, Compares) {
  EachRound([&] {
    const Lanes a = Any(), b = Any();
    ASSERT_EQ(Equal(a, b), MaskOf([&](uint32_t i) { return a[i] == b[i]; }));
    ASSERT_EQ(Below(a, b), MaskOf([&](uint32_t i) { return a[i] < b[i]; }));
    ASSERT_EQ(AtMost(a, b), MaskOf([&](uint32_t i) { return a[i] <= b[i]; }));
    ASSERT_EQ(HasAny(a, b), MaskOf([&](uint32_t i) { return (a[i] & b[i]) != 0; }));
    ASSERT_EQ(IsNegative(a), MaskOf([&](uint32_t i) { return static_cast<int32_t>(a[i]) < 0; }));
    ASSERT_EQ(Before(a, b),
              MaskOf([&](uint32_t i) { return static_cast<int32_t>(a[i] - b[i]) < 0; }));
    alignas(64) Numbers earlier;
    Store(Earlier(a), earlier.data());
    uint32_t all = 0;
    for (uint32_t i = 0; i < kLanes; ++i) {
      uint32_t same = 0;
      for (uint32_t j = 0; j < i; ++j) same |= a[j] == a[i] ? 1u << j : 0;
      ASSERT_EQ(earlier[i], same);
      all |= a[i];
    }
    ASSERT_EQ(Union(a), all);
    const bool repeats =
        std::any_of(earlier.begin(), earlier.end(), [](uint32_t e) { return e != 0; });
    if (repeats) {
      ASSERT_TRUE(MayRepeat(a));
    }
  });
}

// Two of all that are different have the same value, wherever they are.
TEST_F(LanesTest, SeesOneThatRepeats) {
  for (uint32_t i = 0; i < kLanes; ++i) {
    for (uint32_t j = 0; j < i; ++j) {
      Lanes a;
      for (uint32_t k = 0; k < kLanes; ++k) a[k] = random_();
      a[i] = a[j];
      ASSERT_TRUE(MayRepeat(a)) << i << " " << j;
    }
  }
  uint32_t wrong = 0;
  EachRound([&] {
    Lanes a;
    const uint32_t high = random_() << 16;
    for (uint32_t i = 0; i < kLanes; ++i) a[i] = high | (i + random_() % 1000 * kLanes);
    wrong += MayRepeat(a);
  });
  EXPECT_EQ(wrong, 0u) << "their low halves are different";
}

// What is said of a lane is said by its highest bit.
TEST_F(LanesTest, TestsAreTheMasksTheyBecome) {
  EachRound([&] {
    const Lanes a = Any(), b = Any(), c = Any();
    Lanes index = Any();
    for (uint32_t i = 0; i < kLanes; ++i) index[i] = random_() % kLanes;
    const auto mask = static_cast<Mask>(random_());
    const lanes::Test less = Before(a, b), same = Equal(a, c), given = AsTest(mask);
    const Mask less_mask = less, same_mask = same;
    ASSERT_EQ(Mask(given), mask);
    ASSERT_EQ(static_cast<Mask>(less & same), less_mask & same_mask);
    ASSERT_EQ(static_cast<Mask>(less | given), less_mask | mask);
    ASSERT_EQ(static_cast<Mask>(less ^ same), less_mask ^ same_mask);
    ASSERT_EQ(static_cast<Mask>(~less), static_cast<Mask>(~less_mask));
    const Mask picked = Pick(less, index);
    const Lanes by_test = Select(less, a, b), by_mask = Select(less_mask, a, b);
    for (uint32_t i = 0; i < kLanes; ++i) {
      ASSERT_EQ(picked >> i & 1, less_mask >> index[i] & 1);
      ASSERT_EQ(by_test[i], by_mask[i]);
    }
  });
}

TEST_F(LanesTest, Computes) {
  EachRound([&] {
    const Lanes a = Any(), b = Any();
    Lanes by = Any();
    for (uint32_t i = 0; i < kLanes; ++i) by[i] = random_() % 40;
    const auto mask = static_cast<Mask>(random_());
    std::array<uint32_t, 10> table;
    for (uint32_t& entry : table) entry = Number();
    Lanes index;
    for (uint32_t i = 0; i < kLanes; ++i) index[i] = random_() % table.size();
    const Lanes looked_up = LookUp(table, index);
    const Lanes selected = Select(mask, a, b), least = Least(a, b), swapped = SwapBytes(a),
                halves = SwapHalves(a), left = Left(a, by), right = Right(a, by),
                highest = HighestBit(a), all = All(a[3]), picked = Pick(a, by);
    for (uint32_t i = 0; i < kLanes; ++i) {
      ASSERT_EQ(selected[i], (mask >> i & 1) != 0 ? a[i] : b[i]);
      ASSERT_EQ(least[i], std::min<uint32_t>(a[i], b[i]));
      ASSERT_EQ(swapped[i], __builtin_bswap32(a[i]));
      ASSERT_EQ(halves[i], std::rotl<uint32_t>(a[i], 16));
      ASSERT_EQ(left[i], by[i] < 32 ? a[i] << by[i] : 0);
      ASSERT_EQ(right[i], by[i] < 32 ? a[i] >> by[i] : 0);
      ASSERT_EQ(highest[i], static_cast<uint32_t>(std::bit_width<uint32_t>(a[i])) - 1);
      ASSERT_EQ(all[i], a[3]);
      ASSERT_EQ(picked[i], a[by[i] % kLanes]);
      ASSERT_EQ(looked_up[i], table[index[i]]);
    }
  });
}

TEST_F(LanesTest, WordsAreTwoHalvesEach) {
  EachRound([&] {
    const Lanes low = Any(), high = Any();
    const auto [first, last] = Interleave(low, high);
    for (uint32_t i = 0; i < kLanes; ++i) {
      const uint64_t word = i < kLanes / 2 ? first[i] : last[i - kLanes / 2];
      ASSERT_EQ(word, low[i] | uint64_t{high[i]} << 32);
    }
    const Lanes same_low = LowHalves(first, last), same_high = HighHalves(first, last);
    ASSERT_EQ(Equal(same_low, low) & Equal(same_high, high), kEach);
    const Words64 wide_first = WidenFirst(low), wide_last = WidenLast(low);
    const uint32_t factor = Number();
    const Words64 product = Product(first, factor);
    const auto words = static_cast<uint8_t>(random_());
    const Words64 kept = Keep(words, first);
    for (uint32_t i = 0; i < kLanes / 2; ++i) {
      ASSERT_EQ(wide_first[i], low[i]);
      ASSERT_EQ(wide_last[i], low[i + kLanes / 2]);
      ASSERT_EQ(product[i], uint64_t{low[i]} * factor);
      ASSERT_EQ(kept[i], (words >> i & 1) != 0 ? first[i] : 0);
    }
  });
}

TEST_F(LanesTest, WordsCompute) {
  EachRound([&] {
    Words64 a, b;
    for (uint32_t i = 0; i < kLanes / 2; ++i) {
      a[i] = random_() % 4 == 0 ? 0 : (uint64_t{Number()} << 32 | Number()) >> (1 + random_() % 63);
      b[i] = random_() % 2 == 0 ? a[i] : Number();
    }
    const auto words = static_cast<uint8_t>(random_());
    const uint8_t not_zero = NotZeroWords(a);
    const Words64 selected = Select(words, a, b);
    for (uint32_t i = 0; i < kLanes / 2; ++i) {
      ASSERT_EQ(not_zero >> i & 1, a[i] != 0 ? 1 : 0);
      ASSERT_EQ(selected[i], (words >> i & 1) != 0 ? a[i] : b[i]);
    }
  });
}

TEST_F(LanesTest, Gathers) {
  std::array<uint16_t, 1001> table;
  for (uint16_t& entry : table) entry = static_cast<uint16_t>(random_());
  EachRound([&] {
    Lanes index;
    for (uint32_t i = 0; i < kLanes; ++i) index[i] = random_() % 1000;
    const auto mask = static_cast<Mask>(random_());
    // What is not asked for is not looked at, wherever it is.
    const Lanes gathered = Gather(mask, table.data(), Select(mask, index, All(0x7fffffff)));
    for (uint32_t i = 0; i < kLanes; ++i)
      ASSERT_EQ(gathered[i], (mask >> i & 1) != 0 ? table[index[i]] : 0u);

    constexpr uint32_t kWords = kLanes / 2;
    const uint64_t numbers[] = {random_(), random_(), random_() * uint64_t{random_()}};
    Words64 of_number;
    uint64_t wanted[kWords];
    for (uint32_t i = 0; i < kWords; ++i) {
      const uint64_t any = random_() % std::size(numbers);
      const bool is_asked = (mask >> i & 1) != 0;
      of_number[i] = is_asked ? any : any + (uint64_t{1} << 40);
      wanted[i] = is_asked ? numbers[any] : 0;
    }
    const Words64 words = GatherWords(static_cast<uint8_t>(mask), numbers, of_number);
    for (uint32_t i = 0; i < kWords; ++i) ASSERT_EQ(words[i], wanted[i]);
  });
}

// Two pages with none before and none behind them: rows of every length near their ends, of many elsewhere, and such as go from one into
// the other.
template <size_t kBehind>
void LoadsNothingFromOtherPages() {
  constexpr uint32_t kPage = 4096, kReadable = 2 * kPage;
  void* const mapped = mmap(nullptr, 4 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  auto* const begin = static_cast<uint8_t*>(mapped) + kPage;
  ASSERT_EQ(mprotect(begin, kReadable, PROT_READ | PROT_WRITE), 0);
  for (uint32_t i = 0; i < kReadable; ++i) begin[i] = static_cast<uint8_t>(i * 7 + i / 256 + 1);
  constexpr uint32_t kRow = 64;
  // As two of several rows, one of them a byte shorter: the others are whole, and elsewhere.
  const auto wrong = [&](const uint8_t* from, uint32_t bytes, uint32_t lane) {
    alignas(64) const uint8_t* rows[kLanes];
    Lanes there;
    for (uint32_t i = 0; i < kLanes; ++i) {
      rows[i] = begin + i;
      there[i] = kRow;
      if (i == lane || (bytes != 0 && i == (lane + 3) % kLanes)) {
        const uint32_t shorter = i == lane ? 0 : 1;
        rows[i] = from + shorter - kBehind;
        there[i] = bytes - shorter;
      }
    }
    Matrix m;
    LoadTransposedOf<kBehind>(rows, there, &m);
    uint32_t differ = 0;
    for (uint32_t i = 0; i < kLanes; ++i) {
      for (uint32_t n = 0; n < kRowNumbers; ++n) {
        uint32_t number = 0;
        const uint32_t at = n * sizeof(number);
        if (at < there[i])
          std::memcpy(&number, rows[i] + kBehind + at, std::min<uint32_t>(there[i] - at, 4));
        const bool anything = at + sizeof(number) > there[i];
        differ += !anything && m.row[n][i] != number;
      }
    }
    return differ;
  };
  for (uint32_t at = 0; at <= kReadable; ++at) {
    const uint32_t most = std::min(2 * kRow, kReadable - at);
    for (uint32_t bytes = 0; bytes <= most; bytes += 1 + at % 3) {
      ASSERT_EQ(wrong(begin + at, bytes, (at + bytes) % kLanes), 0u) << at << " " << bytes;
    }
  }
  EXPECT_EQ(wrong(begin - 100, 0, 1), 0u);
  EXPECT_EQ(munmap(mapped, 4 * kPage), 0);
}

TEST_F(LanesTest, LoadsNothingFromOtherPages) {
  LoadsNothingFromOtherPages<0>();
  LoadsNothingFromOtherPages<2>();
  LoadsNothingFromOtherPages<22>();
}

TEST_F(LanesTest, Transposes) {
  EachRound([&] {
    alignas(64) uint32_t numbers[kLanes][kRowNumbers];
    const uint32_t* rows[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i) {
      rows[i] = numbers[i];
      for (uint32_t& number : numbers[i]) number = Number();
    }
    Matrix m;
    LoadTransposed(rows, &m);
    for (uint32_t i = 0; i < kLanes; ++i)
      for (uint32_t j = 0; j < kRowNumbers; ++j) ASSERT_EQ(m.row[j][i], numbers[i][j]);
    const Rows back = RowsOf(m);
    for (uint32_t i = 0; i < kLanes; ++i) {
      alignas(64) uint32_t row[kRowNumbers];
      Store(back[i], row);
      ASSERT_EQ(std::memcmp(row, numbers[i], sizeof(row)), 0);
    }
    const HalfRows last = LastHalvesOf(m);
    for (uint32_t i = 0; i < kLanes; ++i) {
      alignas(32) uint32_t half[kRowNumbers / 2];
      Store(last[i], half);
      ASSERT_EQ(std::memcmp(half, numbers[i] + kRowNumbers / 2, sizeof(half)), 0);
    }

    const uint8_t* bytes[kLanes];
    for (uint32_t i = 0; i < kLanes; ++i)
      bytes[i] = reinterpret_cast<const uint8_t*>(numbers[i]) + i % 3;
    const Quarter quarter = LoadQuarter(bytes), behind = LoadQuarter<10>(bytes);
    for (uint32_t i = 0; i < 4; ++i) {
      for (uint32_t j = 0; j < kLanes; ++j) {
        uint32_t number;
        std::memcpy(&number, bytes[j] + i * sizeof(number), sizeof(number));
        ASSERT_EQ(quarter.row[i][j], number);
        std::memcpy(&number, bytes[j] + 10 + i * sizeof(number), sizeof(number));
        ASSERT_EQ(behind.row[i][j], number);
      }
    }
    const QuarterRows of_quarter = RowsOf(quarter);
    for (uint32_t i = 0; i < kLanes; ++i) {
      alignas(16) uint8_t row[16];
      Store(of_quarter[i], row);
      ASSERT_EQ(std::memcmp(row, bytes[i], sizeof(row)), 0);
    }
  });
}

TEST_F(LanesTest, LoadsAndStores) {
  EachRound([&] {
    alignas(64) Numbers memory;
    const Lanes a = Any();
    const auto mask = static_cast<Mask>(random_());
    Store(a, memory.data());
    for (uint32_t i = 0; i < kLanes; ++i) ASSERT_EQ(memory[i], a[i]);
    ASSERT_EQ(Equal(Load(memory.data()), LoadAnywhere(memory.data())), kEach);

    std::array<uint8_t, kLanes> bits;
    StoreBits(mask, bits.data());
    for (uint32_t i = 0; i < kLanes; ++i) ASSERT_EQ(bits[i], mask >> i & 1);

    std::array<uint8_t, kLanes> few;
    for (uint8_t& byte : few) byte = static_cast<uint8_t>(random_() % 3 * 100);
    const Lanes widened = LoadBytes(few.data());
    ASSERT_EQ(NotZero(few.data()), MaskOf([&](uint32_t i) { return few[i] != 0; }));
    for (uint32_t i = 0; i < kLanes; ++i) ASSERT_EQ(widened[i], few[i]);
  });
}

}  // namespace
}  // namespace coretrack

#endif
