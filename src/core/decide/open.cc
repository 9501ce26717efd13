// What becomes of a task whose needs are at their end: skipped, queued, waiting, or opened as a
// group or fan-out.
#include "base/mutant.h"
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {

bool Decider::good(TaskId t) const {
  const TaskRow& r = run_.rows[t];
  if (r.state == TaskState::completed) return true;
  if (r.state == TaskState::skipped && PAWL_MUTANT(skip_not_propagated)) return true;
  if (r.state == TaskState::failed && PAWL_MUTANT(failed_need_ignored)) return true;
  if (PAWL_MUTANT(allowed_failure_stops)) return false;
  return r.state == TaskState::failed && run_.def(t).allow_failure;
}

bool Decider::failed(TaskId t) const {
  const TaskRow& r = run_.rows[t];
  if (r.state == TaskState::failed) return !run_.def(t).allow_failure;
  return r.state == TaskState::skipped && r.reason == Reason::upstream_failed;
}

bool Decider::status(TaskId t, StatusFunction f) const {
  const Workflow& w = run_.workflow();
  TaskId d = run_.definition(t);
  auto all = [&](auto&& test) {
    for (TaskId n : w.needs(d)) {
      if (!test(n)) return false;
    }
    if (w.node(d).parent != kNoTask || !w.node(d).is_finally) return true;
    for (TaskId n : w.roots()) {  // a finally task looks back at the whole main phase
      if (!test(n)) return false;
    }
    return true;
  };
  switch (f) {
    case StatusFunction::always:
      return true;
    case StatusFunction::success:
      return all([&](TaskId n) { return good(n); });
    case StatusFunction::failure:
      return !all([&](TaskId n) { return !failed(n); });
    case StatusFunction::none_failed:
      return all([&](TaskId n) { return !failed(n) && row(n).state != TaskState::cancelled; });
  }
  return false;
}

Reason Decider::skip_reason(TaskId t) const {
  Reason reason = Reason::condition;
  for (TaskId n : run_.workflow().needs(run_.definition(t))) {
    const TaskRow& r = row(n);
    if (failed(n)) return Reason::upstream_failed;
    if (r.state == TaskState::cancelled || r.reason == Reason::upstream_cancelled) {
      reason = Reason::upstream_cancelled;
    } else if (r.state == TaskState::skipped && reason == Reason::condition) {
      reason = Reason::upstream_skipped;
    }
  }
  return reason;
}

bool Decider::parent_open(TaskId t) const {
  TaskId parent = run_.parent_of(t);
  if (parent != kNoTask) return row(parent).state == TaskState::running;
  if (!run_.admitted) return false;
  return !run_.workflow().node(t).is_finally || run_.finals_open;
}

// Moves t on where its condition does not let it run. Returns whether it may run.
bool Decider::passes_condition(TaskId t) {
  const TaskDef& def = run_.def(t);
  const TaskNode& node = run_.workflow().node(t);
  // At the top of `finally` tasks run whatever happened; within their groups the usual rule holds.
  bool runs_anyway = node.is_finally && node.parent == kNoTask;
  bool own_status = def.condition && def.condition->uses_status();
  if (!own_status && !runs_anyway && !status(t, StatusFunction::success)) {
    move(t, TaskState::skipped, skip_reason(t));
    return false;
  }
  if (!def.condition) return true;
  auto value = def.condition->evaluate(RunScope(run_, t, ctx_, this));
  if (!value.ok() && PAWL_MUTANT(condition_error_passes)) return true;
  if (!value.ok()) {
    give_up(t, Reason::expression, FailureClass::user, str("if: ", value.error().message));
    return false;
  }
  if (truthy(*value) || PAWL_MUTANT(condition_ignored)) return true;
  move(t, TaskState::skipped, own_status ? skip_reason(t) : Reason::condition);
  return false;
}

void Decider::open(TaskId t) {
  const TaskRow& r = row(t);
  if (r.state != TaskState::pending || !parent_open(t)) return;
  if (r.waits != 0 && !(r.waits == 1 && PAWL_MUTANT(needs_off_by_one))) return;
  const TaskDef& def = run_.def(t);
  if (run_.state == RunState::paused && def.executor == Executor::workflow) return;
  if (!run_.is_child(t)) {
    if (!passes_condition(t)) {
      if (def.executor == Executor::group) end_members(t, row(t).state, Reason::group_skipped);
      if (def.for_each) end_elements(t);
      return settle_later(t);
    }
    if (def.for_each) return expand(t);
  }
  switch (def.executor) {
    case Executor::worker:
      return enqueue(t);
    case Executor::group:
      return open_group(t);
    case Executor::sleep:
    case Executor::gate:
    case Executor::workflow:
      return begin_wait(t);
  }
}

void Decider::open_group(TaskId t) {
  move(t, TaskState::running);
  std::uint32_t waits = 0;  // a reopened group keeps the members that completed
  for (TaskId m : run_.workflow().members(t)) {
    if (is_final(row(m).state)) continue;
    ++waits;
    open_later(m);
  }
  run_.rows[t].waits = waits;
  if (waits == 0) finish_parent(t);
}

// The layout of small runs is another one (run_codec.h): a run that outgrew it is written anew.
void Decider::rows_added(std::uint32_t before) {
  if (before > kRowsPerSegment) return;
  for (std::uint32_t t = 0; t < before; t += kRowsPerSegment)
    touch(t);
  for (const auto& [t, x] : run_.extras)
    run_.dirty_cells.push_back(t);
}

// The elements of an earlier expansion are history: no longer counted, no longer shown.
void Decider::drop_elements(FanOut& f) {
  f.dead = true;
  for (TaskId c = f.first; c < f.first + f.count; ++c) {
    --run_.counts[static_cast<std::size_t>(row(c).state)];
    run_.rows[c].state = TaskState::skipped;
    touch(c);
  }
}

FanOut& Decider::make_elements(TaskId t, std::uint32_t count) {
  auto before = run_.task_count();
  run_.fan_outs.push_back({t, before, count, 0, 0, false});
  run_.rows.resize(before + count);
  run_.counts[static_cast<std::size_t>(TaskState::pending)] += count;
  rows_added(before);
  for (TaskId c = before; c < before + count; c += kRowsPerSegment)
    touch(c);
  if (count > 0) touch(before + count - 1);
  return run_.fan_outs.back();
}

// Fan-out: one child row an element.
void Decider::expand(TaskId t) {
  auto items = run_.def(t).for_each->render(RunScope(run_, t, ctx_, this));
  std::string problem;
  if (!items.ok()) {
    problem = items.error().message;
  } else if (!items->is_array()) {
    problem = str("expected an array, found ", Json::type_name(items->type()));
  } else if (items->size() > ctx_.limits.max_fan_out) {
    problem =
        str("an array of ", items->size(), " elements; the limit is ", ctx_.limits.max_fan_out);
  }
  if (!problem.empty()) {
    give_up(t, Reason::expression, FailureClass::user, str("for_each: ", problem));
    end_elements(t);
    return settle_later(t);
  }
  auto count = static_cast<std::uint32_t>(items->size());
  if (count > 1 && PAWL_MUTANT(last_element_forgotten)) --count;
  Json old = std::exchange(extra(t).items, *items);
  FanOut* f = run_.fan_out_of(t);
  if (f && f->count != count) {
    drop_elements(*f);
    f = nullptr;
  }
  bool fresh = !f;
  if (fresh) f = &make_elements(t, count);
  f->next = f->active = 0;
  if (count == 0) {
    move(t, TaskState::completed);
    return settle_later(t);
  }
  move(t, TaskState::running);
  std::uint32_t waits = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    TaskId c = f->first + i;
    // A reopened fan-out keeps the elements that completed, as long as they are the same.
    bool same = fresh || old[i] == (*items)[i] || PAWL_MUTANT(element_kept);
    if (is_final(row(c).state) && !same) reset(c);
    waits += !is_final(row(c).state);
  }
  run_.rows[t].waits = waits;
  if (waits == 0) return finish_parent(t);
  open_children(*f);
}

void Decider::open_children(FanOut& f) {
  std::uint32_t limit = run_.def(f.parent).max_parallel;
  if (limit > 0 && PAWL_MUTANT(max_parallel_off_by_one)) ++limit;
  while (f.next < f.count && (limit == 0 || f.active < limit)) {
    TaskId c = f.first + f.next++;
    changed();
    if (row(c).state != TaskState::pending) continue;
    ++f.active;
    open_later(c);
  }
}

}  // namespace pawl::core
