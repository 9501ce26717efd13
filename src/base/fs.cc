#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "base/failpoint.h"
#include "base/random.h"
#include "base/text.h"

namespace pawl {

namespace {

struct CloseDir {
  void operator()(DIR* d) const { closedir(d); }
};
using UniqueDir = std::unique_ptr<DIR, CloseDir>;

int open_retry(int at, const char* path, int flags, mode_t mode = 0) {
  while (true) {
    int fd = openat(at, path, flags | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

std::string parent_of(const std::string& path) {
  auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A second descriptor for reading entries: DIR takes ownership of what it is given.
UniqueDir read_entries(int fd) {
  UniqueFd copy(open_retry(fd, ".", O_RDONLY | O_DIRECTORY));
  if (!copy) return nullptr;
  UniqueDir dir(fdopendir(copy.get()));
  if (dir) copy.release();
  return dir;
}

bool is_dot(const char* name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

}  // namespace

void UniqueFd::reset(int fd) {
  // close() is never repeated: Linux has freed the number even when it reports EINTR.
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

Error errno_error(std::string_view what, std::string_view path, int error) {
  auto code = Errc::io;
  if (error == ENOSPC || error == EDQUOT) code = Errc::disk_full;
  if (error == ENOENT) code = Errc::not_found;
  auto reason = std::generic_category().message(error);
  return {code, str(what, path.empty() ? "" : " ", path, ": ", reason)};
}

Result<std::string> read_fd(int fd, std::string_view name, std::size_t max_bytes) {
  std::string out;
  max_bytes = std::min(max_bytes, out.max_size() - 1);  // one more is asked for, to see the end
  struct stat info {};
  std::size_t expected = 0;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
    expected = static_cast<std::size_t>(info.st_size);
  std::size_t filled = 0;
  while (true) {
    if (filled == out.size()) {
      auto want = std::max({expected + 1, filled * 2, std::size_t{4096}});
      out.resize(std::min(want, max_bytes + 1));
    }
    auto got = read(fd, out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", name, errno);
    filled += static_cast<std::size_t>(got);
    if (filled > max_bytes) {
      return Error{Errc::too_large,
                   str("read ", name, ": it holds more than the ", format_size(max_bytes), " (",
                       max_bytes, " bytes) allowed here")};
    }
    if (got == 0) break;
  }
  out.resize(filled);
  return out;
}

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  UniqueFd fd(open_retry(AT_FDCWD, path.c_str(), O_RDONLY));
  if (!fd) return errno_error("read", path, errno);
  return read_fd(fd.get(), path, max_bytes);
}

Status write_all(int fd, std::string_view bytes, std::string_view name) {
  while (!bytes.empty()) {
    auto put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error("write", name, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Status append_file(const std::string& path, std::string_view bytes, mode_t mode) {
  UniqueFd fd(open_retry(AT_FDCWD, path.c_str(), O_WRONLY | O_APPEND | O_CREAT, mode));
  if (!fd) return errno_error("open", path, errno);
  return write_all(fd.get(), bytes, path);
}

Status sync_dir(const std::string& path) {
  UniqueFd fd(open_retry(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY));
  if (!fd) return errno_error("open directory", path, errno);
  if (fsync(fd.get()) != 0) return errno_error("sync directory", path, errno);
  return {};
}

Status write_file_atomic(const std::string& path, std::string_view bytes, mode_t mode) {
  auto entry = entropy();
  auto temporary = str(path, ".tmp-", getpid(), '-', entry & 0xffffffffu);
  UniqueFd fd(
      open_retry(AT_FDCWD, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  if (!fd) return errno_error("create", temporary, errno);
  auto written = write_all(fd.get(), bytes, temporary);
  failpoint("fs.atomic.written");
  if (written.ok() && fsync(fd.get()) != 0) written = errno_error("sync", temporary, errno);
  fd.reset();
  failpoint("fs.atomic.synced");
  if (written.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    written = errno_error(str("rename ", temporary, " to"), path, errno);
  }
  if (!written.ok()) {
    unlink(temporary.c_str());
    return written;
  }
  failpoint("fs.atomic.renamed");
  return sync_dir(parent_of(path));
}

Status make_dirs(const std::string& path, mode_t mode) {
  if (path.empty()) return Error{Errc::usage, "create directory: the path is empty"};
  for (std::size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    auto prefix = path.substr(0, at);
    if (mkdir(prefix.c_str(), mode) == 0) continue;
    int error = errno;
    // What is there already may also answer EROFS or EACCES: ask what it is.
    struct stat info {};
    if (stat(prefix.c_str(), &info) == 0) {
      if (S_ISDIR(info.st_mode)) continue;
      error = ENOTDIR;
    }
    return errno_error("create directory", prefix, error);
  }
  return {};
}

bool file_exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

Result<std::vector<DirEntry>> list_dir(const std::string& path) {
  UniqueDir dir(opendir(path.c_str()));
  if (!dir) return errno_error("list", path, errno);
  std::vector<DirEntry> entries;
  while (true) {
    errno = 0;
    auto* entry = readdir(dir.get());
    if (!entry) {
      if (errno != 0) return errno_error("list", path, errno);
      break;
    }
    if (is_dot(entry->d_name)) continue;
    auto type = entry->d_type;
    struct stat info {};
    if (type == DT_UNKNOWN &&
        fstatat(dirfd(dir.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
      type = static_cast<unsigned char>(IFTODT(info.st_mode));
    }
    auto kind = type == DT_REG   ? FileKind::file
                : type == DT_DIR ? FileKind::directory
                : type == DT_LNK ? FileKind::link
                                 : FileKind::other;
    entries.push_back({entry->d_name, kind});
  }
  std::sort(entries.begin(), entries.end(),
            [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
  return entries;
}

// -- remove_tree

namespace {

// Removes one tree. Holds one directory open at a time, whatever the depth: the way back up is
// "..", checked to be the directory that it came from.
class TreeRemover {
 public:
  explicit TreeRemover(std::string path) : path_(std::move(path)) {}

  Status run() {
    fd_.reset(open_retry(AT_FDCWD, path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (!fd_) {
      if (errno == ENOENT) return {};
      // A link answers ENOTDIR or ELOOP: it is removed itself, what it points at is not ours.
      if (errno != ENOTDIR && errno != ELOOP) return errno_error("remove", path_, errno);
      if (unlink(path_.c_str()) != 0 && errno != ENOENT) return errno_error("remove", path_, errno);
      return {};
    }
    TRY(enter(""));
    while (true) {
      auto& level = levels_.back();
      if (!level.directories.empty()) {
        auto name = std::move(level.directories.back());
        level.directories.pop_back();
        TRY(descend(name));
      } else if (levels_.size() > 1) {
        TRY(ascend());
      } else {
        break;
      }
    }
    fd_.reset();
    if (rmdir(path_.c_str()) != 0 && errno != ENOENT) return errno_error("remove", path_, errno);
    return {};
  }

 private:
  struct Level {
    std::string name;
    dev_t device;
    ino_t inode;
    std::vector<std::string> directories;  // still to remove
  };

  // Takes stock of the directory at fd_: removes its files, remembers its directories.
  Status enter(const std::string& name) {
    struct stat info {};
    if (fstat(fd_.get(), &info) != 0) return failed(name);
    if (!levels_.empty() && info.st_dev != levels_.front().device) {
      return Error{Errc::io, str("remove ", where(name),
                                 ": it is on another file system; unmount it "
                                 "first")};
    }
    levels_.push_back({name, info.st_dev, info.st_ino, {}});
    auto dir = read_entries(fd_.get());
    if (!dir) return failed("");
    while (true) {
      errno = 0;
      auto* entry = readdir(dir.get());
      if (!entry) {
        if (errno != 0) return failed("");
        return {};
      }
      if (is_dot(entry->d_name)) continue;
      if (unlink_at(entry->d_name, 0) == 0) continue;
      if (errno != EISDIR) return failed(entry->d_name);
      levels_.back().directories.emplace_back(entry->d_name);
    }
  }

  Status descend(const std::string& name) {
    UniqueFd child(open_retry(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (!child) {
      if (errno == ENOENT) return {};
      return failed(name);
    }
    fd_ = std::move(child);
    return enter(name);
  }

  Status ascend() {
    auto name = std::move(levels_.back().name);
    levels_.pop_back();
    UniqueFd up(open_retry(fd_.get(), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    struct stat info {};
    if (!up || fstat(up.get(), &info) != 0) return failed(name);
    if (info.st_dev != levels_.back().device || info.st_ino != levels_.back().inode) {
      return Error{Errc::io, str("remove ", where(name), ": it was moved while it was removed")};
    }
    fd_ = std::move(up);
    if (unlink_at(name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return failed(name);
    return {};
  }

  int unlink_at(const char* name, int flags) {
    if (unlinkat(fd_.get(), name, flags) == 0 || errno == ENOENT) return 0;
    if (errno != EACCES) return -1;
    // A task may have made its directory read-only; it is ours to remove all the same.
    if (fchmod(fd_.get(), 0700) != 0) {
      errno = EACCES;
      return -1;
    }
    return unlinkat(fd_.get(), name, flags);
  }

  std::string where(const std::string& name) const {
    std::string out = path_;
    for (const auto& level : levels_) {
      if (!level.name.empty()) out += '/' + level.name;
    }
    return name.empty() ? out : out + '/' + name;
  }

  Error failed(const std::string& name) const {
    int error = errno;
    return errno_error("remove", where(name), error);
  }

  std::string path_;
  UniqueFd fd_;
  std::vector<Level> levels_;
};

}  // namespace

Status remove_tree(const std::string& path) {
  PAWL_ASSERT(!path.empty());
  // With a slash at its end a link would be followed.
  auto end = path.find_last_not_of('/');
  auto trimmed = path.substr(0, end == std::string::npos ? 0 : end + 1);
  auto last = trimmed.substr(trimmed.find_last_of('/') + 1);
  if (last.empty() || last == "." || last == "..") {
    return Error{Errc::usage, str("remove ", path, ": the path must end in a name")};
  }
  return TreeRemover(std::move(trimmed)).run();
}

}  // namespace pawl
