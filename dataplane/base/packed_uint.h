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
    uint64_t v = 0;
    std::memcpy(&v, raw_.data(), N);
    return v;
  }
  // Saturates at kMax.
  void Set(uint64_t v) {
    v = std::min(v, kMax);
    std::memcpy(raw_.data(), &v, N);
  }

 private:
  std::array<uint8_t, N> raw_;
};

}  // namespace coretrack
