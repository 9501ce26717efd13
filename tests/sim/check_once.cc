// What is done is never redone, unless somebody asked for that very part; what was asked for, with
// the parameters that were asked for; and a child run once for each attempt.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "tests/sim/check.h"

namespace pawl::sim {
namespace {

using core::EventKind;
using core::Executor;
using core::TaskState;
using RunKey = std::pair<std::uint32_t, RunId>;

std::map<RunKey, std::vector<const Request*>> requests_of(const History& history,
                                                          RequestKind kind) {
  std::map<RunKey, std::vector<const Request*>> found;
  for (const Request& r : history.requests) {
    if (r.kind == kind) found[{r.node, r.run}].push_back(&r);
  }
  return found;
}

// `from`, what it holds, and everything that depends on it or on a group around it.
std::set<TaskId> downstream(const RunStory& s, TaskId from) {
  std::set<TaskId> found;
  std::vector<TaskId> todo{from};
  const core::Workflow& w = s.run->workflow();
  while (!todo.empty()) {
    TaskId t = todo.back();
    todo.pop_back();
    if (!found.insert(t).second) continue;
    auto inner = s.inner(t);
    todo.insert(todo.end(), inner.begin(), inner.end());
    for (TaskId g = s.run->is_child(t) ? s.run->parent_of(t) : t; g != kNoTask;
         g = s.run->parent_of(g)) {
      todo.insert(todo.end(), w.dependents(g).begin(), w.dependents(g).end());
    }
  }
  return found;
}

// Whether an element may run again because its item is another one now.
bool other_item(const Execution* before, const Execution* after) {
  if (!before || !after || !before->input.is_object() || !after->input.is_object()) return true;
  return before->input["item"] != after->input["item"];
}

}  // namespace

// I2: a body that ran to its recorded end is followed by another one of the same task only where a
// recover named it, or something upstream of it; finally tasks tidy up again in a reopened run.
void check_once(const History& history, const Stores& stores, Problems& problems) {
  auto recovers = requests_of(history, RequestKind::recover);
  using Key = std::tuple<std::uint32_t, RunId, TaskId, Attempt>;
  std::map<Key, const Execution*> bodies;
  for (const Execution& e : history.executions)
    bodies[{e.node, e.fence.run, e.fence.task, e.fence.attempt}] = &e;
  auto body = [&](const RunStory& s, RunId run, TaskId t, Attempt a) -> const Execution* {
    auto at = bodies.find({s.node, run, t, a});
    return at == bodies.end() ? nullptr : at->second;
  };
  for (const RunStory& s : stores.stories(history)) {
    std::set<TaskId> asked;
    for (RunId run : {s.run->id, s.run->source}) {
      if (!run) continue;
      for (const Request* r : recovers[{s.node, run}]) {
        auto from = s.run->find(r->task);
        if (!from) continue;
        asked.merge(downstream(s, *from));
      }
    }
    std::map<TaskId, Attempt> done;  // completed, by the attempt that did it
    for (TaskId t = 0; t < std::min<std::size_t>(s.began.tasks.size(), s.run->task_count()); ++t) {
      if (s.began.tasks[t] == TaskState::completed) done[t] = s.began.attempts[t];
    }
    s.replay([&](const Step& step, const Scene&) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state || !s.by_worker(e.task)) return;
      if (e.task_state == TaskState::completed) done[e.task] = e.attempt;
      if (e.task_state != TaskState::running || !done.count(e.task)) return;
      Attempt before = done[e.task];
      done.erase(e.task);
      if (asked.count(e.task) || s.in_finally(e.task)) return;
      if (s.run->is_child(e.task) &&
          other_item(body(s, s.run->id, e.task, before), body(s, s.run->id, e.task, e.attempt))) {
        return;
      }
      problems.add(str(s.name(e.task), " completed in attempt ", before, " and ran again in ",
                       e.attempt, "; nobody asked for that"));
    });
  }
}

// What recover was asked for does run again: the chosen task and what depends on it.
void check_recovered(const History& history, const Stores& stores, Problems& problems) {
  std::map<RunKey, const RunStory*> stories;
  for (const RunStory& s : stores.stories(history))
    stories[{s.node, s.run->id}] = &s;
  for (const Request& r : history.requests) {
    if (r.kind != RequestKind::recover) continue;
    for (const Answer& a : r.answers) {
      auto found = stories.find({r.node, a.run});
      if (!a.ok || found == stories.end()) continue;
      const RunStory& s = *found->second;
      if (a.run != r.run && s.run->source != r.run) {
        problems.add(str(s.name(), " was recovered from run ", r.run.value, " and is linked to ",
                         s.run->source.value));
      }
      auto from = s.run->find(r.task);
      if (!from || s.run->is_child(*from)) continue;
      // Each of them leaves its end again, in a commit before the answer.
      std::set<TaskId> reset;
      s.replay([&](const Step& step, const Scene& before) {
        const core::Event& e = step.event;
        At at = durable(history, step.commit);
        if (!at || at.n > a.given.n || e.kind != EventKind::task_state) return;
        if (is_final(before.tasks[e.task])) reset.insert(e.task);
      });
      for (TaskId t : downstream(s, *from)) {
        if (s.run->is_child(t) || reset.count(t)) continue;
        problems.add(str(s.name(t), " was to run again from ", r.task, " (request ", r.number,
                         ") and was not reset"));
      }
    }
  }
}

// Parameters that a person set hold in the next attempt of each task that runs again.
void check_params(const History& history, const Stores& stores, Problems& problems) {
  std::map<RunKey, const RunStory*> stories;
  std::map<RunKey, int> edits;
  for (const RunStory& s : stores.stories(history))
    stories[{s.node, s.run->id}] = &s;
  for (const Request& r : history.requests) {
    if (r.set.is_object() && r.set.size() > 0) edits[{r.node, r.run}] += 1;
  }
  for (const Request& r : history.requests) {
    if (!r.set.is_object() || r.set.size() == 0 || edits[{r.node, r.run}] != 1) continue;
    for (const Answer& a : r.answers) {
      auto found = stories.find({r.node, a.run});
      if (!a.ok || found == stories.end()) continue;
      const RunStory& s = *found->second;
      auto from = r.task.empty() ? std::nullopt : s.run->find(r.task);
      std::set<TaskId> tasks;
      if (from) tasks = downstream(s, *from);
      std::set<TaskId> seen;
      for (const Execution& e : history.executions) {
        if (e.node != r.node || e.fence.run != a.run) continue;
        TaskId t = e.fence.task;
        if (e.delivered.n < a.given.n) {
          // A retry leaves alone what is done; a later request may run it again.
          if (r.kind != RequestKind::retry) continue;
          seen.erase(t);
          if (e.end == Execution::End::completed) seen.insert(t);
          continue;
        }
        // A rule of the task's own may have set it meanwhile: only the first attempt says.
        if (!tasks.count(t) || !seen.insert(t).second || !e.input.is_object()) continue;
        for (const auto& [key, value] : r.set.as_object()) {
          const Json* declared = s.run->def(t).params.source().find(key);
          if (!declared || e.input["params"][key] == value) continue;
          problems.add(str(s.name(t), " attempt ", e.fence.attempt, " got ", key, "=",
                           e.input["params"][key].dump(), "; it was set to ", value.dump()));
        }
      }
    }
  }
}

// One child run for each attempt of a `workflow` task, whose end is the task's.
void check_children(const History& history, const Stores& stores, Problems& problems) {
  std::map<std::tuple<std::uint32_t, RunId, TaskId>, std::vector<const RunStory*>> children;
  for (const RunStory& s : stores.stories(history)) {
    if (s.run->parent) children[{s.node, s.run->parent, s.run->parent_task}].push_back(&s);
  }
  for (const RunStory& s : stores.stories(history)) {
    std::map<TaskId, std::uint32_t> starts;
    std::map<TaskId, CommitIndex> completed;
    s.replay([&](const Step& step, const Scene&) {
      const core::Event& e = step.event;
      if (e.kind != EventKind::task_state) return;
      if (s.run->def(e.task).executor != Executor::workflow || s.run->is_fan_out(e.task)) return;
      if (e.task_state == TaskState::waiting) ++starts[e.task];
      if (e.task_state == TaskState::completed) completed[e.task] = step.commit;
    });
    for (const auto& [key, runs] : children) {
      auto [node, parent, t] = key;
      if (node != s.node || parent != s.run->id || starts.count(t)) continue;
      problems.add(str(s.name(t), " began no child run; there are ", runs.size()));
    }
    for (const auto& [t, n] : starts) {
      const auto& runs = children[{s.node, s.run->id, t}];
      if (runs.size() > n) {
        problems.add(str(s.name(t), " began ", n, " child runs; there are ", runs.size()));
      }
      const core::TaskExtra* x = s.run->extra(t);
      if (s.run->rows[t].state != TaskState::completed || !x || s.run->source) continue;
      const core::Run* child = stores.run(s.node, x->child);
      if (!child || child->state != core::RunState::completed) {
        problems.add(str(s.name(t), " completed; its child run ", x->child.value, " is ",
                         child ? to_string(child->state) : "missing"));
        continue;
      }
      if (x->output_hash.empty() && x->output != child->outputs) {
        problems.add(str(s.name(t), " has outputs ", x->output.dump().substr(0, 100),
                         ", its child run ", child->outputs.dump().substr(0, 100)));
      }
    }
  }
}

}  // namespace pawl::sim
