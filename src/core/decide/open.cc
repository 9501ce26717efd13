// What becomes of a task whose needs are at their end: skipped, queued, waiting, or opened as a
// group.
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {

bool Decider::good(TaskId t) const {
  const TaskRow& r = run_.rows[t];
  if (r.state == TaskState::completed) return true;
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
    if (!w.node(d).is_finally) return true;
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
  bool is_final_task = run_.workflow().node(t).is_finally;
  bool own_status = def.condition && def.condition->uses_status();
  if (!own_status && !is_final_task && !status(t, StatusFunction::success)) {
    Reason why = skip_reason(t);
    move(t, TaskState::skipped, why);
    return false;
  }
  if (!def.condition) return true;
  auto value = def.condition->evaluate(RunScope(run_, t, ctx_, this));
  if (!value.ok()) {
    give_up(t, Reason::expression, FailureClass::user, str("if: ", value.error().message));
    return false;
  }
  if (truthy(*value)) return true;
  move(t, TaskState::skipped, own_status ? skip_reason(t) : Reason::condition);
  return false;
}

void Decider::open(TaskId t) {
  const TaskRow& r = row(t);
  if (r.state != TaskState::pending || r.waits != 0 || !parent_open(t)) return;
  const TaskDef& def = run_.def(t);
  bool child = run_.is_child(t);
  if (run_.state == RunState::paused && def.executor == Executor::workflow) return;
  if (!child) {
    if (!passes_condition(t)) {
      if (def.executor == Executor::group) end_members(t, row(t).state, Reason::group_skipped);
      settle_later(t);
      return;
    }
    if (def.for_each) return expand(t);
  }
  switch (def.executor) {
    case Executor::worker:
      return enqueue(t);
    case Executor::group: {
      auto members = run_.workflow().members(t);
      move(t, TaskState::running);
      std::uint32_t waits = 0;  // a reopened group keeps the members that completed
      for (TaskId m : members) {
        if (is_final(row(m).state)) continue;
        ++waits;
        open_later(m);
      }
      run_.rows[t].waits = waits;
      if (waits == 0) finish_parent(t);
      return;
    }
    case Executor::sleep:
    case Executor::gate:
    case Executor::workflow:
      return begin_wait(t);
  }
}

// Fan-out: one child row an element.
void Decider::expand(TaskId t) {
  const TaskDef& def = run_.def(t);
  auto items = def.for_each->render(RunScope(run_, t, ctx_, this));
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
    return settle_later(t);
  }
  auto count = static_cast<std::uint32_t>(items->size());
  extra(t).items = *items;
  FanOut* f = run_.fan_out_of(t);
  if (f && f->count != count) {  // reopened with other elements: the old children are history
    f->dead = true;
    for (TaskId c = f->first; c < f->first + f->count; ++c) {
      --run_.counts[static_cast<std::size_t>(row(c).state)];
      run_.rows[c].state = TaskState::skipped;
      touch(c);
    }
    f = nullptr;
  }
  if (!f) {
    run_.fan_outs.push_back({t, run_.task_count(), count, 0, 0, false});
    f = &run_.fan_outs.back();
    run_.rows.resize(run_.rows.size() + count);
    run_.counts[static_cast<std::size_t>(TaskState::pending)] += count;
    for (TaskId c = f->first; c < f->first + count; c += kRowsPerSegment)
      touch(c);
    if (count > 0) touch(f->first + count - 1);
  }
  f->next = f->active = 0;
  if (count == 0) {
    move(t, TaskState::completed);
    return settle_later(t);
  }
  move(t, TaskState::running);
  std::uint32_t waits = 0;  // a reopened fan-out keeps the elements that completed
  for (TaskId c = f->first; c < f->first + count; ++c)
    waits += !is_final(row(c).state);
  run_.rows[t].waits = waits;
  if (waits == 0) return finish_parent(t);
  open_children(t);
}

void Decider::open_children(TaskId parent) {
  FanOut* f = run_.fan_out_of(parent);
  std::uint32_t limit = run_.def(parent).max_parallel;
  while (f->next < f->count && (limit == 0 || f->active < limit)) {
    TaskId c = f->first + f->next++;
    if (row(c).state != TaskState::pending) continue;
    ++f->active;
    open_later(c);
  }
  changed();
}

void Decider::begin_wait(TaskId t) {
  const TaskDef& def = run_.def(t);
  auto with = def.with.render(RunScope(run_, t, ctx_, this));
  auto refuse = [&](std::string_view message) {
    give_up(t, Reason::expression, FailureClass::user, str("with: ", message));
    settle_later(t);
  };
  if (!with.ok()) return refuse(with.error().message);
  // A value that an expression made is checked here; literals were checked with the file.
  auto duration = [](const Json& v) {
    return v.is_string() ? parse_duration(v.as_string())
                         : Result<Duration>(Errc::usage, "expected a duration such as \"10m\"");
  };
  if (def.executor == Executor::workflow) {
    const Json* file = with->find("file");
    const Json* name = with->find("workflow");
    const Json* inputs = with->find("inputs");
    if (name && !name->is_string()) return refuse("workflow: expected a name");
    move(t, TaskState::waiting, Reason::child_run);
    ctx_.effects->children.push_back({t, name ? name->as_string() : "",
                                      file && file->is_string() ? file->as_string() : "",
                                      inputs ? *inputs : Json::object()});
    return;
  }
  Time wake = kNever;
  if (def.executor == Executor::sleep) {
    if (const Json* until = with->find("until")) {
      auto time = parse_time(until->is_string() ? until->as_string() : "");
      if (!time.ok()) return refuse(str("until: ", time.error().message));
      wake = *time;
    } else {
      auto d = duration((*with)["for"]);
      if (!d.ok()) return refuse(str("for: ", d.error().message));
      wake = ctx_.now + *d;
    }
    move(t, TaskState::waiting, Reason::sleep);
    return arm(t, wake);
  }
  if (const Json* timeout = with->find("timeout")) {
    auto d = duration(*timeout);
    if (!d.ok()) return refuse(str("timeout: ", d.error().message));
    wake = ctx_.now + *d;
  }
  move(t, TaskState::waiting, Reason::gate);
  TaskExtra& x = extra(t);
  const Json& question = (*with)["question"];
  x.question = question.is_string() ? question.as_string()
               : question.is_null() ? ""
                                    : question.dump();
  x.preview = (*with)["preview"];
  arm(t, wake);
}

}  // namespace pawl::core
