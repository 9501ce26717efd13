// doctor: what would keep runs from working here. Only problems, each with a remedy, and one
// verdict.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/fs.h"
#include "base/text.h"
#include "cli/handlers.h"
#include "cli/session.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::cli {
namespace {

struct Finding {
  std::string what, remedy;
};

struct Report {
  std::vector<Finding> problems;
  Json facts = Json::object();
};

void check_limits(Report& r) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    auto soft = static_cast<std::uint64_t>(files.rlim_cur);
    r.facts.set("open_files", soft);
    if (soft < 1024) {
      r.problems.push_back(
          {str("only ", soft, " files may be open at once; each running task takes three"),
           "ulimit -n 4096"});
    }
  }
  rlimit processes{};
  if (::getrlimit(RLIMIT_NPROC, &processes) == 0 && processes.rlim_cur < 256) {
    r.problems.push_back({str("only ", static_cast<std::uint64_t>(processes.rlim_cur),
                              " processes are allowed for this user"),
                          "ulimit -u 1024"});
  }
  if (::access("/bin/sh", X_OK) != 0) {
    r.problems.push_back({"/bin/sh cannot be run; shell tasks need it", "install a POSIX shell"});
  }
  if (::access("/proc/self/fd", X_OK) != 0) {
    r.problems.push_back({"/proc is not mounted; processes of a crashed engine cannot be found",
                          "mount -t proc proc /proc"});
  }
}

// How long a small durable write takes here: the floor under every step of a workflow.
void check_disk(Report& r, const std::string& directory) {
  struct statvfs disk {};
  if (::statvfs(directory.c_str(), &disk) == 0) {
    auto free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    r.facts.set("free_bytes", free_bytes);
    if (free_bytes < (256u << 20)) {
      r.problems.push_back({str(directory, " has only ", format_size(free_bytes), " left"),
                            "make room, or take another directory with --data"});
    }
  }
  auto path = str(directory, "/doctor.tmp");
  UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_TRUNC, 0600));
  if (!fd) {
    r.problems.push_back({errno_error("write in", directory, errno).message,
                          "the user who runs pawl must be able to write there"});
    return;
  }
  std::vector<Duration> took;
  for (int i = 0; i < 20; ++i) {
    auto begin = system_clock().mono();
    if (!write_all(fd.get(), std::string(4096, 'x'), path).ok() || ::fdatasync(fd.get()) != 0)
      break;
    took.push_back(system_clock().mono() - begin);
  }
  ::unlink(path.c_str());
  if (took.empty()) {
    r.problems.push_back({str("cannot sync a file in ", directory), "look at the disk"});
    return;
  }
  std::sort(took.begin(), took.end());
  auto median = took[took.size() / 2];
  r.facts.set("fsync_us", median.count());
  if (median > std::chrono::milliseconds(50)) {
    r.problems.push_back({str("a durable write takes ", format_duration(median), " in ", directory),
                          "every step waits for one; take a local disk with --data"});
  }
}

void check_store(Report& r, const Ask& ask, const std::string& directory) {
  if (!file_exists(str(directory, "/pawl.db"))) {
    r.facts.set("data", Json());
    return;
  }
  r.facts.set("data", directory);
  auto owner = store::sqlite_owner(directory);
  bool owned = owner.ok() && owner->has_value();
  if (owned) {
    auto text = Json::parse(**owner);
    r.facts.set("owner", text.ok() ? *text : Json(**owner));
  }
  auto session = Session::open(ask, Access::read);
  if (!session.ok()) {
    r.problems.push_back({std::string(split(session.error().message, '\n')[0]), "see the message"});
    return;
  }
  if (owned && (*session)->other_owner().is_null()) {
    r.problems.push_back({"a process owns the data directory but does not answer",
                          "pawl doctor --json names it as owner; look at that process"});
  }
  auto store = (*session)->store();
  if (!store.ok()) {
    r.problems.push_back({std::string(split(store.error().message, '\n')[0]), "see the message"});
    return;
  }
  auto info = (*store)->info();
  if (info.ok()) {
    r.facts.set("store", info->engine).set("schema", info->schema).set("bytes", info->bytes);
    r.facts.set("wal_bytes", info->wal_bytes)
        .set("log_bytes", info->log_bytes)
        .set("runs", info->runs);
  }
  auto findings = (*store)->check();
  if (!findings.ok()) {
    r.problems.push_back({std::string(split(findings.error().message, '\n')[0]),
                          "restore the directory from a backup"});
    return;
  }
  for (const auto& finding : *findings) {
    r.problems.push_back({finding, "restore the directory from a backup"});
  }
}

// The binary itself starts every task: it must be there to be started.
void check_spawner(Report& r) {
  if (::access("/proc/self/exe", X_OK) != 0) {
    r.problems.push_back({"this binary cannot start itself, and so no task",
                          "it was removed or lies where nothing may be run"});
  }
  r.facts.set("version", PAWL_VERSION);
}

}  // namespace

Result<int> run_doctor(const Ask& ask) {
  auto directory = data_directory(ask);
  Report r;
  check_spawner(r);
  check_limits(r);
  // Where there is no directory yet, the place it would be made in counts.
  auto place = file_exists(directory) ? directory : std::string(".");
  if (auto slash = directory.rfind('/'); place == "." && slash != std::string::npos && slash > 0) {
    place = directory.substr(0, slash);
  }
  check_disk(r, place);
  check_store(r, ask, directory);
  if (ask.json()) {
    Json problems = Json::array();
    for (const auto& p : r.problems) {
      problems.push(Json::object().set("problem", p.what).set("remedy", p.remedy));
    }
    ask.print_json(Json::object()
                       .set("ok", r.problems.empty())
                       .set("problems", problems)
                       .set("facts", r.facts));
    return r.problems.empty() ? 0 : kExitProblems;
  }
  const Term& term = ask.io.out_term();
  std::string out;
  for (const auto& p : r.problems) {
    out += str(paint(term, Style::red, "problem:"), ' ', clean_line(p.what), "\n  ",
               paint(term, Style::bold, "remedy:"), ' ', clean_line(p.remedy), '\n');
  }
  if (r.problems.empty()) {
    auto sync = r.facts["fsync_us"].is_integer()
                    ? str(", a durable write takes ",
                          format_duration(Duration{r.facts["fsync_us"].as_integer()}))
                    : "";
    out += str(paint(term, Style::green, "no problems"), " in ", directory, sync, '\n');
  } else {
    out += str(r.problems.size(), r.problems.size() == 1 ? " problem" : " problems", " in ",
               directory, '\n');
  }
  ask.print(out);
  return r.problems.empty() ? 0 : kExitProblems;
}

}  // namespace pawl::cli
