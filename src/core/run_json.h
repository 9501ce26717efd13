#pragma once
// A run as JSON, the shape that `run --json`, `show --json` and later the API print.
//
// Ids are strings, times RFC 3339 or null, what is not known (yet) is null. A run always has
//   run_id workflow version name job labels priority state verdict inputs outputs error exit_code
//   created_at started_at finished_at parent source pause_reason counts tasks
// and each task
//   name parent action state verdict reason attempts queue queued_at started_at finished_at error
//   failure_class exit_code warnings outputs
// Only where they apply: title, index, worker, cancel_asked, reused, params, progress, metrics,
// wake_at, child_run, question, preview, note.

#include <vector>

#include "base/json.h"
#include "core/command.h"
#include "core/event.h"

namespace pawl::core {

// Outputs by reference are read through ctx.payload; where that fails they are null.
Json run_to_json(const Run& run, const Context& ctx);
Json task_to_json(const Run& run, TaskId t, const Context& ctx);
// The same without `tasks`, and without `outputs`: what a page of a large run can afford.
Json run_head_to_json(const Run& run);
Json task_head_to_json(const Run& run, TaskId t, const Context& ctx);
// {"seq", "time", "kind", "task", "attempt", "state", "reason", "text"}; null where it has none.
Json event_to_json(const Run& run, const Event& e);
// The exit code that `pawl run` ends with for this run (workflow.md): 0, 3, 4, 5; fail_on_warning
// makes a `warning` verdict 4. A run that is not at its end gives 1.
int run_exit_code(const Run& run, bool fail_on_warning);
// Tasks in the order people read them: file order, children below their parent; dead rows left out.
std::vector<TaskId> display_order(const Run& run);

}  // namespace pawl::core
