// The end of a run: finally tasks, the roll-up to its state, its outputs and its verdict.
#include "base/text.h"
#include "core/decide/decider.h"

namespace pawl::core {

void Decider::finish_if_done() {
  if (is_final(run_.state) || run_.state == RunState::paused || !run_.admitted) return;
  if (run_.open_roots > 0) return;
  if (!run_.finals_open) begin_finals();
  if (run_.open_finals == 0) end_run();
}

void Decider::begin_finals() {
  run_.finals_open = true;
  changed();
  if (run_.open_finals == 0) return;
  for (TaskId t : run_.workflow().finals()) {
    if (row(t).waits == 0 && !is_final(row(t).state)) open_later(t);
  }
  drain();
}

void Decider::end_run() {
  if (is_final(run_.state)) return;  // begin_finals() drained as far as here already
  TaskId culprit = kNoTask;
  bool cancelled = run_.cancelling;
  auto look = [&](TaskId t) {
    const TaskRow& r = row(t);
    if (r.state == TaskState::failed && !run_.def(t).allow_failure && culprit == kNoTask)
      culprit = t;
    if (r.state == TaskState::cancelled) cancelled = true;
    if (r.reason == Reason::rejected) run_.rejected = true;
  };
  for (TaskId t : run_.workflow().roots())
    look(t);
  for (TaskId t : run_.workflow().finals())
    look(t);

  RunState end = cancelled            ? RunState::cancelled
                 : culprit != kNoTask ? RunState::failed
                                      : RunState::completed;
  run_.error.clear();
  run_.verdict = run_.warned && end == RunState::completed ? Verdict::warning : Verdict::none;
  RunScope scope(run_, kNoTask, ctx_, this);
  const Workflow& w = run_.workflow();
  if (end == RunState::completed && !w.outputs.source().is_null()) {
    auto outputs = w.outputs.render(scope);
    if (outputs.ok()) {
      run_.outputs = *outputs;
    } else {
      end = RunState::failed;
      run_.error = str("outputs: ", outputs.error().message);
    }
  }
  if (end == RunState::completed && w.verdict) {
    auto value = w.verdict->evaluate(scope);
    auto verdict =
        value.ok() && value->is_string() ? parse_verdict(value->as_string()) : std::nullopt;
    if (verdict) {
      run_.verdict = std::max(*verdict, run_.verdict);
    } else {
      end = RunState::failed;
      run_.error = value.ok()
                       ? str("verdict: expected pass, warning or fail, found ", value->dump())
                       : str("verdict: ", value.error().message);
    }
  }
  if (end == RunState::failed && run_.error.empty()) {
    // Down to the member or element that failed first.
    for (TaskId t = 0; t < run_.task_count(); ++t) {
      const TaskExtra* x = run_.extra(t);
      if (row(t).state == TaskState::failed && x && !x->error.empty() &&
          (!run_.def(t).allow_failure || run_.is_child(t))) {
        culprit = t;
        break;
      }
    }
    const TaskExtra* x = run_.extra(culprit);
    run_.error = str(run_.path(culprit), ": ", x ? x->error : std::string("failed"));
    if (row(culprit).reason == Reason::rejected) run_.rejected = true;
  }
  run_.finished = ctx_.now;
  run_.timers.clear();
  move_run(end, run_.error);
}

}  // namespace pawl::core
