#include "common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace apps {

using pawl::Code;
using pawl::Result;
using pawl::Status;

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() {
  int fd = fd_;
  fd_ = -1;
  return fd;
}

Status file_error(std::string_view what, const std::string& path) {
  const int error = errno;
  char reason[128];
  std::string message =
      std::string(what) + " " + path + ": " + ::strerror_r(error, reason, sizeof reason);
  if (error == ENOSPC || error == EDQUOT)
    return {Code::disk_full, message, "make room there; what is done is kept"};
  return {error == ENOENT ? Code::not_found : Code::io, message};
}

std::string folder_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_folder(const std::string& path) {
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok() || ::fsync(folder.get()) != 0) return file_error("writing", path);
  return {};
}

bool file_exists(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

Status make_folders(const std::string& path) {
  if (path.empty() || ::mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return file_error("making", path);
  if (auto s = make_folders(folder_of(path)); !s.ok()) return s;
  if (::mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return file_error("making", path);
}

Result<Fd> open_to_read(const std::string& path) {
  // Not blocking: a pipe would wait for a writer for ever.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return file_error("reading", path);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return file_error("reading", path);
  if (!S_ISREG(st.st_mode)) return Status(Code::invalid, path + " is not a file");
  return fd;
}

Result<std::string> read_file(const std::string& path, std::uint64_t most) {
  auto fd = open_to_read(path);
  if (!fd.ok()) return fd.status();
  struct stat st;
  if (::fstat(fd->get(), &st) != 0) return file_error("reading", path);
  if (static_cast<std::uint64_t>(st.st_size) > most) {
    return Status(Code::too_large, path + " has " + std::to_string(st.st_size) +
                                       " bytes, at most " + std::to_string(most));
  }
  std::string bytes(static_cast<std::size_t>(st.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    ssize_t n = ::read(fd->get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("reading", path);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("writing", path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status publish(int fd, const std::string& part, const std::string& path) {
  if (::fsync(fd) != 0) return file_error("writing", part);
  if (::rename(part.c_str(), path.c_str()) != 0) return file_error("renaming to", path);
  return sync_folder(folder_of(path));
}

Status write_file(const std::string& path, std::string_view bytes) {
  std::string part = path + ".part";
  Fd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd.ok()) return file_error("writing", part);
  if (auto s = write_all(fd.get(), bytes, part); !s.ok()) return s;
  return publish(fd.get(), part, path);
}

}  // namespace apps
