#include "store/sqlite/lock_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

namespace pawl::store::sqlite {

namespace {

std::string path_in(const std::string& directory) { return directory + "/pawl.lock"; }

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::string owner_text(const std::string& owner) {
  auto parsed = Json::parse(owner.empty() ? "{}" : owner);
  auto json = parsed.ok() && parsed->is_object() ? *parsed : Json::object({{"what", owner}});
  json.set("pid", static_cast<std::int64_t>(getpid()));
  json.set("since", format_time(system_clock().now()));
  return json.dump() + "\n";
}

// "pawl serve, pid 41, since 2026-01-31T12:00:00.000Z", from what the holder wrote.
std::string in_words(const std::string& text) {
  auto parsed = Json::parse(trim(text));
  if (!parsed.ok() || !parsed->is_object()) return "another process";
  const auto& json = *parsed;
  auto words = json["what"].is_string() ? json["what"].as_string() : "a Pawl process";
  if (json["pid"].is_integer()) words += str(", pid ", json["pid"].as_integer());
  if (json["since"].is_string()) words += str(", since ", json["since"].as_string());
  return words;
}

}  // namespace

Result<LockFile> LockFile::take(const std::string& directory, const std::string& owner) {
  auto path = path_in(directory);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    auto error = errno_error("open", path, errno);
    error.message += "; this user must be able to write in that directory";
    return error;
  }
  auto lock = whole_file();
  if (fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EACCES && errno != EAGAIN) return errno_error("lock", path, errno);
    auto text = read_file(path, 4096);
    return Error{Errc::in_use,
                 str("cannot write in ", directory, ": it belongs to ",
                     in_words(text.ok() ? *text : ""), "; stop that one, or use its address")};
  }
  auto text = owner_text(owner);
  // The lock is what counts; its text is for people, and may be missing on a full disk.
  if (ftruncate(fd.get(), 0) == 0) (void)write_all(fd.get(), text, path).ok();
  return LockFile(std::move(fd));
}

Result<std::optional<std::string>> LockFile::holder(const std::string& directory) {
  auto path = path_in(directory);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return std::optional<std::string>{};
    return errno_error("open", path, errno);
  }
  auto lock = whole_file();
  if (fcntl(fd.get(), F_OFD_GETLK, &lock) != 0)
    return errno_error("ask for the lock of", path, errno);
  if (lock.l_type == F_UNLCK) return std::optional<std::string>{};
  return std::optional<std::string>(std::string(trim(TRY(read_fd(fd.get(), path, 4096)))));
}

}  // namespace pawl::store::sqlite
