// Output: standard output through a buffer, and what is known of the terminal.
//
// Errors   A failed write (a closed pipe, a full disk) makes ok() false for good; nothing more is
//          written then. The verbs end with exit code 1.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace coretrack::cli {

enum ExitCode : int { kDone = 0, kFailed = 1, kMisused = 2 };

class Output {
 public:
  Output() { buffer_.reserve(2 * kFlushBytes); }
  ~Output() { Flush(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Write(std::string_view text) {
    buffer_.append(text);
    FlushIfLarge();
  }
  // For writers that append; call FlushIfLarge() now and then.
  std::string* buffer() { return &buffer_; }
  void FlushIfLarge() {
    if (buffer_.size() >= kFlushBytes) Flush();
  }
  void Flush();
  bool ok() const { return ok_; }

 private:
  static constexpr size_t kFlushBytes = 1 << 16;
  std::string buffer_;
  bool ok_ = true;
};

// Characters in a line of the terminal behind standard output, or COLUMNS; 0: not a terminal.
uint32_t TerminalWidth();

// "coretrack: what went wrong" on standard error. Answers `code`.
int Complain(std::string_view what, int code = kFailed);

}  // namespace coretrack::cli
