#include "worker/spawner_client.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/text.h"
#include "worker/orphans.h"
#include "worker/spawner.h"

namespace pawl::worker {

using actions::HeldProcess;
using actions::LaunchError;
using actions::LaunchStage;
using actions::ProcessKey;

namespace {

constexpr int kAnswerMs = 20'000;
constexpr std::size_t kAcknowledgeEvery = 256u << 10;

// The spawner, in its own session, with nothing of ours but one end of a socket.
Result<pid_t> spawn_it(const std::string& executable, const std::string& data_dir, int fd) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&files, 0, 1);
  posix_spawn_file_actions_adddup2(&files, 0, 2);
  posix_spawn_file_actions_adddup2(&files, fd, kSpawnerFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = "pawl-spawner", argument = kSpawnerArgument, dir = data_dir;
  char* argv[] = {name.data(), argument.data(), dir.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, executable.c_str(), &files, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return errno_error("start the spawner", executable, error);
  return pid;
}

}  // namespace

SpawnerClient::SpawnerClient(Options options, Poller& poller)
    : options_(std::move(options)), poller_(poller) {}

SpawnerClient::~SpawnerClient() {
  if (!socket_) return;
  // What is queued (forget, stop) should arrive; the spawner reads it soon or is gone.
  while (!out_.empty() && send_some(socket_.get(), out_) && !out_.empty()) {
    pollfd one{socket_.get(), POLLOUT, 0};
    if (::poll(&one, 1, 1000) <= 0) break;
  }
  poller_.remove(socket_.get());
}

Result<std::vector<HeldProcess>> SpawnerClient::find() {
  dir_.reset(::open(options_.data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir_) return errno_error("open", options_.data_dir, errno);
  // A spawner that is leaving may hold the lock when the next one wants it, and the next one then
  // leaves too. What they held is on disk or in the one that is left: look again.
  constexpr int kTries = 5;
  for (int tries = 1;; ++tries) {
    auto held = find_once();
    if (held.ok() || held.error().code != Errc::unavailable || tries == kTries) return held;
    socket_.reset();
  }
}

Result<std::vector<HeldProcess>> SpawnerClient::find_once() {
  socket_.reset(connect_unix(dir_.get(), kSpawnerSocket));
  if (socket_) {
    auto held = greet();
    if (held.ok() || held.error().code == Errc::in_use) return held;
    socket_.reset();  // it was just leaving
  }
  // Once the lock is free no spawner is left, and what it had to save is saved.
  UniqueFd lock(::openat(dir_.get(), kSpawnerLock, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!lock) return std::vector<HeldProcess>{};
  if (::flock(lock.get(), LOCK_EX) != 0) return errno_error("lock", kSpawnerLock, errno);
  if (::faccessat(dir_.get(), kSpawnerSocket, F_OK, AT_SYMLINK_NOFOLLOW) == 0) fence_orphans();
  lock.reset();
  auto spooled = list_dir(str(options_.data_dir, "/spool"));
  const bool any = spooled.ok() && std::any_of(spooled->begin(), spooled->end(), [](const auto& e) {
                     return e.name.ends_with(".job");
                   });
  if (!any) return std::vector<HeldProcess>{};
  TRY(launch_spawner());
  return greet();
}

void SpawnerClient::fence_orphans() {
  failpoint("worker.orphans.begin");
  const auto store = store_identity(options_.data_dir);
  const int left = kill_by_lease(str(store, ':'), std::chrono::seconds(5), *options_.clock);
  if (left > 0) {
    log_warning("processes of an earlier life could not be killed", {{"processes", left}});
  }
  failpoint("worker.orphans.killed");
  ::unlinkat(dir_.get(), kSpawnerSocket, 0);
}

Status SpawnerClient::launch_spawner() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    return errno_error("make a socket pair", "", errno);
  }
  socket_.reset(pair[0]);
  UniqueFd theirs(pair[1]);
  // dup2 onto itself would leave close-on-exec set.
  if (theirs.get() == kSpawnerFd) {
    const int other = ::fcntl(theirs.get(), F_DUPFD_CLOEXEC, 10);
    if (other < 0) return errno_error("duplicate", "a socket", errno);
    theirs.reset(other);
  }
  failpoint("worker.spawner.launch");
  const pid_t pid = TRY(spawn_it(options_.executable, options_.data_dir, theirs.get()));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  failpoint("worker.spawner.launched");
  in_ = FrameReader();
  out_.clear();
  return Ok{};
}

Result<std::string> SpawnerClient::next_payload() {
  while (true) {
    if (auto payload = in_.next()) return std::string(*payload);
    pollfd one{socket_.get(), POLLIN, 0};
    const int ready = ::poll(&one, 1, kAnswerMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return Error{Errc::unavailable, "the spawner does not answer"};
    if (in_.fill(socket_.get()) == 0 || in_.broken()) {
      return Error{Errc::unavailable, "the spawner closed the connection"};
    }
  }
}

Result<std::vector<HeldProcess>> SpawnerClient::greet() {
  {
    Frame frame(out_, Msg::hello);
    frame->varint(kWireVersion);
    frame->zigzag(::getpid());
    frame->varint(options_.processes);
  }
  send_some(socket_.get(), out_);
  const auto welcome = TRY(next_payload());
  Reader r(welcome);
  const auto msg = static_cast<Msg>(r.u8());
  if (msg == Msg::busy) {
    return Error{Errc::in_use, str("process ", r.zigzag(), " runs the tasks of ", options_.data_dir,
                                   ". Stop it first")};
  }
  if (msg != Msg::welcome) return Error{Errc::unavailable, "the spawner answers strangely"};
  r.varint();
  r.zigzag();
  std::vector<HeldProcess> held;
  for (auto n = r.varint(); n > 0; --n) {
    const auto payload = TRY(next_payload());
    Reader one(payload);
    if (static_cast<Msg>(one.u8()) != Msg::held) {
      return Error{Errc::unavailable, "the spawner answers strangely"};
    }
    HeldProcess h;
    h.key = one.varint();
    h.fence = get_fence(one);
    h.state = one.bytes();
    h.mark = one.bytes();
    for (auto k = one.varint(); k > 0 && one.ok(); --k) {
      std::string name(one.bytes());
      h.secrets.emplace_back(std::move(name), std::string(one.bytes()));
    }
    h.stopped = static_cast<actions::StopReason>(one.u8());
    h.ran = Duration(one.varint());
    if (!one.ok()) return Error{Errc::unavailable, "the spawner answers strangely"};
    next_key_ = std::max(next_key_, h.key + 1);
    held.push_back(std::move(h));
  }
  return held;
}

void SpawnerClient::watch() {
  ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
  poller_.add(socket_.get(), EPOLLIN, [this](std::uint32_t events) { ready(events); });
  wants_write_ = false;
}

void SpawnerClient::attach() {
  if (!socket_) return;
  { Frame frame(out_, Msg::attach); }
  watch();
  flush();
}

// A spawner to talk to; starts one where there is none.
bool SpawnerClient::ensure() {
  if (socket_) return true;
  // One that is killed while it starts has started nothing; one that was just killed may hold the
  // lock a moment longer, and keeps the next one out.
  constexpr int kTries = 3;
  for (int tries = 0; tries < kTries; ++tries) {
    auto launched = launch_spawner();
    auto held = launched.ok() ? greet() : Result<std::vector<HeldProcess>>(launched.error());
    if (held.ok()) {
      attach();
      return true;
    }
    log_error("no spawner", {{"error", held.error().message}});
    socket_.reset();
  }
  return false;
}

ProcessKey SpawnerClient::start(actions::ProcessSpec spec, actions::ProcessEvents* events) {
  const ProcessKey key = next_key_++;
  if (!ensure()) {
    failed_starts_.push_back(events);
    return key;
  }
  processes_[key].events = events;
  Frame frame(out_, Msg::spawn);
  frame->varint(key);
  put_spec(frame.writer(), spec);
  failpoint("worker.spawn.asked");
  return key;
}

void SpawnerClient::adopt(ProcessKey key, actions::ProcessEvents* events) {
  processes_[key].events = events;
}

void SpawnerClient::stop(ProcessKey key, actions::StopReason reason, Duration kill_after) {
  Frame frame(out_, Msg::stop);
  frame->varint(key);
  frame->u8(static_cast<std::uint8_t>(reason));
  frame->zigzag(kill_after.count());
}

void SpawnerClient::note(ProcessKey key, std::string_view text) {
  Frame frame(out_, Msg::note);
  frame->varint(key);
  frame->bytes(text);
}

void SpawnerClient::mark(ProcessKey key, std::string_view bytes) {
  Frame frame(out_, Msg::mark);
  frame->varint(key);
  frame->bytes(bytes);
}

void SpawnerClient::forget(ProcessKey key) {
  processes_.erase(key);
  if (!socket_) return;
  Frame frame(out_, Msg::forget);
  frame->varint(key);
}

void SpawnerClient::flush() {
  // Told in the next turn, when start() has returned.
  auto failed = std::move(failed_starts_);
  failed_starts_.clear();
  for (auto* events : failed)
    events->vanished();
  if (!socket_ || out_.empty()) return;
  send_some(socket_.get(), out_);
  const bool wants = !out_.empty();
  if (wants == wants_write_) return;
  wants_write_ = wants;
  poller_.change(socket_.get(), wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void SpawnerClient::ready(std::uint32_t events) {
  if (events & EPOLLOUT) flush();
  if (!(events & ~static_cast<std::uint32_t>(EPOLLOUT))) return;
  const long n = in_.fill(socket_.get());
  if (n == 0 || (n < 0 && errno != EAGAIN)) return lost();
  while (auto payload = in_.next())
    receive(*payload);
  if (in_.broken()) lost();
}

void SpawnerClient::receive(std::string_view payload) {
  Reader r(payload);
  const auto msg = static_cast<Msg>(r.u8());
  const ProcessKey key = r.varint();
  auto it = processes_.find(key);
  if (it == processes_.end() || !it->second.events) return;
  auto* events = it->second.events;
  switch (msg) {
    case Msg::launched:
      failpoint("worker.spawn.launched");
      events->launched();
      break;
    case Msg::launch_failed: {
      LaunchError error;
      error.stage = static_cast<LaunchStage>(r.u8());
      error.error = static_cast<int>(r.zigzag());
      processes_.erase(it);
      events->launch_failed(error);
      break;
    }
    case Msg::output:
      receive_output(r, key);
      break;
    case Msg::exited: {
      actions::ProcessExit exit;
      exit.status = static_cast<int>(r.zigzag());
      exit.stopped = static_cast<actions::StopReason>(r.u8());
      exit.unconfirmed = r.u8() != 0;
      failpoint("worker.exited");
      it->second.events = nullptr;
      events->exited(exit);
      break;
    }
    default:
      break;
  }
}

void SpawnerClient::receive_output(Reader& r, ProcessKey key) {
  const auto first = r.varint();
  const auto count = r.varint();
  const auto bytes = r.bytes();
  std::vector<core::LogLine> lines;
  lines.reserve(std::min<std::uint64_t>(count, bytes.size()));
  Reader records(bytes);
  while (!records.at_end()) {
    core::LogLine line;
    line.stream = static_cast<core::Stream>(records.u8());
    line.time = Time(Duration(records.varint()));
    const auto text = records.bytes();
    line.text = valid_utf8(text) ? std::string(text) : to_valid_utf8(text);
    lines.push_back(std::move(line));
  }
  const auto upto = first + lines.size();
  auto& process = processes_[key];
  failpoint("worker.output");
  process.events->lines(first, std::move(lines));
  process.unacknowledged += bytes.size();
  if (process.unacknowledged < kAcknowledgeEvery) return;
  process.unacknowledged = 0;
  Frame frame(out_, Msg::ack);
  frame->varint(key);
  frame->varint(upto);
}

// The spawner was killed, and its children with it. What escaped follows before anyone is told.
void SpawnerClient::lost() {
  poller_.remove(socket_.get());
  socket_.reset();
  out_.clear();
  in_ = FrameReader();
  failpoint("worker.spawner.lost");
  log_error("the spawner was killed; its tasks are lost");
  UniqueFd lock(::openat(dir_.get(), kSpawnerLock, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (lock) ::flock(lock.get(), LOCK_EX);
  fence_orphans();
  lock.reset();
  auto processes = std::move(processes_);
  processes_.clear();
  for (auto& [key, process] : processes) {
    if (process.events) process.events->vanished();
  }
}

}  // namespace pawl::worker
