#include "tests/sim/driver.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace pawl::sim {
namespace {

struct Child {
  pid_t pid = -1;
  int from = -1;         // its verdicts
  std::size_t next = 0;  // index of the job it is at
  std::string line;      // begun, not ended
};

Verdict carry_out(const Job& job) {
  Scenario s;
  s.seed = job.seed;
  Verdict v = judge(s);
  if (!job.twice) return v;
  Verdict again = judge(s);
  if (again.hash != v.hash) {
    v.check = "determinism";
    v.problems = {str("determinism: the same seed gave two traces, ", v.hash, " and ", again.hash)};
  }
  return v;
}

class Driver {
 public:
  Driver(const std::vector<Job>& jobs, unsigned processes,
         const std::function<void(const Verdict&)>& see)
      : jobs_(jobs), stride_(processes), see_(see) {}

  void run() {
    std::vector<Child> children(stride_);
    for (unsigned i = 0; i < stride_; ++i) {
      children[i].next = i;
      start(children[i]);
    }
    for (;;) {
      std::vector<pollfd> waits;
      std::vector<Child*> whose;
      for (Child& c : children) {
        if (c.from < 0) continue;
        waits.push_back({c.from, POLLIN, 0});
        whose.push_back(&c);
      }
      if (waits.empty()) return;
      ::poll(waits.data(), waits.size(), -1);
      for (std::size_t i = 0; i < waits.size(); ++i) {
        if (waits[i].revents) read(*whose[i]);
      }
    }
  }

 private:
  void start(Child& c) {
    if (c.next >= jobs_.size()) return;
    int ends[2];
    PAWL_ASSERT(::pipe(ends) == 0);
    std::fflush(stdout);
    c.pid = ::fork();
    PAWL_ASSERT(c.pid >= 0);
    if (c.pid == 0) {
      ::close(ends[0]);
      ::close(STDOUT_FILENO);
      for (std::size_t i = c.next; i < jobs_.size(); i += stride_) {
        auto line = to_line(carry_out(jobs_[i]));
        for (std::size_t at = 0; at < line.size();) {
          auto n = ::write(ends[1], line.data() + at, line.size() - at);
          if (n <= 0) ::_exit(1);
          at += static_cast<std::size_t>(n);
        }
      }
      ::_exit(0);
    }
    ::close(ends[1]);
    c.from = ends[0];
    c.line.clear();
  }

  void read(Child& c) {
    char buffer[16384];
    auto n = ::read(c.from, buffer, sizeof buffer);
    if (n > 0) {
      c.line.append(buffer, static_cast<std::size_t>(n));
      for (std::size_t end; (end = c.line.find('\n')) != std::string::npos;) {
        see_(verdict_of(c.line.substr(0, end)));
        c.line.erase(0, end + 1);
        c.next += stride_;
      }
      return;
    }
    ::close(std::exchange(c.from, -1));
    int status = 0;
    ::waitpid(c.pid, &status, 0);
    if (c.next >= jobs_.size()) return;
    Verdict v;
    v.seed = jobs_[c.next].seed;
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    v.check = signal == SIGALRM ? "hung" : "died";
    v.problems = {str(v.check, ": its process ended by signal ", signal)};
    see_(v);
    c.next += stride_;
    start(c);
  }

  const std::vector<Job>& jobs_;
  std::size_t stride_;
  const std::function<void(const Verdict&)>& see_;
};

}  // namespace

void run_seeds(const std::vector<Job>& jobs, unsigned processes,
               const std::function<void(const Verdict&)>& see) {
  Driver(jobs, std::max(1u, processes), see).run();
}

}  // namespace pawl::sim
