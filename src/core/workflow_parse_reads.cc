// Checks that what an expression reads is there by then: a task's expressions may read tasks that
// are upstream of it, through its own needs or those of the groups around it. `finally` tasks may
// read every ordinary task. The work is bounded; past the bound a run finds out by itself.

#include <algorithm>

#include "base/text.h"
#include "core/workflow_parse.h"

namespace pawl::core {

void WorkflowParser::check_task_reads() {
  if (reads_.empty()) return;
  const Workflow& w = builder_.workflow();
  for (TaskId t = 0; t < w.task_count(); ++t) {
    if (!DocRef(doc_, sources_[t]).is_object()) continue;
    auto it = reads_.find(w.node(t).def);
    if (it == reads_.end()) continue;
    for (const TaskRead& r : it->second)
      check_task_read(t, r);
    if (visits_left_ == 0) {
      out_.warning(
          DocRef(doc_, sources_[t]), "unchecked",
          "from here on it was not checked whether expressions read tasks that are upstream",
          "the graph is too large for it; a run says so when it comes there");
      return;
    }
  }
}

void WorkflowParser::check_task_read(TaskId task, const TaskRead& read) {
  const Workflow& w = builder_.workflow();
  const TaskNode& node = w.node(task);
  bool own_member = false;
  for (TaskId g = w.node(read.task).parent; g != kNoTask; g = w.node(g).parent)
    own_member = own_member || g == task;
  // A group's outputs are made of what its members put out.
  if (own_member && read.pointer.substr(0, 8) == "/outputs") return;
  if (node.is_finally && !w.node(read.task).is_finally) return;
  if (is_upstream(task, read.task)) return;
  DocRef at = DocRef(doc_, sources_[task]).locate(read.pointer);
  std::string path = w.path(read.task), name = w.path(task), hint;
  if (read.task == task) {
    return error_in_text(at, read.offset, "not_upstream",
                         str("\"", name, "\" reads itself: ", read.text),
                         "what an earlier attempt saved is in $PAWL_CHECKPOINT");
  }
  if (is_upstream(read.task, task)) {
    hint = str("\"", path, "\" runs after it");
  } else {
    // The pair of siblings through which the need must go.
    TaskId mine = task, theirs = read.task;
    auto depth = [&](TaskId t) {
      std::size_t n = 0;
      for (; w.node(t).parent != kNoTask; t = w.node(t).parent)
        ++n;
      return n;
    };
    while (depth(mine) > depth(theirs))
      mine = w.node(mine).parent;
    while (depth(theirs) > depth(mine))
      theirs = w.node(theirs).parent;
    while (w.node(mine).parent != w.node(theirs).parent) {
      mine = w.node(mine).parent;
      theirs = w.node(theirs).parent;
    }
    if (mine == theirs)
      hint = "a task cannot read the group it stands in";
    else
      hint = str("add it: \"", w.path(mine), "\" needs [", w.own_name(theirs), "]");
  }
  error_in_text(
      at, read.offset, "not_upstream",
      str("\"", name, "\" reads ", read.text, ", but \"", path, "\" is not upstream of it"),
      std::move(hint));
}

// Does `read` end before `task` begins? True too where needs on the way are not known.
bool WorkflowParser::is_upstream(TaskId task, TaskId read) {
  const Workflow& w = builder_.workflow();
  // Reaching a group around `read` is reaching it.
  std::vector<TaskId> targets;
  for (TaskId t = read; t != kNoTask; t = w.node(t).parent)
    targets.push_back(t);
  if (visited_.empty()) visited_.assign(w.task_count(), 0);
  ++visit_;
  std::vector<TaskId> todo;
  for (TaskId t = task; t != kNoTask; t = w.node(t).parent)
    todo.push_back(t);
  const auto& ranks = builder_.ranks();
  while (!todo.empty()) {
    TaskId t = todo.back();
    todo.pop_back();
    if (needs_unknown_[t]) return true;
    for (TaskId need : w.needs(t))
      if (std::find(targets.begin(), targets.end(), need) != targets.end()) return true;
    for (TaskId need : w.needs(t)) {
      if (visits_left_ == 0) return true;
      --visits_left_;
      if (visited_[need] == visit_) continue;
      visited_[need] = visit_;
      // Among siblings, what stands earlier in the order than the target does not lead to it.
      bool useless = false;
      for (TaskId target : targets)
        useless = useless ||
                  (w.node(target).parent == w.node(need).parent && ranks[need] < ranks[target]);
      if (!useless) todo.push_back(need);
    }
  }
  return false;
}

}  // namespace pawl::core
