#include "tests/pawl_testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"

namespace pawl::e2e {
namespace {

constexpr std::chrono::milliseconds kPatience{120'000};

pid_t spawn(const std::string& dir, std::vector<std::string> argv, const std::string& input,
            const std::string& out, const std::string& err) {
  std::vector<char*> words;
  for (auto& word : argv)
    words.push_back(word.data());
  words.push_back(nullptr);
  auto data = dir + "/.pawl";
  pid_t pid = ::fork();
  if (pid != 0) return pid;
  int in = ::open(input.c_str(), O_RDONLY);
  int out_fd = ::open(out.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  int err_fd = ::open(err.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  ::dup2(in, 0);
  ::dup2(out_fd, 1);
  ::dup2(err_fd, 2);
  ::close_range(3, ~0u, 0);
  if (::chdir(dir.c_str()) != 0) ::_exit(99);
  ::setenv("PAWL_DATA", data.c_str(), 1);
  ::setenv("PAWL", PAWL_BINARY, 1);
  ::setenv("LC_ALL", "C.UTF-8", 1);
  ::unsetenv("CI");
  ::execv(words[0], words.data());
  ::_exit(99);
}

// A child that was just started may not have made its file yet.
std::string text_of(const std::string& path) {
  auto text = read_file(path);
  return text.ok() ? *text : "";
}

bool ends(pid_t pid, std::chrono::milliseconds time) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd wanted{fd.get(), POLLIN, 0};
  return ::poll(&wanted, 1, static_cast<int>(time.count())) == 1;
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

Outcome collect(pid_t pid, const std::string& out, const std::string& err) {
  Outcome o;
  if (!ends(pid, kPatience)) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  o.code = code_of(status);
  o.out = text_of(out);
  o.err = text_of(err);
  return o;
}

}  // namespace

Json Outcome::json() const {
  auto parsed = Json::parse(out);
  return parsed.ok() ? *parsed : Json();
}

Place::Place() {
  char path[] = "/tmp/pawl-e2e-XXXXXX";
  path_ = ::mkdtemp(path);
}

Place::~Place() {
  kill_spawner();
  (void)remove_tree(path_);
}

std::string Place::file(std::string_view name) const { return str(path_, '/', name); }

std::string Place::write(std::string_view name, std::string_view text) const {
  (void)write_file_atomic(file(name), text);
  return file(name);
}

std::string Place::read(std::string_view name) const { return text_of(file(name)); }

Outcome Place::pawl(const std::vector<std::string>& words, std::string_view input) const {
  auto in = input.empty() ? std::string("/dev/null") : write("stdin", input);
  std::vector<std::string> argv = {PAWL_BINARY};
  argv.insert(argv.end(), words.begin(), words.end());
  auto out = file("stdout"), err = file("stderr");
  return collect(spawn(path_, std::move(argv), in, out, err), out, err);
}

Outcome Place::sh(const std::string& script) const {
  auto out = file("stdout"), err = file("stderr");
  return collect(spawn(path_, {"/bin/bash", "-c", script}, "/dev/null", out, err), out, err);
}

Child Place::start(const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {PAWL_BINARY};
  argv.insert(argv.end(), words.begin(), words.end());
  return start_other(std::move(argv));
}

Child Place::start_other(std::vector<std::string> argv) const {
  static int n = 0;
  auto out = file(str("out.", ++n)), err = file(str("err.", n));
  auto pid = spawn(path_, std::move(argv), "/dev/null", out, err);
  return {pid, out, err};
}

std::string Place::pipe(std::string_view name) const {
  ::mkfifo(file(name).c_str(), 0600);
  return file(name);
}

void Place::kill_spawner() const {
  auto entries = list_dir("/proc");
  if (!entries.ok()) return;
  for (const auto& entry : *entries) {
    if (entry.name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto line = read_file(str("/proc/", entry.name, "/cmdline"));
    if (!line.ok() || line->find("__spawner") == std::string::npos) continue;
    if (line->find(path_) == std::string::npos) continue;
    auto pid = static_cast<pid_t>(std::strtol(entry.name.c_str(), nullptr, 10));
    ::kill(pid, SIGKILL);
    ends(pid, std::chrono::milliseconds(5000));
  }
}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Child::signal(int number) const { ::kill(pid_, number); }

Outcome Child::wait() { return collect(std::exchange(pid_, -1), out_, err_); }

bool Child::says(std::string_view text) const {
  for (int i = 0; i < 3000; ++i) {
    bool ended = ends_within(std::chrono::milliseconds(20));
    if (text_of(err_).find(text) != std::string::npos) return true;
    if (ended) return false;
  }
  return false;
}

std::string Child::said() const { return text_of(err_); }

bool Child::ends_within(std::chrono::milliseconds time) const { return ends(pid_, time); }

// Open for writing too: then the pipe never ends, however many writers come and go.
LineReader::LineReader(const std::string& fifo)
    : fd_(::open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)) {}

std::string LineReader::next() {
  while (true) {
    if (auto end = buffer_.find('\n'); end != std::string::npos) {
      auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    pollfd wanted{fd_.get(), POLLIN, 0};
    if (::poll(&wanted, 1, 60'000) != 1) return {};
    char text[256];
    auto n = ::read(fd_.get(), text, sizeof text);
    if (n > 0) buffer_.append(text, static_cast<std::size_t>(n));
  }
}

}  // namespace pawl::e2e
