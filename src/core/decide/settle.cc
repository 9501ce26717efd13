// What the end of a task causes: dependants may open, its group or fan-out may end, the run may
// end. And ends that do not come one by one: members with their group, tasks with a cancel.
#include "base/mutant.h"
#include "core/decide/decider.h"

namespace pawl::core {

void Decider::drain() {
  auto& settled = ctx_.scratch.settled;
  auto& opening = ctx_.scratch.opening;
  std::size_t s = 0, o = 0;
  while (s < settled.size() || o < opening.size()) {
    if (s < settled.size()) {
      settle(settled[s++]);
    } else {
      open(opening[o++]);
    }
    if (s == settled.size()) settled.clear(), s = 0;
    if (o == opening.size()) opening.clear(), o = 0;
  }
  finish_if_done();
}

void Decider::open_roots() {
  for (TaskId t : run_.workflow().roots()) {
    if (row(t).waits == 0) open_later(t);
  }
}

void Decider::settle(TaskId t) {
  PAWL_ASSERT(is_final(row(t).state));
  const Workflow& w = run_.workflow();
  if (run_.is_child(t)) {
    FanOut& f = run_.fan_out_of_child(t);
    TaskRow& p = run_.rows[f.parent];
    if (f.active > 0) --f.active;
    if (p.state != TaskState::running) return;
    PAWL_ASSERT(p.waits > 0);
    touch(f.parent);
    open_children(f);
    if (--p.waits == 0) finish_parent(f.parent);
    return;
  }
  if (row(t).state == TaskState::failed && run_.def(t).allow_failure) run_.warned = true;
  for (TaskId d : w.dependents(t)) {
    TaskRow& r = run_.rows[d];
    if (r.state != TaskState::pending) continue;
    PAWL_ASSERT(r.waits > 0);
    touch(d);
    if (--r.waits == 0 || (r.waits == 1 && PAWL_MUTANT(needs_off_by_one))) open_later(d);
  }
  TaskId parent = w.node(t).parent;
  if (parent == kNoTask) {
    if (row(t).state == TaskState::skipped && PAWL_MUTANT(skipped_not_settled)) return;
    std::uint32_t& open = w.node(t).is_finally ? run_.open_finals : run_.open_roots;
    PAWL_ASSERT(open > 0);
    --open;
    return;
  }
  TaskRow& p = run_.rows[parent];
  if (p.state != TaskState::running) return;
  PAWL_ASSERT(p.waits > 0);
  touch(parent);
  if (--p.waits == 0) finish_parent(parent);
}

// A group's or fan-out's state is the roll-up of its members'.
void Decider::finish_parent(TaskId parent) {
  bool any_failed = false, any_cancelled = false, any_run = false;
  auto look = [&](TaskId m) {
    const TaskRow& r = row(m);
    bool allowed = run_.def(m).allow_failure && !run_.is_child(m);
    if (r.state == TaskState::failed && PAWL_MUTANT(rollup_ignores_failed)) allowed = true;
    any_failed |= r.state == TaskState::failed && !allowed;
    any_cancelled |= r.state == TaskState::cancelled && !PAWL_MUTANT(rollup_ignores_cancelled);
    any_run |= r.state != TaskState::skipped;
  };
  if (const FanOut* f = run_.fan_out_of(parent)) {
    for (TaskId c = f->first; c < f->first + f->count; ++c)
      look(c);
  } else {
    for (TaskId m : run_.workflow().members(parent))
      look(m);
  }
  if (any_failed) {
    move(parent, TaskState::failed, Reason::members);
  } else if (any_cancelled) {
    move(parent, TaskState::cancelled, Reason::members);
  } else if (!any_run && !PAWL_MUTANT(rollup_of_skipped)) {
    move(parent, TaskState::skipped, Reason::condition);
  } else {
    move(parent, TaskState::completed);
  }
  settle_later(parent);
}

void Decider::end_members(TaskId group, TaskState to, Reason reason) {
  // Members were never opened, so that nothing waits to be settled among them.
  std::vector<TaskId> stack(run_.workflow().members(group).begin(),
                            run_.workflow().members(group).end());
  while (!stack.empty()) {
    TaskId m = stack.back();
    stack.pop_back();
    if (is_final(row(m).state)) continue;
    move(m, to == TaskState::failed ? TaskState::skipped : to,
         to == TaskState::failed ? Reason::upstream_failed : reason);
    if (run_.is_fan_out(m)) end_elements(m);
    for (TaskId inner : run_.workflow().members(m))
      stack.push_back(inner);
  }
}

void Decider::end_elements(TaskId parent) {
  FanOut* f = run_.fan_out_of(parent);
  if (!f) return;
  bool cancelled = row(parent).state == TaskState::cancelled;
  for (TaskId c = f->first; c < f->first + f->count; ++c) {
    if (is_final(row(c).state)) continue;
    move(c, cancelled ? TaskState::cancelled : TaskState::skipped,
         cancelled ? Reason::cancelled : Reason::group_skipped);
  }
}

// Members of a group in `finally` follow the group at the top.
bool Decider::in_finally(TaskId t) const {
  TaskId top = run_.definition(t);
  while (run_.workflow().node(top).parent != kNoTask)
    top = run_.workflow().node(top).parent;
  return run_.workflow().node(top).is_finally;
}

void Decider::cancel_open_tasks(bool finals) {
  for (TaskId t = 0; t < run_.task_count(); ++t) {
    TaskRow& r = run_.rows[t];
    if (is_final(r.state) || in_finally(t) != finals) continue;
    if (r.state == TaskState::queued && PAWL_MUTANT(cancel_misses_queued)) continue;
    if (r.state == TaskState::running) {
      if (holds_others(t) || r.cancel_asked) continue;  // a group ends when its members have
      r.cancel_asked = true;
      touch(t);
      ctx_.effects->cancels.push_back({r.worker, {run_.id, t, r.attempt, r.lease}});
      continue;
    }
    const TaskExtra* x = run_.extra(t);
    if (r.state == TaskState::waiting && x && x->child) {
      if (!PAWL_MUTANT(cancel_misses_child)) ctx_.effects->cancel_children.push_back(x->child);
      r.cancel_asked = true;
      touch(t);
      continue;
    }
    if (run_.is_child(t) && r.state == TaskState::pending) {
      // An element that never opened: settle() takes it for one that did.
      FanOut& f = run_.fan_out_of_child(t);
      if (t - f.first >= f.next) ++f.active;
    }
    move(t, TaskState::cancelled, Reason::cancelled);
    if (run_.is_fan_out(t)) end_elements(t);
    end_members(t, TaskState::cancelled, Reason::cancelled);
    settle_later(t);
  }
}

}  // namespace pawl::core
