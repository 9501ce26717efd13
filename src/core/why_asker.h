#pragma once
// WhyAsker: one look at a run to answer `why` for some of its tasks. Inside of why.cc.
//
// A task's answer depends on its state: what it waits for (why_blocked.cc), or how it ended
// (why_ended.cc). Each answer costs its needs, not the run: work per task is bounded, so that a
// million answers are a million small ones.

#include <string>
#include <string_view>
#include <vector>

#include "core/why.h"

namespace pawl::core {

// "a, b, c and 7 more". `total` counts those that are not in `names` too.
std::string some_of(const std::vector<std::string>& names, std::size_t total);
// An error as part of a sentence: its first line, not too long.
std::string in_brief(std::string_view message);

class WhyAsker {
 public:
  WhyAsker(const Run& run, const Situation& situation, Time now)
      : run_(run), s_(situation), now_(now) {}
  Why task(TaskId t) const;
  Why whole() const;

 private:
  const TaskRow& row(TaskId t) const { return run_.rows[t]; }
  bool holds_others(TaskId t) const;
  // "pawl VERB 41 TASK", with the flag before the task and quotes where a shell needs them.
  std::string command(std::string_view verb, TaskId t = kNoTask, std::string_view flag = {}) const;
  std::string again(TaskId t) const;       // the command that runs an ended task again
  std::string when(Time t) const;          // "2026-01-31T12:00:00.000Z (in 4m10s)"
  std::string last_error(TaskId t) const;  // "timeout: MESSAGE"
  std::string failures(TaskId t) const;    // "attempt 4 failed (failure 2 of 3)"
  std::string source() const;              // the run that a recovered one began from

  // why_blocked.cc
  void pending(Why& w) const;
  void needs(Why& w) const;
  void main_phase(Why& w) const;
  void queued(Why& w) const;
  bool lacks_resource(Why& w) const;
  void running(Why& w) const;
  void waiting(Why& w) const;
  void retrying(Why& w) const;
  void not_admitted(Why& w) const;
  void unblock_by(Why& w, TaskId other) const;
  TaskId frontier(TaskId t) const;  // the task that t waits for in the end
  TaskId first_open_inside(TaskId parent) const;

  // why_ended.cc
  void failed(Why& w) const;
  void skipped(Why& w) const;
  void cancelled(Why& w) const;
  void blame_members(Why& w, TaskState ended_as) const;
  TaskId cause_of_skip(TaskId t) const;
  void run_moving(Why& w) const;
  void run_ended(Why& w) const;
  void run_paused(Why& w) const;

  const Run& run_;
  const Situation& s_;
  Time now_;
};

}  // namespace pawl::core
