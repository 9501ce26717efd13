#pragma once
// What can be known of a run: its states, its progress, its steps, its events. Plain data, a copy
// as of the moment it was asked for.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pawl/step.h"

namespace pawl::PAWL_V1 {

// Points in time: UTC, milliseconds.
using TimePoint = std::chrono::time_point<std::chrono::system_clock, Millis>;

// States of a run.
enum class RunState : unsigned char {
  pending,     // created, not started; or waits for its turn
  running,     // its steps move it on
  paused,      // starts no step; what runs, ends
  completed,   // every step ended well enough
  failed,      // a step failed for good
  cancelled,   // someone ended it
  recovering,  // reopened by recover(), no step of it started yet
};

// States of a step in a run.
enum class TaskState : unsigned char {
  pending,    // waits for the steps it comes after
  queued,     // may start; waits for a thread, or for a process that has its handler
  running,    // a handler works on it; or it waits for a time, a person, another run
  completed,  // done, never run again but by recover()
  failed,     // done for bad
  retrying,   // failed, will be tried again
  skipped,    // not to be run
  cancelled,  // ended by a cancel
};

// The words that people and JSON read, such as "recovering".
PAWL_API const char* to_string(RunState state);
PAWL_API const char* to_string(TaskState state);
// The state of that word.
PAWL_API std::optional<RunState> parse_run_state(std::string_view word);
PAWL_API std::optional<TaskState> parse_task_state(std::string_view word);
// Whether nothing moves it any more, save recover().
PAWL_API bool is_final(RunState state);
PAWL_API bool is_final(TaskState state);

// One step of a run. An element of a fan-out has an entry of its own, "resize[3]".
struct TaskInfo {
  std::string name;
  std::string type;  // the definition's task_type
  TaskState state = TaskState::pending;
  int attempts = 0;
  double percent = 0;                // 100 where completed
  std::optional<Millis> estimated;   // as defined
  std::optional<Millis> actual;      // so far, or in all
  std::optional<TimePoint> started;  // of the last attempt
  std::optional<TimePoint> finished;
  std::string error;  // of the last failed attempt
  Value output;       // null unless completed
  Value checkpoint;   // the last one saved
  std::string waits;  // why it does not run now, in a sentence; "" where nothing is to say
};

// A run.
struct RunInfo {
  RunId id = 0;
  std::string workflow;
  int version = 0;
  std::string job;   // the caller's own id
  std::string name;  // for people
  RunState state = RunState::pending;
  double percent = 0;                // weighed by the steps' estimates
  std::optional<Millis> remaining;   // by the estimates, where there are any
  std::optional<Millis> elapsed;     // since it started
  std::optional<TimePoint> created;  // always there, save in a RunInfo made by hand
  std::optional<TimePoint> started;
  std::optional<TimePoint> finished;
  Value input;
  Value output;       // null unless completed
  std::string error;  // of the step that failed it
  int recovery_attempts = 0, max_recovery_attempts = 0;
  RunId recovered_from = 0;     // the completed run that this one goes on from
  Value last_checkpoint;        // the newest that any step saved
  std::string checkpoint_step;  // which one
  std::vector<TaskInfo> tasks;  // in order of definition

  // The step of that name, or nullptr.
  const TaskInfo* task(std::string_view step) const {
    for (const TaskInfo& t : tasks)
      if (t.name == step) return &t;
    return nullptr;
  }
};

// What happened, told after it is on disk (progress is told live and not kept).
struct Event {
  // What kind of thing.
  enum class Kind : unsigned char { run, task, progress, warning, metric, log, other };
  Kind kind = Kind::other;
  RunId run = 0;
  std::uint64_t number = 0;  // in the run, from 1 without gap; 0 for progress and log
  TimePoint time{};
  RunState run_state = RunState::pending;     // kind run
  TaskState task_state = TaskState::pending;  // kind task
  std::string task;                           // "" for kind run
  int attempt = 0;
  double percent = 0;  // kind progress
  std::string text;    // error, log line, warning
};

}  // namespace pawl::PAWL_V1
