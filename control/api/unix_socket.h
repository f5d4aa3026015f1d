// Listening on a unix socket's path: the folder is made, a stale socket is replaced, a live one is
// not.
//
// Errors   kAlreadyExists: somebody answers there. Others name the path, the step and the cure.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace coretrack {

class UnixListener {
 public:
  // Readable and writable by owner and group alone (0660).
  static absl::StatusOr<UnixListener> Create(const std::string& path);
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&&) = delete;
  // Closes, and removes the path if it is still this socket's.
  ~UnixListener();

  int fd() const { return fd_; }
  // The descriptor is the caller's from now on; the path is still removed at the end.
  int Release();

 private:
  UnixListener() = default;
  std::string path_;
  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace coretrack
