// Reopening ended tasks: what is downstream of them runs again, what is upstream is kept.
#include <algorithm>

#include "core/decide/decider.h"

namespace pawl::core {

std::vector<TaskId> Decider::downstream(const std::vector<TaskId>& from,
                                        bool with_completed) const {
  const Workflow& w = run_.workflow();
  std::vector<bool> seen(run_.task_count());
  std::vector<TaskId> result, stack = from;
  std::vector<bool> chosen(run_.task_count());
  for (TaskId t : from)
    chosen[t] = true;
  while (!stack.empty()) {
    TaskId t = stack.back();
    stack.pop_back();
    if (seen[t]) continue;
    // What completed is kept, unless it was chosen or everything downstream is to run again.
    if (!chosen[t] && !with_completed && row(t).state == TaskState::completed) continue;
    seen[t] = true;
    result.push_back(t);
    auto with = [&](TaskId other) {
      if (!seen[other]) stack.push_back(other);
    };
    auto with_inner = [&](TaskId other) {  // inside a chosen group everything is chosen
      if (with_completed) chosen[other] = true;
      with(other);
    };
    if (const FanOut* f = run_.fan_out_of(t)) {
      for (TaskId c = f->first; c < f->first + f->count; ++c)
        with_inner(c);
    }
    if (run_.is_child(t)) {
      for (TaskId d : w.dependents(run_.definition(t)))
        with(d);
    } else {
      for (TaskId m : w.members(t))
        with_inner(m);
      for (TaskId d : w.dependents(t))
        with(d);
    }
    for (TaskId g = run_.parent_of(t); g != kNoTask; g = run_.parent_of(g)) {
      if (run_.is_child(g)) continue;
      for (TaskId d : w.dependents(g))
        with(d);
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

void Decider::reopen(const std::vector<TaskId>& tasks) {
  const Workflow& w = run_.workflow();
  std::vector<bool> chosen(run_.task_count());
  for (TaskId t : tasks)
    chosen[t] = true;
  auto reset = [&](TaskId t) {
    TaskRow& r = run_.rows[t];
    if (r.state == TaskState::pending) return;
    r.failures = r.losses = 0;
    r.reused = false;
    r.queued = r.started = r.finished = kNoTime;
    if (auto it = run_.extras.find(t); it != run_.extras.end()) {
      TaskExtra& x = extra(t);
      TaskExtra kept;  // the checkpoint and edited parameters outlive a reopening
      kept.checkpoint = std::move(x.checkpoint);
      kept.params = std::move(x.params);
      if (run_.is_fan_out(t)) kept.items = std::move(x.items);
      x = std::move(kept);
    }
    move(t, TaskState::pending, Reason::none, {}, Cause::recover);
  };
  for (TaskId t : tasks) {
    if (is_final(row(t).state)) reset(t);
  }
  for (TaskId t : w.finals()) {
    if (!chosen[t] && is_final(row(t).state)) {
      for (TaskId inner : downstream({t}, true)) {
        if (is_final(row(inner).state)) reset(inner);
      }
    }
  }
  // Groups around a chosen task open again, with their other members as they are.
  for (TaskId t : tasks) {
    for (TaskId g = run_.parent_of(t); g != kNoTask; g = run_.parent_of(g)) {
      if (chosen[g] || !is_final(row(g).state)) continue;
      move(g, TaskState::running, Reason::none, {}, Cause::recover);
      if (auto it = run_.extras.find(g); it != run_.extras.end()) extra(g).error.clear();
    }
  }
  // Recount what pending tasks and open groups wait for.
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
    } else if (FanOut* f = run_.fan_out_of(t)) {
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
    r.waits = waits;
    touch(t);
  }
  run_.finals_open = false;
  run_.cancelling = run_.rejected = run_.warned = false;
  run_.error.clear();
  run_.verdict = Verdict::none;
  run_.outputs = Json();
  run_.finished = kNoTime;
  for (TaskId t = 0; t < w.task_count(); ++t) {
    if (row(t).state == TaskState::pending && row(t).waits == 0) open_later(t);
    if (row(t).state == TaskState::running && run_.is_fan_out(t)) open_children(t);
    if (row(t).state == TaskState::failed && run_.def(t).allow_failure) run_.warned = true;
  }
}

}  // namespace pawl::core
