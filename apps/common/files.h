#pragma once
// Files, as all apps use them. A file that has its name is whole: writing goes to a name beside it,
// is synced, then renamed. Errors: io, disk_full or not_found, with path and reason.

#include <pawl/status.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace apps {

// A descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int release();

 private:
  int fd_;
};

// What errno says, about this path.
pawl::Status file_error(std::string_view what, const std::string& path);

std::string folder_of(const std::string& path);
bool file_exists(const std::string& path);
// mkdir -p.
pawl::Status make_folders(const std::string& path);

// Error: invalid where it is no regular file.
pawl::Result<Fd> open_to_read(const std::string& path);
// Error too_large past `most` bytes: the file is not read then.
pawl::Result<std::string> read_file(const std::string& path, std::uint64_t most = 1u << 30);
// Complete and on disk, or not there.
pawl::Status write_file(const std::string& path, std::string_view bytes);
pawl::Status write_all(int fd, std::string_view bytes, const std::string& path);
// On disk from now on: the descriptor's bytes under their final name.
pawl::Status publish(int fd, const std::string& part, const std::string& path);
// What was created, renamed or removed in the folder is on disk.
pawl::Status sync_folder(const std::string& path);

}  // namespace apps
