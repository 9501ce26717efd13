#include "tests/torture/site.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/clock.h"
#include "base/fs.h"
#include "server/control.h"
#include "store/sqlite/sqlite_store.h"

namespace pawl::torture {

namespace {

constexpr std::string_view kAnchor = R"(
pawl: 1
name: anchor
tasks:
  hold:
    action: gate
    with: {question: "Is the torture over?"}
)";

Mono now() { return system_clock().mono(); }

bool ends(pid_t pid, Millis time) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd wanted{fd.get(), POLLIN, 0};
  return !fd || ::poll(&wanted, 1, static_cast<int>(time.count())) == 1;
}

pid_t launch(const std::vector<std::string>& argv, const std::string& dir, const std::string& out,
             const std::string& err, const std::vector<std::pair<std::string, std::string>>& env) {
  std::vector<char*> words;
  for (const auto& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setpgid(0, 0);
  const int in = ::open("/dev/null", O_RDONLY);
  const int out_fd = ::open(out.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const int err_fd = ::open(err.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  ::dup2(in, 0);
  ::dup2(out_fd, 1);
  ::dup2(err_fd, 2);
  ::close_range(3, ~0u, 0);
  ::signal(SIGPIPE, SIG_DFL);
  if (::chdir(dir.c_str()) != 0) ::_exit(99);
  ::unsetenv("CI");
  ::unsetenv("PAWL_FAILPOINT");
  ::unsetenv("PAWL_FAILPOINT_COUNTS");
  for (const auto& [name, value] : env)
    ::setenv(name.c_str(), value.c_str(), 1);
  ::execv(words[0], words.data());
  ::_exit(99);
}

}  // namespace

void let_pass(Millis time) { ::poll(nullptr, 0, static_cast<int>(time.count())); }

Site::Site(std::string path, std::uint32_t slots) : path_(std::move(path)), slots_(slots) {
  PAWL_ASSERT(make_dirs(path_, 0700).ok());
  PAWL_ASSERT(write_file_atomic(path_ + "/anchor.yaml", kAnchor).ok());
  auto counts = FailpointCounts::create(path_ + "/counts");
  PAWL_ASSERT(counts.ok());
  counts_.emplace(std::move(*counts));
}

Site::~Site() {
  kill_engine();
  if (!leaves_spawner_) kill_spawner();
}

void Site::start(const std::string& failpoints) {
  PAWL_ASSERT(engine_ < 0);
  ended_.reset();
  const std::vector<std::string> argv = {
      PAWL_BINARY, "run",    "anchor.yaml", "--idempotency-key", "anchor", "--slots",
      str(slots_), "--data", data(),        "--progress",        "none"};
  std::vector<std::pair<std::string, std::string>> env = {
      {"PAWL_FAILPOINT_COUNTS", path_ + "/counts"}};
  if (!failpoints.empty()) env.emplace_back("PAWL_FAILPOINT", failpoints);
  if (shift_) {
    env.emplace_back("LD_PRELOAD", PAWL_WALL_CLOCK);
    env.emplace_back("PAWL_WALL_CLOCK", path_ + "/clock");
  }
  engine_ = launch(argv, path_, path_ + "/engine.out", path_ + "/engine.err", env);
}

void Site::own_clock() {
  shift_ = UniqueFd(::open((path_ + "/clock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  PAWL_ASSERT(shift_);
  shift_clock({});
}

void Site::shift_clock(Duration by) {
  std::int64_t us = by.count();
  PAWL_ASSERT(::pwrite(shift_.get(), &us, sizeof us, 0) == sizeof us);
}

bool Site::running() {
  if (engine_ < 0) return false;
  int status = 0;
  if (::waitpid(engine_, &status, WNOHANG) != engine_) return true;
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  engine_ = -1;
  return false;
}

bool Site::ready(Millis limit) {
  const auto until = now() + limit;
  while (running() && now() < until) {
    // Also where an engine that dies in the next moment took the call.
    if (auto client = server::ControlClient::connect(data());
        client.ok() && (*client)->call("ping", Json::object()).ok()) {
      return true;
    }
    let_pass(Millis(2));
  }
  return false;
}

bool Site::kill_engine() {
  if (!running()) return false;
  ::kill(engine_, SIGKILL);
  ::kill(engine_, SIGCONT);
  int status = 0;
  ::waitpid(engine_, &status, 0);
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  engine_ = -1;
  return true;
}

void Site::signal(int number) const {
  if (engine_ > 0) ::kill(engine_, number);
}

std::optional<int> Site::wait(Millis limit) {
  if (running()) {
    ends(engine_, limit);
    if (running()) return {};
  }
  return ended_;
}

// The holder of the spawner's lock cannot be asked for; its command line names the directory.
pid_t Site::spawner() const {
  auto entries = list_dir("/proc");
  if (!entries.ok()) return 0;
  for (const auto& entry : *entries) {
    if (entry.name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto line = read_file(str("/proc/", entry.name, "/cmdline"));
    if (!line.ok() || !line->starts_with("pawl-spawner")) continue;
    if (line->find(data() + '\0') == std::string::npos) continue;
    return static_cast<pid_t>(std::strtol(entry.name.c_str(), nullptr, 10));
  }
  return 0;
}

bool Site::kill_spawner() {
  const pid_t pid = spawner();
  if (pid == 0) return false;
  ::kill(pid, SIGKILL);
  ends(pid, Millis(10'000));
  return true;
}

bool Site::spawner_gone(Millis limit) {
  const auto until = now() + limit;
  while (spawner() != 0) {
    if (now() >= until) return false;
    let_pass(Millis(5));
  }
  return true;
}

std::pair<int, std::string> Site::command(const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {PAWL_BINARY};
  argv.insert(argv.end(), words.begin(), words.end());
  argv.insert(argv.end(), {"--data", data()});
  const auto out = str(path_, "/command.out");
  const pid_t pid = launch(argv, path_, out, path_ + "/command.err", {});
  if (!ends(pid, Millis(60'000))) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  auto text = read_file(out);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          text.ok() ? *text : std::string()};
}

bool Site::all_ended(Millis limit) {
  store::RunFilter open;
  open.states = 0;
  for (auto s : {core::RunState::pending, core::RunState::running, core::RunState::paused,
                 core::RunState::recovering}) {
    open.states |= 1u << static_cast<unsigned>(s);
  }
  const auto until = now() + limit;
  while (now() < until) {
    if (auto store = reader(); store.ok()) {
      auto rows = (*store)->list_runs(open);
      if (rows.ok() && std::all_of(rows->begin(), rows->end(),
                                   [](const auto& row) { return row.workflow_name == "anchor"; })) {
        return true;
      }
      // Somebody paused it and could not say resume any more.
      for (std::size_t i = 0; rows.ok() && i < rows->size(); ++i) {
        if ((*rows)[i].header.state != core::RunState::paused) continue;
        auto client = server::ControlClient::connect(data());
        auto run = Json::object().set("run_id", (*rows)[i].header.id.value);
        if (client.ok()) (void)(*client)->call("resume", std::move(run)).ok();
      }
    }
    let_pass(Millis(10));
  }
  return false;
}

void Site::stop() {
  signal(SIGTERM);
  if (!wait(Millis(30'000))) kill_engine();
  spawner_gone(Millis(10'000));
}

Result<std::unique_ptr<store::Store>> Site::reader() const {
  store::SqliteOptions where;
  where.directory = data();
  where.read_only = true;
  return store::open_sqlite(where);
}

std::vector<std::string> Site::findings() const {
  auto store = reader();
  if (!store.ok()) return {store.error().message};
  auto found = (*store)->check();
  if (!found.ok()) return {found.error().message};
  return *found;
}

std::string Site::last_words() const {
  auto text = read_file(path_ + "/engine.err");
  if (!text.ok()) return {};
  return text->size() > 600 ? text->substr(text->size() - 600) : *text;
}

Scratch::Scratch(std::string_view name, bool keep, const std::string& root)
    : path_(str(root, '/', name, '-', ::getpid())), keep_(keep) {
  (void)remove_tree(path_).ok();
  PAWL_ASSERT(make_dirs(path_, 0700).ok());
}

Scratch::~Scratch() {
  if (!keep_) (void)remove_tree(path_).ok();
}

}  // namespace pawl::torture
