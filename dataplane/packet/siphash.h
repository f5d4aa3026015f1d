// SipHash-1-3 over a number of words known when compiling: one round a word, three at the end
// (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2.1 to 2.3).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace coretrack::siphash {

struct State {
  uint64_t v0, v1, v2, v3;

  constexpr State(uint64_t k0, uint64_t k1)
      : v0(k0 ^ 0x736f6d6570736575),
        v1(k1 ^ 0x646f72616e646f6d),
        v2(k0 ^ 0x6c7967656e657261),
        v3(k1 ^ 0x7465646279746573) {}

  constexpr void Round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  constexpr void Absorb(uint64_t word) {
    v3 ^= word;
    Round();
    v0 ^= word;
  }

  // `bytes` is the length of the whole message, a multiple of 8.
  constexpr uint64_t Finish(uint64_t bytes) {
    Absorb(bytes << 56);
    v2 ^= 0xff;
    Round();
    Round();
    Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

template <size_t kWords>
constexpr uint64_t Hash13(uint64_t k0, uint64_t k1, const std::array<uint64_t, kWords>& words) {
  State state(k0, k1);
  for (const uint64_t word : words) state.Absorb(word);
  return state.Finish(kWords * 8);
}

}  // namespace coretrack::siphash
