#include "control/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace coretrack::cli {

void Output::Flush() {
  if (ok_ && !buffer_.empty()) {
    ok_ = std::fwrite(buffer_.data(), 1, buffer_.size(), stdout) == buffer_.size() &&
          std::fflush(stdout) == 0;
  }
  buffer_.clear();
}

uint32_t TerminalWidth() {
  if (const char* columns = std::getenv("COLUMNS")) {
    const int value = std::atoi(columns);
    if (value > 0) return static_cast<uint32_t>(value);
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) return size.ws_col;
  return 0;
}

int Complain(std::string_view what, int code) {
  std::fprintf(stderr, "coretrack: %.*s\n", static_cast<int>(what.size()), what.data());
  return code;
}

}  // namespace coretrack::cli
