#pragma once
// Files: read whole, write whole, copy with a checksum. A file that has its name is whole: writing
// goes to a name beside it, then rename. Paths that strangers chose are opened beneath a root.
// Errors: io or disk_full, with path and reason.

#include <pawl/status.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dataset {

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

// "a" and "b" give "a/b"; an absolute second one stands alone.
std::string join_path(const std::string& folder, const std::string& name);
std::string folder_of(const std::string& path);
bool file_exists(const std::string& path);
// mkdir -p.
pawl::Status make_folders(const std::string& path);

// Error too_large past `most` bytes: the file is not read then.
pawl::Result<std::string> read_file(const std::string& path, std::uint64_t most = 1u << 30);
// Complete and on disk, or not there.
pawl::Status write_file(const std::string& path, std::string_view bytes);
// Everything written beneath this folder's file system so far is on disk, renames too.
pawl::Status sync_all(const std::string& folder);
pawl::Status rename_file(const std::string& from, const std::string& to);
void remove_file(const std::string& path);
pawl::Status write_all(int fd, std::string_view bytes, const std::string& path);

struct Digest {
  std::string sha256;
  std::uint64_t bytes = 0;
};
// Reads a file to its end, piece by piece. Errors: unavailable when `stop` says so; not_found; io;
// too_large past `most`; invalid where it is no regular file; whatever `each` says.
struct ReadOptions {
  std::uint64_t most = UINT64_MAX;
  std::function<pawl::Status(std::string_view)> each;
  std::function<bool()> stop;
};
pawl::Result<Digest> digest_file(const std::string& path, const ReadOptions& options);

// Names of all that is no folder beneath, relative, sorted by byte. Hidden files and folders are
// left out, links to folders are not followed.
pawl::Result<std::vector<std::string>> list_files(const std::string& folder);
// Whether a relative name stays beneath its root: no "..", no ".", no empty part, no NUL.
bool is_plain_name(std::string_view name);
bool is_utf8(std::string_view text);

}  // namespace dataset
