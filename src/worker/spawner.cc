#include "worker/spawner.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "base/failpoint.h"
#include "base/text.h"
#include "worker/orphans.h"
#include "worker/spawner_core.h"

namespace pawl::worker {
namespace {

using actions::ProcessKey;
using actions::StopReason;
using core::Stream;

constexpr std::uint64_t kListener = 1 << 2 | kOwn;
constexpr std::uint64_t kSignals = 2 << 2 | kOwn;
constexpr std::uint64_t kLaunched = 3 << 2 | kOwn;
constexpr std::uint64_t kConnection = 4 << 2 | kOwn;  // + 4 * its number
// One waits in vfork while the other prepares, and no more: a start is bound by the processor.
constexpr unsigned kLaunchers = 2;

}  // namespace

void Spawner::watch(int fd, std::uint64_t tag, std::uint32_t events, int op) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  ::epoll_ctl(epoll_.get(), op, fd, &event);
}

bool Spawner::open_house() {
  dir_.reset(::open(data_dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir_) return false;
  lock_.reset(::openat(dir_.get(), kSpawnerLock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) return false;
  failpoint("spawner.start.locked");
  spool_dir_ = str(data_dir_, "/spool");
  if (!make_dirs(spool_dir_, 0700).ok()) return false;
  store_ = store_identity(data_dir_);
  null_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  listener_.reset(listen_unix(dir_.get(), kSpawnerSocket));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  // Ours is not the terminal's session, but a service manager may signal everything it started.
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
    sigaddset(&set, signal);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!null_ || !epoll_ || !listener_ || !signals_) return false;
  if (!launcher_.start(kLaunchers, null_.get())) return false;
  watch(launcher_.fd(), kLaunched, EPOLLIN, EPOLL_CTL_ADD);
  watch(listener_.get(), kListener, EPOLLIN, EPOLL_CTL_ADD);
  watch(signals_.get(), kSignals, EPOLLIN, EPOLL_CTL_ADD);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_NAME, "pawl-spawner");
  load_spool();
  return true;
}

void Spawner::load_spool() {
  auto entries = list_dir(spool_dir_);
  if (!entries.ok()) return;
  std::unordered_set<std::string> kept;
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(".job")) continue;
    const auto name = entry.name.substr(0, entry.name.size() - 4);
    auto job = Job::load(spool_dir_, name);
    if (!job.ok()) continue;  // damaged: the engine learns that nobody holds the attempt
    failpoint("spawner.spool.loaded");
    kept.insert(name);
    const auto key = (*job)->key;
    jobs_[key] = std::move(*job);
  }
  for (const auto& entry : *entries) {
    const auto dot = entry.name.rfind('.');
    if (!kept.contains(entry.name.substr(0, dot))) {
      ::unlink(str(spool_dir_, '/', entry.name).c_str());
    }
  }
}

int Spawner::run(int first_connection) {
  if (!open_house()) return 1;  // another one is at work: the worker goes to its socket instead
  const auto id = next_connection_++;
  connections_[id].fd.reset(first_connection);
  watch(first_connection, kConnection + 4 * id, EPOLLIN, EPOLL_CTL_ADD);
  wait_and_serve();
  finish();
  return 0;
}

void Spawner::wait_and_serve() {
  epoll_event events[64];
  while (live_ > 0 || !connections_.empty()) {
    const int n = ::epoll_wait(epoll_.get(), events, 64, next_timeout());
    for (int i = 0; i < n; ++i) {
      const auto tag = events[i].data.u64;
      if (tag == kListener) {
        accept_all();
      } else if (tag == kSignals) {
        reap();
      } else if (tag == kLaunched) {
        take_launched();
      } else if ((tag & 3) == kOwn) {
        const auto id = (tag - kConnection) / 4;
        if (events[i].events & EPOLLOUT) {
          flush(id);
          pump_backlog();
        }
        if (events[i].events & ~EPOLLOUT) read_connection(id);
      } else if (auto it = jobs_.find(tag >> 2); it != jobs_.end()) {
        read_pipe(*it->second, (tag & 3) == kPipeOut ? Stream::out : Stream::err);
      }
    }
    run_timers();
    spawn_waiting();
    flush(engine_);
    pump_backlog();
  }
}

// -- connections

void Spawner::accept_all() {
  while (true) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    const auto id = next_connection_++;
    connections_[id].fd.reset(fd);
    watch(fd, kConnection + 4 * id, EPOLLIN, EPOLL_CTL_ADD);
  }
}

void Spawner::drop(std::uint64_t id) {
  connections_.erase(id);
  if (id != engine_) return;
  failpoint("spawner.engine_left");
  engine_ = 0;
  settle_launches();
  backlog_.clear();
  waiting_.clear();
  for (auto& [key, job] : jobs_) {
    job->rewind();
    if (!job->ended) {
      set_reading(*job, true);
      give(*job);
    }
  }
}

void Spawner::read_connection(std::uint64_t id) {
  auto it = connections_.find(id);
  if (it == connections_.end()) return;
  Connection& c = it->second;
  const long n = c.in.fill(c.fd.get());
  if (n == 0 || (n < 0 && errno != EAGAIN)) return drop(id);
  while (auto payload = c.in.next()) {
    if (!receive(id, c, *payload)) return drop(id);
  }
  if (c.in.broken()) return drop(id);
  flush(id);
}

bool Spawner::receive(std::uint64_t id, Connection& c, std::string_view payload) {
  Reader r(payload);
  const auto msg = static_cast<Msg>(r.u8());
  if (msg == Msg::hello) return greet(id, c, r);
  if (id != engine_) return false;
  if (msg == Msg::attach) {
    c.attached = true;
    failpoint("spawner.attached");
    for (auto& [key, job] : jobs_) {
      job->rewind();
      give(*job);
    }
    return true;
  }
  return command(payload);
}

bool Spawner::command(std::string_view payload) {
  Reader r(payload);
  const auto msg = static_cast<Msg>(r.u8());
  const ProcessKey key = r.varint();
  if (msg == Msg::spawn) {
    actions::ProcessSpec spec;
    if (!get_spec(r, spec)) return false;
    failpoint("spawner.spawn.heard");
    waiting_.emplace_back(key, std::move(spec));
    spawn_waiting();
    return true;
  }
  if (auto it = launching_.find(key); it != launching_.end()) {
    it->second.deferred.emplace_back(payload);  // for when it is known what became of it
    return true;
  }
  if (msg == Msg::stop) {
    Reader ahead = r;
    if (stop_waiting(key, static_cast<StopReason>(ahead.u8()))) return true;
  }
  auto it = jobs_.find(key);
  if (it == jobs_.end()) return r.ok();
  Job& job = *it->second;
  switch (msg) {
    case Msg::stop: {
      const auto reason = static_cast<StopReason>(r.u8());
      stop(job, reason, Duration(r.zigzag()));
      break;
    }
    case Msg::ack:
      job.acknowledge(r.varint());
      break;
    case Msg::note:
      if (!job.ended) {
        job.note(r.bytes(), now());
        give(job);
      }
      break;
    case Msg::mark:
      job.mark = r.bytes();
      break;
    case Msg::forget:
      forget(key);
      break;
    default:
      return false;
  }
  return r.ok();
}

bool Spawner::greet(std::uint64_t id, Connection& c, Reader& r) {
  const auto version = r.varint();
  c.peer = r.zigzag();
  const auto most = r.varint();
  if (auto* other = engine(); other && engine_ != id) {
    Frame frame(c.out, Msg::busy);
    frame->zigzag(other->peer);
  } else if (version != kWireVersion) {
    return false;
  } else {
    c.greeted = true;
    failpoint("spawner.greeted");
    engine_ = id;
    most_ = most;
    {
      Frame frame(c.out, Msg::welcome);
      frame->varint(kWireVersion);
      frame->zigzag(::getpid());
      frame->varint(jobs_.size());
    }
    for (auto& [key, job] : jobs_) {
      Frame frame(c.out, Msg::held);
      job->put_held(frame.writer());
    }
  }
  return r.ok();
}

void Spawner::flush(std::uint64_t id) {
  auto it = connections_.find(id);
  if (it == connections_.end() || it->second.out.empty()) return;
  Connection& c = it->second;
  if (!send_some(c.fd.get(), c.out)) return;  // its end shows on the read side
  const bool wants = !c.out.empty();
  if (wants == c.wants_write) return;
  c.wants_write = wants;
  watch(c.fd.get(), kConnection + 4 * id, wants ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

// Nobody listens and nothing runs: what was not asked for stays on disk.
void Spawner::finish() {
  failpoint("spawner.finish.begin");
  listener_.reset();
  bool saved = true;
  for (auto& [key, job] : jobs_) {
    if (!job->save(spool_dir_).ok()) saved = false;
  }
  failpoint("spawner.finish.saved");
  // The socket's name stays where something went wrong: the next worker then looks for orphans.
  if (saved && (jobs_.empty() || sync_dir(spool_dir_).ok())) {
    ::unlinkat(dir_.get(), kSpawnerSocket, 0);
  }
}

// posix_spawn leaves the C library's two internal signals ignored, and *ignored* survives exec.
static void reset_signals() {
  for (int signal : {32, 33}) {
    const unsigned long default_action[4] = {};  // the kernel's sigaction, not the library's
    ::syscall(SYS_rt_sigaction, signal, default_action, nullptr, 8);
  }
}

int spawner_main(int argc, char** argv) {
  if (argc < 3) return 2;
  // The parent waits for this process; the one that stays belongs to nobody.
  const pid_t child = ::fork();
  if (child != 0) return child > 0 ? 0 : 1;
  ::setsid();
  reset_signals();
  ::close_range(kSpawnerFd + 1, ~0u, 0);
  ::fcntl(kSpawnerFd, F_SETFD, FD_CLOEXEC);
  ::fcntl(kSpawnerFd, F_SETFL, O_NONBLOCK);
  if (::chdir("/") != 0) return 1;
  return Spawner(argv[2]).run(kSpawnerFd);
}

}  // namespace pawl::worker
