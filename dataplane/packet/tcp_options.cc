#include "dataplane/packet/tcp_options.h"

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

}  // namespace

bool ReadTcpOptions(const uint8_t* options, uint32_t bytes, TcpOptions* out) {
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
    if (!ReadOption(options + at, out)) return false;
    at += length;
  }
  return true;
}

bool WalkToTimestamps(const uint8_t* options, uint32_t bytes, TcpOptions::Timestamps* out) {
  TcpOptions read;
  ReadTcpOptions(options, bytes, &read);
  if (!read.timestamps) return false;
  *out = *read.timestamps;
  return true;
}

}  // namespace coretrack
