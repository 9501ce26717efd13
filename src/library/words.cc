#include "library/words.h"

#include "base/text.h"

namespace pawl::v1 {

bool waits_for_start(const core::Run& run) {
  return run.state == core::RunState::paused && run.pause_reason == str("paused by ", kCreation);
}

RunState run_state_of(core::RunState state) {
  switch (state) {
    case core::RunState::pending:
      return RunState::pending;
    case core::RunState::running:
      return RunState::running;
    case core::RunState::paused:
      return RunState::paused;
    case core::RunState::completed:
      return RunState::completed;
    case core::RunState::failed:
      return RunState::failed;
    case core::RunState::cancelled:
      return RunState::cancelled;
    case core::RunState::recovering:
      return RunState::recovering;
  }
  return RunState::pending;
}

RunState run_state_of(const core::Run& run) {
  return waits_for_start(run) ? RunState::pending : run_state_of(run.state);
}

TaskState task_state_of(core::TaskState state) {
  switch (state) {
    case core::TaskState::pending:
      return TaskState::pending;
    case core::TaskState::queued:
      return TaskState::queued;
    case core::TaskState::running:
    case core::TaskState::waiting:
      return TaskState::running;
    case core::TaskState::retrying:
      return TaskState::retrying;
    case core::TaskState::completed:
      return TaskState::completed;
    case core::TaskState::failed:
      return TaskState::failed;
    case core::TaskState::skipped:
      return TaskState::skipped;
    case core::TaskState::cancelled:
      return TaskState::cancelled;
  }
  return TaskState::pending;
}

std::uint32_t bits_of(RunState state) {
  std::uint32_t bits = 0;
  for (int i = 0; i < core::kRunStateCount; ++i) {
    if (run_state_of(static_cast<core::RunState>(i)) == state) bits |= 1u << i;
  }
  if (state == RunState::pending) bits |= 1u << static_cast<int>(core::RunState::paused);
  return bits;
}

const char* to_string(RunState state) {
  switch (state) {
    case RunState::pending:
      return "pending";
    case RunState::running:
      return "running";
    case RunState::paused:
      return "paused";
    case RunState::completed:
      return "completed";
    case RunState::failed:
      return "failed";
    case RunState::cancelled:
      return "cancelled";
    case RunState::recovering:
      return "recovering";
  }
  return "pending";
}

const char* to_string(TaskState state) {
  switch (state) {
    case TaskState::pending:
      return "pending";
    case TaskState::queued:
      return "queued";
    case TaskState::running:
      return "running";
    case TaskState::completed:
      return "completed";
    case TaskState::failed:
      return "failed";
    case TaskState::retrying:
      return "retrying";
    case TaskState::skipped:
      return "skipped";
    case TaskState::cancelled:
      return "cancelled";
  }
  return "pending";
}

std::optional<RunState> parse_run_state(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(RunState::recovering); ++i) {
    if (word == to_string(static_cast<RunState>(i))) return static_cast<RunState>(i);
  }
  return std::nullopt;
}

std::optional<TaskState> parse_task_state(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(TaskState::cancelled); ++i) {
    if (word == to_string(static_cast<TaskState>(i))) return static_cast<TaskState>(i);
  }
  return std::nullopt;
}

bool is_final(RunState s) {
  return s == RunState::completed || s == RunState::failed || s == RunState::cancelled;
}
bool is_final(TaskState s) {
  return s == TaskState::completed || s == TaskState::failed || s == TaskState::skipped ||
         s == TaskState::cancelled;
}

}  // namespace pawl::v1
