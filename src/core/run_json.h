#pragma once
// A run as JSON, the shape that `run --json`, `show --json` and later the API print.

#include "base/json.h"
#include "core/command.h"
#include "core/event.h"

namespace pawl::core {

// {"run_id", "workflow", "version", "name", "state", "verdict", "inputs", "outputs", "error", "exit_code",
//  "created_at", "started_at", "finished_at", ..., "tasks": [{"name", "state", "attempts", "started_at",
//  "finished_at", "error", "outputs", "reason", ...}]}. Tasks flat: a parent, then its children.
Json run_to_json(const Run& run, const Context& ctx);
Json task_to_json(const Run& run, TaskId t, const Context& ctx);
Json event_to_json(const Run& run, const Event& e);
// The exit code that `pawl run` ends with for this run (workflow.md): 0, 3, 4, 5; fail_on_warning makes
// a `warning` verdict 4.
int run_exit_code(const Run& run, bool fail_on_warning);
// Tasks in the order people read them: file order, children below their parent; dead rows left out.
std::vector<TaskId> display_order(const Run& run);

}  // namespace pawl::core
