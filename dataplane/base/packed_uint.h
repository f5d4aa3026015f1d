// PackedUint<N>: an unsigned integer in N bytes with alignment 1, for records where every byte is
// counted.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace coretrack {

template <size_t N>
class PackedUint {
  static_assert(N >= 1 && N <= 8 && std::endian::native == std::endian::little);

 public:
  static constexpr uint64_t kMax = N == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * N)) - 1;

  uint64_t Get() const {
    if constexpr (N == 8 || N == 4 || N <= 2) {
      return Piece<N>(0);
    } else {
      return Piece<kPiece>(0) | Piece<kPiece>(N - kPiece) << (8 * (N - kPiece));
    }
  }
  // Saturates at kMax.
  void Set(uint64_t v) {
    v = std::min(v, kMax);
    std::memcpy(raw_.data(), &v, N);
  }

 private:
  // Two pieces that overlap, each one load: N bytes at once would go by way of the stack.
  static constexpr size_t kPiece = N > 4 ? 4 : 2;
  template <size_t kBytes>
  uint64_t Piece(size_t at) const {
    uint64_t v = 0;
    std::memcpy(&v, &raw_[at], kBytes);
    return v;
  }

  std::array<uint8_t, N> raw_;
};

}  // namespace coretrack
