#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/failpoint.h"
#include "base/text.h"
#include "worker/launch.h"
#include "worker/orphans.h"
#include "worker/spawner_core.h"

namespace pawl::worker {

using actions::ProcessKey;
using actions::StopReason;
using core::Stream;

namespace {

constexpr std::size_t kSendAhead = 1u << 20;        // bytes waiting for the socket
constexpr std::size_t kUnsentPerJob = 512u << 10;   // beyond: its pipes are not read
constexpr std::size_t kMemoryAway = 256u << 10;     // no engine: beyond, output goes to the spool
constexpr std::uint64_t kSpoolPerJob = 256u << 20;  // ... and beyond this the task has to wait
constexpr Duration kPipeGrace = std::chrono::seconds(2);
constexpr Duration kGroupGrace = std::chrono::seconds(5);
constexpr Duration kLinger = std::chrono::milliseconds(50);

}  // namespace

void Spawner::spawn_waiting() {
  while (!waiting_.empty() && live_ < most_) {
    auto [key, spec] = std::move(waiting_.front());
    waiting_.pop_front();
    auto lease = str("PAWL_LEASE=", lease_of(store_, spec.fence));
    failpoint("spawner.spawn.begin");
    launching_[key].number = ++launches_;
    ++live_;
    launcher_.add({key, std::move(spec), std::move(lease)});
  }
}

void Spawner::take_launched() {
  for (auto& done : launcher_.take())
    launched(std::move(done));
  auto oldest = launches_ + 1;
  for (const auto& [key, one] : launching_)
    oldest = std::min(oldest, one.number);
  std::erase_if(early_, [&](const auto& one) { return one.second.number < oldest; });
}

// Nothing is on its way between the threads any more: every process is a job.
void Spawner::settle_launches() {
  launcher_.wait_all();
  take_launched();
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

void Spawner::launched(Launcher::Done done) {
  const auto key = done.order.key;
  const auto launching = std::move(launching_.extract(key).mapped());
  auto& launched = done.launched;
  auto* c = engine();
  if (launched.pid < 0) {
    --live_;
    if (!c) return;
    Frame frame(c->out, Msg::launch_failed);
    frame->varint(key);
    frame->u8(static_cast<std::uint8_t>(launched.error.stage));
    frame->zigzag(launched.error.error);
    return;
  }
  failpoint("spawner.spawn.launched");
  const auto notes = std::move(done.order.spec.notes);
  auto& job = jobs_[key] = std::make_unique<Job>(key, std::move(done.order.spec));
  job->pid = launched.pid;
  job->started_at = now();
  job->out = std::move(launched.out);
  job->err = std::move(launched.err);
  watch(job->out.get(), key << 2 | kPipeOut, EPOLLIN, EPOLL_CTL_ADD);
  watch(job->err.get(), key << 2 | kPipeErr, EPOLLIN, EPOLL_CTL_ADD);
  for (const auto& text : notes)
    job->note(text, job->started_at);
  by_pid_[job->pid] = job.get();
  if (c) {
    Frame frame(c->out, Msg::launched);
    frame->varint(key);
  }
  give(*job);
  if (auto it = early_.find(job->pid);
      it != early_.end() && launching.number <= it->second.number) {
    const int status = it->second.status;
    early_.erase(it);
    leader_ended(*job, status);
  }
  for (const auto& payload : launching.deferred)
    command(payload);
  failpoint("spawner.spawn.told");
}

void Spawner::stop(Job& job, StopReason reason, Duration kill_after) {
  if (job.ended) return;
  if (job.leader_ended && job.stopped == StopReason::none) {
    job.drain_until = mono();  // only its pipes are waited for
    timed_.insert(&job);
    return;
  }
  job.stopped = reason;
  failpoint("spawner.stop");
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
  failpoint("spawner.forget");
  // Files are rare: only a job that was spilled or loaded has any.
  if (it->second->bytes_in_file() > 0 || it->second->pid < 0) it->second->remove_files(spool_dir_);
  jobs_.erase(it);
}

// A child between vfork and exec has copies of our descriptors, so closing alone may leave the pipe
// in the poll set, ready for ever.
void Spawner::close_pipe(const Job& job, UniqueFd& pipe) {
  if (job.reading) watch(pipe.get(), 0, 0, EPOLL_CTL_DEL);
  pipe.reset();
}

bool Spawner::read_once(Job& job, Stream stream, UniqueFd& pipe) {
  const auto n = ::read(pipe.get(), buffer_.data(), buffer_.size());
  if (n > 0) {
    const std::string_view data(buffer_.data(), static_cast<std::size_t>(n));
    job.add_output(stream, data, now());
    failpoint("spawner.output");
    return true;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  close_pipe(job, pipe);
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
  while (::read(signals_.get(), info, sizeof info) > 0) {
  }
  int status;
  pid_t pid;
  bool stranger = false;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (auto it = by_pid_.find(pid); it != by_pid_.end()) {
      leader_ended(*it->second, status);
      continue;
    }
    stranger = true;
    if (!launching_.empty()) early_[pid] = {status, launches_};
  }
  if (!stranger) return;
  const std::vector<Job*> waiting(timed_.begin(), timed_.end());
  for (Job* job : waiting)
    look_at(*job);
}

void Spawner::leader_ended(Job& job, int status) {
  by_pid_.erase(job.pid);
  job.status = status;
  job.leader_ended = true;
  // What it wrote lies in its pipes: usually all of it, and their end too.
  set_reading(job, true);
  while (job.out && job.unsent_bytes() < kUnsentPerJob && read_once(job, Stream::out, job.out)) {
  }
  while (job.err && job.unsent_bytes() < kUnsentPerJob && read_once(job, Stream::err, job.err)) {
  }
  if (job.out || job.err) {
    job.drain_until = mono() + kPipeGrace;
    timed_.insert(&job);
  }
  look_at(job);
  give(job);
}

void Spawner::look_at(Job& job) {
  if (job.ended || !job.leader_ended) return;
  const bool stopping = job.stopped != StopReason::none;
  if (stopping && ::kill(-job.pid, 0) == 0) {
    if (mono() < job.give_up_at) {
      timed_.insert(&job);
      return;
    }
    job.unconfirmed = true;
  }
  if (job.out || job.err) {
    if (mono() < job.drain_until || !job.reading) return;
    // What is there already still counts: a slow engine may have kept us from reading.
    for (int i = 0; i < 16 && job.out && read_once(job, Stream::out, job.out); ++i) {
    }
    for (int i = 0; i < 16 && job.err && read_once(job, Stream::err, job.err); ++i) {
    }
  }
  if (job.out || job.err) {
    job.note(
        "the process has ended, but something it started keeps its output open: no longer "
        "listening",
        now());
    for (auto stream : {Stream::out, Stream::err}) {
      auto& pipe = stream == Stream::out ? job.out : job.err;
      if (!pipe) continue;
      close_pipe(job, pipe);
      job.finish_output(stream, now());
    }
  }
  if (stopping) after_stop(job);
  failpoint("spawner.ended.begin");
  job.ended = true;
  --live_;
  timed_.erase(&job);
  give(job);
  failpoint("spawner.ended.told");
}

// A stop means every process of the task, also one that left its group.
void Spawner::after_stop(Job& job) {
  std::vector<pid_t> known;
  for (const auto& [pid, other] : by_pid_)
    known.push_back(pid);
  if (!has_other_children(known)) return;
  if (kill_by_lease(lease_of(store_, job.fence), std::chrono::milliseconds(500), system_clock()) >
      0) {
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

}  // namespace pawl::worker
