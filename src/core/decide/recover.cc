// retry: what failed runs again. recover: a chosen task and everything after it runs again, also of
// a completed run (then as a new run). Earlier outputs are reused; parameters may be edited.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {
namespace {

// Each entry must be a param of some task that runs again; else nothing is changed.
Status check_params(const Run& run, const std::vector<TaskId>& tasks, const Json& set) {
  if (set.is_null()) return {};
  if (!set.is_object()) {
    return {Errc::usage, str("params to set must be an object, found ", set.dump())};
  }
  for (const auto& member : set.as_object()) {
    const std::string& key = member.first;
    auto declares = [&](TaskId t) { return run.def(t).params.source().find(key) != nullptr; };
    if (std::any_of(tasks.begin(), tasks.end(), declares)) continue;
    std::vector<std::string> known;
    for (TaskId t : tasks) {
      const Json& params = run.def(t).params.source();
      if (!params.is_object() || known.size() > 1000) continue;
      for (const auto& [name, value] : params.as_object())
        known.push_back(name);
    }
    auto near = nearest(key, known);
    return {Errc::invalid_workflow,
            str("--set ", key,
                ": none of the tasks that would run again has such an entry in its `params`",
                near.empty() ? "" : str("; did you mean \"", near, "\"?"))};
  }
  return {};
}

void set_params(Decider& d, const std::vector<TaskId>& tasks, const Json& set) {
  if (set.size() == 0 || PAWL_MUTANT(params_not_set)) return;
  for (TaskId t : tasks) {
    const Json& declared = d.run().def(t).params.source();
    for (const auto& [key, value] : set.as_object()) {
      if (!declared.find(key)) continue;
      TaskExtra& x = d.extra(t);
      if (x.params.is_null()) x.params = Json::object();
      x.params.set(key, value);
    }
  }
  d.event(EventKind::changed, kNoTask, str("params ", set.dump()));
}

Result<TaskId> find_task(const Run& run, const std::string& path) {
  auto t = run.find(path);
  if (t) return *t;
  std::vector<std::string> names;
  for (TaskId i = 0; i < std::min<TaskId>(run.workflow().task_count(), 10'000); ++i) {
    names.push_back(run.workflow().path(i));
  }
  auto near = nearest(path, names);
  return {Errc::not_found, str("run ", run.id.value, " has no task \"", path, "\"",
                               near.empty() ? "" : str("; did you mean \"", near, "\"?"))};
}

bool ended_badly(const Run& run, TaskId t) {
  const TaskRow& r = run.rows[t];
  if (r.state == TaskState::failed || r.state == TaskState::cancelled) return true;
  return r.state == TaskState::skipped &&
         (r.reason == Reason::upstream_failed || r.reason == Reason::upstream_cancelled);
}

std::vector<TaskId> ended_badly(const Run& run) {
  std::vector<TaskId> found;
  for (TaskId t = 0; t < run.task_count(); ++t)
    if (ended_badly(run, t)) found.push_back(t);
  return found;
}

// What runs again where `t` is to: it, and all after it. A group or fan-out around it that ended
// before it began (its needs or its condition did not let it) has to begin first, or `t` would run
// without either; with it run its members, save what completed there at an earlier time.
std::vector<TaskId> again_from(const Decider& d, const Run& run, TaskId t, bool with_completed) {
  auto tasks = d.downstream({t}, with_completed);
  TaskId unbegun = kNoTask;
  for (TaskId g = run.parent_of(t); g != kNoTask; g = run.parent_of(g)) {
    if (is_final(run.rows[g].state) && run.rows[g].started == kNoTime) unbegun = g;
  }
  if (unbegun == kNoTask || PAWL_MUTANT(unbegun_group_left)) return tasks;
  auto with_it = d.downstream({unbegun}, false);
  std::vector<TaskId> all;
  std::set_union(tasks.begin(), tasks.end(), with_it.begin(), with_it.end(),
                 std::back_inserter(all));
  return all;
}

Status reopen_run(Decider& d, const std::vector<TaskId>& tasks, const Json& set,
                  const std::string& by) {
  Run& run = d.run();
  TRY(check_params(run, tasks, set));
  set_params(d, tasks, set);
  bool was_final = is_final(run.state);
  d.reopen(tasks);
  if (was_final) {
    if (!run.admitted) {  // cancelled before it ever started
      run.admitted = true;
      run.started = d.ctx().now;
    }
    d.move_run(RunState::recovering, by, Cause::recover);
  }
  d.drain();
  return {};
}

}  // namespace

Status decide(Run& run, const Retry& c, Context& ctx) {
  if (run.state == RunState::completed) {
    return {Errc::conflict, str("run ", run.id.value,
                                " is completed: there is nothing to retry. To run part of it again "
                                "as a new run: pawl recover ",
                                run.id.value, " --from TASK")};
  }
  if (run.cancelling && !is_final(run.state)) {
    return {Errc::conflict, str("run ", run.id.value, " is being cancelled; wait for its end")};
  }
  if (run.finals_open && !is_final(run.state)) {
    return {Errc::conflict,
            str("run ", run.id.value, " is at its finally tasks; wait for its end, then retry it")};
  }
  Decider d(run, ctx);
  std::vector<TaskId> tasks;
  if (!c.task.empty()) {
    TaskId t = TRY(find_task(run, c.task));
    if (!ended_badly(run, t)) {
      return {Errc::conflict,
              str("task ", c.task, " of run ", run.id.value, " is ", to_string(run.rows[t].state),
                  ": only what failed, was cancelled or "
                  "was skipped because of that can be retried")};
    }
    tasks = again_from(d, run, t, false);
  } else {
    auto from = ended_badly(run);
    tasks = d.downstream(from, false);
    if (from.empty() && !is_final(run.state)) {
      return {Errc::conflict, str("run ", run.id.value, " is ", to_string(run.state),
                                  " and none of its tasks has failed")};
    }
  }
  return reopen_run(d, tasks, c.set, c.by.empty() ? std::string("retry") : str("retry by ", c.by));
}

Status decide(Run& run, const Recover& c, Context& ctx) {
  if (run.state == RunState::completed) {
    return {Errc::conflict,
            str("run ", run.id.value, " is completed; it is recovered as a new run")};
  }
  if (!is_final(run.state)) {
    return {Errc::conflict, str("run ", run.id.value, " is ", to_string(run.state),
                                ": recover takes a run that is at its end. Cancel it first: pawl "
                                "cancel ",
                                run.id.value)};
  }
  TaskId t = TRY(find_task(run, c.from));
  Decider d(run, ctx);
  return reopen_run(d, again_from(d, run, t, true), c.set, str("recover from ", c.from));
}

Result<Run> recover_as_new(Run run, const Recover& c, RunId id, const Json& inputs, Context& ctx) {
  TaskId from = TRY(find_task(run, c.from));
  const bool completed = run.state == RunState::completed;
  if (!is_final(run.state) || (!completed && inputs.is_null())) {
    return Error{Errc::conflict,
                 str("run ", run.id.value, " is ", to_string(run.state),
                     ": a new run goes on from a completed one, or from one that is at its end "
                     "where its inputs are edited")};
  }
  const RunId old = std::exchange(run.id, id);
  run.version = 0;
  if (!PAWL_MUTANT(recover_loses_source)) run.source = old;
  run.parent = {};
  run.parent_task = kNoTask;
  run.created = run.started = run.tail_time = ctx.now;
  run.finished = kNoTime;
  run.admitted = true;
  run.tail.clear();
  run.tail_first = run.next_seq = 1;
  run.written = {0, 0, ctx.now};
  if (!inputs.is_null()) {
    run.inputs = inputs;
    TRY(render_key(run, ctx));
  }
  run.dirty_segments.clear();
  run.dirty_cells.clear();
  Decider d(run, ctx);
  d.event(EventKind::submitted, kNoTask,
          str(run.name, " (recovered from run ", old.value, " at ", c.from, ")"));
  auto tasks = again_from(d, run, from, true);
  // Beside what was chosen, of a run that did not complete: what ended badly, as in a retry. What
  // completed there is kept.
  if (!completed) {
    std::vector<bool> chosen(run.task_count());
    for (TaskId t : tasks)
      chosen[t] = true;
    for (TaskId t : d.downstream(ended_badly(run), false))
      if (!chosen[t]) tasks.push_back(t);
  }
  TRY(check_params(run, tasks, c.set));
  set_params(d, tasks, c.set);
  // A new run: its state starts afresh, and what it takes over says so.
  run.state = RunState::recovering;
  d.reopen(tasks);
  for (TaskId t = 0; t < run.task_count(); ++t) {
    d.touch(t);
    TaskRow& r = run.rows[t];
    if (r.state == TaskState::completed) r.reused = true, r.reason = Reason::reused;
    if (run.extras.count(t)) d.extra(t);
  }
  d.drain();
  return run;
}

}  // namespace pawl::core
