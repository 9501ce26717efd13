#pragma once
// Files: the few things this app does with them. A file that has its name is whole: writing goes to
// a name beside it, is synced, then renamed. Errors: io, disk_full or not_found, with path and
// reason.

#include <pawl/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace manufacturing {

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
bool file_exists(const std::string& path);
// mkdir -p.
pawl::Status make_folders(const std::string& path);
// A new folder whose name begins with `prefix`; its whole path.
pawl::Result<std::string> make_unique_folder(const std::string& prefix);
// Names in a folder, sorted.
pawl::Result<std::vector<std::string>> list_folder(const std::string& path);
void remove_folder(const std::string& path);

pawl::Result<Fd> open_to_read(const std::string& path);
// Error too_large past `most` bytes.
pawl::Result<std::string> read_file(const std::string& path, std::uint64_t most = 1u << 30);
// Complete and on disk, or not there.
pawl::Status write_file(const std::string& path, std::string_view bytes);
pawl::Status write_all(int fd, std::string_view bytes, const std::string& path);
// On disk from now on: the descriptor's bytes under their final name.
pawl::Status publish(int fd, const std::string& part, const std::string& path);

// Calls `each` for every line, without its newline, until it returns false.
template <typename F>
void for_each_line(std::string_view text, F each) {
  while (!text.empty()) {
    auto end = text.find('\n');
    if (!each(text.substr(0, end))) return;
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace manufacturing
