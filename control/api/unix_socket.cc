#include "control/api/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace coretrack {
namespace {

constexpr mode_t kMode = 0660;
constexpr int kBacklog = 128;

absl::Status Failed(const std::string& path, const char* step, int error) {
  return absl::UnavailableError(absl::StrCat("api.socket ", path, ": ", step, ": ",
                                             std::strerror(error),
                                             "; give another path, or the right to use this one"));
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

// Removes a socket that nobody listens on.
absl::Status RemoveStale(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat("api.socket ", path, ": is there and not a socket; give another path"));
  }
  const sockaddr_un address = AddressOf(path);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return Failed(path, "socket", errno);
  const int result = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  close(probe);
  if (result == 0 || error == EAGAIN) {
    return absl::AlreadyExistsError(absl::StrCat(
        "api.socket ", path, ": another coretrackd answers there; stop it, or give another path"));
  }
  if (error != ECONNREFUSED) return Failed(path, "look who listens", error);
  if (unlink(path.c_str()) != 0) return Failed(path, "remove the stale socket", errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UnixListener> UnixListener::Create(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("api.socket: the path is longer than ",
                                                   sizeof(sockaddr_un::sun_path) - 1, " bytes"));
  }
  std::error_code error;
  // One level: a whole path that is not there is a misspelt one.
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directory(folder, error);
  if (error) return Failed(path, "make the folder", error.value());
  if (absl::Status status = RemoveStale(path); !status.ok()) return status;

  UnixListener listener;
  listener.fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener.fd_ < 0) return Failed(path, "socket", errno);
  const sockaddr_un address = AddressOf(path);
  // Nobody else may connect between bind() and chmod().
  const mode_t before = umask(0777 & ~(S_IRUSR | S_IWUSR));
  const int bound =
      bind(listener.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int bind_error = errno;
  umask(before);
  if (bound != 0) return Failed(path, "bind", bind_error);
  listener.path_ = path;
  struct stat info {};
  if (chmod(path.c_str(), kMode) != 0 || lstat(path.c_str(), &info) != 0) {
    return Failed(path, "set its mode", errno);
  }
  listener.device_ = info.st_dev;
  listener.inode_ = info.st_ino;
  if (listen(listener.fd_, kBacklog) != 0) return Failed(path, "listen", errno);
  return listener;
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      fd_(std::exchange(other.fd_, -1)),
      device_(other.device_),
      inode_(other.inode_) {}

int UnixListener::Release() { return std::exchange(fd_, -1); }

UnixListener::~UnixListener() {
  if (fd_ >= 0) close(fd_);
  struct stat info {};
  if (!path_.empty() && lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
      info.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

}  // namespace coretrack
