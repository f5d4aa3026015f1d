// Sixteen flow lines in lanes, for what tracks segments of sixteen flows at once: established_lanes.cc, step_lanes.cc,
// opening_lanes.cc. Included by these, and by a test.
//
// How      The lines are sixteen rows; transposed, a field of all of them is one register. kHead, kEnd and so on are the rows
//          of a transposed matrix that hold FlowLine's fields.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <iterator>

#include "dataplane/base/lanes.h"
#include "dataplane/flow/flow_slot.h"
#include "dataplane/packet/flow_hash.h"
#include "dataplane/tcp/connection.h"

#ifdef CORETRACK_LANES

namespace coretrack::line_lanes {

using namespace lanes;  // NOLINT(google-build-using-namespace): it is what this file is written in

// What null stands for: a line for each lane, that holds nothing; and one behind the last.
inline const AtomicLine kNoLine[kLanes + 1];
alignas(kCacheLine) inline const std::array<const AtomicLine*, kLanes> kNothing = [] {
  std::array<const AtomicLine*, kLanes> lines;
  for (uint32_t i = 0; i < kLanes; ++i) lines[i] = &kNoLine[i];
  return lines;
}();

constexpr uint32_t RowOf(size_t byte) { return static_cast<uint32_t>(byte / sizeof(uint32_t)); }
inline constexpr uint32_t kHead = 0, kDeadline = RowOf(offsetof(FlowLine, deadline_ms)),
                          kPorts = RowOf(offsetof(FlowLine, ports)),
                          kContext = RowOf(offsetof(FlowLine, context)),
                          kAddress = RowOf(offsetof(FlowLine, address)),
                          kFlags = RowOf(offsetof(FlowLine, zone_flags)),
                          kBytes = RowOf(offsetof(FlowLine, bytes)),
                          kProtocol = RowOf(offsetof(FlowLine, protocol_words)), kEnd = kProtocol,
                          kMaxEnd = kProtocol + 2, kAck = kProtocol + 4, kTsRecent = kProtocol + 6;
static_assert(offsetof(FlowLine, zone_flags) % 4 == 0 && offsetof(FlowLine, scales) % 4 == 1 &&
              offsetof(FlowLine, max_window) % 4 == 2);

// The halves of sixteen 64-bit words from `first` on.
template <typename Words>
[[gnu::always_inline]] inline Lanes LowHalves(const Words& words, uint32_t first) {
  return lanes::LowHalves(LoadWords(&words[first]), LoadWords(&words[first + kLanes / 2]));
}
template <typename Words>
[[gnu::always_inline]] inline Lanes HighHalves(const Words& words, uint32_t first) {
  return lanes::HighHalves(LoadWords(&words[first]), LoadWords(&words[first + kLanes / 2]));
}

inline Lanes Later(Lanes a, Lanes b) { return Select(Before(a, b), b, a); }

// tcp::DecodeHeardWindow() each; 0 of 0.
inline Lanes DecodeWindow(Lanes code) {
  const Lanes index = code - 1;
  return Left((index & 7) + 8, index >> 3);
}
// tcp::EncodeWindow() each. (A mantissa that is rounded up to 16 is the next exponent's 8.)
inline Lanes EncodeWindow(Lanes bytes) {
  const Lanes exponent = HighestBit(bytes) - 3;
  const Lanes mantissa = Right(bytes + Left(All(1), exponent) - 1, exponent);
  return Select(AtMost(bytes, All(8)), All(1), 1 + (exponent << 3) + mantissa - 8);
}
// The window that each offers: an endpoint's scales are in `flags` (row kFlags).
inline Lanes OfferedWindow(Lanes flags, Lanes d, Lanes window) {
  return Left(window, Least(Right(flags >> 8, d << 2) & 0xf, All(tcp::kMaxScale)));
}

// Where sixteen lines are; aligned.
using Places = const AtomicLine* [kLanes];

// Sixteen lines: where they are, what they hold, and as numbers that tell them apart.
struct Lines {
  const AtomicLine* const* at;
  Matrix held;
  Lanes number;

  // Of the direction that a packet goes, and of the other one: the field whose two rows begin at `row`.
  struct Both {
    Lanes sender, receiver;
  };
  [[gnu::always_inline]] Both Get(uint32_t row, Test reverse) const {
    return {Select(reverse, held.row[row + 1], held.row[row]),
            Select(reverse, held.row[row], held.row[row + 1])};
  }
  [[gnu::always_inline]] void Set(uint32_t row, Test reverse, const Both& value) {
    held.row[row] = Select(reverse, value.receiver, value.sender);
    held.row[row + 1] = Select(reverse, value.sender, value.receiver);
  }
};

// Which are not null.
inline Mask IsThere(const AtomicLine* const* aligned) {
  return static_cast<Mask>(NotZeroWords(LoadWords(aligned)) |
                           NotZeroWords(LoadWords(aligned + kLanes / 2)) << (kLanes / 2));
}

// `instead`: room for what stands for `lines`, if one of them is null, as long as `to` is used. They are nearly always all there, and loading them needs not
// wait then for what was only just stored.
[[gnu::always_inline]] inline void Place(AtomicLine* const* lines, Places* instead, Lines* to) {
  Words64 first = LoadWords(lines), last = LoadWords(lines + kLanes / 2);
  to->at = lines;
  if (IsThere(lines) != kEach) [[unlikely]] {
    const auto place = [instead](Words64 line, uint32_t from) {
      const Words64 nothing = LoadWords(kNothing.data() + from);
      const Words64 there = Select(NotZeroWords(line), line, nothing);
      StoreWords(there, *instead + from);
      return there;
    };
    first = place(first, 0);
    last = place(last, kLanes / 2);
    KeepInMemory(instead);
    to->at = *instead;
  }
  to->number = lanes::LowHalves(first >> 6, last >> 6);  // 64 bytes apart, fewer than 2^32
}

// Those of the packets `ipv6` whose addresses are not the ones behind their line.
inline Mask OtherAddresses(const KeyWords& words, uint32_t first, const Lines& lines, Mask ipv6) {
  const auto others = [&](const auto& of_eight) {
    const auto from = [&](uint32_t i) -> uint32_t {
      Words64 address[4];
      static_assert(std::size(address) == std::tuple_size_v<decltype(words.address)>);
      for (size_t word = 0; word < std::size(address); ++word)
        address[word] = LoadWords(&words.address[word][first + i]);
      return of_eight(i, address);
    };
    return static_cast<Mask>(ipv6 & (from(0) | from(kLanes / 2) << (kLanes / 2)));
  };
  if (static_cast<Mask>(words.ipv6 >> first) == kEach) [[likely]] {
    return others([&lines](uint32_t i, const Words64(&address)[4]) {
      return OtherRows<kCacheLine>(lines.at + i, address);
    });
  }
  // Of the others, what is here already: what lies behind their line nobody has asked for.
  const void* behind[kLanes];
  for (uint32_t i = 0; i < kLanes; ++i) behind[i] = lines.at[i] + (ipv6 >> i & 1);
  return others(
      [&behind](uint32_t i, const Words64(&address)[4]) { return OtherRows(behind + i, address); });
}

// Is it the packet's flow?
[[gnu::always_inline]] inline Mask IsHeld(const Lines& lines, const KeyWords& words,
                                          const FlowHash* hashes, uint32_t first, Mask packets) {
  const auto& row = lines.held.row;
  // An IPv6 line has the hash in place of addresses, and these behind it.
  const auto ipv6 = static_cast<Mask>(words.ipv6 >> first & packets);
  Lanes address0 = LowHalves(words.address[0], first);
  Lanes address1 = HighHalves(words.address[0], first);
  if (ipv6 != 0) [[unlikely]] {
    address0 = Select(ipv6, LowHalves(hashes, first), address0);
    address1 = Select(ipv6, HighHalves(hashes, first), address1);
  }
  const Lanes difference = (row[kPorts] ^ LowHalves(words.transport, first)) |
                           (row[kContext] ^ HighHalves(words.transport, first)) |
                           (row[kAddress] ^ address0) | (row[kAddress + 1] ^ address1) |
                           ((row[kFlags] ^ LowHalves(words.place, first)) & flow_flag::kZoneMask);
  const Mask held = packets & Equal(difference, All(0));
  return ipv6 == 0 ? held : held & ~OtherAddresses(words, first, lines, ipv6);
}

// All lanes of those flows of which one lane is in `some`.
inline Mask FlowsOf(Lanes number, Mask some) {
  alignas(kCacheLine) uint32_t numbers[kLanes];
  Spill(number, &numbers);
  Mask all = some;
  for (uint32_t left = some; left != 0; left &= left - 1)
    all |= Equal(number, All(numbers[std::countr_zero(left)]));
  return all;
}

// A word of each line, to be gone through one by one.
struct WordOfEach {
  alignas(kCacheLine) uint64_t of[kLanes];
  [[gnu::always_inline]] explicit WordOfEach(const Halves& words) {
    StoreWords(words.first, of);
    StoreWords(words.last, of + kLanes / 2);
    KeepInMemory(&of);
  }
};

// Calls `use(i, what rows has of it)` for each that is in `stored`.
template <typename Rows, typename Use>
[[gnu::always_inline]] inline void ForEach(const Rows& rows, Mask stored, const Use& use) {
  if (stored == kEach) [[likely]] {
#pragma GCC unroll 16
    for (uint32_t i = 0; i < kLanes; ++i) use(i, rows[i]);
    return;
  }
  alignas(kCacheLine) Rows in_memory = rows;
  KeepInMemory(&in_memory);
  for (uint32_t left = stored; left != 0; left &= left - 1) {
    const auto i = static_cast<uint32_t>(std::countr_zero(left));
    use(i, in_memory.Load(i));
  }
}

// Whether BeginWrite() of a line, which its detail shares, has been called.
enum class Write : uint8_t { kBegins, kHasBegun };

// Writes each line that is in `stored`, by `fill(line, i, what rows has of it)`, and word 0 as it is to be.
template <Write kWrite, typename Rows, typename Fill>
[[gnu::always_inline]] inline void StoreEach(const Rows& rows, const WordOfEach& word0,
                                             AtomicLine* const* lines, Mask stored,
                                             const Fill& fill) {
  ForEach(rows, stored, [&](uint32_t i, const auto& row) {
    AtomicLine& line = *lines[i];
    if constexpr (kWrite == Write::kBegins) BeginWrite(line);
    std::atomic_signal_fence(std::memory_order_release);
    fill(line, i, row);
    std::atomic_signal_fence(std::memory_order_release);
    line.words[0].store(word0.of[i], std::memory_order_release);
  });
}

// Writes each line that is in `stored`: word 0 as it is to be, and what `held` has of word 3 and the last half; the rest is as it was.
template <Write kWrite = Write::kBegins>
[[gnu::always_inline]] inline void StoreLines(const Matrix& held, const Halves& word0,
                                              AtomicLine* const* lines, Mask stored) {
  static_assert(kProtocol == kRowNumbers / 2 && kBytes == kFlags + 1 && kFlags == 6);
  const WordOfEach word0_after(word0), word3(Interleave(held.row[kFlags], held.row[kBytes]));
  StoreEach<kWrite>(LastHalvesOf(held), word0_after, lines, stored,
                    [&word3](AtomicLine& line, uint32_t i, const HalfRow& last) {
                      line.words[kFlags / 2].store(word3.of[i], std::memory_order_relaxed);
                      Store(last, &line.halves[kProtocol]);
                    });
}

}  // namespace coretrack::line_lanes

#endif
