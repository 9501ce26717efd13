#pragma once
// What a workflow would do, without a run of it: its tasks in waves, as `plan` and the API show
// them. Tasks of one wave wait only for tasks of the waves before it.

#include <cstdint>
#include <vector>

#include "base/json.h"
#include "core/workflow.h"

namespace pawl::core {

// The wave of each task, from 1; members of a group begin with their group.
std::vector<std::uint32_t> waves_of(const Workflow& w);
// Tasks by wave, those of one wave in the order of the file.
std::vector<TaskId> wave_order(const std::vector<std::uint32_t>& waves);
// {"name", "wave", "action", "needs", ...}; what is as usual is left out.
Json planned_task_to_json(const Workflow& w, TaskId t, std::uint32_t wave);

}  // namespace pawl::core
