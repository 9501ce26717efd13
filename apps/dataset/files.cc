#include "dataset/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "dataset/sha256.h"

namespace dataset {

using pawl::Code;
using pawl::Result;
using pawl::Status;

std::string join_path(const std::string& folder, const std::string& name) {
  if (folder.empty() || (!name.empty() && name[0] == '/')) return name;
  return folder.back() == '/' ? folder + name : folder + "/" + name;
}

Status sync_all(const std::string& folder) {
  Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || ::syncfs(fd.get()) != 0) return file_error("writing", folder);
  return {};
}

Status rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return file_error("renaming to", to);
  return {};
}

void remove_file(const std::string& path) { ::unlink(path.c_str()); }

Result<Digest> digest_file(const std::string& path, const ReadOptions& options) {
  // Not blocking: a pipe would wait for a writer for ever.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return file_error("reading", path);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return file_error("reading", path);
  if (!S_ISREG(st.st_mode)) return Status(Code::invalid, path + " is not a file");
  Sha256 sha;
  Digest digest;
  constexpr std::size_t kPiece = 1u << 20;
  auto piece = std::make_unique<char[]>(kPiece);
  while (true) {
    if (options.stop && options.stop()) return Status(Code::unavailable, "stopped");
    ssize_t n = ::read(fd.get(), piece.get(), kPiece);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("reading", path);
    if (n == 0) break;
    std::string_view bytes(piece.get(), static_cast<std::size_t>(n));
    digest.bytes += bytes.size();
    if (digest.bytes > options.most) {
      return Status(Code::too_large,
                    path + " has more than " + std::to_string(options.most) + " bytes");
    }
    sha.update(bytes);
    if (options.each) {
      if (auto s = options.each(bytes); !s.ok()) return s;
    }
  }
  digest.sha256 = sha.hex();
  return digest;
}

namespace {

Status list_into(const std::string& root, const std::string& below,
                 std::vector<std::string>& names) {
  std::string path = below.empty() ? root : join_path(root, below);
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) return file_error("listing", path);
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (!entry) return errno == 0 ? Status() : file_error("listing", path);
    std::string name = entry->d_name;
    if (name[0] == '.') continue;
    std::string inner = below.empty() ? name : below + "/" + name;
    struct stat st;
    if (::fstatat(::dirfd(folder.get()), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(st.st_mode)) {
      if (auto s = list_into(root, inner, names); !s.ok()) return s;
      continue;
    }
    if (S_ISLNK(st.st_mode) && ::fstatat(::dirfd(folder.get()), name.c_str(), &st, 0) == 0 &&
        S_ISDIR(st.st_mode))
      continue;
    names.push_back(std::move(inner));
  }
}

}  // namespace

Result<std::vector<std::string>> list_files(const std::string& folder) {
  std::vector<std::string> names;
  if (auto s = list_into(folder, "", names); !s.ok()) return s;
  std::sort(names.begin(), names.end());
  return names;
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.find('\0') != std::string_view::npos || name.size() > 1000) return false;
  while (true) {
    auto slash = name.find('/');
    auto part = name.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > 200) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto byte = [&](std::size_t at) {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
    };
    unsigned first = byte(i);
    unsigned more = first < 0x80   ? 0
                    : first < 0xc2 ? 9
                    : first < 0xe0 ? 1
                    : first < 0xf0 ? 2
                    : first < 0xf5 ? 3
                                   : 9;
    if (more == 9) return false;
    unsigned code = more == 0 ? first : first & (0x3f >> more);
    for (unsigned k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
      code = code << 6 | (byte(i + k) & 0x3f);
    }
    bool too_long = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (too_long || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += more + 1;
  }
  return true;
}

}  // namespace dataset
