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

#include "base/text.h"
#include "worker/job.h"
#include "worker/launch.h"
#include "worker/orphans.h"

namespace pawl::worker {
namespace {

using actions::ProcessKey;
using actions::StopReason;
using core::Stream;

constexpr std::size_t kSendAhead = 1u << 20;        // bytes waiting for the socket
constexpr std::size_t kUnsentPerJob = 512u << 10;   // beyond: its pipes are not read
constexpr std::size_t kMemoryAway = 256u << 10;     // no engine: beyond, output goes to the spool
constexpr std::uint64_t kSpoolPerJob = 256u << 20;  // ... and beyond this the task has to wait
constexpr Duration kPipeGrace = std::chrono::seconds(2);
constexpr Duration kGroupGrace = std::chrono::seconds(5);
constexpr Duration kLinger = std::chrono::milliseconds(50);

// What a ready descriptor is: a job's key and which of its pipes, or one of ours.
enum Tag : std::uint64_t { kPipeOut = 0, kPipeErr = 1, kOwn = 2 };
constexpr std::uint64_t kListener = 1 << 2 | kOwn;
constexpr std::uint64_t kSignals = 2 << 2 | kOwn;
constexpr std::uint64_t kConnection = 3 << 2 | kOwn;  // + 4 * its number

class Spawner {
 public:
  explicit Spawner(std::string data_dir) : data_dir_(std::move(data_dir)) {}
  int run(int first_connection);

 private:
  struct Connection {
    UniqueFd fd;
    FrameReader in;
    std::string out;
    std::int64_t peer = 0;
    bool greeted = false;   // it said hello and is the engine
    bool attached = false;
    bool wants_write = false;
  };

  bool open_house();
  void load_spool();
  void wait_and_serve();
  void accept_all();
  void read_connection(std::uint64_t id);
  bool receive(std::uint64_t id, Connection& c, std::string_view payload);
  bool greet(std::uint64_t id, Connection& c, Reader& r);
  bool command(core::Fence, Reader& r);
  void drop(std::uint64_t id);
  void flush(std::uint64_t id);
  Connection* engine() {
    auto it = connections_.find(engine_);
    return it == connections_.end() ? nullptr : &it->second;
  }
  bool streaming() { auto* c = engine(); return c && c->attached; }

  void spawn(ProcessKey key, actions::ProcessSpec spec);
  void spawn_waiting();
  bool stop_waiting(ProcessKey key, StopReason reason);
  void stop(Job& job, StopReason reason, Duration kill_after);
  void forget(ProcessKey key);
  void read_pipe(Job& job, Stream stream);
  bool read_once(Job& job, Stream stream, UniqueFd& pipe);
  void set_reading(Job& job, bool reading);
  void watch(int fd, std::uint64_t tag, std::uint32_t events, int op);
  void reap();
  void look_at(Job& job);  // after anything that may end it
  void after_stop(Job& job);
  void give(Job& job);     // sends, or spools, what it has
  void pump_backlog();
  void run_timers();
  int next_timeout() const;
  void finish();

  Time now() const { return system_clock().now(); }
  Mono mono() const { return system_clock().mono(); }

  std::string data_dir_, spool_dir_, store_;
  UniqueFd dir_, lock_, listener_, signals_, epoll_, null_;
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::uint64_t next_connection_ = 1, engine_ = 0;
  std::unordered_map<ProcessKey, std::unique_ptr<Job>> jobs_;
  std::unordered_map<pid_t, Job*> by_pid_;
  std::unordered_set<Job*> timed_;    // with a deadline, or lingering members
  std::vector<ProcessKey> backlog_;   // with output that the socket could not take
  std::size_t live_ = 0;              // jobs that have not ended
  // Sent ahead of their turn, so that an end and the next start need no other process. Nothing of them
  // has begun: they go with the connection that sent them.
  std::deque<std::pair<ProcessKey, actions::ProcessSpec>> waiting_;
  std::size_t most_ = 0;              // jobs at a time; the engine's wish
  std::string buffer_ = std::string(64u << 10, '\0');
};

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
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&set, signal);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!null_ || !epoll_ || !listener_ || !signals_) return false;
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
      } else if ((tag & 3) == kOwn) {
        const auto id = (tag - kConnection) / 4;
        if (events[i].events & EPOLLOUT) { flush(id); pump_backlog(); }
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
  engine_ = 0;
  backlog_.clear();
  waiting_.clear();
  for (auto& [key, job] : jobs_) {
    job->rewind();
    if (!job->ended) { set_reading(*job, true); give(*job); }
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
    for (auto& [key, job] : jobs_) { job->rewind(); give(*job); }
    return true;
  }
  const ProcessKey key = r.varint();
  if (msg == Msg::spawn) {
    actions::ProcessSpec spec;
    if (!get_spec(r, spec)) return false;
    waiting_.emplace_back(key, std::move(spec));
    spawn_waiting();
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
    case Msg::ack: job.acknowledge(r.varint()); break;
    case Msg::note:
      if (!job.ended) { job.note(r.bytes(), now()); give(job); }
      break;
    case Msg::mark: job.mark = r.bytes(); break;
    case Msg::forget: forget(key); break;
    default: return false;
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

// -- jobs

void Spawner::spawn_waiting() {
  while (!waiting_.empty() && live_ < most_) {
    auto [key, spec] = std::move(waiting_.front());
    waiting_.pop_front();
    spawn(key, std::move(spec));
  }
}

// Returns whether the job was still waiting: then it has ended before it began.
bool Spawner::stop_waiting(ProcessKey key, StopReason reason) {
  const auto it = std::find_if(waiting_.begin(), waiting_.end(),
                               [&](const auto& one) { return one.first == key; });
  if (it == waiting_.end()) return false;
  waiting_.erase(it);
  Frame frame(engine()->out, Msg::exited);
  frame->varint(key);
  frame->zigzag(SIGTERM);
  frame->u8(static_cast<std::uint8_t>(reason));
  frame->u8(0);
  return true;
}

void Spawner::spawn(ProcessKey key, actions::ProcessSpec spec) {
  auto launched = launch(spec, str("PAWL_LEASE=", lease_of(store_, spec.fence)), null_.get());
  auto* c = engine();
  if (launched.pid < 0) {
    if (!c) return;
    Frame frame(c->out, Msg::launch_failed);
    frame->varint(key);
    frame->u8(static_cast<std::uint8_t>(launched.error.stage));
    frame->zigzag(launched.error.error);
    return;
  }
  const auto notes = std::move(spec.notes);
  auto job = std::make_unique<Job>(key, std::move(spec));
  job->pid = launched.pid;
  job->started_at = now();
  job->out = std::move(launched.out);
  job->err = std::move(launched.err);
  watch(job->out.get(), key << 2 | kPipeOut, EPOLLIN, EPOLL_CTL_ADD);
  watch(job->err.get(), key << 2 | kPipeErr, EPOLLIN, EPOLL_CTL_ADD);
  for (const auto& text : notes) job->note(text, job->started_at);
  by_pid_[job->pid] = job.get();
  ++live_;
  if (c) {
    Frame frame(c->out, Msg::launched);
    frame->varint(key);
  }
  give(*job);
  jobs_[key] = std::move(job);
}

void Spawner::stop(Job& job, StopReason reason, Duration kill_after) {
  if (job.ended) return;
  if (job.leader_ended && job.stopped == StopReason::none) {
    job.drain_until = mono();  // only its pipes are waited for
    timed_.insert(&job);
    return;
  }
  job.stopped = reason;
  // Where the group is empty its number may soon be somebody else's.
  if (job.leader_ended && ::kill(-job.pid, 0) != 0) return look_at(job);
  ::kill(-job.pid, SIGTERM);
  ::kill(-job.pid, SIGCONT);  // a stopped process hears TERM only once it goes on
  job.kill_at = std::min(job.kill_at, mono() + kill_after);
  timed_.insert(&job);
}

void Spawner::forget(ProcessKey key) {
  auto it = jobs_.find(key);
  if (it == jobs_.end() || !it->second->ended) return;
  // Files are rare: only a job that was spilled or loaded has any.
  if (it->second->bytes_in_file() > 0 || it->second->pid < 0) it->second->remove_files(spool_dir_);
  jobs_.erase(it);
}

bool Spawner::read_once(Job& job, Stream stream, UniqueFd& pipe) {
  const auto n = ::read(pipe.get(), buffer_.data(), buffer_.size());
  if (n > 0) {
    const std::string_view data(buffer_.data(), static_cast<std::size_t>(n));
    job.add_output(stream, data, now());
    return true;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  pipe.reset();
  job.finish_output(stream, now());
  return false;
}

void Spawner::read_pipe(Job& job, Stream stream) {
  auto& pipe = stream == Stream::out ? job.out : job.err;
  if (!pipe) return;
  read_once(job, stream, pipe);
  give(job);
  look_at(job);
}

void Spawner::set_reading(Job& job, bool reading) {
  if (job.reading == reading) return;
  job.reading = reading;
  const auto op = reading ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
  if (job.out) watch(job.out.get(), job.key << 2 | kPipeOut, EPOLLIN, op);
  if (job.err) watch(job.err.get(), job.key << 2 | kPipeErr, EPOLLIN, op);
}

void Spawner::give(Job& job) {
  if (streaming()) {
    if (job.pump(engine()->out, kSendAhead)) backlog_.push_back(job.key);
    if (!job.ended) set_reading(job, job.unsent_bytes() < kUnsentPerJob);
    return;
  }
  if (job.bytes_in_memory() > kMemoryAway) {
    // A full disk leaves the output in memory, and the task waits on its pipe: nothing is lost.
    if (!job.spill(spool_dir_).ok()) return set_reading(job, false);
  }
  if (!job.ended) set_reading(job, job.bytes_in_file() < kSpoolPerJob);
}

void Spawner::pump_backlog() {
  auto* c = engine();
  if (!c || !c->attached || backlog_.empty() || c->out.size() >= kSendAhead) return;
  std::vector<ProcessKey> waiting;
  waiting.swap(backlog_);
  std::sort(waiting.begin(), waiting.end());
  waiting.erase(std::unique(waiting.begin(), waiting.end()), waiting.end());
  for (auto key : waiting) {
    auto it = jobs_.find(key);
    if (it != jobs_.end()) give(*it->second);
  }
  flush(engine_);
}

void Spawner::reap() {
  signalfd_siginfo info[16];
  while (::read(signals_.get(), info, sizeof info) > 0) {}
  int status;
  pid_t pid;
  bool stranger = false;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    auto it = by_pid_.find(pid);
    if (it == by_pid_.end()) {
      stranger = true;
      continue;
    }
    Job& job = *it->second;
    by_pid_.erase(it);
    job.status = status;
    job.leader_ended = true;
    // What it wrote lies in its pipes: usually all of it, and their end too.
    set_reading(job, true);
    while (job.out && job.unsent_bytes() < kUnsentPerJob && read_once(job, Stream::out, job.out)) {}
    while (job.err && job.unsent_bytes() < kUnsentPerJob && read_once(job, Stream::err, job.err)) {}
    if (job.out || job.err) {
      job.drain_until = mono() + kPipeGrace;
      timed_.insert(&job);
    }
    look_at(job);
    give(job);
  }
  if (!stranger) return;
  const std::vector<Job*> waiting(timed_.begin(), timed_.end());
  for (Job* job : waiting) look_at(*job);
}

void Spawner::look_at(Job& job) {
  if (job.ended || !job.leader_ended) return;
  const bool stopping = job.stopped != StopReason::none;
  if (stopping && ::kill(-job.pid, 0) == 0) {
    if (mono() < job.give_up_at) { timed_.insert(&job); return; }
    job.unconfirmed = true;
  }
  if (job.out || job.err) {
    if (mono() < job.drain_until || !job.reading) return;
    // What is there already still counts: a slow engine may have kept us from reading.
    for (int i = 0; i < 16 && job.out && read_once(job, Stream::out, job.out); ++i) {}
    for (int i = 0; i < 16 && job.err && read_once(job, Stream::err, job.err); ++i) {}
  }
  if (job.out || job.err) {
    job.note("the process has ended, but something it started keeps its output open: no longer "
             "listening", now());
    for (auto stream : {Stream::out, Stream::err}) {
      auto& pipe = stream == Stream::out ? job.out : job.err;
      if (!pipe) continue;
      pipe.reset();
      job.finish_output(stream, now());
    }
  }
  if (stopping) after_stop(job);
  job.ended = true;
  --live_;
  timed_.erase(&job);
  give(job);
}

// A stop means every process of the task, also one that left its group.
void Spawner::after_stop(Job& job) {
  std::vector<pid_t> known;
  for (const auto& [pid, other] : by_pid_) known.push_back(pid);
  if (!has_other_children(known)) return;
  if (kill_by_lease(lease_of(store_, job.fence), std::chrono::milliseconds(500),
                    system_clock()) > 0) {
    job.unconfirmed = true;
  }
}

void Spawner::run_timers() {
  if (timed_.empty()) return;
  const auto at = mono();
  const std::vector<Job*> due(timed_.begin(), timed_.end());
  for (Job* job : due) {
    if (job->kill_at <= at) {
      // Until the group is empty its number cannot have become somebody else's.
      if (!job->leader_ended || ::kill(-job->pid, 0) == 0) ::kill(-job->pid, SIGKILL);
      job->kill_at = Mono::max();
      job->give_up_at = at + kGroupGrace;
    }
    look_at(*job);
  }
}

int Spawner::next_timeout() const {
  if (timed_.empty()) return -1;
  const auto at = mono();
  auto next = Mono::max();
  for (const Job* job : timed_) {
    next = std::min({next, job->kill_at, job->give_up_at});
    if (job->reading) next = std::min(next, job->drain_until);
    // Members of a group whose parent lives end without a signal to us.
    if (job->leader_ended && job->stopped != StopReason::none) next = std::min(next, at + kLinger);
  }
  if (next == Mono::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - at).count();
  return static_cast<int>(std::clamp<long long>(left, 1, 60'000));
}

// Nobody listens and nothing runs: what was not asked for stays on disk.
void Spawner::finish() {
  listener_.reset();
  bool saved = true;
  for (auto& [key, job] : jobs_) {
    if (!job->save(spool_dir_).ok()) saved = false;
  }
  // The socket's name stays where something went wrong: the next worker then looks for orphans.
  if (saved && (jobs_.empty() || sync_dir(spool_dir_).ok())) {
    ::unlinkat(dir_.get(), kSpawnerSocket, 0);
  }
}

}  // namespace

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
