// Reopening ended tasks: what is downstream of them runs again, what is upstream is kept.
#include <algorithm>

#include "base/mutant.h"
#include "core/decide/decider.h"

namespace pawl::core {

std::vector<TaskId> Decider::downstream(const std::vector<TaskId>& from,
                                        bool with_completed) const {
  const Workflow& w = run_.workflow();
  std::vector<bool> seen(run_.task_count()), chosen(run_.task_count());
  std::vector<bool> climbed(w.task_count());  // groups whose dependents were added
  std::vector<TaskId> result, stack = from;
  for (TaskId t : from)
    chosen[t] = true;
  if (with_completed && PAWL_MUTANT(recover_reruns_upstream)) {
    stack.insert(stack.end(), w.roots().begin(), w.roots().end());
  }
  auto with = [&](TaskId other) {
    if (!seen[other]) stack.push_back(other);
  };
  auto with_inner = [&](TaskId other) {  // inside a chosen group everything is chosen
    if (with_completed) chosen[other] = true;
    with(other);
  };
  while (!stack.empty()) {
    TaskId t = stack.back();
    stack.pop_back();
    if (seen[t]) continue;
    // What completed is kept, unless it was chosen or everything downstream is to run again.
    bool done = row(t).state == TaskState::completed && !PAWL_MUTANT(retry_reruns_completed);
    if (!chosen[t] && !with_completed && done) continue;
    seen[t] = true;
    result.push_back(t);
    if (const FanOut* f = run_.fan_out_of(t)) {
      for (TaskId c = f->first; c < f->first + f->count; ++c)
        with_inner(c);
    }
    if (!run_.is_child(t)) {
      for (TaskId m : w.members(t))
        with_inner(m);
    }
    for (TaskId g = run_.is_child(t) ? run_.parent_of(t) : t; g != kNoTask && !climbed[g];
         g = run_.parent_of(g)) {
      climbed[g] = true;
      if (g != t && PAWL_MUTANT(recover_misses_downstream)) break;
      for (TaskId d : w.dependents(g))
        with(d);
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

void Decider::reset(TaskId t) {
  TaskRow& r = run_.rows[t];
  bool was_done = r.state == TaskState::completed;
  r.failures = r.losses = 0;
  r.reused = false;
  if (auto it = run_.extras.find(t); it != run_.extras.end()) {
    TaskExtra& x = extra(t);
    TaskExtra kept;  // the checkpoint and edited parameters outlive a reopening
    kept.params = std::move(x.params);
    if (PAWL_MUTANT(output_kept_at_reset)) kept.output = x.output;
    if (run_.is_fan_out(t)) kept.items = std::move(x.items);
    if (!was_done) {
      kept.checkpoint = std::move(x.checkpoint);
      kept.best = std::move(x.best);
    }
    x = std::move(kept);
  }
  // Done work that is wanted again starts from nothing, or its checkpoint would say it is done.
  if (was_done && run_.def(t).executor == Executor::worker) extra(t).resume = Resume::scratch;
  move(t, TaskState::pending, Reason::none, {}, Cause::recover);
  r.queued = r.started = kNoTime;
  if (FanOut* f = run_.fan_out_of(t)) f->next = f->active = 0;
}

// A reopened run tidies up again at its end, all of it.
void Decider::reset_finals() {
  for (TaskId t : run_.workflow().finals()) {
    for (TaskId inner : downstream({t}, true)) {
      if (is_final(row(inner).state)) reset(inner);
    }
  }
}

// Groups around a chosen task open again, with their other members as they are.
void Decider::reopen_parents(const std::vector<TaskId>& tasks, const std::vector<bool>& chosen) {
  for (TaskId t : tasks) {
    for (TaskId g = run_.parent_of(t); g != kNoTask; g = run_.parent_of(g)) {
      if (chosen[g] || !is_final(row(g).state)) break;  // then those around it are open too
      run_.rows[g].reused = false;
      move(g, TaskState::running, Reason::none, {}, Cause::recover);
      if (auto it = run_.extras.find(g); it != run_.extras.end()) {
        extra(g).error.clear();
        extra(g).failure = FailureClass::none;
      }
    }
  }
}

void Decider::recount_waits() {
  const Workflow& w = run_.workflow();
  auto open = [&](TaskId t) { return !is_final(row(t).state); };
  run_.open_roots = run_.open_finals = 0;
  for (TaskId t = 0; t < w.task_count(); ++t) {
    TaskRow& r = run_.rows[t];
    if (is_final(r.state)) continue;
    if (w.node(t).parent == kNoTask) ++(w.node(t).is_finally ? run_.open_finals : run_.open_roots);
    std::uint32_t waits = 0;
    if (r.state == TaskState::pending) {
      for (TaskId n : w.needs(t))
        waits += open(n);
    } else if (r.state == TaskState::running && run_.is_fan_out(t)) {
      FanOut* f = run_.fan_out_of(t);
      f->next = f->active = 0;
      for (TaskId c = f->first; c < f->first + f->count; ++c) {
        waits += open(c);
        f->active += open(c) && row(c).state != TaskState::pending;
      }
    } else if (run_.def(t).executor == Executor::group) {
      for (TaskId m : w.members(t))
        waits += open(m);
    } else {
      continue;
    }
    if (r.waits == waits) continue;
    r.waits = waits;
    touch(t);
  }
}

void Decider::reopen(const std::vector<TaskId>& tasks) {
  const Workflow& w = run_.workflow();
  std::vector<bool> chosen(run_.task_count());
  for (TaskId t : tasks) {
    chosen[t] = true;
    if (is_final(row(t).state)) reset(t);
  }
  reset_finals();
  reopen_parents(tasks, chosen);
  recount_waits();
  run_.finals_open = false;
  run_.cancelling = run_.rejected = run_.warned = false;
  run_.error.clear();
  run_.verdict = Verdict::none;
  run_.outputs = Json();
  run_.finished = kNoTime;
  for (TaskId t = 0; t < w.task_count(); ++t) {
    const TaskRow& r = row(t);
    if (r.state == TaskState::pending && r.waits == 0) open_later(t);
    if (r.state == TaskState::running && run_.is_fan_out(t)) open_children(*run_.fan_out_of(t));
    if (r.state == TaskState::failed && run_.def(t).allow_failure) run_.warned = true;
  }
  for (const auto& [t, x] : run_.extras)
    run_.warned = run_.warned || x.warnings > 0;
}

}  // namespace pawl::core
