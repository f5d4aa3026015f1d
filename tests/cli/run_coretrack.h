// Runs the client as a user does.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace coretrack::testing {

struct Ran {
  int code = -1;
  std::string text;  // standard output and standard error, as they came
};

// `arguments` as typed; `environment` as "NAME=value NAME=value".
inline Ran RunCoretrack(const std::string& arguments, const std::string& environment = "") {
  const std::string command =
      "env -u COLUMNS " + environment + " '" CORETRACK_BINARY "' " + arguments + " 2>&1";
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen");
  Ran ran;
  std::array<char, 4096> piece;
  for (size_t n; (n = fread(piece.data(), 1, piece.size(), pipe)) != 0;) {
    ran.text.append(piece.data(), n);
  }
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

}  // namespace coretrack::testing
