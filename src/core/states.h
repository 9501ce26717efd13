#pragma once
// The states of runs and tasks, and the only moves between them.
//
// Every change of state passes through may_move(); the tables are data, checked at compile time.
// Enumerators are spelled as in JSON, SQL and Python. A state's comment says what it means, who
// moves it on, and what a crash there leads to.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pawl::core {

enum class RunState : std::uint8_t {
  pending,     // accepted; waits for its concurrency key. The engine admits it. Crash: still waits
  running,     // admitted. Its tasks move it on. Crash: carried on from the rows
  paused,      // hands out no task; what runs, ends. A person resumes it. Crash: still paused
  completed,   // every task ended well enough. Final, save that recover makes a linked run
  failed,      // a task failed for good. Final until retry or recover
  cancelled,   // someone ended it. Final until retry or recover
  recovering,  // reopened by retry or recover, no task of it started yet. Crash: goes on
};
inline constexpr int kRunStateCount = 7;

enum class TaskState : std::uint8_t {
  pending,  // waits for its needs or its group. The end of a need moves it on
  queued,   // may start as soon as a worker has a slot (and resources). A claim moves it on
  running,  // a worker holds its lease; a group: a member is not at its end. Crash: adopted or lost
  waiting,  // holds no worker: a sleep, a gate, a child run. A timer, a person, the child moves it
            // on
  retrying,   // failed, will be queued again at its wake time. A timer moves it on
  completed,  // done; never run again but by recover
  failed,     // done for bad
  skipped,    // its condition was false, or a need did not complete
  cancelled,  // ended by a cancel
};
inline constexpr int kTaskStateCount = 9;

enum class Verdict : std::uint8_t { none, pass, warning, fail };

const char* to_string(RunState s);
const char* to_string(TaskState s);
const char* to_string(Verdict v);  // none gives "none"
std::optional<RunState> parse_run_state(std::string_view text);
std::optional<TaskState> parse_task_state(std::string_view text);
std::optional<Verdict> parse_verdict(std::string_view text);

constexpr bool is_final(RunState s) {
  return s == RunState::completed || s == RunState::failed || s == RunState::cancelled;
}
constexpr bool is_final(TaskState s) { return s >= TaskState::completed; }

// Why a move is made. `recover` alone may leave a final state.
enum class Cause : std::uint8_t { progress, recover };

struct TaskMove {
  TaskState from, to;
  Cause cause;
};

// Each row is taken by some test; a simulation that never takes one fails.
inline constexpr std::array kTaskMoves = {
    TaskMove{TaskState::pending, TaskState::queued, Cause::progress},   // needs met
    TaskMove{TaskState::pending, TaskState::running, Cause::progress},  // a group or fan-out opens
    TaskMove{TaskState::pending, TaskState::waiting, Cause::progress},  // sleep, gate, child run
    TaskMove{TaskState::pending, TaskState::completed, Cause::progress},  // an empty fan-out
    TaskMove{TaskState::pending, TaskState::failed, Cause::progress},     // its expression failed
    TaskMove{TaskState::pending, TaskState::skipped, Cause::progress},    // condition, or a need
    TaskMove{TaskState::pending, TaskState::cancelled, Cause::progress},
    TaskMove{TaskState::queued, TaskState::running, Cause::progress},  // claimed
    TaskMove{TaskState::queued, TaskState::failed, Cause::progress},   // queue timeout, bad input
    TaskMove{TaskState::queued, TaskState::cancelled, Cause::progress},
    TaskMove{TaskState::running, TaskState::queued, Cause::progress},    // released, or lost
    TaskMove{TaskState::running, TaskState::retrying, Cause::progress},  // failed, tries again
    TaskMove{TaskState::running, TaskState::completed, Cause::progress},
    TaskMove{TaskState::running, TaskState::failed, Cause::progress},
    TaskMove{TaskState::running, TaskState::skipped, Cause::progress},  // all members skipped
    TaskMove{TaskState::running, TaskState::cancelled, Cause::progress},
    TaskMove{TaskState::waiting, TaskState::completed, Cause::progress},
    TaskMove{TaskState::waiting, TaskState::retrying, Cause::progress},  // a child run failed
    TaskMove{TaskState::waiting, TaskState::failed, Cause::progress},
    TaskMove{TaskState::waiting, TaskState::cancelled, Cause::progress},
    TaskMove{TaskState::retrying, TaskState::queued, Cause::progress},   // backoff over
    TaskMove{TaskState::retrying, TaskState::waiting, Cause::progress},  // a child run again
    TaskMove{TaskState::retrying, TaskState::failed, Cause::progress},   // gave up
    TaskMove{TaskState::retrying, TaskState::cancelled, Cause::progress},
    TaskMove{TaskState::completed, TaskState::pending, Cause::recover},
    TaskMove{TaskState::failed, TaskState::pending, Cause::recover},
    TaskMove{TaskState::skipped, TaskState::pending, Cause::recover},
    TaskMove{TaskState::cancelled, TaskState::pending, Cause::recover},
    TaskMove{TaskState::completed, TaskState::running, Cause::recover},  // a group reopens
    TaskMove{TaskState::failed, TaskState::running, Cause::recover},
    TaskMove{TaskState::skipped, TaskState::running, Cause::recover},
    TaskMove{TaskState::cancelled, TaskState::running, Cause::recover},
};

struct RunMove {
  RunState from, to;
  Cause cause;
};

inline constexpr std::array kRunMoves = {
    RunMove{RunState::pending, RunState::running, Cause::progress},
    RunMove{RunState::pending, RunState::paused, Cause::progress},
    RunMove{RunState::pending, RunState::cancelled, Cause::progress},
    RunMove{RunState::running, RunState::paused, Cause::progress},
    RunMove{RunState::running, RunState::completed, Cause::progress},
    RunMove{RunState::running, RunState::failed, Cause::progress},
    RunMove{RunState::running, RunState::cancelled, Cause::progress},
    RunMove{RunState::paused, RunState::running, Cause::progress},
    RunMove{RunState::paused, RunState::pending, Cause::progress},  // paused before it was admitted
    RunMove{RunState::paused, RunState::recovering, Cause::progress},
    RunMove{RunState::recovering, RunState::running, Cause::progress},
    RunMove{RunState::recovering, RunState::paused, Cause::progress},
    RunMove{RunState::recovering, RunState::completed, Cause::progress},
    RunMove{RunState::recovering, RunState::failed, Cause::progress},
    RunMove{RunState::recovering, RunState::cancelled, Cause::progress},
    RunMove{RunState::failed, RunState::recovering, Cause::recover},
    RunMove{RunState::cancelled, RunState::recovering, Cause::recover},
};

constexpr bool may_move(TaskState from, TaskState to, Cause cause) {
  for (const auto& m : kTaskMoves) {
    if (m.from == from && m.to == to && m.cause == cause) return true;
  }
  return false;
}
constexpr bool may_move(RunState from, RunState to, Cause cause) {
  for (const auto& m : kRunMoves) {
    if (m.from == from && m.to == to && m.cause == cause) return true;
  }
  return false;
}

namespace states_check {
constexpr bool finals_absorb() {
  for (const auto& m : kTaskMoves) {
    if (is_final(m.from) != (m.cause == Cause::recover)) return false;
  }
  for (const auto& m : kRunMoves) {
    if (is_final(m.from) != (m.cause == Cause::recover)) return false;
  }
  return true;
}
static_assert(finals_absorb(), "only recover leaves a final state, and it leaves no other");
static_assert(!may_move(TaskState::completed, TaskState::running, Cause::progress));
static_assert(!may_move(RunState::completed, RunState::recovering, Cause::recover),
              "recover of a completed run makes a new run");
}  // namespace states_check

}  // namespace pawl::core
