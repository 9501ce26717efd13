#pragma once
// Files, with errors that name the path and the reason. What must survive a power cut is written
// whole under a temporary name, synced and renamed; what is removed is removed beneath an open
// directory, so that a link planted on the way leads nowhere. A full disk is Errc::disk_full, a
// missing file Errc::not_found, anything else the system refuses Errc::io. All functions block.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace pawl {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// "open /x/y: No such file or directory", with the code that fits.
Error errno_error(std::string_view what, std::string_view path, int error);

// The whole file, also of a pipe. Error: too_large beyond max_bytes.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes = 64u << 20);
Result<std::string> read_fd(int fd, std::string_view name, std::size_t max_bytes = 64u << 20);

// Path holds either its old bytes or all of the new ones, whatever happens. Follows no link: a link
// at `path` is replaced.
Status write_file_atomic(const std::string& path, std::string_view bytes, mode_t mode = 0644);
// All bytes, across short writes and EINTR. `name` is for the error.
Status write_all(int fd, std::string_view bytes, std::string_view name);
// One write at the end of the file, so that lines of several writers do not mix; creates it.
Status append_file(const std::string& path, std::string_view bytes, mode_t mode = 0644);
// What was renamed, created or removed in the directory survives a power cut.
Status sync_dir(const std::string& path);

// Creates what is missing of the path; a directory that is there is fine.
Status make_dirs(const std::string& path, mode_t mode = 0755);
// Removes a file, or a directory and all in it; nothing there is fine. Follows no link and stays on
// one file system. Error: usage where the path ends in no name ("/", "..").
// REQUIRES: path is not empty.
Status remove_tree(const std::string& path);

enum class FileKind : std::uint8_t { file, directory, link, other };
struct DirEntry {
  std::string name;
  FileKind kind = FileKind::other;
};
// Sorted by name, without "." and "..".
Result<std::vector<DirEntry>> list_dir(const std::string& path);
bool file_exists(const std::string& path);

}  // namespace pawl
