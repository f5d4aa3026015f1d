// SipHash-1-3 over a number of words known when compiling: one round a word, three at the end
// (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2.1 to 2.3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace coretrack::siphash {

// Of each word of a vector.
template <size_t kBytes, typename Vector, size_t... kByte>
constexpr Vector RotateBytes(Vector words, std::index_sequence<kByte...>) {
  typedef uint8_t Bytes
      __attribute__((vector_size(sizeof(Vector))));  // (GCC 12 wants it so in a template.)
  const Bytes bytes = reinterpret_cast<Bytes>(words);
  return reinterpret_cast<Vector>(__builtin_shufflevector(
      bytes, bytes, ((kByte & ~size_t{7}) | ((kByte - kBytes) & size_t{7}))...));
}

// To the left. Word is uint64_t, or a vector of them: that many hashes at once.
template <size_t kBy, typename Word>
constexpr Word Rotate(Word word) {
  // Elsewhere three instructions rotate a vector, but one moves its bytes.
#if defined(__SSSE3__) && !defined(__AVX512VL__)
  if constexpr (sizeof(Word) > sizeof(uint64_t) && kBy % 8 == 0)
    return RotateBytes<kBy / 8>(word, std::make_index_sequence<sizeof(Word)>());
#endif
  return word << kBy | word >> (64 - kBy);
}

template <typename Word>
struct State {
  Word v0, v1, v2, v3;

  constexpr State(Word k0, Word k1)
      : v0(k0 ^ 0x736f6d6570736575),
        v1(k1 ^ 0x646f72616e646f6d),
        v2(k0 ^ 0x6c7967656e657261),
        v3(k1 ^ 0x7465646279746573) {}

  constexpr void Round() {
    v0 += v1;
    v2 += v3;
    v1 = Rotate<13>(v1) ^ v0;
    v3 = Rotate<16>(v3) ^ v2;
    v0 = Rotate<32>(v0);
    v2 += v1;
    v0 += v3;
    v1 = Rotate<17>(v1) ^ v2;
    v3 = Rotate<21>(v3) ^ v0;
    v2 = Rotate<32>(v2);
  }

  constexpr void Absorb(Word word) {
    v3 ^= word;
    Round();
    v0 ^= word;
  }

  // `bytes` is the length of the whole message; `rest` its bytes behind the last whole word, and zeros.
  constexpr Word Finish(Word bytes, Word rest = Word{}) {
    Absorb(rest | bytes << 56);
    v2 ^= 0xff;
    Round();
    Round();
    Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

// Of whole words, and `rest_bytes` (less than 8) behind them.
template <typename Word, size_t kWords>
constexpr Word Hash13(Word k0, Word k1, const std::array<Word, kWords>& words, Word rest,
                      size_t rest_bytes) {
  State<Word> state(k0, k1);
  for (const Word word : words) state.Absorb(word);
  return state.Finish(Word{} + (kWords * 8 + rest_bytes), rest);
}

}  // namespace coretrack::siphash
