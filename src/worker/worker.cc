#include "worker/worker.h"

#include <pthread.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <thread>
#include <unordered_map>

#include "actions/shell.h"
#include "actions/task_files.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/text.h"
#include "worker/attempt.h"
#include "worker/inbox.h"
#include "worker/loop.h"
#include "worker/pool.h"
#include "worker/spawner_client.h"

namespace pawl::worker {

using actions::StopReason;
using core::Assignment;
using core::Fence;
using core::Report;
using core::ReportKind;

namespace {

constexpr std::size_t kReportBatch = 4096;
// Attempts that cost nothing here are taken by the hundred.
constexpr std::uint32_t kInlineAhead = 128;
// Of short-lived processes, so many times those that may run.
constexpr std::uint32_t kAhead = 3;
constexpr Duration kLinger = std::chrono::milliseconds(3);
constexpr std::size_t kLingerReports = 64;
constexpr Duration kShortLife = std::chrono::milliseconds(50);
// Evidence of a final report that nobody acknowledges, by an engine that never acknowledges.
constexpr Duration kKeepEvidence = std::chrono::seconds(30);

struct FenceHash {
  std::size_t operator()(const Fence& f) const {
    auto x = static_cast<std::uint64_t>(f.run.value) * 0x9e3779b97f4a7c15u;
    x ^= (static_cast<std::uint64_t>(f.task) << 32 | f.lease) * 0xc2b2ae3d27d4eb4fu;
    return static_cast<std::size_t>(x ^ (x >> 29) ^ f.attempt);
  }
};
using AttemptMap = std::unordered_map<Fence, std::unique_ptr<LiveAttempt>, FenceHash>;

std::string host_and_pid() {
  char host[HOST_NAME_MAX + 1] = "localhost";
  ::gethostname(host, sizeof host - 1);
  return str(static_cast<const char*>(host), ':', ::getpid());
}

// Where this program lies, for `pawl emit` inside tasks.
std::string own_path() {
  char path[PATH_MAX];
  const auto n = ::readlink("/proc/self/exe", path, sizeof path);
  return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : std::string();
}

Result<std::string> absolute(const std::string& dir) {
  char path[PATH_MAX];
  if (!::realpath(dir.c_str(), path)) return errno_error("resolve", dir, errno);
  return std::string(path);
}

}  // namespace

class Worker::Core : public AttemptOwner {
 public:
  Core(core::WorkerPort& port, const actions::Registry& registry, WorkerOptions options)
      : port_(port),
        registry_(registry),
        options_(std::move(options)),
        clock_(options_.clock ? *options_.clock : system_clock()),
        watcher_(poller_),
        client_({options_.data_dir, options_.executable, &clock_, options_.processes}, poller_),
        inbox_(std::make_shared<Inbox>([this] { poller_.wake(); })),
        pool_(options_.pool_threads) {
    services_ = {&client_, &watcher_, &spare_inputs_, &clock_, options_.data_dir, own_path()};
  }
  ~Core() override {
    inbox_->put(StopWorker{});
    if (thread_.joinable()) thread_.join();
    for (auto& [fence, attempt] : attempts_) {
      if (!attempt->is_process() && attempt->action()) attempt->action()->stop(StopReason::drain);
    }
  }

  Status open();
  void drain(Duration grace) {
    inbox_->put(DrainWorker{grace});
    if (thread_.joinable()) thread_.join();
  }

  // AttemptOwner
  TimerQueue& timers() override { return timers_; }
  const Clock& clock() override { return clock_; }
  void send_log(core::LogBatch batch) override { port_.log(id_, std::move(batch)); }
  void send_report(Report report) override { reports_.push_back(std::move(report)); }
  void over(LiveAttempt& attempt) override;

 private:
  void adopt(const std::vector<actions::HeldProcess>& held);
  void run();
  void receive(std::vector<Assignment>& batch);
  void receive(CancelAttempt& command);
  void receive(RefuseAttempt& command);
  void receive(RecordAttempts& command);
  void receive(PoolNews& news);
  void receive(DrainWorker& command);
  void receive(StopWorker&) { stopped_ = true; }

  const actions::ActionKind* kind_of(const Assignment& assignment);
  void carry_out(Assignment& assignment);
  void take_on(Assignment&& assignment, const actions::ActionKind& kind);
  void begin_waiting();
  void look_ahead(const LiveAttempt& ended);
  bool lingers();
  void flush_reports();
  void forget_old();
  // Twice as many as may run: the spawner starts the next one without asking.
  std::uint32_t most_processes() const { return 2 * options_.processes; }
  bool settled();
  void bury() { buried_.clear(); }
  LiveAttempt* find(const Fence& fence) {
    auto it = attempts_.find(fence);
    return it == attempts_.end() ? nullptr : it->second.get();
  }

  core::WorkerPort& port_;
  const actions::Registry& registry_;
  WorkerOptions options_;
  const Clock& clock_;
  WorkerId id_;

  Poller poller_;
  TimerQueue timers_;
  Watcher watcher_;
  SpawnerClient client_;
  actions::SpareInputs spare_inputs_;
  actions::Services services_;
  std::shared_ptr<Inbox> inbox_;

  AttemptMap attempts_;        // running, or waiting for their turn
  std::deque<Fence> waiting_;  // processes that the spawner was not told of yet
  std::uint32_t processes_ = 0;
  AttemptMap settling_;  // reported, not yet recorded
  std::deque<std::pair<Mono, Fence>> settling_since_;
  std::vector<std::unique_ptr<LiveAttempt>> buried_;  // over, until the end of the turn
  Pool pool_;                                         // after what its threads refer to

  std::vector<Report> reports_;
  std::uint32_t freed_ = 0;
  std::uint32_t beyond_ = 0;  // adopted beyond our slots: their ends free none
  std::uint32_t ahead_ = 0;   // slots offered beyond options_.slots
  Duration mean_life_{0};     // of processes lately
  std::uint64_t lives_ = 0;
  Mono linger_until_{};  // reports wait until then; the epoch: none waits
  const core::TaskDef* last_def_ = nullptr;
  const actions::ActionKind* last_kind_ = nullptr;
  bool receipts_ = false;  // the engine acknowledges
  bool draining_ = false, stopped_ = false;
  TimerQueue::Id drain_timer_ = TimerQueue::kNone, settle_timer_ = TimerQueue::kNone;
  bool waited_for_receipts_ = false;
  std::thread thread_;
};

Status Worker::Core::open() {
  auto held = TRY(client_.find());
  failpoint("worker.start.found");
  adopt(held);
  std::vector<Fence> fences;
  for (const auto& one : held)
    fences.push_back(one.fence);
  core::WorkerInfo info;
  info.name = options_.name.empty() ? host_and_pid() : options_.name;
  info.queues = options_.queues;
  info.actions = registry_.names();
  info.labels = options_.labels;
  id_ = port_.join(std::move(info), inbox_, fences);
  failpoint("worker.start.joined");
  client_.attach();
  const auto taken = static_cast<std::uint32_t>(attempts_.size());
  if (options_.slots > taken) port_.offer(id_, options_.slots - taken);
  beyond_ = taken > options_.slots ? taken - options_.slots : 0;
  // Signals are for the thread that started us.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return Ok{};
}

void Worker::Core::adopt(const std::vector<actions::HeldProcess>& held) {
  for (const auto& one : held) {
    Assignment assignment;
    assignment.fence = one.fence;
    auto attempt = std::make_unique<LiveAttempt>(*this, std::move(assignment));
    attempt->set_process();
    attempt->set_action(actions::make_shell(*attempt, services_));
    const auto state = actions::decode_shell_state(one.state).value_or(actions::ShellState{});
    auto& placed = attempts_[one.fence] = std::move(attempt);
    ++processes_;
    failpoint("worker.start.adopt");
    placed->adopt(one, state.attempt_timeout, state.heartbeat_timeout);
  }
}

void Worker::Core::run() {
  pthread_setname_np(pthread_self(), "pawl-worker");
  std::vector<Command> commands;
  while (!stopped_) {
    client_.flush();
    flush_reports();
    bury();
    forget_old();
    if (draining_ && attempts_.empty() && settled()) {
      failpoint("worker.leave");
      port_.leave(id_);
      break;
    }
    const auto now = clock_.mono();
    poller_.wait(now, inbox_->may_sleep() ? timers_.next() : now);
    inbox_->take(commands);
    for (auto& command : commands) {
      std::visit([this](auto& one) { receive(one); }, command);
    }
    commands.clear();
    timers_.run(clock_.mono());
    begin_waiting();
  }
  inbox_->close();
}

// -- assignments

const actions::ActionKind* Worker::Core::kind_of(const Assignment& a) {
  if (a.def != last_def_ || !last_kind_) {
    last_kind_ = registry_.find(a.def->action);
    last_def_ = a.def;
  }
  return last_kind_;
}

void Worker::Core::receive(std::vector<Assignment>& batch) {
  failpoint("worker.claimed");
  for (auto& assignment : batch)
    carry_out(assignment);
  last_def_ = nullptr;  // the workflow may go before the next batch
}

void Worker::Core::carry_out(Assignment& a) {
  if (reports_.size() >= kReportBatch) flush_reports();
  const auto* kind = draining_ ? nullptr : kind_of(a);
  if (kind) {
    if (const auto* function = std::get_if<actions::InlineFunction>(&kind->how)) {
      Report& report = reports_.emplace_back();
      report.fence = a.fence;
      report.kind = ReportKind::completed;
      ++freed_;
      if (options_.look_ahead && ahead_ < kInlineAhead) ++ahead_, ++freed_;
      return (*function)(a, report);
    }
    return take_on(std::move(a), *kind);
  }
  Report& report = reports_.emplace_back();
  if (draining_) {
    report.kind = ReportKind::released;
  } else {
    report = actions::failed_for_good(core::FailureClass::user,
                                      str("this worker has no action '", a.def->action,
                                          "'. It has: ", join(registry_.names(), ", ")));
    ++freed_;
  }
  report.fence = a.fence;
}

void Worker::Core::take_on(Assignment&& a, const actions::ActionKind& kind) {
  const Fence fence = a.fence;
  // Told twice, it is still one attempt.
  if (attempts_.contains(fence) || settling_.contains(fence)) return;
  auto made = std::make_unique<LiveAttempt>(*this, std::move(a));
  auto& attempt = *made;
  attempts_[fence] = std::move(made);
  attempt.wait_for_turn();
  if (const auto* function = std::get_if<actions::PoolFunction>(&kind.how)) {
    attempt.set_action(std::make_unique<PoolAction>(attempt, *function, pool_, inbox_, clock_));
    return attempt.begin();
  }
  attempt.set_process();
  attempt.set_action(std::get<actions::ActionFactory>(kind.how)(attempt, services_));
  if (processes_ >= most_processes()) {
    waiting_.push_back(fence);
    return;
  }
  ++processes_;
  attempt.begin();
}

void Worker::Core::begin_waiting() {
  while (!waiting_.empty() && processes_ < most_processes()) {
    auto* attempt = find(waiting_.front());
    waiting_.pop_front();
    if (!attempt || attempt->begun()) continue;  // cancelled meanwhile
    ++processes_;
    attempt->begin();
  }
}

void Worker::Core::over(LiveAttempt& attempt) {
  auto it = attempts_.find(attempt.fence());
  if (it == attempts_.end() || it->second.get() != &attempt) return;
  if (beyond_ > 0) {
    --beyond_;
  } else if (!draining_) {
    ++freed_;
  }
  if (it->second->is_process() && it->second->has_started()) look_ahead(*it->second);
  auto kept = std::move(it->second);
  attempts_.erase(it);
  if (!kept->is_process() || !kept->begun()) {
    buried_.push_back(std::move(kept));
    return;
  }
  --processes_;
  if (kept->refused()) {
    kept->action()->recorded();
    buried_.push_back(std::move(kept));
    return;
  }
  settling_since_.emplace_back(clock_.mono(), kept->fence());
  settling_[kept->fence()] = std::move(kept);
}

// Keeps a few times `processes` attempts at hand while they live for less than a commit takes on a
// slow disk; gives those slots up again once they live longer.
void Worker::Core::look_ahead(const LiveAttempt& ended) {
  if (!options_.look_ahead || draining_) return;
  const auto life = clock_.mono() - ended.started_at();
  mean_life_ = ++lives_ == 1 ? life : (mean_life_ * 7 + life) / 8;
  const bool is_short = mean_life_ < kShortLife && lives_ >= options_.processes;
  if (is_short && ahead_ < kAhead * options_.processes) {
    ++ahead_, ++freed_;
  } else if (ahead_ > (is_short ? kAhead * options_.processes : 0) && freed_ > 0) {
    --ahead_, --freed_;
  }
}

// -- the engine's other words

void Worker::Core::receive(CancelAttempt& command) {
  failpoint("worker.cancel");
  if (auto* attempt = find(command.fence)) attempt->stop(StopReason::cancel);
}

void Worker::Core::receive(RefuseAttempt& command) {
  if (auto* attempt = find(command.fence)) return attempt->stop(StopReason::refused);
  RecordAttempts done{{command.fence}};
  const bool before = receipts_;
  receive(done);
  receipts_ = before;
}

void Worker::Core::receive(RecordAttempts& command) {
  receipts_ = true;
  for (const auto& fence : command.fences) {
    auto it = settling_.find(fence);
    if (it == settling_.end()) continue;
    failpoint("worker.recorded.begin");
    it->second->action()->recorded();
    failpoint("worker.recorded.done");
    buried_.push_back(std::move(it->second));
    settling_.erase(it);
  }
}

void Worker::Core::receive(PoolNews& news) {
  if (auto* attempt = find(news.fence)) {
    static_cast<PoolAction*>(attempt->action())->receive(std::move(news));
  }
}

void Worker::Core::receive(DrainWorker& command) {
  draining_ = true;
  failpoint("worker.drain");
  // Else what is given back now would come again, under the next number, for nothing.
  port_.offer(id_, 0);
  // What waits for its turn has not begun: it can go at once.
  waiting_.clear();
  std::vector<LiveAttempt*> waiting;
  for (auto& [fence, attempt] : attempts_) {
    if (!attempt->has_started()) waiting.push_back(attempt.get());
  }
  for (auto* attempt : waiting)
    attempt->stop(StopReason::drain);
  drain_timer_ = timers_.at(clock_.mono() + command.grace, [this] {
    std::vector<LiveAttempt*> running;
    for (auto& [fence, attempt] : attempts_)
      running.push_back(attempt.get());
    for (auto* attempt : running)
      attempt->stop(StopReason::drain);
  });
}

// -- out

// While enough attempts are at hand to keep every process busy, nobody waits for a report: a few go
// out together, and share a commit.
bool Worker::Core::lingers() {
  const auto ready = static_cast<std::uint32_t>(waiting_.size()) +
                     (processes_ > options_.processes ? processes_ - options_.processes : 0);
  if (reports_.empty() || draining_ || options_.processes == 0 || ready < options_.processes ||
      reports_.size() >= kLingerReports) {
    return false;
  }
  const auto now = clock_.mono();
  if (linger_until_ == Mono{}) {
    linger_until_ = now + kLinger;
    timers_.at(linger_until_, [] {});
  }
  return now < linger_until_;
}

void Worker::Core::flush_reports() {
  if (lingers()) return;
  linger_until_ = Mono{};
  const auto freed = std::exchange(freed_, 0);
  if (reports_.empty()) {
    if (freed > 0) port_.offer(id_, freed);
    return;
  }
  std::vector<Report> batch;
  batch.swap(reports_);
  failpoint("worker.report.begin");
  port_.report(id_, std::move(batch), freed);
  failpoint("worker.report.done");
}

void Worker::Core::forget_old() {
  if (settling_since_.empty()) return;
  const auto now = clock_.mono();
  while (!settling_since_.empty() && settling_since_.front().first + kKeepEvidence <= now) {
    const auto fence = settling_since_.front().second;
    settling_since_.pop_front();
    if (receipts_) continue;
    RecordAttempts done{{fence}};
    receive(done);
    receipts_ = false;
  }
}

// At the end of a drain: the last receipts are waited for, else the next life would report again
// what is long recorded. An engine that never gave one is not waited for long.
bool Worker::Core::settled() {
  if (settling_.empty() || waited_for_receipts_) return true;
  if (settle_timer_ == TimerQueue::kNone) {
    const Duration patience = std::chrono::milliseconds(receipts_ ? 5000 : 200);
    settle_timer_ = timers_.at(clock_.mono() + patience, [this] { waited_for_receipts_ = true; });
  }
  return false;
}

// -- Worker

Worker::Worker(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Worker::~Worker() = default;

Result<std::unique_ptr<Worker>> Worker::start(core::WorkerPort& port,
                                              const actions::Registry& registry,
                                              WorkerOptions options) {
  TRY(make_dirs(options.data_dir, 0700));
  options.data_dir = TRY(absolute(options.data_dir));
  TRY(make_dirs(options.data_dir + "/work", 0700));
  auto core = std::make_unique<Core>(port, registry, std::move(options));
  TRY(core->open());
  return std::unique_ptr<Worker>(new Worker(std::move(core)));
}

void Worker::drain(Duration grace) { core_->drain(grace); }

}  // namespace pawl::worker
