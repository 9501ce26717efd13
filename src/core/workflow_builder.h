#pragma once
// WorkflowBuilder: puts a Workflow's arrays together and upholds their invariants: nodes in file
// order with a group before its members, needs within one group, no cycle, sorted path index. The
// parser builds with it, and so does code that defines a workflow without a file.
//
// Use: add_task in order; set_needs in increasing order of task (a task left out has none); add_def
// and set_def; then finish, which refuses a cycle and gives its path.
// Not thread-safe. Ten bytes of scratch a task beyond the Workflow itself.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/workflow.h"

namespace pawl::core {

class WorkflowBuilder {
 public:
  WorkflowBuilder();
  Workflow& workflow() { return *workflow_; }
  const Workflow& workflow() const { return *workflow_; }

  void reserve(std::size_t tasks, std::size_t name_bytes);
  // Returns the task's id, or kNoTask where its group already has a task of that name (among the
  // top-level tasks, ordinary and finally ones share one name space).
  // REQUIRES: `group` is kNoTask or was added before, as a group.
  TaskId add_task(std::string_view name, TaskId group, bool is_finally, std::uint32_t line);
  // The task's id in that group, or kNoTask.
  TaskId find(TaskId group, std::string_view name) const;
  // REQUIRES: tasks come in increasing order; needs are in the task's own group, distinct, not
  // itself.
  void set_needs(TaskId task, std::span<const TaskId> needs);
  std::uint32_t add_def(TaskDef def);
  void set_def(TaskId task, std::uint32_t def) { workflow_->nodes_[task].def = def; }
  void mark_group(TaskId task);

  // Cycles among the needs set so far: each a list of tasks, each of which needs the next, the last
  // the first. At most `max` of them, disjoint. Closes the needs.
  std::vector<std::vector<TaskId>> find_cycles(std::size_t max);
  // After find_cycles: for each task its place in one topological order.
  const std::vector<std::uint32_t>& ranks() const { return ranks_; }

  // REQUIRES: every task has its def. Returns the workflow, or an error that names the cycle.
  Result<std::shared_ptr<const Workflow>> finish();

 private:
  std::uint64_t name_hash(TaskId group, std::string_view name) const;
  void grow_table();
  void close_needs();
  void make_dependents();
  void make_members();
  void make_paths();

  std::shared_ptr<Workflow> workflow_;
  std::vector<std::uint64_t> table_;  // upper half of the name's hash, then the task id + 1
  std::vector<std::uint32_t> ranks_;
  bool needs_closed_ = false;
};

}  // namespace pawl::core
