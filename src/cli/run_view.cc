#include "cli/run_view.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "cli/term.h"

namespace pawl::cli {
namespace {

constexpr std::size_t kMaxFailed = 1000;  // failed tasks held by name; the counts know them all

bool holder(char letter) { return letter >= 'A' && letter <= 'Z'; }

}  // namespace

std::uint32_t RunView::total() const {
  std::uint32_t n = 0;
  for (auto c : counts_)
    n += c;
  return n;
}

std::uint32_t RunView::done() const {
  std::uint32_t n = 0;
  for (int s = 0; s < core::kTaskStateCount; ++s) {
    auto state = static_cast<core::TaskState>(s);
    if (core::is_final(state)) n += count(state);
  }
  return n;
}

bool RunView::holds_others(TaskId t) const { return t < states_.size() && holder(states_[t]); }

void RunView::count(std::size_t at, int by) {
  char letter = states_[at];
  if (letter < 'a' || letter >= 'a' + core::kTaskStateCount) return;
  counts_[static_cast<std::size_t>(letter - 'a')] += static_cast<std::uint32_t>(by);
}

void RunView::take(const server::Snapshot& snapshot, Time now) {
  head_ = snapshot;
  states_ = std::move(head_.states);
  counts_ = {};
  for (std::size_t t = 0; t < states_.size(); ++t)
    count(t, 1);
  auto before = std::move(tasks_);
  tasks_.clear();
  for (const auto& live : snapshot.tasks) {
    Task task{live};
    if (auto old = before.find(live.task); old != before.end()) {
      task.last_line = old->second.last_line;
      task.progress_since = old->second.progress_since;
      task.progress_from = old->second.progress_from;
    } else if (live.state == core::TaskState::waiting && live.reason == core::Reason::gate) {
      opened_gates_.push_back(task);
    }
    if (live.has_progress) set_progress(task, live.progress, now);
    tasks_[live.task] = std::move(task);
  }
  head_.tasks.clear();
}

void RunView::set_progress(Task& task, const core::Progress& progress, Time now) {
  task.has_progress = true;
  task.progress = progress;
  if (task.progress_since == kNoTime || progress.current < task.progress_from) {
    task.progress_since = now;
    task.progress_from = progress.current;
  }
}

void RunView::move(const server::FeedItem& item, Time) {
  const core::Event& e = item.event;
  if (e.task >= states_.size()) return;
  bool holds = holder(states_[e.task]);
  count(e.task, -1);
  states_[e.task] = server::letter_of(e.task_state, holds);
  count(e.task, 1);
  bool shown = e.task_state == core::TaskState::running ||
               e.task_state == core::TaskState::waiting ||
               e.task_state == core::TaskState::retrying || e.task_state == core::TaskState::failed;
  if (!shown || (e.task_state == core::TaskState::failed && tasks_.size() > kMaxFailed &&
                 !tasks_.contains(e.task))) {
    tasks_.erase(e.task);
    return;
  }
  auto& task = tasks_[e.task];
  auto last_line = std::move(task.last_line);
  task = Task{};
  if (item.live) static_cast<server::LiveTask&>(task) = *item.live;
  // `live` is the task as it was when somebody looked; the event is the truth at its place in the
  // order.
  task.task = e.task;
  task.path = item.path;
  task.state = e.task_state;
  task.reason = e.reason;
  task.attempt = e.attempt;
  if (e.task_state == core::TaskState::running) {
    task.started = e.time;
    task.has_progress = false;
    task.metrics.clear();
    task.error.clear();
  } else if (!e.text.empty()) {
    task.error = e.text;
  }
  if (e.task_state == core::TaskState::failed) task.finished = e.time;
  task.last_line = std::move(last_line);
  if (e.task_state == core::TaskState::waiting && e.reason == core::Reason::gate && item.live &&
      item.live->state == core::TaskState::waiting) {
    opened_gates_.push_back(task);
  }
}

void RunView::apply(const server::FeedItem& item, Time now) {
  ++changes_;
  using server::FeedKind;
  if (item.kind == FeedKind::snapshot) return take(*item.snapshot, now);
  if (item.kind == FeedKind::grown) {
    auto from = states_.size();
    states_ += item.states;
    for (auto t = from; t < states_.size(); ++t)
      count(t, 1);
    return;
  }
  auto task = tasks_.find(item.task);
  if (item.kind == FeedKind::progress) {
    if (task != tasks_.end()) set_progress(task->second, item.progress, now);
    return;
  }
  if (item.kind == FeedKind::log) {
    if (task == tasks_.end()) return;
    for (auto line = item.log.lines.rbegin(); line != item.log.lines.rend(); ++line) {
      if (trim(line->text).empty()) continue;
      task->second.last_line = clean_line(line->text.substr(0, 400));
      return;
    }
    return;
  }
  if (item.kind != FeedKind::event) return;
  const core::Event& e = item.event;
  if (e.kind == core::EventKind::task_state) return move(item, now);
  if (e.kind == core::EventKind::run_state) {
    head_.state = e.run_state;
    head_.pause_reason = e.run_state == core::RunState::paused ? e.text : "";
    if (e.run_state == core::RunState::running && head_.started == kNoTime) head_.started = e.time;
    if (core::is_final(e.run_state)) {
      head_.finished = e.time;
      head_.error = e.text;
    }
  }
  if (e.kind == core::EventKind::metric && task != tasks_.end()) {
    for (auto pair : split(e.text, ' ')) {
      auto equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      auto number = Json::parse(pair.substr(equals + 1));
      if (!number.ok() || !number->is_number()) continue;
      auto name = std::string(pair.substr(0, equals));
      auto& metrics = task->second.metrics;
      auto at = std::find_if(metrics.begin(), metrics.end(),
                             [&](const auto& m) { return m.first == name; });
      if (at == metrics.end()) at = metrics.insert(at, {name, 0.0});
      at->second = number->as_double();
    }
  }
}

std::vector<RunView::Task> RunView::take_opened_gates() { return std::exchange(opened_gates_, {}); }

Duration RunView::task_eta(const Task& task, Time now) {
  if (!task.has_progress || task.progress.total <= 0) return Duration{-1};
  auto moved = task.progress.current - task.progress_from;
  auto took = now - task.progress_since;
  // The first step is the worst witness of all: one more is waited for.
  if (moved <= 0 || took < std::chrono::seconds(2)) return Duration{-1};
  auto left = task.progress.total - task.progress.current;
  if (left <= 0) return Duration{0};
  return Duration{static_cast<std::int64_t>(static_cast<double>(took.count()) * left / moved)};
}

}  // namespace pawl::cli
