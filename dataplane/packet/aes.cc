#include "dataplane/packet/aes.h"

#include <bit>

namespace coretrack::aes {
namespace {

using Bytes = std::array<uint8_t, 16>;  // of a column in a row: FIPS 197, 3.4

// In the field of AES: polynomials modulo x^8 + x^4 + x^3 + x + 1 (4.2).
constexpr uint8_t Times(uint8_t a, uint8_t b) {
  unsigned product = 0, shifted = a;
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= shifted;
    shifted <<= 1;
    if (shifted > 0xff) shifted ^= 0x11b;
  }
  return static_cast<uint8_t>(product);
}

// The inverse, which is the 254th power, and an affine map of its bits (5.1.1).
constexpr uint8_t Substitute(uint8_t x) {
  uint8_t power = x;
  for (int i = 0; i < 6; ++i) power = Times(Times(power, power), x);
  const uint8_t inverse = Times(power, power);
  uint8_t mapped = 0x63;
  for (int by = 0; by < 5; ++by) mapped ^= std::rotl(inverse, by);
  return mapped;
}

constexpr std::array<uint8_t, 256> kSubstitutes = [] {
  std::array<uint8_t, 256> all{};
  for (unsigned x = 0; x < all.size(); ++x) all[x] = Substitute(static_cast<uint8_t>(x));
  return all;
}();

Bytes BytesOf(Words1 words) {
  Bytes bytes;
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(words[i / 8] >> i % 8 * 8);
  return bytes;
}

Words1 WordsOf(const Bytes& bytes) {
  Words1 words{};
  for (size_t i = 0; i < bytes.size(); ++i) words[i / 8] |= uint64_t{bytes[i]} << i % 8 * 8;
  return words;
}

// SubBytes and ShiftRows: byte r of column c comes from column c + r.
Words1 Shifted(Words1 state) {
  const Bytes from = BytesOf(state);
  Bytes to;
  for (size_t i = 0; i < to.size(); ++i) to[i] = kSubstitutes[from[(i + i % 4 * 4) % 16]];
  return WordsOf(to);
}

// A column's four bytes, the first in the lowest bits.
using Columns = uint32_t __attribute__((vector_size(16)));

// Each byte times x.
Columns Doubled(Columns a) { return (a & 0x7f7f7f7f) << 1 ^ (a >> 7 & 0x01010101) * 0x1b; }

// MixColumns: each byte doubled, the one below it three times, and the other two.
Words1 Mixed(Words1 state) {
  const auto columns = reinterpret_cast<Columns>(state);
  const auto below = [columns](int rows) {
    return columns >> 8 * rows | columns << (32 - 8 * rows);
  };
  return reinterpret_cast<Words1>(Doubled(columns ^ below(1)) ^ below(1) ^ below(2) ^ below(3));
}

}  // namespace

Words1 SlowRound(Words1 state, Words1 key) { return Mixed(Shifted(state)) ^ key; }

Words1 SlowLastRound(Words1 state, Words1 key) { return Shifted(state) ^ key; }

Words1 SlowProduct(uint64_t x, uint64_t y) {
  Words1 product{};
  for (int bit = 0; bit < 64; ++bit) {
    if ((y >> bit & 1) == 0) continue;
    product[0] ^= x << bit;
    product[1] ^= bit == 0 ? 0 : x >> (64 - bit);
  }
  return product;
}

Schedule Expand(Words1 key) {
  Schedule schedule;
  schedule.keys[0] = key;
  uint8_t constant = 1;
  for (size_t round = 1; round <= kRounds; ++round) {
    const Bytes before = BytesOf(schedule.keys[round - 1]);
    Bytes bytes;
    for (size_t i = 0; i < bytes.size(); ++i) {
      // The word before it; of the first one, turned and substituted.
      const uint8_t last = i < 4 ? kSubstitutes[before[12 + (i + 1) % 4]] : bytes[i - 4];
      bytes[i] = before[i] ^ last ^ (i == 0 ? constant : 0);
    }
    schedule.keys[round] = WordsOf(bytes);
    constant = Times(constant, 2);
  }
  return schedule;
}

}  // namespace coretrack::aes
