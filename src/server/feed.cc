#include "server/feed.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace pawl::server {
namespace {

constexpr std::size_t kMaxEvents = 200'000;
constexpr std::size_t kMaxLines = 20'000;

bool holds_others(const core::Run& run, TaskId t) {
  return run.is_fan_out(t) || run.def(t).executor == core::Executor::group;
}

// What a view shows as a line of its own.
bool worth_a_line(core::TaskState s) {
  return s == core::TaskState::running || s == core::TaskState::waiting ||
         s == core::TaskState::retrying || s == core::TaskState::failed;
}

std::string letters(const core::Run& run, std::uint32_t from, bool fresh) {
  std::string out;
  out.reserve(run.task_count() - from);
  for (TaskId t = from; t < run.task_count(); ++t) {
    bool dead = run.is_child(t) && run.fan_out_of_child(t).dead;
    auto state = fresh ? core::TaskState::pending : run.rows[t].state;
    out.push_back(dead ? '-' : letter_of(state, holds_others(run, t)));
  }
  return out;
}

}  // namespace

char letter_of(core::TaskState state, bool holds) {
  return static_cast<char>((holds ? 'A' : 'a') + static_cast<int>(state));
}

LiveTask live_task(const core::Run& run, TaskId t) {
  const core::TaskRow& row = run.rows[t];
  LiveTask live;
  live.task = t;
  live.path = run.path(t);
  live.state = row.state;
  live.reason = row.reason;
  live.attempt = row.attempt;
  live.max_attempts = run.def(t).retry.max_attempts;
  live.started = row.started;
  live.finished = row.finished;
  if (const core::TaskExtra* x = run.extra(t)) {
    live.wake = x->wake;
    live.child = x->child;
    live.error = x->error;
    live.question = x->question;
    if (!x->preview.is_null()) {
      live.preview = x->preview.is_string() ? x->preview.as_string() : x->preview.pretty();
    }
    live.has_progress = x->has_progress;
    live.progress = x->progress;
    live.metrics = x->metrics;
  }
  return live;
}

Snapshot take_snapshot(const core::Run& run) {
  Snapshot s;
  s.run = run.id;
  s.source = run.source;
  s.workflow = run.workflow().name;
  s.name = run.name;
  s.version = run.plan->version;
  s.state = run.state;
  s.verdict = run.verdict;
  s.created = run.created;
  s.started = run.started;
  s.finished = run.finished;
  s.pause_reason = run.pause_reason;
  s.error = run.error;
  s.next_seq = run.next_seq;
  s.states = letters(run, 0, false);
  for (TaskId t = 0; t < run.task_count(); ++t) {
    if (worth_a_line(run.rows[t].state) && s.states[t] != '-') s.tasks.push_back(live_task(run, t));
  }
  return s;
}

// What the engine's thread drops things into. Its reader is woken through an eventfd, so that one
// poll() waits for the run, for signals and for sockets alike.
class EngineFeed::Queue final : public engine::Subscriber {
 public:
  Queue(RunId run, bool logs)
      : run_(run), logs_(logs), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  void on_events(RunId run, const std::vector<core::Event>& events) override {
    if (run != run_) return;
    std::lock_guard lock(mutex_);
    if (events_.size() + events.size() > kMaxEvents) {
      events_.clear();
      gap_ = true;
    } else {
      events_.insert(events_.end(), events.begin(), events.end());
    }
    wake();
  }

  void on_log(const core::LogBatch& lines) override {
    if (!logs_ || lines.fence.run != run_) return;
    std::lock_guard lock(mutex_);
    lines_ += lines.lines.size();
    logs_waiting_.push_back(lines);
    while (lines_ > kMaxLines && logs_waiting_.size() > 1) {
      lines_ -= logs_waiting_.front().lines.size();
      logs_waiting_.pop_front();
    }
    wake();
  }

  void on_progress(RunId run, TaskId task, const core::Progress& progress) override {
    if (run != run_) return;
    std::lock_guard lock(mutex_);
    progress_[task] = progress;
    wake();
  }

  struct Taken {
    std::vector<core::Event> events;
    std::deque<core::LogBatch> logs;
    std::unordered_map<TaskId, core::Progress> progress;
    bool gap = false;
  };
  Taken take() {
    std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    [[maybe_unused]] auto n = ::read(wake_.get(), &count, sizeof count);
    woken_ = false;
    lines_ = 0;
    Taken out;
    std::swap(out.events, events_);
    std::swap(out.logs, logs_waiting_);
    std::swap(out.progress, progress_);
    std::swap(out.gap, gap_);
    return out;
  }
  void wake() {
    if (woken_) return;
    woken_ = true;
    std::uint64_t one = 1;
    [[maybe_unused]] auto n = ::write(wake_.get(), &one, sizeof one);
  }
  int fd() const { return wake_.get(); }

 private:
  const RunId run_;
  const bool logs_;
  UniqueFd wake_;
  std::mutex mutex_;  // guards what follows
  bool woken_ = false, gap_ = false;
  std::vector<core::Event> events_;
  std::deque<core::LogBatch> logs_waiting_;
  std::size_t lines_ = 0;
  std::unordered_map<TaskId, core::Progress> progress_;
};

Result<std::unique_ptr<EngineFeed>> EngineFeed::open(engine::Engine& engine, RunId run, bool logs) {
  std::unique_ptr<EngineFeed> feed(new EngineFeed(engine, run));
  feed->queue_ = std::make_shared<Queue>(run, logs);
  // Subscribed before the snapshot is taken: what falls between the two is told twice, and the
  // snapshot's number sorts it out.
  feed->subscription_ = engine.subscribe(run, feed->queue_);
  TRY(feed->snapshot());
  feed->queue_->wake();
  return feed;
}

EngineFeed::~EngineFeed() {
  if (subscription_ != 0) engine_.unsubscribe(subscription_);
}

int EngineFeed::fd() const { return queue_->fd(); }

Status EngineFeed::snapshot() {
  std::shared_ptr<Snapshot> taken;
  TRY(engine_.inspect(
      run_, [&](const core::Run& run) { taken = std::make_shared<Snapshot>(take_snapshot(run)); }));
  next_seq_ = taken->next_seq;
  known_ = static_cast<std::uint32_t>(taken->states.size());
  paths_.clear();
  for (const auto& task : taken->tasks)
    attempts_[task.task] = task.attempt;
  pending_ = std::move(taken);
  return {};
}

std::vector<FeedItem> EngineFeed::take() {
  auto taken = queue_->take();
  std::vector<FeedItem> items;
  bool reopened = false;
  for (const auto& e : taken.events) {
    // Retry and recover move many tasks out of their final states, and may replace a fan-out.
    reopened |= e.kind == core::EventKind::run_state && e.run_state == core::RunState::recovering &&
                e.seq >= next_seq_;
  }
  if ((taken.gap || reopened) && !snapshot().ok()) taken.gap = false;
  if (pending_) {
    FeedItem item;
    item.kind = FeedKind::snapshot;
    item.snapshot = std::exchange(pending_, nullptr);
    items.push_back(std::move(item));
  }
  for (auto& batch : taken.logs)
    held_logs_[batch.fence.task].push_back(std::move(batch));
  add_events(items, taken.events);
  for (auto& [task, progress] : taken.progress) {
    FeedItem item;
    item.kind = FeedKind::progress;
    item.task = task;
    item.progress = std::move(progress);
    items.push_back(std::move(item));
  }
  enrich(items);
  return items;
}

void EngineFeed::release_logs(std::vector<FeedItem>& items, TaskId task) {
  auto held = held_logs_.find(task);
  if (held == held_logs_.end()) return;
  auto& batches = held->second;
  auto due = std::stable_partition(batches.begin(), batches.end(), [&](const core::LogBatch& b) {
    return b.fence.attempt <= attempts_[task];
  });
  for (auto batch = batches.begin(); batch != due; ++batch) {
    FeedItem item;
    item.kind = FeedKind::log;
    item.task = task;
    item.log = std::move(*batch);
    items.push_back(std::move(item));
  }
  batches.erase(batches.begin(), due);
  if (batches.empty()) held_logs_.erase(held);
}

// Lines stand between the event that began their attempt and the one that ended it.
void EngineFeed::add_events(std::vector<FeedItem>& items, std::vector<core::Event>& events) {
  for (auto& e : events) {
    if (e.seq < next_seq_) continue;
    next_seq_ = e.seq + 1;
    if (e.kind == core::EventKind::task_state) {
      release_logs(items, e.task);
      if (e.task_state == core::TaskState::running) attempts_[e.task] = e.attempt;
      if (core::is_final(e.task_state) && !held_logs_.contains(e.task)) attempts_.erase(e.task);
    }
    FeedItem item;
    item.task = e.task;
    item.event = std::move(e);
    items.push_back(std::move(item));
  }
  std::vector<TaskId> waiting;
  for (const auto& [task, batches] : held_logs_)
    waiting.push_back(task);
  for (TaskId task : waiting)
    release_logs(items, task);
}

// One look at the run for a whole batch: names of tasks, and what gates ask.
void EngineFeed::enrich(std::vector<FeedItem>& items) {
  auto wants = [&](const FeedItem& item) {
    return item.kind == FeedKind::event && item.event.kind == core::EventKind::task_state &&
           worth_a_line(item.event.task_state);
  };
  bool look = false;
  for (const auto& item : items) {
    if (item.task == kNoTask) continue;
    look |= wants(item) || item.task >= known_ || !paths_.contains(item.task);
  }
  auto name_what_is_known = [&] {
    for (auto& item : items) {
      if (auto known = paths_.find(item.task); known != paths_.end()) item.path = known->second;
    }
  };
  if (!look) return name_what_is_known();
  std::string grown;
  auto status = engine_.inspect(run_, [&](const core::Run& run) {
    if (run.task_count() > known_) grown = letters(run, known_, true);
    for (auto& item : items) {
      if (item.task == kNoTask || item.task >= run.task_count()) continue;
      auto& path = paths_[item.task];
      if (path.empty()) path = run.path(item.task);
      item.path = path;
      if (wants(item)) item.live = std::make_shared<LiveTask>(live_task(run, item.task));
    }
  });
  if (!status.ok()) return name_what_is_known();  // the store cannot be read now
  if (grown.empty()) return;
  known_ += static_cast<std::uint32_t>(grown.size());
  FeedItem item;
  item.kind = FeedKind::grown;
  item.states = std::move(grown);
  auto at = !items.empty() && items.front().kind == FeedKind::snapshot ? 1 : 0;
  items.insert(items.begin() + at, std::move(item));
}

}  // namespace pawl::server
