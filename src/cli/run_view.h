#pragma once
// RunView: what a screen needs to know of one run, kept up to date item by item from its feed.
//
// A change costs the same in a run of ten tasks as in one of a million: counts move by one, and
// only tasks that run, wait or failed are held by name. Groups and fan-outs hold other tasks and
// are not counted.

#include <array>
#include <map>
#include <string>
#include <vector>

#include "server/feed.h"

namespace pawl::cli {

class RunView {
 public:
  struct Task : server::LiveTask {
    std::string last_line;          // of its log, where it says nothing of its progress
    Time progress_since = kNoTime;  // when its first progress was seen, and how far it was:
    double progress_from = 0;       // its rate is measured from there
  };

  void apply(const server::FeedItem& item, Time now);

  bool known() const { return head_.run != RunId{}; }
  const server::Snapshot& head() const { return head_; }  // its states and tasks are not kept up
  bool ended() const { return core::is_final(head_.state); }
  std::uint32_t count(core::TaskState s) const { return counts_[static_cast<std::size_t>(s)]; }
  std::uint32_t total() const;
  std::uint32_t done() const;  // completed, skipped, cancelled, failed
  const std::map<TaskId, Task>& tasks() const { return tasks_; }
  bool holds_others(TaskId t) const;

  // A gate that opened since the last call, and so on: what is told once. Oldest first.
  std::vector<Task> take_opened_gates();
  std::uint64_t changes() const { return changes_; }

  // How much longer the task will take by its own rate, or a negative value where nobody knows.
  static Duration task_eta(const Task& task, Time now);

 private:
  void take(const server::Snapshot& snapshot, Time now);
  void move(const server::FeedItem& item, Time now);
  void set_progress(Task& task, const core::Progress& progress, Time now);
  void count(std::size_t at, int by);

  server::Snapshot head_;
  std::string states_;
  std::array<std::uint32_t, core::kTaskStateCount> counts_{};
  std::map<TaskId, Task> tasks_;
  std::vector<Task> opened_gates_;
  std::uint64_t changes_ = 0;
};

}  // namespace pawl::cli
