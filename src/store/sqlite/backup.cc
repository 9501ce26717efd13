#include "store/sqlite/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "base/fs.h"
#include "base/text.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/page_sum_vfs.h"

namespace pawl::store {
namespace {

using sqlite::Db;

// Of the directory itself: made anew by whoever owns it, or of that process alone.
constexpr std::array<std::string_view, 9> kLeftOut = {"pawl.db-wal",  "pawl.db-shm", "logs.db-wal",
                                                      "logs.db-shm",  "pawl.lock",   "reserve",
                                                      "spawner.lock", "spool",       "doctor.tmp"};

bool left_out(std::string_view name) {
  return name == "pawl.db" || name == "logs.db" || name.ends_with(".sock") ||
         std::find(kLeftOut.begin(), kLeftOut.end(), name) != kLeftOut.end();
}

// All pages in one step: within one read transaction, and so of one moment, whoever writes.
Status copy_database(const std::string& from, const std::string& to, const sqlite::Schema& schema) {
  auto source = TRY(sqlite::open_reader({.path = from}, schema));
  auto target = TRY(Db::open(to, Db::Mode::create, sqlite::page_sum_vfs(nullptr)));
  TRY(target->exec("PRAGMA journal_mode = OFF"));
  TRY(target->exec("PRAGMA synchronous = OFF"));  // the whole copy is synced at its end
  TRY(sqlite::reserve_page_sums(*target));
  sqlite3_backup* backup = sqlite3_backup_init(target->handle(), "main", source->handle(), "main");
  if (!backup) return target->error("copy into");
  int code = sqlite3_backup_step(backup, -1);
  int system_error = sqlite3_system_errno(target->handle());
  sqlite3_backup_finish(backup);
  if (code == SQLITE_DONE) return {};
  auto meaning = sqlite::errc_of(code, system_error);
  return Error{meaning,
               str("cannot copy ", from, " to ", to, ": ", sqlite3_errstr(code), " (SQLite ", code,
                   ")", meaning == Errc::corrupt ? "; `pawl doctor` shows the damage" : "")};
}

class Copier {
 public:
  Result<Backup> copy(const std::string& from, const std::string& part) {
    TRY(make_dirs(part, 0700));
    TRY(database(from, part, "pawl.db", sqlite::kMainSchema));
    if (file_exists(from + "/logs.db")) TRY(database(from, part, "logs.db", sqlite::kLogsSchema));
    for (const auto& entry : TRY(list_dir(from)))
      if (!left_out(entry.name)) TRY(tree(from + "/" + entry.name, part + "/" + entry.name, entry));
    UniqueFd dir(::open(part.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir || ::syncfs(dir.get()) != 0) return errno_error("make durable", part, errno);
    return done_;
  }

 private:
  Status database(const std::string& from, const std::string& part, const char* name,
                  const sqlite::Schema& schema) {
    auto to = str(part, "/", name);
    TRY(copy_database(str(from, "/", name), to, schema));
    if (::chmod(to.c_str(), 0600) != 0) return errno_error("set the mode of", to, errno);
    return count(to);
  }

  Status count(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return errno_error("look at", path, errno);
    done_.bytes += static_cast<std::uint64_t>(info.st_size);
    ++done_.files;
    return {};
  }

  // Of a directory in use: what vanishes meanwhile belonged to a task that ended.
  Status tree(const std::string& from, const std::string& to, const DirEntry& entry) {
    switch (entry.kind) {
      case FileKind::file:
        return file(from, to);
      case FileKind::link:
        return link(from, to);
      case FileKind::other:
        return {};
      case FileKind::directory:
        break;
    }
    struct stat info {};
    if (::stat(from.c_str(), &info) != 0) return gone(from);
    TRY(make_dirs(to, 0700));
    auto entries = list_dir(from);
    if (!entries.ok()) return file_exists(from) ? Status(std::move(entries).error()) : Status();
    for (const auto& e : *entries)
      TRY(tree(from + "/" + e.name, to + "/" + e.name, e));
    if (::chmod(to.c_str(), info.st_mode & 07777) != 0) {
      return errno_error("set the mode of", to, errno);
    }
    return {};
  }

  static Status gone(const std::string& path) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return errno_error("read", path, errno);
  }

  Status link(const std::string& from, const std::string& to) {
    char target[4096];
    auto n = ::readlink(from.c_str(), target, sizeof target - 1);
    if (n < 0) return gone(from);
    target[n] = 0;
    if (::symlink(target, to.c_str()) != 0) return errno_error("make the link", to, errno);
    return {};
  }

  Status file(const std::string& from, const std::string& to) {
    UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!in) return gone(from);
    struct stat info {};
    if (::fstat(in.get(), &info) != 0) return errno_error("look at", from, errno);
    if (!S_ISREG(info.st_mode)) return {};
    UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!out) return errno_error("create", to, errno);
    std::string buffer(256u << 10, '\0');
    while (true) {
      auto n = ::read(in.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error("read", from, errno);
      if (n == 0) break;
      TRY(write_all(out.get(), std::string_view(buffer.data(), static_cast<std::size_t>(n)), to));
    }
    if (::fchmod(out.get(), info.st_mode & 07777) != 0) {
      return errno_error("set the mode of", to, errno);
    }
    return count(to);
  }

  Backup done_;
};

Status check_target(const std::string& to) {
  if (!file_exists(to)) return {};
  auto entries = list_dir(to);
  if (entries.ok() && entries->empty()) return {};
  return Error{Errc::conflict,
               str("cannot write ", to, ": it is there and not empty; name a new directory")};
}

}  // namespace

Result<Backup> copy_data_directory(const std::string& from, const std::string& to) {
  if (!file_exists(from + "/pawl.db")) {
    return {Errc::not_found, str("there is no data directory in ", from, ": it has no pawl.db")};
  }
  TRY(check_target(to));
  std::string target = to;
  while (target.size() > 1 && target.ends_with('/'))
    target.pop_back();
  auto slash = target.rfind('/');
  std::string above = slash == std::string::npos ? "." : slash == 0 ? "/" : target.substr(0, slash);
  auto part = target + ".part";
  TRY(make_dirs(above));
  TRY(remove_tree(part));  // of a copy that did not come to its end
  auto done = Copier().copy(from, part);
  if (!done.ok()) {
    (void)remove_tree(part);
    return done;
  }
  if (std::rename(part.c_str(), target.c_str()) != 0) return errno_error("rename", part, errno);
  TRY(sync_dir(above));
  return done;
}

}  // namespace pawl::store
