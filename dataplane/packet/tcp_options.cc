#include "dataplane/packet/tcp_options.h"

#include <algorithm>

namespace coretrack {
namespace {

constexpr uint8_t kEnd = 0, kNop = 1, kMss = 2, kWindowScale = 3, kSackPermitted = 4, kSack = 5,
                  kTimestamps = 8;
constexpr uint32_t kSackBlockBytes = 8;

// `option` has option[1] readable bytes, at least two.
bool ReadSack(const uint8_t* option, TcpOptions* out) {
  const uint32_t length = option[1];
  if (length < 2 + kSackBlockBytes || (length - 2) % kSackBlockBytes != 0) return false;
  for (uint32_t at = 2; at < length; at += kSackBlockBytes) {
    const uint32_t right = LoadBe32(option + at + 4);
    if (!out->highest_sack || static_cast<int32_t>(right - *out->highest_sack) > 0) {
      out->highest_sack = right;
    }
  }
  return true;
}

bool ReadOption(const uint8_t* option, TcpOptions* out) {
  const uint32_t length = option[1];
  switch (option[0]) {
    case kMss:
      if (length != 4) return false;
      out->mss = LoadBe16(option + 2);
      return true;
    case kWindowScale:
      if (length != 3) return false;
      out->window_scale = option[2];
      return true;
    case kSackPermitted:
      if (length != 2) return false;
      out->sack_permitted = true;
      return true;
    case kSack:
      return ReadSack(option, out);
    case kTimestamps:
      if (length != 10) return false;
      out->timestamps = {LoadBe32(option + 2), LoadBe32(option + 6)};
      return true;
    default:
      return true;
  }
}

// Gives `read` one option after the other, until it answers false. False then, and where a length is wrong.
template <typename Read>
bool Walk(const uint8_t* options, uint32_t bytes, const Read& read) {
  uint32_t at = 0;
  while (at < bytes) {
    if (options[at] == kEnd) return true;
    if (options[at] == kNop) {
      ++at;
      continue;
    }
    const uint32_t left = bytes - at;
    if (left < 2) return false;
    const uint32_t length = options[at + 1];
    if (length < 2 || length > left) return false;
    if (!read(options + at)) return false;
    at += length;
  }
  return true;
}

}  // namespace

bool ReadTcpOptions(const uint8_t* options, uint32_t bytes, TcpOptions* out) {
  return Walk(options, bytes, [out](const uint8_t* option) { return ReadOption(option, out); });
}

bool ReadSynOptions(const uint8_t* options, uint32_t bytes, SynOptions* out) {
  TcpOptions read;
  uint32_t stamp_at = 0;
  const bool sound = Walk(options, bytes, [&](const uint8_t* option) {
    if (!ReadOption(option, &read)) return false;
    if (option[0] == kTimestamps) stamp_at = static_cast<uint32_t>(option + 2 - options);
    return true;
  });
  const uint32_t scale = read.window_scale
                             ? std::min<uint32_t>(*read.window_scale, SynOptions::kMaxScale)
                             : SynOptions::kNoScale;
  out->word = read.mss.value_or(0) | scale << SynOptions::kScaleShift |
              (read.sack_permitted ? SynOptions::kSackPermitted : 0) | SynOptions::kKnown |
              stamp_at << SynOptions::kStampShift;
  return sound;
}

bool WalkToTimestamps(const uint8_t* options, uint32_t bytes, TcpOptions::Timestamps* out) {
  TcpOptions read;
  ReadTcpOptions(options, bytes, &read);
  if (!read.timestamps) return false;
  *out = *read.timestamps;
  return true;
}

}  // namespace coretrack
