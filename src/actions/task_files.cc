#include "actions/task_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/text.h"

namespace pawl::actions {
namespace {

// One directory, made once a run; its parents were made when the worker started.
Status make_run_dir(const std::string& dir) {
  if (::mkdir(dir.c_str(), 0700) == 0 || errno == EEXIST) return Ok{};
  if (errno == ENOENT) return make_dirs(dir, 0700);
  return errno_error("make the work directory", dir, errno);
}

// A plain file, opened without following a link and without waiting on a fifo.
Result<std::string> read_plain(const std::string& path, std::size_t max_bytes) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!fd) return errno_error("open", path, errno);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return errno_error("stat", path, errno);
  if (!S_ISREG(info.st_mode)) return Error{Errc::io, str(path, " is not a plain file")};
  return read_fd(fd.get(), path, max_bytes);
}

Status write_whole(const std::string& path, std::string_view bytes) {
  const std::string part = str(path, ".part");
  UniqueFd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error("create", part, errno);
  TRY(write_all(fd.get(), bytes, part));
  if (::rename(part.c_str(), path.c_str()) != 0) return errno_error("rename", part, errno);
  return Ok{};
}

// A file that may be written anew: plain, private, and known by no other name.
UniqueFd open_spare(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info;
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1 ||
      (info.st_mode & 07777) != 0600) {
    return UniqueFd();
  }
  return fd;
}

Status create_input(const std::string& path, const std::string& run_dir, std::string_view bytes) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  UniqueFd fd(::open(path.c_str(), kFlags, 0600));
  if (!fd && errno == ENOENT) {
    TRY(make_run_dir(run_dir));
    fd.reset(::open(path.c_str(), kFlags, 0600));
  }
  if (!fd) return errno_error("create", path, errno);
  return write_all(fd.get(), bytes, path);
}

Status copy_whole(const std::string& from, const std::string& to) {
  UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!in) return errno_error("open", from, errno);
  const std::string part = str(to, ".part");
  UniqueFd out(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return errno_error("create", part, errno);
  while (true) {
    const auto n = ::copy_file_range(in.get(), nullptr, out.get(), nullptr, 1u << 30, 0);
    if (n < 0) return errno_error("copy", from, errno);
    if (n == 0) break;
  }
  if (::rename(part.c_str(), to.c_str()) != 0) return errno_error("rename", part, errno);
  return Ok{};
}

constexpr std::size_t kMaxSpare = 64;

}  // namespace

SpareInputs::~SpareInputs() {
  for (const auto& path : spare_)
    ::unlink(path.c_str());
}

bool SpareInputs::reuse(const std::string& path, const std::string& run_dir,
                        std::string_view bytes) {
  while (!spare_.empty()) {
    const std::string spare = std::move(spare_.back());
    spare_.pop_back();
    auto fd = open_spare(spare);
    if (!fd) {
      ::unlink(spare.c_str());
      continue;
    }
    bool there = ::rename(spare.c_str(), path.c_str()) == 0;
    if (!there && errno == ENOENT && make_run_dir(run_dir).ok()) {
      there = ::rename(spare.c_str(), path.c_str()) == 0;
    }
    if (there && write_all(fd.get(), bytes, path).ok() &&
        ::ftruncate(fd.get(), static_cast<off_t>(bytes.size())) == 0) {
      return true;
    }
    ::unlink(spare.c_str());  // the disk is full, or worse: create_input() says what
    return false;
  }
  return false;
}

Status SpareInputs::make(const std::string& path, const std::string& run_dir,
                         std::string_view bytes) {
  if (!reuse(path, run_dir, bytes)) TRY(create_input(path, run_dir, bytes));
  if (failpoint("task.input.written")) return errno_error("write", path, ENOSPC);
  return Ok{};
}

void SpareInputs::give(std::string path) {
  if (spare_.size() < kMaxSpare) {
    spare_.push_back(std::move(path));
  } else {
    ::unlink(path.c_str());
  }
}

TaskFiles::TaskFiles(std::string run_dir, TaskId task, Attempt attempt)
    : run_dir_(std::move(run_dir)), task_(task), attempt_(attempt) {}

std::string TaskFiles::path(std::string_view ending, bool with_attempt) const {
  return with_attempt ? str(run_dir_, '/', task_, '.', attempt_, ending)
                      : str(run_dir_, '/', task_, ending);
}

std::string TaskFiles::stamp_of(const std::string& file) const {
  struct stat info;
  if (::lstat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  return str(info.st_ino, ' ', info.st_size, ' ', info.st_mtim.tv_sec, ' ', info.st_mtim.tv_nsec);
}

Status TaskFiles::prepare(const core::Assignment& a, SpareInputs& spare) {
  TRY(spare.make(input(), run_dir_, a.input.is_null() ? std::string("{}") : a.input.dump()));
  // The same attempt may have been released before: what it left is not this one's.
  ::unlink(output().c_str());
  ::unlink(events().c_str());
  const auto file = checkpoint();
  if (a.resume == core::Resume::scratch) {
    ::unlink(file.c_str());
  } else if (a.resume == core::Resume::best_checkpoint) {
    auto copied = copy_whole(best_checkpoint(), file);
    if (!copied.ok() && copied.error().code != Errc::not_found) return copied;
  }
  failpoint("task.files.cleared");
  stamp_ = stamp_of(file);
  if (stamp_.empty() && !a.checkpoint.empty() && a.resume != core::Resume::scratch) {
    TRY(write_whole(file, a.checkpoint));
    stamp_ = stamp_of(file);
  }
  return Ok{};
}

Result<std::string> TaskFiles::output_text() {
  failpoint("task.output.read");
  auto text = read_plain(output(), kMaxOutputBytes);
  if (text.ok()) return text;
  const auto& error = text.error();
  if (error.code == Errc::not_found) {
    has_output_ = false;
    return std::string();
  }
  if (error.code == Errc::too_large) {
    return Error{Errc::too_large,
                 "PAWL_OUTPUT is larger than 16 MiB. Write large data to a file of your own and "
                 "put its path or URL into PAWL_OUTPUT"};
  }
  return Error{error.code, str("PAWL_OUTPUT: ", error.message)};
}

Result<Json> TaskFiles::parse_output(std::string_view text) {
  if (trim(text).empty()) return Json();
  auto parsed = Json::parse(text, {.max_bytes = kMaxOutputBytes, .max_depth = 64});
  if (!parsed.ok()) {
    return Error{Errc::usage, str("PAWL_OUTPUT is not JSON: ", parsed.error().message,
                                  ". A task writes one JSON object there, such as {\"rows\": 12}")};
  }
  if (!parsed->is_object()) {
    return Error{Errc::usage, str("PAWL_OUTPUT holds ", Json::type_name(parsed->type()),
                                  ", expected one JSON object such as {\"rows\": 12}")};
  }
  return parsed;
}

bool TaskFiles::take_checkpoint(std::string& bytes) {
  const auto file = checkpoint();
  auto now = stamp_of(file);
  if (now.empty() || now == stamp_) return false;
  stamp_ = std::move(now);
  failpoint("task.checkpoint.taken");
  auto read = read_plain(file, kMaxInlineCheckpoint);
  if (!read.ok())
    return false;  // too large to send: the file stays where the next attempt finds it
  bytes = std::move(*read);
  return true;
}

Result<std::string> TaskFiles::keep_best() const {
  TRY(copy_whole(checkpoint(), best_checkpoint()));
  failpoint("task.best.copied");
  // From the copy: the task may already be writing its next one.
  auto bytes = read_plain(best_checkpoint(), kMaxInlineCheckpoint);
  return bytes.ok() ? std::move(*bytes) : std::string();
}

void TaskFiles::clean(bool had_events) const {
  failpoint("task.files.clean");
  if (has_output_) ::unlink(output().c_str());
  if (had_events) ::unlink(events().c_str());
}

void TaskFiles::clean_input(bool ended, SpareInputs& spare) const {
  if (ended) {
    spare.give(input());
  } else {
    ::unlink(input().c_str());
  }
}

}  // namespace pawl::actions
