// What the end of a task causes: dependants may open, its group or fan-out may end, the run may
// end.
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
  if (row(t).state == TaskState::failed && run_.def(t).allow_failure && !run_.is_child(t)) {
    run_.warned = true;
  }
  if (!run_.is_child(t)) {
    for (TaskId d : w.dependents(t)) {
      TaskRow& r = run_.rows[d];
      if (r.state != TaskState::pending) continue;
      PAWL_ASSERT(r.waits > 0);
      touch(d);
      if (--r.waits == 0) open_later(d);
    }
  }
  TaskId parent = run_.parent_of(t);
  if (parent == kNoTask) {
    std::uint32_t& open = w.node(t).is_finally ? run_.open_finals : run_.open_roots;
    PAWL_ASSERT(open > 0);
    --open;
    return;
  }
  TaskRow& p = run_.rows[parent];
  if (p.state != TaskState::running) return;
  PAWL_ASSERT(p.waits > 0);
  touch(parent);
  --p.waits;
  if (run_.is_child(t)) {
    FanOut* f = run_.fan_out_of(parent);
    if (f->active > 0) --f->active;
    if (!run_.cancelling || w.node(parent).is_finally) open_children(parent);
  }
  if (p.waits == 0) finish_parent(parent);
}

// A group's or fan-out's state is the roll-up of its members'.
void Decider::finish_parent(TaskId parent) {
  bool any_failed = false, any_cancelled = false, any_run = false;
  auto look = [&](TaskId m) {
    const TaskRow& r = row(m);
    bool allowed = run_.def(m).allow_failure && !run_.is_child(m);
    any_failed |= r.state == TaskState::failed && !allowed;
    any_cancelled |= r.state == TaskState::cancelled;
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
  } else if (!any_run) {
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
    for (TaskId inner : run_.workflow().members(m))
      stack.push_back(inner);
  }
}

void Decider::cancel_open_tasks(bool finals) {
  for (TaskId t = 0; t < run_.task_count(); ++t) {
    TaskRow& r = run_.rows[t];
    if (is_final(r.state)) continue;
    if (run_.workflow().node(run_.definition(t)).is_finally != finals) {
      // Members of a group carry no flag of their own: they follow the group at the top.
      TaskId top = run_.definition(t);
      while (run_.workflow().node(top).parent != kNoTask)
        top = run_.workflow().node(top).parent;
      if (run_.workflow().node(top).is_finally != finals) continue;
    }
    bool holds_others = run_.def(t).executor == Executor::group || run_.is_fan_out(t);
    switch (r.state) {
      case TaskState::running:
        if (holds_others || r.cancel_asked) break;
        r.cancel_asked = true;
        touch(t);
        ctx_.effects->cancels.push_back({r.worker, {run_.id, t, r.attempt, r.lease}});
        break;
      case TaskState::waiting:
        if (const TaskExtra* x = run_.extra(t); x && x->child) {
          ctx_.effects->cancel_children.push_back(x->child);
          r.cancel_asked = true;
          touch(t);
          break;
        }
        [[fallthrough]];
      default:
        move(t, TaskState::cancelled, Reason::cancelled);
        if (holds_others) end_members(t, TaskState::cancelled, Reason::cancelled);
        settle_later(t);
    }
  }
}

}  // namespace pawl::core
