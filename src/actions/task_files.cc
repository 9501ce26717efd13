#include "actions/task_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/sha256.h"
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
  if (failpoint("task.file.written")) return errno_error("write", part, ENOSPC);
  if (::rename(part.c_str(), path.c_str()) != 0) return errno_error("rename", part, errno);
  return Ok{};
}

// The input file: named by what it holds and written by one call, so it is whole when it has its
// full size. Nobody waits for a rename then.
Status write_input(const std::string& path, const std::string& run_dir, std::string_view bytes) {
  struct stat info;
  if (::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
      static_cast<std::size_t>(info.st_size) == bytes.size()) {
    return Ok{};
  }
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

}  // namespace

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

Status TaskFiles::prepare(const core::Assignment& a, std::string& input_path) {
  const std::string input = a.input.is_null() ? std::string("{}") : a.input.dump();
  input_path = str(run_dir_, "/input-", sha256_hex(input).substr(0, 32), ".json");
  TRY(write_input(input_path, run_dir_, input));
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

}  // namespace pawl::actions
