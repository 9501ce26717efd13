#include "worker/launch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/text.h"

namespace pawl::worker {
namespace {

using actions::LaunchStage;

// Everything the child touches, made before vfork: it must not allocate.
struct Prepared {
  std::vector<std::string> candidates;
  std::vector<const char*> programs;
  std::vector<char*> argv, env;
  const char* cwd = nullptr;
  int in = -1, out = -1, err = -1;
  pid_t parent = 0;
};

struct Failure {
  LaunchStage stage = LaunchStage::none;
  int error = 0;
};

// Where argv[0] may lie: itself, or each directory of the task's own PATH.
std::vector<std::string> candidates_of(const std::string& program,
                                       const std::vector<std::string>& env) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> out;
  for (const auto& entry : env) {
    if (!entry.starts_with("PATH=")) continue;
    for (auto dir : split(std::string_view(entry).substr(5), ':')) {
      out.push_back(dir.empty() ? program : str(dir, '/', program));
    }
  }
  return out;
}

Prepared prepare(const actions::ProcessSpec& spec, const std::string& lease) {
  Prepared p;
  p.candidates = candidates_of(spec.argv[0], spec.env);
  for (const auto& one : p.candidates)
    p.programs.push_back(one.c_str());
  for (const auto& one : spec.argv)
    p.argv.push_back(const_cast<char*>(one.c_str()));
  for (const auto& one : spec.env)
    p.env.push_back(const_cast<char*>(one.c_str()));
  p.env.push_back(const_cast<char*>(lease.c_str()));
  p.argv.push_back(nullptr);
  p.env.push_back(nullptr);
  p.cwd = spec.cwd.c_str();
  p.parent = ::getpid();
  return p;
}

// In the child, which borrows the parent's memory. Async-signal-safe calls only.
[[noreturn]] void become(const Prepared& p, volatile Failure& failure) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != p.parent) ::_exit(127);
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(fd == 0 ? p.in : fd == 1 ? p.out : p.err, fd) < 0) {
      failure.stage = LaunchStage::pipes;
      failure.error = errno;
      ::_exit(127);
    }
  }
  if (::chdir(p.cwd) != 0) {
    failure.stage = LaunchStage::cwd;
    failure.error = errno;
    ::_exit(127);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  int worst = ENOENT;
  for (const char* program : p.programs) {
    ::execve(program, p.argv.data(), p.env.data());
    if (errno != ENOENT && errno != ENOTDIR) worst = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  failure.stage = LaunchStage::exec;
  failure.error = worst;
  ::_exit(127);
}

#if defined(__SANITIZE_THREAD__)
// The thread sanitizer turns vfork into fork: memory is not shared, and the parent goes on at once.
// A page that is shared, and a pipe that closes at exec, make up for both.
pid_t vfork_into(const Prepared& p, volatile Failure& failure) {
  static thread_local auto* const shared = static_cast<Failure*>(
      ::mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  *shared = Failure{};
  int until_exec[2];
  if (::pipe2(until_exec, O_CLOEXEC) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) become(p, *shared);
  ::close(until_exec[1]);
  char none;
  while (::read(until_exec[0], &none, 1) < 0 && errno == EINTR) {
  }
  ::close(until_exec[0]);
  failure.stage = shared->stage;
  failure.error = shared->error;
  return pid;
}
#else
[[gnu::noinline]] pid_t vfork_into(const Prepared& p, volatile Failure& failure) {
  const pid_t pid = ::vfork();
  if (pid == 0) become(p, failure);
  return pid;
}
#endif

}  // namespace

Launched launch(const actions::ProcessSpec& spec, const std::string& lease, int null_fd) {
  Launched result;
  int out[2] = {-1, -1}, err[2] = {-1, -1};
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) {
    result.error = {LaunchStage::pipes, errno};
    if (out[0] >= 0) {
      ::close(out[0]);
      ::close(out[1]);
    }
    return result;
  }
  UniqueFd out_read(out[0]), out_write(out[1]), err_read(err[0]), err_write(err[1]);
  ::fcntl(out_read.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(err_read.get(), F_SETFL, O_NONBLOCK);
  Prepared p = prepare(spec, lease);
  p.in = null_fd;
  p.out = out_write.get();
  p.err = err_write.get();
  volatile Failure failure;
  const pid_t pid = vfork_into(p, failure);
  if (pid < 0) {
    result.error = {LaunchStage::fork, errno};
    return result;
  }
  if (failure.stage != LaunchStage::none) {
    result.error = {failure.stage, failure.error};  // its zombie is reaped with all others
    return result;
  }
  result.pid = pid;
  result.out = std::move(out_read);
  result.err = std::move(err_read);
  return result;
}

}  // namespace pawl::worker
